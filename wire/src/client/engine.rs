//! The whole client without sockets, clock or threads: calls, bytes and time in; results and
//! actions out. A driver feeds it and does what it says.
//!
//! ```text
//! call ─▶ dispatch ─▶ unrouted (no topology yet)
//!            │   └──▶ waiting at a connection that is not up or has no room
//!            ▼
//!          sent ──reply──▶ completed
//!            │  Busy, NotOwner, ShuttingDown: pause, then dispatch again
//!            └─ connection lost: dispatch again if nothing was written or it only reads
//! ```
//!
//! Invariants:
//! * I1 Every call is completed exactly once, at the latest by the first [`Engine::tick`] at or
//!   after its deadline.
//! * I2 A write that a socket has taken is never sent again unless a node answered that it did
//!   nothing.
//! * I3 At most `calls_max` calls are under way; every other queue holds calls, so that bounds
//!   them all.
//! * I4 A connection is asked for only while a call waits for it, and never before its back-off
//!   is over.
//! * I5 A lock that is granted to a call whose caller has gone is given back, unless the connection
//!   ends, whereupon the node takes it back.

mod calls;
mod connections;
mod locks;
mod refresh;
mod routes;

pub use calls::CallKey;
pub use connections::Ended;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::backoff::Backoff;
use super::config::Config;
use super::error::{Error, Outcome};
use super::operation::{InvalidCall, Operation, Route};
use super::outcome::Response;
use super::session::{Received, SessionLimits};
use crate::limits;
use crate::opcode::Opcode;
use crate::routing::{Table, Topology, partition};
use crate::status::Status;
use calls::{Call, Calls, For, Place};
use connections::{Connection, State};
use locks::give_back;
use refresh::Refresh;

/// One attempt at a connection: what an earlier socket to the same address still has to say is
/// not taken for the present one's word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ConnectionId {
    index: u32,
    incarnation: u32,
}

/// What a driver has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Connect, then call [`Engine::connected`] or [`Engine::disconnected`].
    Connect {
        /// The connection.
        connection: ConnectionId,
        /// `host:port`.
        address: Arc<str>,
    },
    /// Take what [`Engine::take_output`] has and write it.
    Flush(ConnectionId),
    /// Close the socket, if there is one. The engine has forgotten it already.
    Close(ConnectionId),
}

/// A call that is over; `W` is what the driver gave to tell its caller.
#[derive(Debug)]
pub struct Completed<W> {
    /// Who waits.
    pub waiter: W,
    /// The result.
    pub result: Result<Response, Error>,
    /// If the result is a lock: what gives it back, for [`Engine::give_back`] where there is
    /// nobody left to be told.
    pub give_back: Option<Operation>,
}

/// The client's state machine.
#[derive(Debug)]
pub struct Engine<W> {
    config: Config,
    backoff: Backoff,
    session_limits: SessionLimits,
    value_bytes_max: u32,
    calls: Calls<W>,
    connections: Vec<Connection>,
    topology: Option<Arc<Topology>>,
    table: Option<Arc<Table>>,
    /// Connection of each core of each member, filled in when first used: `routes[member][core]`.
    routes: Vec<Vec<Option<u32>>>,
    unrouted: Vec<CallKey>,
    refresh: Refresh,
    /// Deadlines of calls; those of calls that are over are skipped.
    deadlines: BinaryHeap<Reverse<(u64, CallKey)>>,
    /// Ends of pauses of calls; likewise.
    pauses: BinaryHeap<Reverse<(u64, CallKey)>>,
    completed: Vec<Completed<W>>,
    actions: Vec<Action>,
    received: Vec<Received<CallKey>>,
    closed: bool,
}

