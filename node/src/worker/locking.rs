//! Locks that are waited for: joining a line, serving it, leaving it.
//!
//! A request that waits has no place among the replies of its connection, so that it holds up
//! nothing; it is answered when its turn or its time has come. Lines are served at the end of a
//! turn, after everything that may have freed a lock in it.
//!
//! No orphans: a connection that ends takes its waiters out of the lines of all cores, and a lock
//! that was given to it and cannot have reached it goes back to the core that owns it.

#[cfg(test)]
mod tests;

use jerboa_core_shard::{Address, MapId};
use jerboa_wire::{
    CrcMode, DecodeOptions, Decoded, Opcode, Reply, Request, RequestFlags, Status, decode_reply,
    lock,
};

use super::Worker;
use super::execute::lock::Attempt;
use super::execute::{Answering, Execution, MapChoice, encode};
use super::foreign::FOREIGN;
use super::mailbox::{Answer, Grant, Message, Order, ReturnAddress};
use super::session::{Life, Session};
use super::waiters::{Connection, Waiter, Waiters};
use crate::net::SocketId;
use crate::resp::{Render, Unblock};

/// Locks given out in one turn; the rest waits for the next.
const GRANTS_PER_TURN: usize = 256;
/// Lines gone by in one turn, to find those of a map that was destroyed.
const LINES_PASSED_PER_TURN: u32 = 1024;
/// Locks that the engine removed by itself are looked for this often, and only if it removed
/// anything.
const GONE_LOOK_MS: u64 = 1000;

/// The lines of a core.
#[derive(Debug, Default)]
pub(super) struct Locks {
    waiters: Waiters,
    /// Who left the line with the lock in this turn, still to be told.
    granted: Vec<(Waiter, Grant)>,
    /// The node stops: nobody may wait any more.
    closed: bool,
    /// What the engine had removed by itself when the lines were last looked over for it, and when
    /// that was.
    gone: u64,
    looked_ms: u64,
}

/// What came of a Lock request.
pub(super) enum Asked {
    Answered {
        reply: Reply<'static>,
        grant: Option<Grant>,
    },
    Waits,
}

impl Locks {
    /// Requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// Memory that they hold.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiters.bytes()
    }

    /// Whether somebody waits for a lock of a map.
    pub(super) fn has_lines_of(&self, map: MapId) -> bool {
        self.waiters.has_lines_of(map)
    }

    /// Whether a line is to be served before the next event.
    pub(super) fn have_work(&self) -> bool {
        self.waiters.is_touched() || self.waiters.are_overdue() || !self.granted.is_empty()
    }

    /// A request on one key was executed: its line is served if it may have freed the lock.
    #[inline]
    pub(super) fn changed(&mut self, request: &Request<'_>, at: Address) {
        if !self.waiters.is_empty() && !request.opcode.is_read() {
            self.waiters.touch(at.map, request.key);
        }
    }

    /// A map was destroyed, and its locks with it.
    pub(super) fn map_was_destroyed(&mut self, map: MapId) {
        self.waiters.touch_map(map);
    }

    /// Gives the lock that a request names to the first in its line if it is free.
    fn grant_first(&mut self, engine: &mut Execution<'_>, line: u32, request: &Request<'_>) {
        let Some((id, waiter, at, _)) = self.waiters.head(line) else {
            return;
        };
        if let Attempt::Taken { token } = engine.try_lock(at, request.key, waiter.lease_ms) {
            let grant = Grant {
                owner: engine.own_core,
                map: request.map.into(),
                key: request.key.into(),
                token,
            };
            self.waiters.remove(id);
            self.granted.push((waiter, grant));
        }
    }

    /// The same for a request on many keys.
    pub(super) fn changed_many(&mut self, request: &Request<'_>, map: MapChoice) {
        let MapChoice::Known(map) = map else { return };
        if self.waiters.is_empty() {
            return;
        }
        match request.opcode {
            Opcode::MultiDelete => request.keys().for_each(|key| self.waiters.touch(map, key)),
            Opcode::MultiPut => {
                let entries = request.entries();
                entries.for_each(|entry| self.waiters.touch(map, entry.key));
            }
            _ => {}
        }
    }

    /// So many entries in all has the engine removed by itself, without telling which: all lines are
    /// gone over for their locks if there are more than at the last time, however busy some of them
    /// are meanwhile.
    fn look_for_gone(&mut self, gone: u64, now_ms: u64) {
        // The clock may have been set back.
        let due = now_ms.abs_diff(self.looked_ms) >= GONE_LOOK_MS;
        // A pass under way has gone by some lines already: it is ended before the next begins.
        if due && gone != self.gone && !self.waiters.touches_all() {
            self.gone = gone;
            self.looked_ms = now_ms;
            self.waiters.touch_all();
        }
    }
}

