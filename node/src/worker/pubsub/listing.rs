//! What can be asked about channels: which there are, how many subscribers they have, how many
//! patterns, and which events the node publishes. Asked of any core, answered for all of them, the
//! same through every door.
//!
//! Each is bounded: a list has pages ([`Directory::page`](super::directory::Directory::page)), counts
//! are of as many channels as a request names.

use jerboa_wire::event::EventSwitch;
use jerboa_wire::frame::{begin_reply, finish_reply};
use jerboa_wire::{Opcode, Reply, Request, Status, channel, multi};

use crate::worker::execute::{Answering, encode};
use crate::worker::shared::Shared;

/// Answers a request that asks about channels and changes no subscription.
pub(in crate::worker) fn tell(
    request: &Request<'_>,
    answering: &Answering,
    shared: &Shared,
    out: &mut Vec<u8>,
) {
    let directory = &shared.directory;
    let ok = answering.head(request, Status::Ok);
    let number = |arg| Reply { arg, ..ok };
    match request.opcode {
        Opcode::Patterns => encode(&number(directory.patterns()), out, answering.crc),
        Opcode::Events => {
            // The decoder has refused what is no switch.
            let switch = EventSwitch::decode(request.arg).unwrap_or_default();
            let kinds = shared.events.switch(switch).bits();
            encode(&number(kinds.into()), out, answering.crc);
        }
        Opcode::Channels => {
            let Some(page) = directory.page_for(request) else {
                return answering.status(request, Status::MalformedPayload, out);
            };
            let begun = begin_reply(&ok, out, answering.crc);
            let mut count = 0;
            for name in &page.names {
                count += u32::from(multi::push_key(out, name));
            }
            if finish_reply(begun, count, page.cursor, out).is_err() {
                debug_assert!(false, "a page of names that does not fit a reply");
                answering.status(request, Status::ReplyTooLarge, out);
            }
        }
        Opcode::Subscribers => {
            let begun = begin_reply(&ok, out, answering.crc);
            for name in request.keys() {
                channel::push_subscribers(out, directory.subscribers(name));
            }
            if finish_reply(begun, request.count, 0, out).is_err() {
                debug_assert!(false, "counts that do not fit a reply");
                answering.status(request, Status::ReplyTooLarge, out);
            }
        }
        _ => answering.status(request, Status::UnknownOpcode, out),
    }
}
