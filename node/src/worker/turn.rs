//! One turn's inputs: which bytes of which sessions are ready, and how each session goes on.
//!
//! Received bytes are decoded where the kernel put them; only what is left of an incomplete frame
//! is copied into the session. The order of a turn's inputs is the order of arrival, so requests of
//! one connection are executed in order, across all batches.

use std::time::Instant;

use jerboa_wire::{Opcode, Reply, Status};

use super::Worker;
use super::budget::POOLED_BUFFER_BYTES;
use super::buffer::{InputBuffer, Pool};
use super::execute::encode;
use super::executor::{Batch, Executor};
use super::session::Life;
use crate::net::{Chunk, Ring, SocketId};

/// Where an input's bytes are.
#[derive(Debug)]
pub(super) enum Source {
    /// In the kernel's receive buffer.
    Chunk(Chunk),
    /// In the session's own buffer, taken from it for the turn.
    Buffer(InputBuffer),
}

impl Source {
    fn bytes<'a>(&'a self, ring: &'a Ring) -> &'a [u8] {
        match self {
            Self::Chunk(chunk) => ring.bytes(chunk),
            Self::Buffer(buffer) => buffer.as_slice(),
        }
    }

    /// Appends another chunk of the same connection.
    pub(super) fn append(&mut self, ring: &mut Ring, chunk: Chunk, pool: &mut Pool) {
        let mut buffer = match std::mem::replace(self, Self::Buffer(InputBuffer::default())) {
            Self::Buffer(buffer) => buffer,
            Self::Chunk(first) => {
                let mut buffer = InputBuffer::from_spare(pool.take());
                buffer.extend(ring.bytes(&first));
                ring.release(first);
                buffer
            }
        };
        buffer.extend(ring.bytes(&chunk));
        ring.release(chunk);
        *self = Self::Buffer(buffer);
    }
}

/// Bytes of one session that this turn looks at.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) socket: SocketId,
    /// When its bytes arrived, those that were left over included.
    pub(super) since: Instant,
    source: Source,
}

/// How far an input got.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Bytes whose requests are executed.
    pub(super) consumed: usize,
    /// The session may not go on now: nothing behind `consumed` is executed.
    pub(super) blocked: bool,
    /// The stream broke at `consumed`: close after what was answered.
    pub(super) broken: bool,
    /// What is behind `consumed` waits for the next turn, having had its share of this one.
    pub(super) deferred: bool,
    /// What is behind `consumed` waits for the end of a pause.
    pub(super) held: bool,
    /// The peer asked for the end: close after what was answered.
    pub(super) leaves: bool,
    /// Complete frames may be left.
    pub(super) unfinished: bool,
}

impl Progress {
    /// Nothing more of this input is looked at.
    fn ends(&self) -> bool {
        self.broken || self.leaves
    }
}

/// The inputs of one turn.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    entries: Vec<Input>,
    progress: Vec<Progress>,
}

impl Inputs {
    pub(super) fn push(&mut self, socket: SocketId, since: Instant, source: Source) -> u32 {
        self.entries.push(Input {
            socket,
            since,
            source,
        });
        self.progress.push(Progress::default());
        self.entries.len() as u32 - 1
    }

    pub(super) fn source_mut(&mut self, index: u32) -> &mut Source {
        &mut self.entries[index as usize].source
    }
}

impl Worker {
    /// Turns sessions with input left over into inputs of this turn.
    pub(super) fn queue_ready(&mut self) {
        for socket in std::mem::take(&mut self.ready) {
            let output_limit = self.output_limit();
            let Some(session) = self
                .sessions
                .get_mut(socket.0 as usize)
                .and_then(Option::as_mut)
            else {
                continue;
            };
            if !session.queued || session.blocked(output_limit) {
                continue;
            }
            session.queued = false;
            let input = std::mem::take(&mut session.input);
            let since = session.since.take().unwrap_or(self.arrived);
            let input = self.inputs.push(socket, since, Source::Buffer(input));
            session.turn_input = Some(input);
        }
    }

