//! Execution of a turn's requests: decoded where they lie, looked up in batches, answered in order.
//!
//! Invariants:
//! * X1 Requests of one connection are executed in the order in which they arrived, across batches.
//! * X2 A request behind one that could not be executed, because its session is blocked, is not
//!   executed either.
//! * X3 A request leaves this core at most once, and only if it has not been forwarded before.

mod dispatch;
mod key;
mod slow;
mod task;

use std::time::Instant;

use arrayvec::ArrayVec;
use jerboa_core_shard::Shard;
use jerboa_wire::opcode::Kind;
use jerboa_wire::routing::partition_of;
use jerboa_wire::{Decoded, Opcode, Reply, Request, RequestFlags, Status, decode_request, limits};

use self::task::work_of;
pub(super) use self::task::{Direction, Task, is_on_key};
use super::WorkerConfig;
use super::budget::{BATCH, LARGE_REPLY_BYTES, WORK_PER_CONNECTION};
use super::buffer::Pool;
use super::changes::follow::{Follower, changes_all};
use super::commands::{Scratch, Turn};
use super::connection::{Surroundings, execute_connection};
use super::execute::{Answering, Execution, MapChoice, choose_map, encode};
use super::locking::Locks;
use super::mailbox::Outbox;
use super::measure::{Failed, Measures};
use super::owned::execute_owned;
use super::pauses::OwnPauses;
use super::pubsub::PubSub;
use super::session::Session;
use super::shared::Shared;
use super::slow::SlowCommands;
use super::stats::Counts;
use super::turn::{Input, Progress};
use super::verification::Verification;
use crate::net::SocketId;
use crate::resp::{CommandNumber, Render};

/// A decoded frame of an input.
pub(super) struct Op<'a> {
    pub(super) input: u32,
    /// Offset behind the frame in its input.
    pub(super) end: u32,
    /// How the reply is written.
    pub(super) render: Render,
    /// Its bytes and what came behind them.
    pub(super) raw: &'a [u8],
    /// The command that it is, if it is one.
    pub(super) command: CommandNumber,
    pub(super) task: Task<'a>,
}

impl Op<'_> {
    /// Whether executing it takes a time of its own, by what it carries.
    #[inline]
    fn is_large(&self) -> bool {
        let request = self.task.request();
        request.is_some_and(|request| request.value.len() > LARGE_REPLY_BYTES)
    }
}

/// Frames that are executed together.
pub(super) type Batch<'a> = ArrayVec<Op<'a>, BATCH>;

/// The parts of a worker that execution needs, apart from the ring, whose buffers it reads.
pub(super) struct Executor<'w> {
    pub(super) output_limit: usize,
    /// Bytes that the core's sessions may still hold: large replies beyond are refused.
    pub(super) room: usize,
    pub(super) config: &'w WorkerConfig,
    pub(super) shared: &'w Shared,
    pub(super) shard: &'w mut Shard,
    pub(super) locks: &'w mut Locks,
    pub(super) verification: &'w mut Verification,
    pub(super) changes: &'w mut Follower,
    pub(super) sessions: &'w mut [Option<Session>],
    pub(super) outbox: &'w mut Outbox,
    pub(super) pubsub: &'w mut PubSub,
    pub(super) buffered_bytes: &'w mut usize,
    pub(super) counts: &'w mut Counts,
    pub(super) measures: &'w mut Measures,
    pub(super) slow: &'w mut SlowCommands,
    pub(super) pauses: &'w mut OwnPauses,
    /// When the request that is being executed arrived.
    pub(super) since: Instant,
    pub(super) pool: &'w mut Pool,
    pub(super) dirty: &'w mut Vec<SocketId>,
    pub(super) scratch: &'w mut Scratch,
    pub(super) now_ms: u64,
}

