//! Messages that are handed over in this turn and those that follow: one after the other, in the order
//! in which they came to this core, from wherever.
//!
//! A message of one of this core's connections is handed over where it lies if the turn has time for
//! all of it; all others stand in line with their bytes. So a core hands over one message at a time,
//! and all of its subscribers get messages in one order.
//!
//! Policy, and why the line is bounded:
//! * A connection has one message here at most: it goes on when that is answered. Those of all
//!   connections and of threads of this process have at most [`HELD_BYTES_MAX`] bytes together, or
//!   are one, and are [`HELD_MAX`] at most; further ones wait where they are.
//! * Other cores have as many here as they may have requests under way: a message in line is one that
//!   is not answered.
//! * The node's own are those of a turn's events, of which no more happen while the line is not empty,
//!   and the few of its start and end.

use jerboa_wire::{
    Crc, CrcMode, DecodeOptions, Decoded, Opcode, Reply, Request, Status, decode_request,
};

use super::course::{Course, Reached};
use super::hand_over::Desk;
use super::{PubSub, STEPS_PER_TURN};
use crate::embedded::Call;
use crate::worker::Worker;
use crate::worker::budget::LARGE_REPLY_BYTES;
use crate::worker::execute::{Answering, encode};
use crate::worker::mailbox::{Answer, Forward, Order, ReturnAddress};

/// Bytes that connections and threads of this process may have in line together.
const HELD_BYTES_MAX: usize = 8 << 20;
/// Messages of theirs.
const HELD_MAX: usize = 1024;

/// A message in line.
#[derive(Debug)]
pub(super) struct Publication {
    source: Source,
    course: Course,
}

/// Where a message comes from: who has its bytes, and who is told of its receivers.
#[derive(Debug)]
pub(super) enum Source {
    /// A connection of this core, whose reply waits for this part.
    Connection {
        to: ReturnAddress,
        /// What is answered, but for the number.
        head: Reply<'static>,
        crc: Crc,
        channel: Box<[u8]>,
        payload: Box<[u8]>,
    },
    /// Another core.
    Core(Box<Forward>),
    /// A thread of this process.
    Call(Call),
    /// This core, of an event.
    Event {
        channel: &'static [u8],
        payload: Vec<u8>,
    },
}

/// What came of a message that is not in line.
#[derive(Debug)]
pub(super) enum Published {
    /// Everybody has it: so many messages.
    Whole(u64),
    /// The turn has no time for all of it.
    Begun(Course),
}

impl Source {
    /// The channel and the payload; `None` if it turns out to be no message.
    fn message(&mut self, value_bytes_max: u32) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Connection {
                channel, payload, ..
            } => Some((channel, payload)),
            Self::Core(forward) => {
                let request = request_of(forward, value_bytes_max)?;
                Some((request.key, request.value))
            }
            Self::Call(call) => {
                let request = call.job()?.operations.first()?.request();
                Some((request.key, request.value))
            }
            Self::Event { channel, payload } => Some((channel, payload)),
        }
    }

    /// Bytes that count against [`HELD_BYTES_MAX`]; `None` where others bound them.
    fn held_bytes(&mut self) -> Option<usize> {
        match self {
            Self::Connection {
                channel, payload, ..
            } => Some(channel.len() + payload.len()),
            Self::Call(_) => {
                let (channel, payload) = self.message(0)?;
                Some(channel.len() + payload.len())
            }
            Self::Core(_) | Self::Event { .. } => None,
        }
    }
}

fn request_of(forward: &Forward, value_bytes_max: u32) -> Option<Request<'_>> {
    let options = DecodeOptions {
        crc: CrcMode::Optional,
        value_bytes_max,
    };
    match decode_request(&forward.frame, &options) {
        Ok(Decoded::Frame { frame, .. }) => Some(frame),
        Ok(Decoded::Incomplete { .. }) | Err(_) => None,
    }
}

impl PubSub {
    /// Whether a message that comes now would be handed over now.
    pub(in crate::worker) fn may_publish(&self) -> bool {
        self.line.is_empty() && self.spent < STEPS_PER_TURN
    }

    /// Whether a message of so many bytes may come in, if only to wait here.
    pub(in crate::worker) fn has_room(&self, bytes: usize) -> bool {
        let fits = self.held == 0 || self.held_bytes.saturating_add(bytes) <= HELD_BYTES_MAX;
        self.may_publish() || (fits && self.held < HELD_MAX)
    }

    /// Hands a message over where it lies, unless others stand in line before it.
    pub(super) fn publish(
        &mut self,
        channel: &[u8],
        payload: &[u8],
        desk: &mut Desk<'_>,
    ) -> Published {
        let mut course = Course::default();
        if self.may_publish()
            && self.advance(channel, payload, &mut course, desk) == Reached::TheEnd
        {
            return Published::Whole(course.handed);
        }
        Published::Begun(course)
    }

    /// Puts a message in line; one that was begun finds nobody there.
    pub(super) fn stand_in_line(&mut self, mut source: Source, course: Course) {
        if let Some(bytes) = source.held_bytes() {
            self.held += 1;
            self.held_bytes += bytes;
        }
        self.line.push_back(Publication { source, course });
    }

    /// Takes the first out of the line.
    fn leave_line(&mut self) -> Option<Publication> {
        let mut publication = self.line.pop_front()?;
        if let Some(bytes) = publication.source.held_bytes() {
            self.held -= 1;
            self.held_bytes -= bytes;
        }
        Some(publication)
    }

