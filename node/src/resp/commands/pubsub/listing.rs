//! PUBSUB: the channels that have subscribers, and how many, over all cores.

use jerboa_wire::limits::{MULTI_ITEMS_MAX, PATTERN_BYTES_MAX};
use jerboa_wire::resp::Writer;
use jerboa_wire::{Opcode, Request, ScanQuery};

use super::{LOOK, SHARD_PREFIX};
use crate::resp::call::{Asked, Call, Here};
use crate::resp::command::{Answer, Command, Flags, Run, Translate};
use crate::resp::commands::administration;
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

type Result = std::result::Result<(), Refusal>;
type Translated<'a> = std::result::Result<Asked<'a>, Refusal>;

const fn command(name: &'static str, arity: i8, answer: Answer, summary: &'static str) -> Command {
    Command::new(name, arity, LOOK, Run::Here(answer), summary)
}

const fn walk(name: &'static str, translate: Translate, summary: &'static str) -> Command {
    Command::new(name, -2, LOOK, Run::Request(translate), summary)
}

/// Matches nothing: a set of no bytes.
const NO_CHANNEL: &[u8] = b"[]";

#[rustfmt::skip]
pub(super) const SUBCOMMANDS: &[Command] = &[
    walk("pubsub|channels", channels, "The channels that have subscribers."),
    command("pubsub|numsub", -2, numbers, "How many subscribers channels have."),
    command("pubsub|numpat", 2, patterns, "How many patterns are subscribed to."),
    walk("pubsub|shardchannels", shard_channels, "The shard channels that have subscribers."),
    command("pubsub|shardnumsub", -2, shard_numbers, "How many subscribers shard channels have."),
    command("pubsub|help", 2, help, "What the subcommands do.").flags(Flags::ALWAYS),
];

fn channels<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Translated<'a> {
    list(call, b"", Form::AllChannels, section)
}

/// Their names begin with what the client does not know of, and so does the pattern.
fn shard_channels<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Translated<'a> {
    list(call, SHARD_PREFIX, Form::AllShardChannels, section)
}

/// Lists channels page by page: a look at all of them at once would take long.
fn list<'a>(
    call: &Call<'_, 'a>,
    prefix: &[u8],
    form: Form,
    section: &mut Vec<u8>,
) -> Translated<'a> {
    let own = match call.len() {
        2 => &b"*"[..],
        3 => call.at(2),
        _ => return Err(too_many(call)),
    };
    if prefix.len() + own.len() > PATTERN_BYTES_MAX {
        return Err(Refusal::text(
            "ERR the pattern is longer than 256 bytes, or 246 for shard channels",
        ));
    }
    // In a request an empty pattern would stand for all channels, of which none has an empty name.
    let own = if prefix.is_empty() && own.is_empty() {
        NO_CHANNEL
    } else {
        own
    };
    let pattern = [prefix, own].concat();
    let query = ScanQuery {
        count: MULTI_ITEMS_MAX,
        pattern: &pattern,
    };
    query.encode(section);
    Ok(Asked::composed(Request::new(Opcode::Channels), form))
}

/// What Redis says to more than one pattern.
fn too_many(call: &Call<'_, '_>) -> Refusal {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(call.at(1));
    text.extend_from_slice(b"'. Try PUBSUB HELP.");
    Refusal::bytes(text)
}

fn numbers(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    count(here, call, out, |name| name.to_vec())
}

fn shard_numbers(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    count(here, call, out, |name| [SHARD_PREFIX, name].concat())
}

fn count(
    here: &Here<'_>,
    call: &Call<'_, '_>,
    out: &mut Writer<'_>,
    channel: impl Fn(&[u8]) -> Vec<u8>,
) -> Result {
    let names = call.names_from(2)?;
    out.array(names.len() * 2);
    for name in names.iter() {
        out.bulk(name);
        let subscribers = here.shared.directory.subscribers(&channel(name));
        out.integer(subscribers.cast_signed());
    }
    Ok(())
}

fn patterns(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    out.integer(here.shared.directory.patterns().cast_signed());
    Ok(())
}

fn help(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    administration::help(SUBCOMMANDS, out)
}
