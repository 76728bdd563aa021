//! PUBSUB: the channels that have subscribers, and how many, over all cores.

use jerboa_wire::limits::MULTI_ITEMS_MAX;
use jerboa_wire::resp::Writer;

use super::{LOOK, SHARD_PREFIX};
use crate::glob::Glob;
use crate::resp::call::{Call, Here};
use crate::resp::command::{Answer, Command, Flags, Run};
use crate::resp::refusal::Refusal;

type Result = std::result::Result<(), Refusal>;

/// Bytes of names that one reply may list.
const LISTED_BYTES_MAX: usize = 64 << 20;

const fn command(name: &'static str, arity: i8, answer: Answer, summary: &'static str) -> Command {
    Command::new(name, arity, LOOK, Run::Here(answer), summary)
}

#[rustfmt::skip]
pub(super) const SUBCOMMANDS: &[Command] = &[
    command("pubsub|channels", -2, channels, "The channels that have subscribers."),
    command("pubsub|numsub", -2, numbers, "How many subscribers channels have."),
    command("pubsub|numpat", 2, patterns, "How many patterns are subscribed to."),
    command("pubsub|shardchannels", -2, shard_channels, "The shard channels that have subscribers."),
    command("pubsub|shardnumsub", -2, shard_numbers, "How many subscribers shard channels have."),
    command("pubsub|help", 2, help, "What the subcommands do.").flags(Flags::ALWAYS),
];

fn channels(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    list(here, call, out, |name| {
        (!name.starts_with(SHARD_PREFIX)).then_some(name)
    })
}

fn shard_channels(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    list(here, call, out, |name| name.strip_prefix(SHARD_PREFIX))
}

/// Lists the channels that `name_of` knows, under the names that it gives them.
fn list(
    here: &Here<'_>,
    call: &Call<'_, '_>,
    out: &mut Writer<'_>,
    name_of: impl Fn(&[u8]) -> Option<&[u8]>,
) -> Result {
    let glob = match call.len() {
        2 => None,
        3 => Some(
            Glob::new(call.at(2))
                .map_err(|_| Refusal::text("ERR the pattern is longer than 256 bytes"))?,
        ),
        _ => return Err(too_many(call)),
    };
    let (mut found, mut bytes, mut cursor) = (Vec::new(), 0, 0);
    loop {
        let page = here
            .shared
            .directory
            .page(cursor, None, MULTI_ITEMS_MAX as usize);
        let is_wanted = |name: &[u8]| glob.as_ref().is_none_or(|glob| glob.matches(name));
        for name in page.names {
            if name_of(&name).is_some_and(is_wanted) {
                bytes += name.len();
                found.push(name);
            }
        }
        if bytes > LISTED_BYTES_MAX {
            return Err(Refusal::text(
                "ERR more channels than one reply may list: give a pattern",
            ));
        }
        cursor = page.cursor;
        if cursor == 0 {
            break;
        }
    }
    out.array(found.len());
    for name in &found {
        out.bulk(name_of(name).unwrap_or_default());
    }
    Ok(())
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
    out.array(1 + SUBCOMMANDS.len());
    out.simple("PUBSUB <subcommand> [<arg> ...]. Subcommands are:");
    for command in SUBCOMMANDS {
        let name = command.last_name().to_ascii_uppercase();
        out.simple(&format!("{name}: {}", command.summary));
    }
    Ok(())
}