    /// Hands over the first in line as far as this turn goes. Returns it, and the number of messages,
    /// once it is everywhere; no number if it is no message.
    pub(super) fn publish_first(
        &mut self,
        value_bytes_max: u32,
        desk: &mut Desk<'_>,
    ) -> Option<(Source, Option<u64>)> {
        if self.spent >= STEPS_PER_TURN {
            return None;
        }
        // Out of the line meanwhile, in its place again if it is not done.
        let mut first = self.line.pop_front()?;
        let is_message = match first.source.message(value_bytes_max) {
            Some((channel, payload)) => {
                let reached = self.advance(channel, payload, &mut first.course, desk);
                if reached == Reached::ItsShare {
                    self.line.push_front(first);
                    return None;
                }
                true
            }
            None => false,
        };
        self.line.push_front(first);
        let Publication { source, course } = self.leave_line()?;
        Some((source, is_message.then_some(course.handed)))
    }
}

impl Worker {
    /// Hands over what stands in line, as far as this turn goes.
    pub(in crate::worker) fn publish_line(&mut self, now_ms: u64) {
        loop {
            let mut desk = Desk {
                config: &self.config,
                sessions: &mut self.sessions,
                buffered_bytes: &mut self.buffered_bytes,
                pool: &mut self.pool,
                counts: &mut self.counts,
            };
            let max = self.config.value_bytes_max;
            let Some((source, handed)) = self.pubsub.publish_first(max, &mut desk) else {
                return;
            };
            self.tell_publisher(source, handed, now_ms);
        }
    }

    /// Hands over all that stands in line, however long that takes: the node stops, and nobody is
    /// subscribed behind this.
    pub(in crate::worker) fn publish_all(&mut self, now_ms: u64) {
        while self.pubsub.is_publishing() {
            self.pubsub.spent = 0;
            self.publish_line(now_ms);
        }
    }

    /// A message that another core or a thread of this process has published.
    pub(in crate::worker) fn take_publication(&mut self, forward: Forward, now_ms: u64) {
        self.counts.ops += 1;
        let source = Source::Core(Box::new(forward));
        self.pubsub.stand_in_line(source, Course::default());
        self.publish_line(now_ms);
    }

    /// The same of a thread of this process.
    pub(in crate::worker) fn take_published_call(&mut self, call: Call, now_ms: u64) {
        self.counts.ops += 1;
        self.counts.called += 1;
        let since = self.foreign.taken();
        self.measures.note(Opcode::Publish, None, since);
        let source = Source::Call(call);
        self.pubsub.stand_in_line(source, Course::default());
        self.publish_line(now_ms);
    }

    /// Hands an event over to the subscribers of this core.
    pub(in crate::worker) fn publish_event(&mut self, channel: &'static [u8], payload: &[u8]) {
        let mut desk = Desk {
            config: &self.config,
            sessions: &mut self.sessions,
            buffered_bytes: &mut self.buffered_bytes,
            pool: &mut self.pool,
            counts: &mut self.counts,
        };
        if let Published::Begun(course) = self.pubsub.publish(channel, payload, &mut desk) {
            let payload = payload.to_vec();
            let source = Source::Event { channel, payload };
            self.pubsub.stand_in_line(source, course);
        }
    }

    fn tell_publisher(&mut self, source: Source, handed: Option<u64>, now_ms: u64) {
        let own = self.config.core;
        let numbered = |head: Reply<'static>, crc| {
            let head = match handed {
                Some(arg) => Reply { arg, ..head },
                None => Reply::new(Opcode::Publish, Status::Internal, head.request_id),
            };
            let mut reply = Vec::new();
            encode(&head, &mut reply, crc);
            reply
        };
        match source {
            Source::Event { .. } => {}
            Source::Connection { to, head, crc, .. } => {
                let answer = Answer {
                    to,
                    from: own,
                    request_bytes: 0,
                    reply: numbered(head, crc),
                    order: Order::InTurn,
                    grant: None,
                };
                self.deliver_answer(answer, now_ms);
                // It goes on in this turn, if it was this that it waited for.
                let output_limit = self.output_limit();
                if let Some(session) = self.session(to.socket)
                    && session.queued
                    && !session.blocked(output_limit)
                {
                    self.ready.push(to.socket);
                }
            }
            Source::Core(forward) => {
                let answering = Answering {
                    crc: forward.crc,
                    epoch: self.shared.epoch,
                    stale: forward.stale,
                    value_bytes_max: self.config.value_bytes_max,
                    no_touch: false,
                };
                let request = request_of(&forward, self.config.value_bytes_max)
                    .unwrap_or_else(|| Request::new(Opcode::Publish));
                let reply = numbered(answering.head(&request, Status::Ok), forward.crc);
                if forward.frame.len() > LARGE_REPLY_BYTES {
                    self.note_if_slow(&forward, now_ms);
                }
                self.outbox.answer(Answer {
                    to: forward.to,
                    from: own,
                    request_bytes: forward.frame.len(),
                    reply,
                    order: Order::InTurn,
                    grant: None,
                });
            }
            Source::Call(mut call) => {
                let answering = self.answering_calls();
                if let Some(job) = call.job() {
                    let head = job.operations.first().map_or_else(
                        || Reply::new(Opcode::Publish, Status::Internal, 0),
                        |first| answering.head(&first.request(), Status::Ok),
                    );
                    job.replies
                        .extend_from_slice(&numbered(head, answering.crc));
                }
                self.answer_call(call, now_ms);
            }
        }
    }
}
