//! Commands on many keys, answered key by key.

use jerboa_wire::{Opcode, Request, RequestFlags, Status, multi};

use super::keys::section_of;
use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::{Session, answered};

pub(crate) const GROUP: Group = Group {
    title: "Many keys",
    commands: &[
        Command {
            name: "mget",
            aliases: &["multiget"],
            words: "KEY…",
            summary: "the values of many keys (MultiGet)",
            details: "",
            run: get,
        },
        Command {
            name: "mput",
            aliases: &["mset", "multiput"],
            words: "KEY VALUE …",
            summary: "store many values that never expire (MultiPut)",
            details: "Each key has its own status: one that fails does not stop the others.\n",
            run: |session, words| store(session, words, RequestFlags::NONE),
        },
        Command {
            name: "mputnx",
            aliases: &["msetnx"],
            words: "KEY VALUE …",
            summary: "store all of many values, or none if a key is present (MultiPut)",
            details: "The keys have to belong to one core: keys with the same {tag} do.\n",
            run: |session, words| store(session, words, RequestFlags::IF_ABSENT),
        },
        Command {
            name: "mexists",
            aliases: &["multiexists"],
            words: "KEY…",
            summary: "which of many keys are present (MultiExists)",
            details: "",
            run: |session, words| each(session, words, Opcode::MultiExists),
        },
        Command {
            name: "mdel",
            aliases: &["multidelete"],
            words: "KEY…",
            summary: "remove many keys, with a status for each (MultiDelete)",
            details: "",
            run: |session, words| each(session, words, Opcode::MultiDelete),
        },
    ],
};

fn status(status: Status) -> Field {
    Field::Text(status.name().to_owned())
}

fn get(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let first = words.key()?;
    let mut keys = vec![first];
    keys.append(&mut words.rest());
    let section = section_of(&words, &keys)?;
    let answer = session.ask_in_map(&Request {
        value: &section,
        count: keys.len() as u32,
        ..Request::new(Opcode::MultiGet)
    })?;
    let reply = answer.reply();
    let rows = keys.into_iter().zip(reply.fetched()).map(|(key, item)| {
        let value = match item.status {
            Status::Ok => Field::Bytes(item.value.to_vec()),
            _ => Field::Nothing,
        };
        vec![Field::Bytes(key), value, status(item.status)]
    });
    Ok(Answer::Table {
        name: "entries",
        columns: &["key", "value", "status"],
        rows: rows.collect(),
        more: None,
    })
}

fn store(
    session: &mut Session,
    mut words: Arguments,
    flags: RequestFlags,
) -> Result<Answer, Fault> {
    let mut keys = Vec::new();
    let mut section = Vec::new();
    loop {
        let (key, value) = (words.key()?, words.bytes("VALUE")?);
        if !multi::push_entry(&mut section, &key, &value) {
            return Err(words.fault("a key has at most 65,535 bytes"));
        }
        keys.push(key);
        if words.is_empty() {
            break;
        }
    }
    let answer = session.ask_in_map(&Request {
        value: &section,
        count: keys.len() as u32,
        flags,
        ..Request::new(Opcode::MultiPut)
    })?;
    if answer.status != Status::Ok {
        return Ok(answered(&answer, |_| Answer::DONE));
    }
    let reply = answer.reply();
    let rows = keys.into_iter().zip(reply.stored()).map(|(key, item)| {
        let version = match item.status {
            Status::Ok => item.version.into(),
            _ => Field::Nothing,
        };
        vec![Field::Bytes(key), version, status(item.status)]
    });
    Ok(Answer::Table {
        name: "entries",
        columns: &["key", "version", "status"],
        rows: rows.collect(),
        more: None,
    })
}

/// The status of each key.
fn each(session: &mut Session, mut words: Arguments, opcode: Opcode) -> Result<Answer, Fault> {
    let first = words.key()?;
    let mut keys = vec![first];
    keys.append(&mut words.rest());
    let section = section_of(&words, &keys)?;
    let answer = session.ask_in_map(&Request {
        value: &section,
        count: keys.len() as u32,
        ..Request::new(opcode)
    })?;
    let reply = answer.reply();
    let rows = keys.into_iter().zip(reply.deleted());
    Ok(Answer::Table {
        name: "entries",
        columns: &["key", "status"],
        rows: rows
            .map(|(key, item)| vec![Field::Bytes(key), status(item)])
            .collect(),
        more: None,
    })
}

/// Removes keys and tells how many there were.
pub(super) fn delete_all(
    session: &mut Session,
    words: &Arguments,
    keys: &[Vec<u8>],
) -> Result<Answer, Fault> {
    let section = section_of(words, keys)?;
    let answer = session.ask_in_map(&Request {
        value: &section,
        count: keys.len() as u32,
        ..Request::new(Opcode::MultiDelete)
    })?;
    if let Some(refused) = answer.reply().deleted().find(|status| status.is_error()) {
        let text = "some of the keys; `mdel` tells which".to_owned();
        let status = refused;
        return Err(Fault::Refused { status, text });
    }
    Ok(match answer.arg {
        0 => Answer::No(Status::NotFound.name(), Vec::new()),
        removed => Answer::One("removed", removed.into()),
    })
}
