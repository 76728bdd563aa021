//! Handing a message over to one subscriber: into the output of its connection, or, where that is too
//! full, not at all and never again.
//!
//! A connection may have `subscriber_bytes_max` bytes waiting; while the core's connections together
//! hold more than they may, only as much as a small buffer. A single message may be longer than the
//! limit. Nobody waits for a slow subscriber, and memory stays within both limits.

use std::collections::HashMap;
use std::sync::Arc;

use jerboa_wire::resp::{Version, Writer};
use jerboa_wire::{Crc, Message, Opcode, Reply, Status};

use super::Worker;
use super::registry::Subscriber;
use crate::embedded::{Listener, Published, Pushed};
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
#[derive(Debug, Default)]
pub(super) struct Forms {
    with_crc: Vec<u8>,
    without_crc: Vec<u8>,
    /// For subscribers in this process.
    published: Option<Arc<Published>>,
    resp_two: Vec<u8>,
    resp_three: Vec<u8>,
}

impl Forms {
    /// What subscribers in this process share.
    fn published(&mut self, message: &Message<'_>) -> &Arc<Published> {
        let Message {
            channel,
            pattern,
            payload,
        } = *message;
        self.published.get_or_insert_with(|| {
            Arc::new(Published {
                channel: channel.into(),
                pattern: pattern.map(Into::into),
                payload: payload.into(),
            })
        })
    }

    /// The bytes that go to a session.
    fn bytes_for(&mut self, message: &Message<'_>, session: &Session) -> &[u8] {
        if let Some(client) = &session.client {
            let version = client.version;
            let bytes = match version {
                Version::Two => &mut self.resp_two,
                Version::Three => &mut self.resp_three,
            };
            if bytes.is_empty() {
                write_as_resp(message, &mut Writer::new(bytes, version));
            }
            return bytes;
        }
        let crc = session.crc;
        let frame = match crc {
            Crc::On => &mut self.with_crc,
            Crc::Off => &mut self.without_crc,
        };
        if frame.is_empty() {
            let mut value = Vec::with_capacity(message.section_bytes());
            // Names were checked when they were subscribed to and published on.
            let whole = message.encode(&mut value);
            debug_assert!(whole, "a message that does not encode: {message:?}");
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

impl Desk<'_> {
    /// Hands a message to one subscriber.
    pub(super) fn hand_over(
        &mut self,
        to: Subscriber,
        message: &Message<'_>,
        forms: &mut Forms,
        listeners: &HashMap<u64, Arc<Listener>>,
    ) -> Handed {
        if !to.is_foreign() {
            return self.hand_to_session(to, message, forms);
        }
        match listeners.get(&to.serial) {
            Some(listener) => match listener.push(forms.published(message)) {
                Pushed::In => Handed::Along { bytes: 0 },
                Pushed::TooMuch => Handed::TooSlow,
                Pushed::Ended => Handed::Gone,
            },
            None => Handed::Gone,
        }
    }
}

/// What came of handing a message to one subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    /// It has so many bytes, and is to be sent to.
    Over { bytes: usize },
    /// It has so many bytes, and is sent to anyway.
    Along { bytes: usize },
    /// It is too slow.
    TooSlow,
    /// It is ending.
    Gone,
}

impl Desk<'_> {
    fn hand_to_session(
        &mut self,
        to: Subscriber,
        message: &Message<'_>,
        forms: &mut Forms,
    ) -> Handed {
        let found = self.sessions.get_mut(to.socket.0 as usize);
        let Some(session) = found.and_then(Option::as_mut) else {
            return Handed::Gone;
        };
        if session.serial != to.serial || session.life != Life::Open {
            return Handed::Gone;
        }
        let bytes = forms.bytes_for(message, session);
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
            Handed::Along { bytes: bytes.len() }
        } else {
            Handed::Over { bytes: bytes.len() }
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
