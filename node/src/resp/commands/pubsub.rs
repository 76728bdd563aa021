//! Channels: subscribing, publishing, and who is subscribed.
//!
//! Shard channels have names of their own: nobody but their subscribers gets what is published on
//! them, patterns do not match them, and lists of channels leave them out. On this node they are
//! channels like all others whose names begin with [`SHARD_PREFIX`], and served on any core.

mod listing;

use jerboa_wire::{Opcode, Request, channel, limits};

use crate::resp::call::{Asked, Call};
use crate::resp::command::{Channels, Command, Flags, Keys, Run};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

/// What the name of a shard channel begins with inside the node.
pub(crate) const SHARD_PREFIX: &[u8] = b"__shard__:";

const ALWAYS: Flags = Flags::CHANNELS
    .and(Flags::NO_SCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE);
/// Who looks at the channels.
const LOOK: Flags = Flags::CHANNELS.and(Flags::ALWAYS);
const PUBLISH: Flags = Flags::CHANNELS
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST);

const fn channels(name: &'static str, arity: i8, run: Channels, summary: &'static str) -> Command {
    Command::new(name, arity, ALWAYS, Run::Channels(run), summary)
}

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    channels("subscribe", -2, Channels::Subscribe, "Subscribes to channels."),
    channels("unsubscribe", -1, Channels::Unsubscribe, "Ends subscriptions to channels, or to all."),
    channels("psubscribe", -2, Channels::PatternSubscribe, "Subscribes to channels by patterns."),
    channels("punsubscribe", -1, Channels::PatternUnsubscribe, "Ends subscriptions by patterns, or by all."),
    channels("ssubscribe", -2, Channels::ShardSubscribe, "Subscribes to shard channels.").keys(Keys::ALL),
    channels("sunsubscribe", -1, Channels::ShardUnsubscribe, "Ends subscriptions to shard channels, or to all.").keys(Keys::ALL),
    Command::new("publish", 3, PUBLISH, Run::Request(publish), "Hands a message to the subscribers of a channel."),
    Command::new("spublish", 3, PUBLISH, Run::Channels(Channels::ShardPublish), "Hands a message to the subscribers of a shard channel.").keys(Keys::FIRST),
    Command::container("pubsub", listing::SUBCOMMANDS, "Who is subscribed to what."),
];

fn publish<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<Asked<'a>, Refusal> {
    let request = Request {
        key: checked_channel(call.at(1))?,
        value: checked_message(call, 2)?,
        ..Request::new(Opcode::Publish)
    };
    Ok(Asked::plain(request, Form::Number))
}

/// The name of a channel that can be one.
pub(crate) fn checked_channel(name: &[u8]) -> Result<&[u8], Refusal> {
    match name.len() {
        _ if name.starts_with(SHARD_PREFIX) => Err(Refusal::text(
            "ERR channels that begin with __shard__: are shard channels: use SSUBSCRIBE and SPUBLISH",
        )),
        0 => Err(Refusal::text("ERR the channel's name is empty")),
        1..=limits::CHANNEL_BYTES_MAX => Ok(name),
        _ => Err(Refusal::text(
            "ERR the channel's name is longer than 1,024 bytes",
        )),
    }
}

/// The argument that is a message, if it fits what its subscribers get.
pub(crate) fn checked_message<'a>(call: &Call<'_, 'a>, index: usize) -> Result<&'a [u8], Refusal> {
    let message = call.at(index);
    let most = channel::payload_bytes_max(call.value_bytes_max) as usize;
    if message.len() > most {
        return Err(Refusal::VALUE_TOO_LARGE);
    }
    Ok(message)
}