/// Takes the lock that a request names, or puts the request into its line.
pub(super) fn asked_for_lock(
    engine: &mut Execution<'_>,
    locks: &mut Locks,
    request: &Request<'_>,
    at: Address,
    to: ReturnAddress,
) -> Asked {
    let answering = engine.answering;
    let answered = |status| Asked::Answered {
        reply: answering.head(request, status),
        grant: None,
    };
    if locks.closed {
        return answered(Status::ShuttingDown);
    }
    let leased = request.flags.contains(RequestFlags::TTL_RELATIVE);
    let lease_ms = leased.then_some(request.arg);
    // Those in line come first. Where the lock is free by now, the first of them has it from here
    // on: else this request could be refused while nobody holds the lock.
    if let Some(line) = locks.waiters.line(&at, request.key) {
        locks.grant_first(engine, line, request);
    } else {
        match engine.try_lock(at, request.key, lease_ms) {
            Attempt::Taken { token } => {
                let grant = Grant {
                    owner: engine.own_core,
                    map: request.map.into(),
                    key: request.key.into(),
                    token,
                };
                let reply = Reply {
                    version: token,
                    ..answering.head(request, Status::Ok)
                };
                return Asked::Answered {
                    reply,
                    grant: Some(grant),
                };
            }
            Attempt::Refused(status) => return answered(status),
            Attempt::Held { .. } => {}
        }
    }
    let wait_ms = lock::decode_wait(request.value).unwrap_or(0);
    if wait_ms == 0 {
        return answered(Status::LockNotAcquired);
    }
    let waiter = Waiter {
        to,
        request_id: request.request_id,
        partition: request.partition,
        crc: answering.crc,
        stale: answering.stale,
        lease_ms,
        deadline_ms: engine.now_ms.saturating_add(wait_ms),
    };
    match locks.waiters.join(at, request.key, waiter) {
        Ok(()) => Asked::Waits,
        Err(_) => answered(Status::TooManyWaiters),
    }
}

impl Worker {
    /// Gives free locks to those in line, and answers those whose time is over.
    pub(super) fn serve_locks(&mut self, now_ms: u64) {
        self.tell_granted(now_ms);
        self.locks.waiters.pass_on(LINES_PASSED_PER_TURN);
        if self.locks.waiters.is_empty() {
            return;
        }
        let overdue = self.locks.waiters.expire(now_ms, GRANTS_PER_TURN);
        // The engine does not tell which entries it evicts, or finds unused for as long as their map
        // allows; a lock may be among them.
        let counters = self.shard.counters();
        let gone = counters.evicted + counters.expired;
        self.locks.look_for_gone(gone, now_ms);
        let mut left = GRANTS_PER_TURN;
        while left > 0
            && let Some(line) = self.locks.waiters.next_touched()
        {
            left -= 1;
            self.serve_line(line, &mut left, now_ms);
        }
        for id in overdue {
            // Not before its line was looked at: the lock may be free.
            if self.locks.waiters.is_line_touched(id) {
                self.locks.waiters.put_off(id);
            } else {
                self.refuse_waiter(id, Status::LockNotAcquired, now_ms);
            }
        }
    }

    /// Tells those who left their lines with the lock.
    fn tell_granted(&mut self, now_ms: u64) {
        for (waiter, grant) in std::mem::take(&mut self.locks.granted) {
            self.answer_waiter(&waiter, Status::Ok, Some(grant), now_ms);
        }
    }

