//! Commands on the value of one key.

use jerboa_wire::range::ByteRange;
use jerboa_wire::{Comparison, Opcode, Request, RequestFlags};

use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::{Arguments, Expiry};
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::{Session, answered};

pub(crate) const GROUP: Group = Group {
    title: "Values",
    commands: &[
        Command {
            name: "get",
            aliases: &[],
            words: "KEY",
            summary: "the value of a key (Get)",
            details: "",
            run: get,
        },
        Command {
            name: "meta",
            aliases: &["getmeta"],
            words: "KEY",
            summary: "the value of a key with its version and expiry (GetMeta)",
            details: "The version grows with every write of the key and holds the time of the write: \
                      its upper 48 bits are Unix milliseconds. `cas` compares it.\n",
            run: meta,
        },
        Command {
            name: "put",
            aliases: &["set"],
            words: "KEY VALUE [NX|XX] [GET] [EX SECONDS|PX MS|EXAT UNIX-SECONDS|PXAT UNIX-MS|NEVER|KEEPTTL]",
            summary: "store a value (Put)",
            details: "NX stores only where the key is absent, XX only where it is present. GET tells \
                      what stood there before. Without a time the entry expires as the settings of \
                      its map say, never where they say nothing; NEVER says so whatever they say; \
                      KEEPTTL leaves the time that it has.\n\
                      Example: put session:7 \"a b\" EX 60\n",
            run: put,
        },
        Command {
            name: "getdel",
            aliases: &[],
            words: "KEY",
            summary: "remove a key and tell what it held (GetDelete)",
            details: "",
            run: get_delete,
        },
        Command {
            name: "getex",
            aliases: &["getexpire"],
            words: "KEY [EX SECONDS|PX MS|EXAT UNIX-SECONDS|PXAT UNIX-MS|NEVER|KEEPTTL]",
            summary: "the value of a key, whose expiry is changed (GetExpire)",
            details: "Without a time it never expires from then on.\n",
            run: get_expire,
        },
        Command {
            name: "getrange",
            aliases: &[],
            words: "KEY START END",
            summary: "some bytes of a value (GetRange)",
            details: "Both ends are included; a negative number counts from the end.\n\
                      Example: getrange page:1 -100 -1\n",
            run: get_range,
        },
        Command {
            name: "setrange",
            aliases: &[],
            words: "KEY OFFSET VALUE",
            summary: "write over some bytes of a value (SetRange)",
            details: "Zero bytes fill a gap; an absent key counts as empty; the expiry stays.\n",
            run: set_range,
        },
        Command {
            name: "append",
            aliases: &[],
            words: "KEY VALUE",
            summary: "put bytes behind what a key holds (Append)",
            details: "An absent key counts as empty; the expiry stays.\n",
            run: append,
        },
        Command {
            name: "cas",
            aliases: &[],
            words: "KEY VERSION VALUE [EX SECONDS|PX MS|EXAT UNIX-SECONDS|PXAT UNIX-MS|NEVER|KEEPTTL]",
            summary: "store a value if the entry has this version (Cas)",
            details: "The version is that of `meta` or `put`; `absent` in its place wants the key to \
                      be absent. Where it is another, that one is told and nothing is changed.\n\
                      Example: cas page:1 absent draft\n",
            run: cas,
        },
        Command {
            name: "casvalue",
            aliases: &[],
            words: "KEY EXPECTED VALUE [NX] [EX SECONDS|PX MS|EXAT UNIX-SECONDS|PXAT UNIX-MS|NEVER|KEEPTTL]",
            summary: "store a value if the entry holds the expected one (CasValue)",
            details: "With NX the key has to be absent, and EXPECTED is \"\".\n",
            run: cas_value,
        },
    ],
};

/// The value of the reply.
fn value_of(answer: &crate::cli::connection::Answered) -> Answer {
    Answer::One("value", Field::Bytes(answer.value.clone()))
}

fn get(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    words.end()?;
    let answer = session.ask_key(Opcode::Get, &key)?;
    Ok(answered(&answer, value_of))
}

fn meta(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    words.end()?;
    let answer = session.ask_key(Opcode::GetMeta, &key)?;
    Ok(answered(&answer, |answer| {
        let expires = match answer.arg {
            0 => Field::Nothing,
            at_ms => Field::Unsigned(at_ms),
        };
        Answer::Record(vec![
            ("value", Field::Bytes(answer.value.clone())),
            ("version", answer.version.into()),
            ("written_at_ms", (answer.version >> 16).into()),
            ("expires_at_ms", expires),
        ])
    }))
}

