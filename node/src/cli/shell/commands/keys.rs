//! Commands on keys: whether they are there, for how long, and which there are.

use jerboa_wire::{Opcode, Request, RequestFlags, ScanQuery, limits, multi};

use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::{Session, answered};

/// Keys asked for at once.
const SCAN_COUNT: u32 = 1000;

pub(crate) const GROUP: Group = Group {
    title: "Keys",
    commands: &[
        Command {
            name: "del",
            aliases: &["delete"],
            words: "KEY…",
            summary: "remove keys and tell how many there were (Delete)",
            details: "",
            run: delete,
        },
        Command {
            name: "exists",
            aliases: &[],
            words: "KEY",
            summary: "whether a key is present (Exists)",
            details: "",
            run: exists,
        },
        Command {
            name: "expire",
            aliases: &[],
            words: "KEY [EX SECONDS|PX MS|EXAT UNIX-SECONDS|PXAT UNIX-MS] [NX|XX] [GT|LT]",
            summary: "set when a key expires (Expire)",
            details: "A number alone is seconds. A time that has passed removes the key. NX wants it to \
                      have no expiry, XX to have one, GT and LT the new one to be later or earlier.\n\
                      Example: expire session:7 60\n",
            run: expire,
        },
        Command {
            name: "persist",
            aliases: &[],
            words: "KEY",
            summary: "make a key never expire (Persist)",
            details: "",
            run: persist,
        },
        Command {
            name: "ttl",
            aliases: &["pttl"],
            words: "KEY",
            summary: "how many milliseconds a key has left (Ttl)",
            details: "`-` (null for programs): it never expires.\n",
            run: ttl,
        },
        Command {
            name: "scan",
            aliases: &["keys"],
            words: "[PATTERN] [LIMIT COUNT] [CURSOR NUMBER]",
            summary: "the keys of the map that match a pattern (Scan)",
            details: "In a pattern * stands for any bytes, ? for one, [a-z] and [^a-z] for one of a \
                      set or outside it. Stops after about COUNT keys (1000 unless given) and \
                      tells the cursor to go on from; LIMIT 0 goes through all of them. A key may be \
                      told twice.\n\
                      Example: scan user:* LIMIT 0\n",
            run: scan,
        },
        Command {
            name: "randomkey",
            aliases: &[],
            words: "",
            summary: "a key of the map, drawn at random (RandomKey)",
            details: "",
            run: random_key,
        },
        Command {
            name: "slotkeys",
            aliases: &[],
            words: "SLOT [LIMIT COUNT]",
            summary: "the keys of the map in a slot (SlotKeys)",
            details: "The slot of a key is that of Redis Cluster. Tells COUNT keys (1000 unless given).\n",
            run: slot_keys,
        },
    ],
};

fn delete(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let first = words.key()?;
    let mut keys = vec![first];
    keys.append(&mut words.rest());
    if let [key] = &keys[..] {
        let answer = session.ask_key(Opcode::Delete, key)?;
        return Ok(answered(&answer, |answer| {
            Answer::One("removed", answer.arg.into())
        }));
    }
    super::many::delete_all(session, &words, &keys)
}

fn exists(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    words.end()?;
    let answer = session.ask_key(Opcode::Exists, &key)?;
    Ok(answered(&answer, |answer| {
        Answer::Record(vec![("version", answer.version.into())])
    }))
}

fn expire(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let how = words.bytes("SECONDS")?;
    let option = String::from_utf8_lossy(&how).to_uppercase();
    let (mut flags, arg) = match option.parse::<u64>() {
        Ok(seconds) => (RequestFlags::TTL_RELATIVE, words.in_ms(seconds, 1000)?),
        // To let a key stay is `persist`.
        Err(_) => match words.expiry(&option)? {
            Some(expiry) if option != "KEEPTTL" && option != "NEVER" => (expiry.flags, expiry.arg),
            _ => return Err(words.unknown_option(&option)),
        },
    };
    while let Some(option) = words.option() {
        flags = flags
            | match option.as_str() {
                "NX" => RequestFlags::IF_ABSENT,
                "XX" => RequestFlags::IF_PRESENT,
                "GT" => RequestFlags::IF_LATER,
                "LT" => RequestFlags::IF_EARLIER,
                other => return Err(words.unknown_option(other)),
            };
    }
    if flags.conflict() {
        return Err(words.fault("these conditions exclude each other"));
    }
    let answer = session.ask_in_map(&Request {
        key: &key,
        flags,
        arg,
        ..Request::new(Opcode::Expire)
    })?;
    Ok(answered(&answer, |answer| match answer.arg {
        0 => Answer::Record(vec![("removed", Field::Yes(true))]),
        at_ms => Answer::Record(vec![
            ("expires_at_ms", at_ms.into()),
            ("version", answer.version.into()),
        ]),
    }))
}

