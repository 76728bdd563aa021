//! Commands on the value of one key that are done only where a condition holds of it.

use jerboa_wire::{Conditional, Opcode, Request, RequestFlags, ValueCondition};

use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::{Session, answered};

pub(crate) const GROUP: Group = Group {
    title: "Values under a condition",
    commands: &[
        Command {
            name: "putif",
            aliases: &[],
            words: "KEY VALUE [IFEQ OPERAND|IFNE OPERAND|IFDEQ DIGEST|IFDNE DIGEST] \
                    [EX SECONDS|PX MS|EXAT UNIX-SECONDS|PXAT UNIX-MS|KEEPTTL]",
            summary: "store a value if a condition holds of the one that is there (PutIf)",
            details: "IFEQ and IFNE: the value is, or is not, the operand; IFDEQ and IFDNE: its \
                      `digest` is, or is not. IFNE and IFDNE hold for an absent key too.\n\
                      Example: putif page:1 draft IFNE final\n",
            run: put_if,
        },
        Command {
            name: "delif",
            aliases: &["delex"],
            words: "KEY [IFEQ OPERAND|IFNE OPERAND|IFDEQ DIGEST|IFDNE DIGEST]",
            summary: "remove a key if a condition holds of its value (DeleteIf)",
            details: "The conditions are those of `putif`; one is needed.\n",
            run: delete_if,
        },
        Command {
            name: "digest",
            aliases: &[],
            words: "KEY",
            summary: "the digest of a value, by which it can be compared (Digest)",
            details: "XXH3-64, as sixteen hexadecimal digits.\n",
            run: digest,
        },
    ],
};

/// The section of a condition that an option begins; `None` where it begins none.
fn section(words: &mut Arguments, option: &str, new: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let by_digest = match option {
        "IFEQ" | "IFNE" => false,
        "IFDEQ" | "IFDNE" => true,
        _ => return Ok(None),
    };
    let operand = words.bytes(if by_digest { "DIGEST" } else { "OPERAND" })?;
    let number = || {
        let text = std::str::from_utf8(&operand).ok();
        let number = text.and_then(|text| u64::from_str_radix(text, 16).ok());
        number.ok_or_else(|| words.fault("DIGEST is a hexadecimal number of at most 64 bits"))
    };
    let condition = match option {
        "IFEQ" => ValueCondition::Equals(&operand),
        "IFNE" => ValueCondition::Differs(&operand),
        "IFDEQ" => ValueCondition::DigestEquals(number()?),
        _ => ValueCondition::DigestDiffers(number()?),
    };
    let mut section = Vec::new();
    if !(Conditional { condition, new }).encode(&mut section) {
        return Err(words.fault("both values together are too large: compare digests"));
    }
    Ok(Some(section))
}

fn put_if(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let (key, value) = (words.key()?, words.bytes("VALUE")?);
    let (mut condition, mut expiry) = (None, None);
    while let Some(option) = words.option() {
        if let Some(section) = section(&mut words, &option, &value)? {
            if condition.replace(section).is_some() {
                return Err(words.fault("one condition is enough"));
            }
        } else {
            expiry = Some(super::values::next_expiry(&mut words, &option, expiry)?);
        }
    }
    let Some(section) = condition else {
        return Err(words.fault("a condition is needed: IFEQ, IFNE, IFDEQ or IFDNE"));
    };
    let answer = session.ask_in_map(&Request {
        key: &key,
        value: &section,
        flags: expiry.map_or(RequestFlags::NONE, |expiry| expiry.flags),
        arg: expiry.map_or(0, |expiry| expiry.arg),
        ..Request::new(Opcode::PutIf)
    })?;
    Ok(answered(&answer, |answer| {
        Answer::Record(vec![("version", answer.version.into())])
    }))
}

fn delete_if(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let option = words.option().unwrap_or_default();
    let Some(section) = section(&mut words, &option, b"")? else {
        return Err(words.fault("a condition is needed: IFEQ, IFNE, IFDEQ or IFDNE"));
    };
    words.end()?;
    let answer = session.ask_in_map(&Request {
        key: &key,
        value: &section,
        ..Request::new(Opcode::DeleteIf)
    })?;
    Ok(answered(&answer, |answer| {
        Answer::One("removed", answer.arg.into())
    }))
}

fn digest(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    words.end()?;
    let answer = session.ask_key(Opcode::Digest, &key)?;
    Ok(answered(&answer, |answer| {
        Answer::One("digest", Field::Text(format!("{:016x}", answer.arg)))
    }))
}