impl<W> Engine<W> {
    /// An engine that knows its seeds. Nothing happens before the first call.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let session_limits = SessionLimits {
            without_crc: config.without_crc,
            in_flight_max: config.in_flight_max.max(2),
            output_bytes_max: config.output_bytes_max,
            value_bytes_max: config.value_bytes_max,
        };
        let backoff = Backoff::new(config.backoff_first, config.backoff_max, config.jitter_seed);
        let mut engine = Self {
            backoff,
            session_limits,
            value_bytes_max: config.value_bytes_max,
            calls: Calls::new(config.calls_max),
            connections: Vec::new(),
            topology: None,
            table: None,
            routes: Vec::new(),
            unrouted: Vec::new(),
            refresh: Refresh::default(),
            deadlines: BinaryHeap::new(),
            pauses: BinaryHeap::new(),
            completed: Vec::new(),
            actions: Vec::new(),
            received: Vec::new(),
            closed: false,
            config,
        };
        for seed in engine.config.seeds.clone() {
            engine.connection_to(&seed, true);
        }
        engine
    }

    /// Begins a call. An error means that nothing was begun and `waiter` is not told.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] and [`Error::Overloaded`]: the call was not taken.
    pub fn call(
        &mut self,
        operation: Operation,
        waiter: W,
        deadline_us: u64,
        now_us: u64,
    ) -> Result<CallKey, Error> {
        if self.closed {
            return Err(Error::Closed {
                outcome: Outcome::NothingDone,
            });
        }
        self.check(&operation)?;
        if self.calls.is_full() {
            return Err(Error::Overloaded);
        }
        Ok(self.begin(operation, For::Caller(waiter), deadline_us, now_us))
    }

    /// When a call that begins now is over that brings no time limit of its own.
    fn deadline_of(&self, operation: &Operation, now_us: u64) -> u64 {
        let limit = operation.wait().saturating_add(self.config.call_timeout);
        now_us.saturating_add(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX))
    }

    /// The topology that calls are routed by.
    #[must_use]
    pub const fn topology(&self) -> Option<&Arc<Topology>> {
        self.topology.as_ref()
    }

    /// The owners of that topology.
    #[must_use]
    pub const fn table(&self) -> Option<&Arc<Table>> {
        self.table.as_ref()
    }

    /// Largest value that the nodes take, as far as they have said.
    #[must_use]
    pub const fn value_bytes_max(&self) -> u32 {
        self.value_bytes_max
    }

    /// Moves the calls that are over into `into`.
    pub fn take_completed(&mut self, into: &mut Vec<Completed<W>>) {
        into.append(&mut self.completed);
    }

    /// Moves what is to be done into `into`.
    pub fn take_actions(&mut self, into: &mut Vec<Action>) {
        into.append(&mut self.actions);
    }

    /// When [`Self::tick`] has something to do next.
    #[must_use]
    pub fn next_tick_us(&self) -> Option<u64> {
        let soonest = |heap: &BinaryHeap<Reverse<(u64, CallKey)>>| heap.peek().map(|top| top.0.0);
        let connections = self.connections.iter().filter_map(Connection::wakes_at_us);
        [
            soonest(&self.deadlines),
            soonest(&self.pauses),
            self.refresh_due_at_us(),
        ]
        .into_iter()
        .flatten()
        .chain(connections)
        .min()
    }

    /// Lets time pass: deadlines, ends of pauses and back-offs.
    pub fn tick(&mut self, now_us: u64) {
        while let Some(Reverse((at_us, key))) = self.deadlines.peek().copied() {
            if at_us > now_us {
                break;
            }
            self.deadlines.pop();
            self.expire(key, now_us);
        }
        while let Some(Reverse((at_us, key))) = self.pauses.peek().copied() {
            if at_us > now_us {
                break;
            }
            self.pauses.pop();
            if self
                .calls
                .get(key)
                .is_some_and(|call| call.place == Place::Paused)
            {
                self.dispatch(key, now_us);
            }
        }
        for index in 0..self.connections.len() {
            self.revive(index as u32, now_us);
        }
        self.refresh_if_due(now_us);
    }

    /// Ends everything: every call fails, every connection is to be closed.
    pub fn close(&mut self) {
        self.closed = true;
        for key in self.calls.keys() {
            let outcome = self.outcome_now(key);
            self.complete(key, Err(Error::Closed { outcome }));
        }
        for index in 0..self.connections.len() {
            let id = self.id_of(index as u32);
            self.actions.push(Action::Close(id));
        }
        self.connections.clear();
    }

    /// Whether [`Self::close`] was called.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// What no node would take is refused here: a node would have to close the connection, and
    /// other calls with it.
    fn check(&self, operation: &Operation) -> Result<(), Error> {
        let bytes = operation.value_bytes();
        let most = match operation.opcode() {
            Opcode::Put => self.value_bytes_max,
            _ => limits::section_bytes_max(self.value_bytes_max),
        };
        if bytes > most as usize {
            return Err(InvalidCall::ValueTooLarge(bytes).into());
        }
        Ok(())
    }

    fn begin(
        &mut self,
        operation: Operation,
        wanted: For<W>,
        deadline_us: u64,
        now_us: u64,
    ) -> CallKey {
        let key = self.calls.insert(Call::new(operation, wanted));
        self.forget_old_deadlines();
        self.deadlines.push(Reverse((deadline_us, key)));
        self.dispatch(key, now_us);
        key
    }

    /// Most deadlines lie behind calls that are long over: without this they would pile up for
    /// as long as a call may take.
    fn forget_old_deadlines(&mut self) {
        if self.deadlines.len() > 2 * self.calls.len() + 64 {
            let calls = &self.calls;
            self.deadlines
                .retain(|Reverse((_, key))| calls.get(*key).is_some());
            self.pauses
                .retain(|Reverse((_, key))| calls.get(*key).is_some());
        }
    }

    /// Finds the connection for a call and sends it, or leaves it where it has to wait.
    fn dispatch(&mut self, key: CallKey, now_us: u64) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let connection = match call.operation.route() {
            Route::Any => self.any_connection(),
            Route::Slot(slot) => {
                let Some(table) = &self.table else {
                    call.place = Place::Unrouted;
                    self.unrouted.push(key);
                    self.want_refresh(now_us);
                    return;
                };
                let partition = partition(slot, table.partition_count().trailing_zeros());
                let owner = table.owner(partition);
                call.partition = if call.operation.items() == 0 {
                    partition
                } else {
                    0
                };
                self.route(owner)
            }
        };
        match connection {
            Some(connection) => self.send_or_wait(connection, key, now_us),
            None => self.complete(
                key,
                Err(Error::Unreachable {
                    address: "no address".to_owned(),
                    cause: "neither a seed nor a topology is known".to_owned(),
                }),
            ),
        }
    }

    /// A reply has come: an end, or a reason to try again.
    fn answered(&mut self, key: CallKey, response: Response, now_us: u64) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        match call.wanted {
            For::Topology => return self.refreshed(key, response, now_us),
            For::Nobody if call.operation.opcode() == Opcode::Lock => {
                return self.unwanted(key, &response, now_us);
            }
            For::Nobody | For::Caller(_) => {}
        }
        let again = call.attempts < self.config.attempts_max;
        match response.status {
            Status::Busy if again => self.pause(key, now_us),
            Status::NotOwner | Status::ShuttingDown if again => {
                self.want_refresh(now_us);
                self.pause(key, now_us);
            }
            _ => self.complete(key, Ok(response)),
        }
    }

    /// Lets a call rest before its next attempt.
    fn pause(&mut self, key: CallKey, now_us: u64) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.place = Place::Paused;
        let until_us = now_us.saturating_add(self.backoff.pause_us(call.attempts));
        self.pauses.push(Reverse((until_us, key)));
    }

    /// Another attempt where one is left, else the end.
    fn retry(&mut self, key: CallKey, error: Error, now_us: u64) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let unwanted = matches!(call.wanted, For::Nobody);
        let pointless = unwanted && call.operation.opcode() == Opcode::Lock;
        if call.attempts < self.config.attempts_max && !self.closed && !pointless {
            self.dispatch(key, now_us);
        } else {
            self.complete(key, Err(error));
        }
    }

    /// The deadline of a call has come.
    fn expire(&mut self, key: CallKey, now_us: u64) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let place = call.place;
        let outcome = self.outcome_now(key);
        if self.time_out_lock(key, outcome, now_us) {
            if let Place::Sent { connection, .. } = place {
                self.give_up(connection, None, now_us);
            }
            return;
        }
        // It ends first: what follows makes room for others and must not send it any more.
        self.complete(key, Err(Error::TimedOut { outcome }));
        match place {
            Place::Sent {
                connection,
                request_id,
            } => {
                self.give_up(connection, Some(request_id), now_us);
            }
            Place::Waiting(connection) => self.give_up(connection, None, now_us),
            Place::New | Place::Unrouted | Place::Paused => {}
        }
    }

    /// The connection on which a call is on its way.
    #[must_use]
    pub fn connection_of(&self, key: CallKey) -> Option<ConnectionId> {
        match self.calls.get(key)?.place {
            Place::Sent { connection, .. } => Some(self.id_of(connection)),
            _ => None,
        }
    }

    /// What ending a call here and now leaves behind.
    fn outcome_now(&self, key: CallKey) -> Outcome {
        match self.calls.get(key) {
            Some(call) if matches!(call.place, Place::Sent { .. }) => call.outcome_if_lost(),
            _ => Outcome::NothingDone,
        }
    }

    fn complete(&mut self, key: CallKey, result: Result<Response, Error>) {
        let Some(call) = self.calls.remove(key) else {
            return;
        };
        match call.wanted {
            For::Caller(waiter) => {
                let granted = result.as_ref().ok();
                let give_back = granted.and_then(|response| give_back(&call.operation, response));
                self.completed.push(Completed {
                    waiter,
                    result,
                    give_back,
                });
            }
            For::Topology => self.refresh_failed(key, result.err()),
            For::Nobody => {}
        }
    }
}

#[cfg(test)]
mod tests;