fn persist(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    words.end()?;
    let answer = session.ask_key(Opcode::Persist, &key)?;
    Ok(answered(&answer, |answer| {
        Answer::Record(vec![("had_expiry", Field::Yes(answer.arg == 1))])
    }))
}

fn ttl(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    words.end()?;
    let answer = session.ask_key(Opcode::Ttl, &key)?;
    Ok(answered(&answer, |answer| {
        let left = match answer.arg {
            0 => Field::Nothing,
            left_ms => Field::Unsigned(left_ms),
        };
        Answer::One("left_ms", left)
    }))
}

fn scan(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let (mut pattern, mut limit, mut cursor) = (None, u64::from(SCAN_COUNT), 0);
    while let Some(word) = words.next() {
        match &word.to_ascii_uppercase()[..] {
            b"LIMIT" | b"COUNT" => limit = words.number("COUNT")?,
            b"CURSOR" => cursor = words.number("NUMBER")?,
            // As Redis spells it.
            b"MATCH" => pattern = Some(words.bytes("PATTERN")?),
            _ if pattern.is_none() => pattern = Some(word),
            _ => return Err(words.unknown_option(&String::from_utf8_lossy(&word))),
        }
    }
    let pattern = pattern
        .filter(|pattern| pattern != b"*")
        .unwrap_or_default();
    if pattern.len() > limits::PATTERN_BYTES_MAX {
        return Err(words.fault("a pattern has at most 256 bytes"));
    }
    let wanted = if limit == 0 { u64::MAX } else { limit };
    let mut rows = Vec::new();
    loop {
        let left = wanted - rows.len() as u64;
        let mut section = Vec::new();
        ScanQuery {
            count: left.min(SCAN_COUNT.into()) as u32,
            pattern: &pattern,
        }
        .encode(&mut section);
        let answer = session.ask_in_map(&Request {
            arg: cursor,
            value: &section,
            ..Request::new(Opcode::Scan)
        })?;
        let found = answer.reply();
        rows.extend(found.scanned().map(|key| vec![Field::Bytes(key.to_vec())]));
        cursor = answer.arg;
        if cursor == 0 || rows.len() as u64 >= wanted {
            break;
        }
    }
    Ok(Answer::Table {
        name: "keys",
        columns: &["key"],
        rows,
        more: (cursor != 0).then_some(cursor),
    })
}

fn random_key(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    let answer = session.ask_in_map(&Request::new(Opcode::RandomKey))?;
    Ok(answered(&answer, |answer| {
        Answer::One("key", Field::Bytes(answer.value.clone()))
    }))
}

fn slot_keys(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let slot = words.number("SLOT")?;
    let mut count = SCAN_COUNT;
    while let Some(word) = words.next() {
        match &word.to_ascii_uppercase()[..] {
            b"LIMIT" | b"COUNT" => {
                let most = u64::from(limits::MULTI_ITEMS_MAX);
                let wanted: u64 = words.number("COUNT")?;
                count = wanted.clamp(1, most) as u32;
            }
            _ => return Err(words.unknown_option(&String::from_utf8_lossy(&word))),
        }
    }
    let mut section = Vec::new();
    ScanQuery {
        count,
        pattern: b"",
    }
    .encode(&mut section);
    let answer = session.ask_in_map(&Request {
        arg: slot,
        value: &section,
        ..Request::new(Opcode::SlotKeys)
    })?;
    let found = answer.reply();
    let key = |key: &[u8]| vec![Field::Bytes(key.to_vec())];
    Ok(Answer::Table {
        name: "keys",
        columns: &["key"],
        rows: found.scanned().map(key).collect(),
        more: None,
    })
}

/// The keys as the items of a request.
pub(super) fn section_of(words: &Arguments, keys: &[Vec<u8>]) -> Result<Vec<u8>, Fault> {
    let mut section = Vec::new();
    for key in keys {
        if key.is_empty() || !multi::push_key(&mut section, key) {
            return Err(words.fault("a key has 1 to 65,535 bytes"));
        }
    }
    Ok(section)
}