    fn serve_line(&mut self, line: u32, left: &mut usize, now_ms: u64) {
        while let Some((id, waiter, at, key)) = self.locks.waiters.head(line) {
            if *left == 0 {
                return self.locks.waiters.touch_again(line);
            }
            let key: Box<[u8]> = key.into();
            let mut engine = self.engine(&waiter, now_ms);
            match engine.try_lock(at, &key, waiter.lease_ms) {
                Attempt::Held { expires_at_ms } => {
                    return self.locks.waiters.wake_at(line, expires_at_ms);
                }
                Attempt::Taken { token } => {
                    let grant = Grant {
                        owner: self.config.core,
                        map: self.shard.map_name(at.map).unwrap_or_default().into(),
                        key,
                        token,
                    };
                    self.locks.waiters.remove(id);
                    self.answer_waiter(&waiter, Status::Ok, Some(grant), now_ms);
                }
                Attempt::Refused(status) => self.refuse_waiter(id, status, now_ms),
            }
            *left -= 1;
        }
    }

    fn engine(&mut self, waiter: &Waiter, now_ms: u64) -> Execution<'_> {
        Execution {
            own_core: self.config.core,
            room: 0,
            shard: &mut self.shard,
            now_ms,
            answering: Answering {
                crc: waiter.crc,
                epoch: self.shared.epoch,
                stale: waiter.stale,
                value_bytes_max: self.config.value_bytes_max,
                no_touch: false,
            },
        }
    }

    fn refuse_waiter(&mut self, id: u32, status: Status, now_ms: u64) {
        if let Some(waiter) = self.locks.waiters.remove(id) {
            self.answer_waiter(&waiter, status, None, now_ms);
        }
    }

    fn answer_waiter(
        &mut self,
        waiter: &Waiter,
        status: Status,
        grant: Option<Grant>,
        now_ms: u64,
    ) {
        let answering = self.engine(waiter, now_ms).answering;
        let asked = Request {
            request_id: waiter.request_id,
            partition: waiter.partition,
            ..Request::new(Opcode::Lock)
        };
        let reply = Reply {
            version: grant.as_ref().map_or(0, |grant| grant.token),
            ..answering.head(&asked, status)
        };
        let mut frame = Vec::new();
        encode(&reply, &mut frame, waiter.crc);
        let answer = Answer {
            to: waiter.to,
            from: self.config.core,
            request_bytes: 0,
            reply: frame,
            order: Order::Late,
            grant: grant.map(Box::new),
        };
        if waiter.to.core == FOREIGN {
            self.answer_waiting_call(waiter.to.serial, &answer.reply, now_ms);
        } else if waiter.to.core == self.config.core {
            self.deliver_answer(answer, now_ms);
        } else {
            self.outbox.answer(answer);
        }
    }

    /// Takes everything that waits for a connection out of the lines of this core.
    pub(super) fn leave_lines(&mut self, connection: Connection, now_ms: u64) {
        for id in self.locks.waiters.of_connection(connection) {
            self.refuse_waiter(id, Status::LockNotAcquired, now_ms);
        }
    }

    /// Takes everything that waits for a connection of this core out of the lines of all cores.
    pub(super) fn leave_all_lines(&mut self, socket: SocketId, session: &Waiting, now_ms: u64) {
        let connection = Connection::new(self.config.core, socket, session.serial);
        if session.parked > 0 {
            self.leave_lines(connection, now_ms);
        }
        if session.asked_for_locks {
            for core in (0..self.outbox.cores()).filter(|core| *core != self.config.core) {
                self.outbox.notify(core, Message::Gone(connection));
            }
        }
    }

    /// Ends the wait of a connection, if it waits for a lock: whatever comes of it elsewhere, it does
    /// not get the lock. One that speaks frames may wait for several: it hears of each what it would
    /// hear were its time over, and may still get one that is on its way.
    pub(super) fn end_wait(&mut self, socket: SocketId, how: Unblock, now_ms: u64) -> bool {
        let Some(session) = self.session(socket) else {
            return false;
        };
        let Some(waiting) = session.waiting() else {
            return false;
        };
        if waiting.parked == 0 || session.unblocked || session.life != Life::Open {
            return false;
        }
        if session.client.is_some() {
            session.unblocked = true;
            if how == Unblock::WithError {
                session.replies.refuse_lock();
            }
        }
        self.leave_all_lines(socket, &waiting, now_ms);
        true
    }

    /// The node stops: nobody waits any more.
    pub(super) fn close_lines(&mut self, now_ms: u64) {
        self.locks.closed = true;
        self.tell_granted(now_ms);
        for id in self.locks.waiters.all() {
            self.refuse_waiter(id, Status::ShuttingDown, now_ms);
        }
    }

    /// Whether a connection was given locks that it may not know of.
    pub(super) fn holds_grants(&self, socket: SocketId) -> bool {
        let session = self.sessions.get(socket.0 as usize);
        session.is_some_and(|found| {
            found
                .as_ref()
                .is_some_and(|session| !session.grants.is_empty())
        })
    }

    /// Whether everything that a connection is owed has reached its peer's host.
    pub(super) fn has_everything(&mut self, socket: SocketId) -> bool {
        let flushed = self
            .session(socket)
            .is_some_and(|session| session.output.is_empty());
        flushed && !self.ring.sending(socket) && self.ring.is_confirmed(socket)
    }

    /// Gives back what a connection was given and cannot have received.
    pub(super) fn return_grants(&mut self, socket: SocketId, now_ms: u64) {
        let grants = self.session(socket).map(|session| session.grants.take());
        for grant in grants.into_iter().flatten() {
            self.return_lock(grant, now_ms);
        }
    }

    /// Sends a lock back whose taker is gone.
    pub(super) fn return_lock(&mut self, grant: Grant, now_ms: u64) {
        if grant.owner == self.config.core {
            self.take_back(&grant, now_ms);
        } else {
            let owner = grant.owner;
            self.outbox.notify(owner, Message::Returned(grant));
        }
    }

    /// Frees a lock of this core that came back.
    pub(super) fn take_back(&mut self, grant: &Grant, now_ms: u64) {
        let partition_count = self.shared.partition_count;
        let partition = jerboa_wire::routing::partition_of(&grant.key, partition_count);
        let Some(map) = self.shard.find_map(&grant.map) else {
            return;
        };
        let at = self.shard.address(map, partition, &grant.key);
        let mut engine = Execution {
            own_core: self.config.core,
            room: 0,
            shard: &mut self.shard,
            now_ms,
            answering: Answering {
                crc: jerboa_wire::Crc::On,
                epoch: self.shared.epoch,
                stale: false,
                value_bytes_max: self.config.value_bytes_max,
                no_touch: false,
            },
        };
        if engine.release(at, &grant.key, grant.token) {
            self.locks.waiters.touch(map, &grant.key);
        }
    }
}

