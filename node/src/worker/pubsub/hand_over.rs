//! Handing a message over: into the output of each connection that is subscribed, or, where that
//! is too full, not at all and never again.
//!
//! A connection may have `subscriber_bytes_max` bytes waiting; while the core's connections together
//! hold more than they may, only as much as a small buffer. A single message may be longer than the
//! limit. Nobody waits for a slow subscriber, and memory stays within both limits.

use std::cell::Cell;
use std::sync::Arc;

use jerboa_wire::resp::{Version, Writer};
use jerboa_wire::{Crc, Message, Opcode, Reply, Status};

use super::registry::Subscriber;
use super::{PubSub, Worker};
use crate::embedded::{Published, Pushed};
use crate::net::SocketId;
use crate::resp::SHARD_PREFIX;
use crate::worker::WorkerConfig;
use crate::worker::budget::POOLED_BUFFER_BYTES;
use crate::worker::buffer::Pool;
use crate::worker::execute::encode;
use crate::worker::session::{Life, Session};
use crate::worker::stats::Counts;

/// The parts of a worker that messages are handed over to.
pub(in crate::worker) struct Desk<'w> {
    pub(in crate::worker) config: &'w WorkerConfig,
    pub(in crate::worker) sessions: &'w mut [Option<Session>],
    pub(in crate::worker) buffered_bytes: &'w mut usize,
    pub(in crate::worker) pool: &'w mut Pool,
    pub(in crate::worker) counts: &'w mut Counts,
}

/// A message in the forms that sessions want it in, each made once.
struct Rendered<'m> {
    message: Message<'m>,
    with_crc: Vec<u8>,
    without_crc: Vec<u8>,
    /// For subscribers in this process.
    published: Option<Arc<Published>>,
    resp_two: Vec<u8>,
    resp_three: Vec<u8>,
}

impl<'m> Rendered<'m> {
    fn new(message: Message<'m>) -> Self {
        Self {
            message,
            with_crc: Vec::new(),
            without_crc: Vec::new(),
            published: None,
            resp_two: Vec::new(),
            resp_three: Vec::new(),
        }
    }

    /// What subscribers in this process share.
    fn published(&mut self) -> &Arc<Published> {
        let Message {
            channel,
            pattern,
            payload,
        } = self.message;
        self.published.get_or_insert_with(|| {
            Arc::new(Published {
                channel: channel.into(),
                pattern: pattern.map(Into::into),
                payload: payload.into(),
            })
        })
    }

    /// The bytes that go to a session.
    fn bytes_for(&mut self, session: &Session) -> &[u8] {
        if let Some(client) = &session.client {
            let version = client.version;
            let bytes = match version {
                Version::Two => &mut self.resp_two,
                Version::Three => &mut self.resp_three,
            };
            if bytes.is_empty() {
                write_as_resp(&self.message, &mut Writer::new(bytes, version));
            }
            return bytes;
        }
        let crc = session.crc;
        let frame = match crc {
            Crc::On => &mut self.with_crc,
            Crc::Off => &mut self.without_crc,
        };
        if frame.is_empty() {
            let mut value = Vec::with_capacity(self.message.section_bytes());
            // Names were checked when they were subscribed to and published on.
            let whole = self.message.encode(&mut value);
            debug_assert!(whole, "a message that does not encode: {:?}", self.message);
            let reply = Reply {
                value: &value,
                ..Reply::new(Opcode::Message, Status::Ok, 0)
            };
            encode(&reply, frame, crc);
        }
        frame
    }
}

fn write_as_resp(message: &Message<'_>, out: &mut Writer<'_>) {
    let shard = message.channel.strip_prefix(SHARD_PREFIX);
    match (message.pattern, shard) {
        (Some(pattern), _) => {
            out.push(4);
            out.bulk("pmessage");
            out.bulk(pattern);
            out.bulk(message.channel);
        }
        (None, Some(shard)) => {
            out.push(3);
            out.bulk("smessage");
            out.bulk(shard);
        }
        (None, None) => {
            out.push(3);
            out.bulk("message");
            out.bulk(message.channel);
        }
    }
    out.bulk(message.payload);
}

