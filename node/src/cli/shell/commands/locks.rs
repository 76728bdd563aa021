//! Commands on locks.

use std::time::Duration;

use jerboa_wire::{Opcode, Request, RequestFlags, limits, lock};

use crate::cli::shell::answer::Answer;
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::{Session, answered};

pub(crate) const GROUP: Group = Group {
    title: "Locks",
    commands: &[
        Command {
            name: "lock",
            aliases: &[],
            words: "KEY [EX SECONDS|PX MS] [WAIT MS]",
            summary: "take a lock and tell its token (Lock)",
            details: "With EX or PX it is given back after that time, else it stays until `unlock`. \
                      WAIT stands in line for so long. Tokens only grow: what the lock protects can \
                      refuse one that is smaller than it has seen.\n\
                      Example: lock job PX 5000 WAIT 1000\n",
            run: take,
        },
        Command {
            name: "unlock",
            aliases: &[],
            words: "KEY TOKEN",
            summary: "give a lock back (Unlock)",
            details: "",
            run: unlock,
        },
        Command {
            name: "lease",
            aliases: &[],
            words: "KEY TOKEN [EX SECONDS|PX MS]",
            summary: "have a lock given back at another time from now (Lease)",
            details: "",
            run: lease,
        },
    ],
};

fn take(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let (mut wait_ms, mut flags, mut arg) = (0_u64, RequestFlags::NONE, 0);
    while let Some(option) = words.option() {
        match option.as_str() {
            "WAIT" => wait_ms = words.number("MS")?,
            "EX" | "PX" => {
                if let Some(expiry) = words.expiry(&option)? {
                    (flags, arg) = (expiry.flags, expiry.arg);
                }
            }
            other => return Err(words.unknown_option(other)),
        }
    }
    if wait_ms > limits::LOCK_WAIT_MS_MAX {
        return Err(words.fault("the longest wait is a day, 86400000 milliseconds"));
    }
    let wait = lock::encode_wait(wait_ms);
    let map = session.map.clone();
    let request = Request {
        map: &map,
        key: &key,
        value: if wait_ms > 0 { &wait } else { &[] },
        flags,
        arg,
        ..Request::new(Opcode::Lock)
    };
    let timeout = session.timeout + Duration::from_millis(wait_ms);
    let answer = session.ask_within(&request, timeout)?;
    Ok(answered(&answer, |answer| {
        Answer::Record(vec![("token", answer.version.into())])
    }))
}

fn unlock(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let (key, version) = (words.key()?, token(&mut words)?);
    words.end()?;
    session.ask_in_map(&Request {
        key: &key,
        version,
        ..Request::new(Opcode::Unlock)
    })?;
    Ok(Answer::DONE)
}

fn token(words: &mut Arguments) -> Result<u64, Fault> {
    match words.number("TOKEN")? {
        0 => Err(words.fault("a token is greater than 0")),
        token => Ok(token),
    }
}

fn lease(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let (key, version) = (words.key()?, token(&mut words)?);
    let Some(option) = words.option() else {
        return Err(words.fault("for how long?"));
    };
    let expiry = match option.as_str() {
        "EX" | "PX" => words.expiry(&option)?,
        _ => None,
    };
    let Some(expiry) = expiry else {
        return Err(words.unknown_option(&option));
    };
    words.end()?;
    let answer = session.ask_in_map(&Request {
        key: &key,
        version,
        flags: expiry.flags,
        arg: expiry.arg,
        ..Request::new(Opcode::Lease)
    })?;
    Ok(answered(&answer, |answer| {
        Answer::Record(vec![("expires_at_ms", answer.arg.into())])
    }))
}