impl Executor<'_> {
    /// Decodes the frames of one input into the batch, which is run whenever it is full.
    pub(super) fn decode_input<'a>(
        &mut self,
        index: u32,
        bytes: &'a [u8],
        batch: &mut Batch<'a>,
        entries: &[Input],
        progress: &mut [Progress],
    ) {
        let socket = entries[index as usize].socket;
        let session = self.sessions.get(socket.0 as usize);
        if session.is_some_and(|found| found.as_ref().is_some_and(|s| s.client.is_some())) {
            let mut turn = Turn {
                batch,
                entries,
                progress,
                line: None,
            };
            return self.decode_commands(index, bytes, &mut turn);
        }
        let (mut at, mut work) = (0, 0);
        loop {
            if progress[index as usize].blocked || progress[index as usize].deferred {
                return;
            }
            let Some(Some(session)) = self.sessions.get(socket.0 as usize) else {
                return;
            };
            let decoded = decode_request(&bytes[at..], &session.decode);
            if matches!(decoded, Ok(Decoded::Incomplete { .. })) {
                return;
            }
            if work >= WORK_PER_CONNECTION {
                progress[index as usize].unfinished = true;
                return;
            }
            let mut sets_decoding = false;
            let begin = at;
            let task = match decoded {
                Ok(Decoded::Incomplete { .. }) => return,
                Ok(Decoded::Frame { frame, consumed }) => {
                    at += consumed;
                    work += work_of(&frame);
                    sets_decoding = frame.opcode == Opcode::Hello;
                    Task {
                        direction: self.direct(&frame),
                        request: frame,
                    }
                }
                Err(error) => {
                    at += error.recover.map_or(0, |in_step| in_step.consumed);
                    work += 1;
                    Task::refused(&error)
                }
            };
            let fatal = task.is_fatal();
            batch.push(Op {
                input: index,
                end: at as u32,
                render: Render::Frame,
                raw: &bytes[begin..],
                command: CommandNumber::NONE,
                task,
            });
            // What a hello agrees on holds from the very next frame on.
            if batch.is_full() || sets_decoding {
                self.run(batch, entries, progress);
            }
            if fatal {
                return;
            }
        }
    }

    /// Executes a batch in order and empties it.
    pub(super) fn run(
        &mut self,
        batch: &mut Batch<'_>,
        entries: &[Input],
        progress_of_all: &mut [Progress],
    ) {
        if batch.len() > 1 {
            let addresses = batch
                .iter_mut()
                .filter_map(|op| match &mut op.task.direction {
                    Direction::Key(at) => Some(at),
                    _ => None,
                });
            self.shard.prefetch(addresses);
        }
        // Those that move much have their time to themselves.
        let mut timed = 0;
        // By reference: an operation is large, and nothing in it needs dropping.
        for (place, op) in batch.iter().enumerate() {
            let progress = &mut progress_of_all[op.input as usize];
            if progress.blocked || progress.deferred {
                continue;
            }
            let input = &entries[op.input as usize];
            let socket = input.socket;
            if let Direction::Other(_) = op.task.direction {
                let request = &op.task.request;
                let bytes = request.key.len() + request.value.len();
                if request.opcode == Opcode::Publish && !self.pubsub.has_room(bytes) {
                    progress.deferred = true;
                    continue;
                }
                if !self.may_change_all(socket, request) {
                    progress.blocked = true;
                    continue;
                }
            }
            let session = self.sessions[socket.0 as usize].as_mut();
            let Some(session) = session.filter(|session| !session.blocked(self.output_limit))
            else {
                progress.blocked = true;
                continue;
            };
            session.replies.asked_by(op.command);
            if let Some(request) = op.task.request() {
                session.grants.heed(request);
            }
            progress.consumed = op.end as usize;
            progress.broken |= op.task.is_fatal();
            self.since = input.since;
            self.measures.commands.begin(op.command, input.since);
            let render = session.unless_silent(op.render);
            let room = self.room;
            self.execute(socket, &op.task, render);
            if op.command != CommandNumber::NONE {
                self.count_failure(socket, op.command);
            }
            if self.room != room || op.is_large() {
                let took_ns = self.measures.finish();
                self.note_if_slow(&batch[timed..=place], entries, progress_of_all, took_ns);
                timed = place + 1;
            }
        }
        let took_ns = self.measures.finish();
        self.note_if_slow(&batch[timed..], entries, progress_of_all, took_ns);
        batch.clear();
    }

    /// The session on a socket, which is about to be replied to.
    #[inline]
    pub(super) fn open_session(&mut self, socket: SocketId) -> Option<&mut Session> {
        let session = self.sessions[socket.0 as usize].as_mut()?;
        open(session, socket, self.pool, self.dirty);
        Some(session)
    }

    /// A command was executed: counts it where the reply was an error.
    #[inline]
    pub(super) fn count_failure(&mut self, socket: SocketId, command: CommandNumber) {
        let session = self.sessions[socket.0 as usize].as_mut();
        if let Some(word) = session.and_then(|session| session.failed.take()) {
            self.measures.commands.fail(Failed { command, word });
        }
    }

    #[inline]
    pub(super) fn execute(&mut self, socket: SocketId, task: &Task<'_>, render: Render) {
        let request = &task.request;
        if let Direction::Key(at) = task.direction {
            return self.execute_on_key(socket, request, at, render);
        }
        let (epoch, value_bytes_max) = (self.shared.epoch, self.config.value_bytes_max);
        let Some(session) = self.open_session(socket) else {
            return;
        };
        let answering = session.answering(epoch, value_bytes_max);
        self.counts.ops += 1;
        match task.direction {
            Direction::Key(_) => {}
            Direction::Other(map) => {
                self.execute_other(socket, request, map, &answering, render);
            }
            Direction::Elsewhere(core) => {
                self.forward(socket, request, core, &answering, render);
            }
            Direction::Refused { status, .. } => {
                self.execute_refused(socket, request, status, &answering, render);
            }
        }
    }

    /// Answers a request that is refused.
    fn execute_refused(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        status: Status,
        answering: &Answering,
        render: Render,
    ) {
        self.counts.errors += u64::from(status.is_error());
        if status == Status::NotFound {
            self.measures.note(request.opcode, None, self.since);
            self.measures.miss(request.opcode, 1);
        }
        let reply = Reply {
            epoch: self.shared.epoch,
            ..Reply::new(request.opcode, status, request.request_id)
        };
        if let Some(session) = self.sessions[socket.0 as usize].as_mut() {
            session.reply_as(render, &mut self.scratch.frame, |out| {
                encode(&reply, out, answering.crc);
            });
        }
    }

    /// A request about the connection or the node, or on many keys.
    fn execute_other(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        map: MapChoice,
        answering: &Answering,
        render: Render,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        if is_of_this_core(request) {
            let map = choose_map(self.shard, request);
            self.measures.note(request.opcode, map.known(), self.since);
            let mut engine = Execution {
                own_core: self.config.core,
                shard: self.shard,
                now_ms: self.now_ms,
                answering: *answering,
                room: self.room,
            };
            let (locks, shared) = (&mut *self.locks, self.shared);
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                execute_owned(&mut engine, locks, shared, request, out);
            });
        }
        if changes_all(request.opcode) {
            return self.execute_change(socket, request, answering, render);
        }
        if request.opcode.is_everywhere() {
            return self.execute_everywhere(socket, request, answering, render);
        }
        if request.opcode.shape().kind == Kind::Channel {
            self.measures.note(request.opcode, None, self.since);
            return self.execute_channel(socket, request, answering, render);
        }
        if request.count > 0 {
            return self.execute_many(socket, request, map, answering, render);
        }
        self.measures.note(request.opcode, map.known(), self.since);
        let mut around = Surroundings {
            shared: self.shared,
            config: self.config,
            verification: self.verification,
        };
        execute_connection(request, session, &mut around, answering);
    }

    fn execute_many(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        map: MapChoice,
        answering: &Answering,
        render: Render,
    ) {
        self.counts.keys += u64::from(request.count);
        let shared = self.shared;
        let partition = |key: &[u8]| partition_of(key, shared.partition_count);
        let owner = |key: &[u8]| shared.core_of_partition[usize::from(partition(key))];
        let own = self.config.core;
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let all_here = if request.opcode == Opcode::MultiPut {
            request.entries().all(|entry| owner(entry.key) == own)
        } else {
            request.keys().all(|key| owner(key) == own)
        };
        // More items than a frame has are a command's: they go in parts, to this core too.
        if all_here && request.count <= limits::MULTI_ITEMS_MAX {
            self.measures.note(request.opcode, map.known(), self.since);
            self.measures
                .use_keys(self.shard, request, map, shared.partition_count);
            let (now_ms, answering) = (self.now_ms, *answering);
            let mut engine = Execution {
                own_core: self.config.core,
                shard: self.shard,
                now_ms,
                answering,
                room: self.room,
            };
            session.reply_as(render, &mut self.scratch.frame, |out| {
                engine.many(request, map, partition, out);
            });
            self.room = engine.room;
            return self.locks.changed_many(request, map);
        }
        if request.hops > 0 {
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                answering.status(request, Status::NotOwner, out);
            });
        }
        if request.flags.contains(RequestFlags::IF_ABSENT) {
            // All or nothing: by one core.
            let mut owners = request.entries().map(|entry| owner(entry.key));
            let core = owners.next().unwrap_or(own);
            if owners.all(|other| other == core) {
                return self.forward(socket, request, core, answering, render);
            }
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                answering.status(request, Status::ManyOwners, out);
            });
        }
        self.scatter(socket, request, owner, answering, render);
    }
}

/// Gives a session that is about to be replied to what it needs for that.
#[inline]
fn open(session: &mut Session, socket: SocketId, pool: &mut Pool, dirty: &mut Vec<SocketId>) {
    if session.output.capacity() == 0 {
        session.output = pool.take();
    }
    if !std::mem::replace(&mut session.dirty, true) {
        dirty.push(socket);
    }
}

/// Whether a request without key concerns this core alone, which has found that it is meant.
fn is_of_this_core(request: &Request<'_>) -> bool {
    match request.opcode.shape().kind {
        Kind::Scan | Kind::Slot => true,
        Kind::Everywhere => request.flags.contains(RequestFlags::THIS_CORE),
        _ => false,
    }
}

impl Session {
    /// How a request of this connection is answered here.
    #[inline]
    fn answering(&self, epoch: u32, value_bytes_max: u32) -> Answering {
        let client = self.client.as_ref();
        Answering {
            crc: self.crc,
            epoch,
            stale: false,
            value_bytes_max,
            no_touch: client.is_some_and(|client| client.no_touch),
        }
    }
}