/// What a connection may be waiting for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    serial: u64,
    parked: usize,
    asked_for_locks: bool,
}

impl Session {
    /// A request of this core waits for a lock. A client that tells replies apart by their order
    /// keeps the place of this one.
    pub(super) fn park(&mut self, render: Render) {
        self.parked += 1;
        if matches!(render, Render::Resp(..)) {
            self.replies.wait_for_lock(render);
        }
    }

    /// What it may be waiting for, if anything.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        (self.parked > 0 || self.asked_for_locks).then_some(Waiting {
            serial: self.serial,
            parked: self.parked,
            asked_for_locks: self.asked_for_locks,
        })
    }

    /// Turns down a lock that comes after the connection gave up waiting for it, or had to, and
    /// returns it.
    pub(super) fn turn_down(&mut self, answer: &mut Answer) -> Option<Grant> {
        if answer.order != Order::Late {
            return None;
        }
        if !std::mem::take(&mut self.unblocked) && self.life == Life::Open {
            return None;
        }
        let grant = answer.grant.take()?;
        let options = DecodeOptions {
            crc: CrcMode::Optional,
            ..self.decode
        };
        if let Ok(Decoded::Frame { frame, .. }) = decode_reply(&answer.reply, &options) {
            let refused = Reply {
                status: Status::LockNotAcquired,
                version: 0,
                ..frame
            };
            let mut reply = Vec::new();
            encode(&refused, &mut reply, self.crc);
            answer.reply = reply;
        }
        Some(*grant)
    }
}