fn put(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let (key, value) = (words.key()?, words.bytes("VALUE")?);
    let mut flags = RequestFlags::NONE;
    let mut expiry = None;
    while let Some(option) = words.option() {
        match option.as_str() {
            "NX" => flags = flags | RequestFlags::IF_ABSENT,
            "XX" => flags = flags | RequestFlags::IF_PRESENT,
            "GET" => flags = flags | RequestFlags::RETURN_OLD,
            other => expiry = Some(next_expiry(&mut words, other, expiry)?),
        }
    }
    if flags.contains(RequestFlags::IF_ABSENT | RequestFlags::IF_PRESENT) {
        return Err(words.fault("NX and XX exclude each other"));
    }
    let tells_old = flags.contains(RequestFlags::RETURN_OLD);
    let answer = session.ask_in_map(&Request {
        key: &key,
        value: &value,
        flags: flags | expiry.map_or(RequestFlags::NONE, |expiry| expiry.flags),
        arg: expiry.map_or(0, |expiry| expiry.arg),
        ..Request::new(Opcode::Put)
    })?;
    Ok(answered(&answer, |answer| {
        let mut fields = vec![("version", answer.version.into())];
        if tells_old {
            let old = match answer.arg {
                0 => Field::Nothing,
                _ => Field::Bytes(answer.value.clone()),
            };
            fields.push(("old", old));
        }
        Answer::Record(fields)
    }))
}

/// The expiry that an option sets, of which there may be one.
pub(super) fn next_expiry(
    words: &mut Arguments,
    option: &str,
    before: Option<Expiry>,
) -> Result<Expiry, Fault> {
    let Some(expiry) = words.expiry(option)? else {
        return Err(words.unknown_option(option));
    };
    if before.is_some() {
        return Err(words.fault("one time of expiry is enough"));
    }
    Ok(expiry)
}

fn get_delete(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    words.end()?;
    let answer = session.ask_key(Opcode::GetDelete, &key)?;
    Ok(answered(&answer, value_of))
}

fn get_expire(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let mut expiry = None;
    while let Some(option) = words.option() {
        expiry = Some(next_expiry(&mut words, &option, expiry)?);
    }
    let answer = session.ask_in_map(&Request {
        key: &key,
        flags: expiry.map_or(RequestFlags::NONE, |expiry| expiry.flags),
        arg: expiry.map_or(0, |expiry| expiry.arg),
        ..Request::new(Opcode::GetExpire)
    })?;
    Ok(answered(&answer, value_of))
}

fn get_range(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let (start, end) = (words.number("START")?, words.number("END")?);
    words.end()?;
    let range = ByteRange { start, end }.encode();
    let answer = session.ask_in_map(&Request {
        key: &key,
        value: &range,
        ..Request::new(Opcode::GetRange)
    })?;
    Ok(answered(&answer, value_of))
}

fn set_range(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let (offset, value) = (words.number("OFFSET")?, words.bytes("VALUE")?);
    words.end()?;
    let answer = session.ask_in_map(&Request {
        key: &key,
        arg: offset,
        value: &value,
        ..Request::new(Opcode::SetRange)
    })?;
    Ok(answered(&answer, |answer| {
        Answer::Record(vec![
            ("bytes", answer.arg.into()),
            ("version", answer.version.into()),
        ])
    }))
}

fn append(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let (key, value) = (words.key()?, words.bytes("VALUE")?);
    words.end()?;
    let answer = session.ask_in_map(&Request {
        key: &key,
        value: &value,
        ..Request::new(Opcode::Append)
    })?;
    Ok(answered(&answer, |answer| {
        Answer::Record(vec![
            ("bytes", answer.arg.into()),
            ("version", answer.version.into()),
        ])
    }))
}

fn cas(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let expected = words.bytes("VERSION")?;
    let value = words.bytes("VALUE")?;
    let mut expiry = None;
    while let Some(option) = words.option() {
        expiry = Some(next_expiry(&mut words, &option, expiry)?);
    }
    let (version, condition) = if expected.eq_ignore_ascii_case(b"absent") {
        (0, RequestFlags::IF_ABSENT)
    } else {
        let text = std::str::from_utf8(&expected).ok();
        let version = text.and_then(|text| text.parse().ok());
        let version = version.filter(|version| *version > 0);
        let Some(version) = version else {
            return Err(words.fault("VERSION is a number greater than 0, or `absent`"));
        };
        (version, RequestFlags::NONE)
    };
    let answer = session.ask_in_map(&Request {
        key: &key,
        value: &value,
        version,
        flags: condition | expiry.map_or(RequestFlags::NONE, |expiry| expiry.flags),
        arg: expiry.map_or(0, |expiry| expiry.arg),
        ..Request::new(Opcode::Cas)
    })?;
    Ok(answered(&answer, stored))
}

fn cas_value(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let expected = words.bytes("EXPECTED")?;
    let new = words.bytes("VALUE")?;
    let mut flags = RequestFlags::NONE;
    let mut expiry = None;
    while let Some(option) = words.option() {
        match option.as_str() {
            "NX" => flags = RequestFlags::IF_ABSENT,
            other => expiry = Some(next_expiry(&mut words, other, expiry)?),
        }
    }
    let mut section = Vec::new();
    let comparison = Comparison {
        expected: &expected,
        new: &new,
    };
    if !comparison.encode(&mut section) {
        return Err(words.fault("both values together are too large: compare versions with `cas`"));
    }
    let answer = session.ask_in_map(&Request {
        key: &key,
        value: &section,
        flags: flags | expiry.map_or(RequestFlags::NONE, |expiry| expiry.flags),
        arg: expiry.map_or(0, |expiry| expiry.arg),
        ..Request::new(Opcode::CasValue)
    })?;
    Ok(answered(&answer, stored))
}

fn stored(answer: &crate::cli::connection::Answered) -> Answer {
    Answer::Record(vec![("version", answer.version.into())])
}
