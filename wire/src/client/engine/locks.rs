//! Locks whose callers have gone: no lock is left with nobody.
//!
//! A request for a lock is kept when its caller times out or is dropped, as long as its connection
//! lives. If the lock is granted all the same, it is given back at once. If the connection ends,
//! the node takes the request out of the line, and the lock back if it cannot have arrived.

use std::cmp::Reverse;

use super::calls::{CallKey, For, Place};
use super::{Completed, ConnectionId, Engine};
use crate::client::error::{Error, Outcome};
use crate::client::operation::Operation;
use crate::client::options::LockToken;
use crate::client::outcome::Response;
use crate::opcode::Opcode;
use crate::status::Status;

impl<W> Engine<W> {
    /// The caller has gone. A lock that is granted all the same is given back; every other call
    /// goes on.
    pub fn abandon(&mut self, key: CallKey) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if call.operation.opcode() != Opcode::Lock {
            return;
        }
        if matches!(call.place, Place::Sent { .. }) {
            call.wanted = For::Nobody;
        } else {
            self.calls.remove(key);
        }
    }

    /// Gives a lock back whose caller has gone. Nobody is told what comes of it.
    pub fn give_back(&mut self, operation: Operation, now_us: u64) {
        if !self.closed {
            let deadline_us = self.deadline_of(&operation, now_us);
            self.begin(operation, For::Nobody, deadline_us, now_us);
        }
    }

    /// Whether a lock is still to be given back, or may have to be.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.calls.unwanted().next().is_some()
    }

    /// A connection on which the answer to such a call is expected.
    #[must_use]
    pub fn owes_on(&self) -> Option<ConnectionId> {
        self.calls.unwanted().find_map(|call| match call.place {
            Place::Sent { connection, .. } => Some(self.id_of(connection)),
            _ => None,
        })
    }

    /// The answer to a request for a lock that nobody waits for any more.
    pub(super) fn unwanted(&mut self, key: CallKey, response: &Response, now_us: u64) {
        let call = self.calls.remove(key);
        if let Some(unlock) = call.and_then(|call| give_back(&call.operation, response)) {
            self.give_back(unlock, now_us);
        }
    }

    /// Tells the caller of a request for a lock that its time is over, and keeps the request: the
    /// lock may be granted all the same. False for other calls.
    pub(super) fn time_out_lock(&mut self, key: CallKey, outcome: Outcome, now_us: u64) -> bool {
        let Some(call) = self.calls.get_mut(key) else {
            return false;
        };
        let sent = matches!(call.place, Place::Sent { .. });
        if !sent || call.operation.opcode() != Opcode::Lock {
            return false;
        }
        let For::Caller(waiter) = std::mem::replace(&mut call.wanted, For::Nobody) else {
            return false;
        };
        let wait = call.operation.wait();
        self.completed.push(Completed {
            waiter,
            result: Err(Error::TimedOut { outcome }),
            give_back: None,
        });
        let limit = wait.saturating_add(self.config.call_timeout);
        let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let deadline_us = now_us.saturating_add(limit_us);
        self.deadlines.push(Reverse((deadline_us, key)));
        true
    }
}

/// What gives the lock back that an answer grants.
pub(super) fn give_back(operation: &Operation, response: &Response) -> Option<Operation> {
    let granted = response.status == Status::Ok;
    let unlock = || operation.give_back(LockToken::new(response.version));
    granted.then(unlock).flatten()
}