impl PubSub {
    /// Hands a message to everybody of this core who is subscribed to its channel. Returns how many
    /// messages were handed over.
    pub(in crate::worker) fn publish(
        &mut self,
        channel: &[u8],
        payload: &[u8],
        desk: &mut Desk<'_>,
    ) -> u64 {
        let mut handed = 0;
        let mut rendered = Rendered::new(Message {
            channel,
            pattern: None,
            payload,
        });
        for subscriber in self.registry.named(channel) {
            let done = self.hand_over(subscriber, &mut rendered, desk);
            handed += u64::from(done.note(subscriber, &mut self.pushes, &mut self.slow));
        }
        // No pattern matches a shard channel.
        let by_name_only = channel.starts_with(SHARD_PREFIX);
        let steps = Cell::new(0);
        let matching = (!by_name_only).then(|| self.registry.matching(channel, &steps));
        for (pattern, subscribers) in matching.into_iter().flatten() {
            let mut rendered = Rendered::new(Message {
                channel,
                pattern: Some(pattern),
                payload,
            });
            for subscriber in subscribers {
                let done = self.hand_over(subscriber, &mut rendered, desk);
                handed += u64::from(done.note(subscriber, &mut self.pushes, &mut self.slow));
            }
        }
        desk.counts.published += 1;
        desk.counts.messages += handed;
        self.spend(handed, steps.get());
        handed
    }

    fn hand_over(
        &self,
        to: Subscriber,
        rendered: &mut Rendered<'_>,
        desk: &mut Desk<'_>,
    ) -> Handed {
        if !to.is_foreign() {
            return desk.hand_over(to, rendered);
        }
        match self.listeners.get(&to.serial) {
            Some(listener) => match listener.push(rendered.published()) {
                Pushed::In => Handed::Along,
                Pushed::TooMuch => Handed::TooSlow,
                Pushed::Ended => Handed::Gone,
            },
            None => Handed::Gone,
        }
    }
}

/// What came of handing a message to one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handed {
    /// It has it, and is to be sent to.
    Over,
    /// It has it, and is sent to anyway.
    Along,
    /// It is too slow.
    TooSlow,
    /// It is ending.
    Gone,
}

impl Handed {
    /// Puts the connection on its list; whether it has the message.
    fn note(
        self,
        to: Subscriber,
        pushes: &mut std::collections::VecDeque<SocketId>,
        slow: &mut Vec<Subscriber>,
    ) -> bool {
        match self {
            Self::Over => pushes.push_back(to.socket),
            Self::TooSlow => slow.push(to),
            Self::Along | Self::Gone => {}
        }
        matches!(self, Self::Over | Self::Along)
    }
}

impl Desk<'_> {
    fn hand_over(&mut self, to: Subscriber, rendered: &mut Rendered<'_>) -> Handed {
        let found = self.sessions.get_mut(to.socket.0 as usize);
        let Some(session) = found.and_then(Option::as_mut) else {
            return Handed::Gone;
        };
        if session.serial != to.serial || session.life != Life::Open {
            return Handed::Gone;
        }
        let bytes = rendered.bytes_for(session);
        let waiting = session.unsent_bytes();
        let core_full = *self.buffered_bytes + bytes.len() > self.config.buffer_bytes_max;
        let most = if core_full {
            self.config.subscriber_bytes_max.min(POOLED_BUFFER_BYTES)
        } else {
            self.config.subscriber_bytes_max
        };
        let alone = waiting == 0 && !core_full;
        if waiting + bytes.len() > most && !alone {
            session.life = Life::Finishing;
            return Handed::TooSlow;
        }
        if session.output.capacity() == 0 {
            session.output = self.pool.take();
        }
        session.reply(|out| out.extend_from_slice(bytes));
        session.accounted_bytes += bytes.len();
        *self.buffered_bytes += bytes.len();
        if session.dirty || std::mem::replace(&mut session.pushed, true) {
            Handed::Along
        } else {
            Handed::Over
        }
    }
}

impl Worker {
    /// Ends a connection that did not take its messages: with what waits for it and the reason, or
    /// at once where the core has no memory to keep that.
    pub(super) fn cut_off(&mut self, socket: SocketId) {
        self.end_subscriptions(socket);
        let core_full = self.buffered_bytes > self.config.buffer_bytes_max;
        let Some(session) = self.session(socket) else {
            return;
        };
        if core_full {
            self.abort(socket);
        } else {
            let (crc, reason) = (
                session.crc,
                Reply::new(Opcode::Message, Status::SlowSubscriber, 0),
            );
            // Redis' clients know no such message: to them the connection just ends.
            if session.client.is_none() {
                session.reply(|out| encode(&reason, out, crc));
            }
            self.stop_reading(socket);
            self.account(socket);
        }
        self.counts.closed_slow_subscriber += 1;
    }
}
