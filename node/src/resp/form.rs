//! How the reply to a request is written as RESP: what a status, a number or a value means in the
//! words of the command that asked.

mod late;

use jerboa_wire::resp::{Version, Writer, float_text, parse_float};
use jerboa_wire::{Opcode, Reply, Status};

pub(crate) use late::{Absent, Late};

use super::commands::dmap::MapForm;
use super::refusal::{Refusal, status_text};

/// How one reply leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Render {
    /// As the frame that it is.
    #[default]
    Frame,
    /// As RESP.
    Resp(Form, Version),
}

/// What a reply looks like. An error is written as one whatever the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// Not at all: the client does not want to see it.
    Silent,
    /// `OK`, whatever came of it.
    Done,
    /// `OK` where it was stored, nothing where the condition did not hold.
    Stored,
    /// The value, or nothing.
    Value,
    /// The value, or an empty one.
    ValueOrEmpty,
    /// Where there is an entry the command is refused, which Redis does only then; else this.
    Unless(Late, Absent),
    /// 0, whatever is there.
    Zero,
    /// What stood there before a put, or nothing.
    Old,
    /// Nothing, whatever is there.
    Nothing,
    /// The digest of a value as sixteen hexadecimal digits, or nothing.
    Digest,
    /// 1 where it was done, 0 where not.
    Flag,
    /// The reply's number.
    Number,
    /// The reply's number, or 0 where there is no entry.
    NumberOrZero,
    /// A float, as its text.
    Float,
    /// The sum of an infinity and the value that is there, which is an error of one kind or another.
    InfiniteSum,
    /// Milliseconds left; -1 for ever, -2 no entry.
    LeftMilliseconds,
    /// The same in seconds, rounded.
    LeftSeconds,
    /// A point in time in milliseconds; -1 never, -2 no entry.
    AtMilliseconds,
    /// The same in seconds, rounded.
    AtSeconds,
    /// The type of the entry.
    TypeName,
    /// A list of values, with nothing where there is none.
    Values,
    /// `OK` where all were stored.
    AllStored,
    /// How many keys were there.
    Count,
    /// The reply's number, or nothing where there is no entry.
    NumberOrNothing,
    /// The keys that were found.
    Keys,
    /// An empty list, whatever was found.
    NoKeys,
    /// A cursor and the keys that were found.
    Page,
    /// The same; a number that no scan returned is the end of one, as in Redis.
    PageOrEnd,
    /// The cursor alone, or the end: no key was looked for.
    EmptyPage,
    /// Every key, over as many pages as it takes.
    AllKeys,
    /// Every channel that is no shard channel, in the same way.
    AllChannels,
    /// Every shard channel.
    AllShardChannels,
    /// As one of Olric's commands.
    Map(MapForm),
    /// Somebody ended the wait for the reply.
    Unblocked,
}

impl Form {
    /// Writes a reply.
    pub(crate) fn write(self, reply: &Reply<'_>, out: &mut Writer<'_>) {
        match self {
            Self::Silent => return,
            Self::Map(form) => return form.write(reply, out),
            Self::Unblocked => return out.error(Refusal::UNBLOCKED.as_bytes()),
            _ => {}
        }
        let may_end = matches!(self, Self::PageOrEnd | Self::EmptyPage);
        if may_end && reply.status == Status::InvalidArgument {
            return write_page(0, None, out);
        }
        if reply.status.is_error() {
            return out.error(status_text(reply.opcode, reply.status));
        }
        let is_ok = reply.status == Status::Ok;
        let number = reply.arg.cast_signed();
        match self {
            Self::Silent | Self::Map(_) | Self::Unblocked => {}
            Self::Done => out.ok(),
            Self::Stored if is_ok => out.ok(),
            Self::Value | Self::ValueOrEmpty if is_ok => out.bulk(reply.value),
            Self::ValueOrEmpty => out.bulk(""),
            Self::Unless(late, absent) => late.write(absent, reply, out),
            // A put that stored tells by its number whether there was an entry; one that did not
            // store carries what kept it from it.
            Self::Old if is_ok && reply.arg != 0 => out.bulk(reply.value),
            Self::Old if matches!(reply.status, Status::Exists | Status::Mismatch) => {
                out.bulk(reply.value);
            }
            Self::Stored | Self::Value | Self::Old | Self::Nothing => out.null(),
            Self::Zero => out.integer(0),
            Self::Digest if is_ok => out.bulk(format!("{:016x}", reply.arg)),
            Self::Digest => out.null(),
            Self::Flag => out.integer(is_ok.into()),
            Self::Number => out.integer(number),
            Self::NumberOrZero => out.integer(if is_ok { number } else { 0 }),
            Self::Float => write_float(f64::from_bits(reply.arg), out),
            Self::InfiniteSum if is_ok && parse_float(reply.value).is_none() => {
                out.error(Refusal::NOT_A_FLOAT.as_bytes());
            }
            Self::InfiniteSum => out.error(status_text(Opcode::IncrFloat, Status::Overflow)),
            Self::LeftMilliseconds | Self::LeftSeconds | Self::AtMilliseconds | Self::AtSeconds => {
                out.integer(self.time(reply))
            }
            Self::TypeName => out.simple(if is_ok { "string" } else { "none" }),
            Self::Values => write_values(reply, out),
            Self::AllStored => match reply.stored().find(|item| item.status != Status::Ok) {
                None => out.ok(),
                Some(item) => out.error(status_text(reply.opcode, item.status)),
            },
            Self::Count => match reply.deleted().find(|status| status.is_error()) {
                None => out.integer(number),
                Some(status) => out.error(status_text(reply.opcode, status)),
            },
            Self::NumberOrNothing if is_ok => out.integer(number),
            Self::NumberOrNothing => out.null(),
            Self::NoKeys => out.array(0),
            Self::Keys | Self::AllKeys | Self::AllChannels | Self::AllShardChannels => {
                write_keys(Some(reply), out);
            }
            Self::Page | Self::PageOrEnd => write_page(reply.arg, Some(reply), out),
            Self::EmptyPage => write_page(reply.arg, None, out),
        }
    }

    fn time(self, reply: &Reply<'_>) -> i64 {
        let number = reply.arg.cast_signed();
        match (reply.status, number, self) {
            (Status::Ok, 0, _) => -1,
            (Status::Ok, _, Self::LeftSeconds | Self::AtSeconds) => (number + 500) / 1000,
            (Status::Ok, ..) => number,
            _ => -2,
        }
    }
}

fn write_float(number: f64, out: &mut Writer<'_>) {
    let mut text = Vec::new();
    float_text(number, &mut text);
    out.bulk(text);
}

/// The cursor to go on from, and the keys that were found, if any were looked for.
fn write_page(cursor: u64, found: Option<&Reply<'_>>, out: &mut Writer<'_>) {
    out.array(2);
    out.bulk(cursor.to_string());
    write_keys(found, out);
}

fn write_keys(found: Option<&Reply<'_>>, out: &mut Writer<'_>) {
    out.array(found.map_or(0, |reply| reply.count as usize));
    if let Some(reply) = found {
        reply.scanned().for_each(|key| out.bulk(key));
    }
}

/// A key that cannot be answered makes the whole an error: nothing stands for an absent key only.
fn write_values(reply: &Reply<'_>, out: &mut Writer<'_>) {
    if let Some(item) = reply.fetched().find(|item| item.status.is_error()) {
        return out.error(status_text(reply.opcode, item.status));
    }
    out.array(reply.count as usize);
    for item in reply.fetched() {
        match item.status {
            Status::Ok => out.bulk(item.value),
            _ => out.null(),
        }
    }
}