    /// Decodes and executes everything that is ready.
    pub(super) fn execute_inputs(&mut self, now_ms: u64) {
        if self.inputs.entries.is_empty() {
            return;
        }
        let Inputs {
            entries,
            mut progress,
        } = std::mem::take(&mut self.inputs);
        let output_limit = self.output_limit();
        let mut executor = Executor {
            output_limit,
            room: self.room(),
            config: &self.config,
            shared: &self.shared,
            shard: &mut self.shard,
            locks: &mut self.locks,
            verification: &mut self.verification,
            changes: &mut self.changes,
            sessions: &mut self.sessions,
            outbox: &mut self.outbox,
            pubsub: &mut self.pubsub,
            buffered_bytes: &mut self.buffered_bytes,
            counts: &mut self.counts,
            measures: &mut self.measures,
            slow: &mut self.slow,
            pauses: &mut self.pauses,
            since: self.arrived,
            pool: &mut self.pool,
            dirty: &mut self.dirty,
            scratch: &mut self.scratch,
            now_ms,
        };
        let mut batch = Batch::new();
        for (index, input) in (0u32..).zip(&entries) {
            let bytes = input.source.bytes(&self.ring);
            executor.decode_input(index, bytes, &mut batch, &entries, &mut progress);
        }
        executor.run(&mut batch, &entries, &mut progress);
        executor.measures.commands.finish();
        drop(batch);
        self.settle_inputs(entries, progress);
    }

    /// Gives buffers back, keeps what is left, and decides how each session goes on.
    fn settle_inputs(&mut self, mut entries: Vec<Input>, mut progress: Vec<Progress>) {
        for (input, progress) in entries.drain(..).zip(progress.drain(..)) {
            let rest = self.rest_of(input.source, &progress);
            let socket = input.socket;
            let Some(session) = self.session(socket) else {
                continue;
            };
            session.turn_input = None;
            session.input = rest;
            session.since = (!progress.blocked).then_some(input.since);
            session.settle_parser(progress.consumed);
            self.go_on(socket, &progress);
            self.account(socket);
        }
        self.ring.publish();
        self.inputs = Inputs { entries, progress };
    }

    /// What an input leaves for the session's own buffer.
    fn rest_of(&mut self, source: Source, progress: &Progress) -> InputBuffer {
        match source {
            Source::Chunk(chunk) => {
                let left = &self.ring.bytes(&chunk)[progress.consumed..];
                let mut rest = InputBuffer::default();
                if !left.is_empty() && !progress.ends() {
                    rest = InputBuffer::from_spare(self.pool.take());
                    rest.extend(left);
                }
                self.ring.release(chunk);
                rest
            }
            Source::Buffer(mut buffer) => {
                buffer.consume(if progress.ends() {
                    buffer.len()
                } else {
                    progress.consumed
                });
                if buffer.is_empty() {
                    self.pool.give(buffer.into_spare());
                    buffer = InputBuffer::default();
                }
                buffer
            }
        }
    }

    /// Whether a session is received from, waits, or ends.
    fn go_on(&mut self, socket: SocketId, progress: &Progress) {
        let core_full = self.buffered_bytes > self.config.buffer_bytes_max;
        let input_bytes_max = self.config.input_bytes_max;
        let Some(session) = self.session(socket) else {
            return;
        };
        let held = session.input.len();
        let waits = progress.blocked || progress.deferred || progress.held;
        let behind = (waits || progress.unfinished) && held > 0;
        let overloaded = held > input_bytes_max || (core_full && held > POOLED_BUFFER_BYTES);
        if progress.ends() {
            self.counts.closed_malformed += u64::from(progress.broken);
            self.stop_reading(socket);
        } else if overloaded && !behind {
            // The frame that is coming in cannot be kept; nothing of it was executed.
            let (crc, reply) = (session.crc, Reply::new(Opcode::Unknown, Status::Busy, 0));
            let render = session.render();
            session.reply_as(render, &mut Vec::new(), |out| encode(&reply, out, crc));
            session.input = InputBuffer::default();
            self.counts.closed_overload += 1;
            self.stop_reading(socket);
        } else if behind {
            // N2: no more is received until what is here is executed.
            session.queued = true;
            let is_held = session.held;
            session.held |= progress.held;
            let pause = session.life == Life::Open && !std::mem::replace(&mut session.paused, true);
            if pause {
                self.ring.pause(socket);
            }
            if progress.held && !is_held {
                self.held.push(socket);
            } else if !progress.blocked && !progress.held {
                self.ready.push(socket);
            }
        } else if session.life == Life::Open && std::mem::replace(&mut session.paused, false) {
            self.ring.resume(socket);
        }
    }

    /// Answers what is owed and then closes.
    pub(super) fn stop_reading(&mut self, socket: SocketId) {
        self.end_subscriptions(socket);
        let Some(session) = self.session(socket) else {
            return;
        };
        session.life = Life::Finishing;
        session.paused = true;
        let waiting = session.waiting();
        self.ring.pause(socket);
        self.mark_dirty(socket);
        if let Some(waiting) = waiting {
            self.leave_all_lines(socket, &waiting, self.stepped_ms);
        }
    }
}
