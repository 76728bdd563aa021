//! The connections of an engine: which there are, in which state, and who waits for them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::calls::{CallKey, For, Place};
use super::{Action, ConnectionId, Engine};
use crate::client::error::{Error, Outcome};
use crate::client::session::{Session, Target};
use crate::frame::{DecodeErrorKind, EncodeError};

/// One connection, up or not.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) address: Arc<str>,
    pub(super) state: State,
    /// Calls that wait for it to come up or to have room, in the order they came.
    pub(super) waiting: VecDeque<CallKey>,
    /// Connections in a row that failed before anything was heard.
    pub(super) failures: u32,
    /// Named by the configuration: never given up.
    pub(super) seed: bool,
    /// The current topology has no such address.
    pub(super) gone: bool,
    /// The driver knows that there is output.
    pub(super) flushing: bool,
    /// Counts the attempts at it.
    pub(super) incarnation: u32,
}

#[derive(Debug)]
pub(super) enum State {
    /// No socket, and none before `retry_at_us`.
    Down {
        retry_at_us: u64,
    },
    /// The driver is at it.
    Connecting,
    Up(Box<Session<CallKey>>),
}

/// Why a connection ended.
#[derive(Debug)]
pub enum Ended {
    /// It was never there.
    NotConnected {
        /// Why, as the operating system puts it.
        cause: String,
    },
    /// The peer closed it, or the operating system did.
    Closed,
}

impl Connection {
    /// When a connection attempt is due.
    pub(super) fn wakes_at_us(&self) -> Option<u64> {
        match self.state {
            State::Down { retry_at_us } if !self.waiting.is_empty() => Some(retry_at_us),
            _ => None,
        }
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }
}

impl<W> Engine<W> {
    /// The socket of a connection is there.
    pub fn connected(&mut self, connection: ConnectionId, now_us: u64) {
        let session_limits = self.session_limits;
        let Some((connection, place)) = self.present(connection) else {
            return;
        };
        if !matches!(place.state, State::Connecting) {
            return;
        }
        place.state = State::Up(Box::new(Session::new(session_limits, now_us)));
        self.flush(connection);
        self.send_waiting(connection, now_us);
    }

    /// The socket of a connection is gone, or never came.
    pub fn disconnected(&mut self, connection: ConnectionId, ended: Ended, now_us: u64) {
        let Some((connection, place)) = self.present(connection) else {
            return;
        };
        if matches!(place.state, State::Down { .. }) {
            return;
        }
        let error = match ended {
            Ended::NotConnected { cause } => Error::Unreachable {
                address: place.address.to_string(),
                cause,
            },
            Ended::Closed => Error::ConnectionLost {
                outcome: Outcome::NothingDone,
            },
        };
        self.lose(connection, &error, now_us);
    }

    /// Takes bytes that a connection's socket delivered.
    pub fn received(&mut self, connection: ConnectionId, bytes: &[u8], now_us: u64) {
        let mut received = std::mem::take(&mut self.received);
        let Some((connection, place)) = self.present(connection) else {
            return;
        };
        let State::Up(session) = &mut place.state else {
            return;
        };
        let result = session.receive(bytes, &mut received);
        let said = session.hello().map(|hello| hello.value_bytes_max);
        if let Some(value_bytes_max) = said {
            place.failures = 0;
            self.value_bytes_max = self.value_bytes_max.min(value_bytes_max);
        }
        for reply in received.drain(..) {
            self.answered(reply.tag, reply.response, now_us);
        }
        self.received = received;
        match result {
            Ok(noticed) => {
                self.notice(noticed, now_us);
                self.send_waiting(connection, now_us);
                self.close_if_gone(connection);
            }
            Err(kind) => self.break_off(connection, kind, now_us),
        }
    }

    /// Moves the bytes to write on a connection into `into`, which has to be empty. None are
    /// left when it stays empty; the next [`Action::Flush`] tells of new ones.
    pub fn take_output(&mut self, connection: ConnectionId, into: &mut Vec<u8>, now_us: u64) {
        let Some((connection, place)) = self.present(connection) else {
            return;
        };
        let State::Up(session) = &mut place.state else {
            return;
        };
        session.take_output(into);
        place.flushing = !into.is_empty();
        if place.flushing {
            self.send_waiting(connection, now_us);
        }
    }

    /// Whether requests are on their way on a connection.
    #[must_use]
    pub fn is_busy(&self, connection: ConnectionId) -> bool {
        let place = self.connections.get(connection.index as usize);
        let place = place.filter(|place| place.incarnation == connection.incarnation);
        match place.map(|place| &place.state) {
            Some(State::Up(session)) => session.in_flight() > 0,
            _ => false,
        }
    }

    /// Someone whose call is on its way on a connection.
    #[must_use]
    pub fn anyone_on(&self, connection: ConnectionId) -> Option<&W> {
        let place = self.connections.get(connection.index as usize)?;
        let State::Up(session) = &place.state else {
            return None;
        };
        let current = place.incarnation == connection.incarnation;
        let mut waiting = session.tags().filter(|_| current);
        waiting.find_map(|key| match &self.calls.get(key)?.wanted {
            For::Caller(waiter) => Some(waiter),
            For::Topology | For::Nobody => None,
        })
    }

    /// The present socket of a connection.
    pub(super) fn id_of(&self, index: u32) -> ConnectionId {
        let incarnation = self
            .connections
            .get(index as usize)
            .map_or(0, |p| p.incarnation);
        ConnectionId { index, incarnation }
    }

    /// A connection and its index, where `id` is about its present socket.
    fn present(&mut self, id: ConnectionId) -> Option<(u32, &mut Connection)> {
        let place = self.connections.get_mut(id.index as usize)?;
        (place.incarnation == id.incarnation).then_some((id.index, place))
    }

    /// Sends a call on a connection, or has it wait there.
    pub(super) fn send_or_wait(&mut self, connection: u32, key: CallKey, now_us: u64) {
        let Some(place) = self.connections.get_mut(connection as usize) else {
            return;
        };
        let room = matches!(&place.state, State::Up(session) if session.has_room());
        if room && place.waiting.is_empty() {
            self.send(connection, key, now_us);
        } else if let Some(call) = self.calls.get_mut(key) {
            call.place = Place::Waiting(connection);
            place.waiting.push_back(key);
            self.revive(connection, now_us);
            self.send_waiting(connection, now_us);
        }
    }

    fn send(&mut self, connection: u32, key: CallKey, now_us: u64) {
        let epoch = self
            .topology
            .as_ref()
            .map_or(0, |topology| topology.epoch());
        let Some(place) = self.connections.get_mut(connection as usize) else {
            return;
        };
        let State::Up(session) = &mut place.state else {
            return;
        };
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let target = Target {
            partition: call.partition,
            epoch,
        };
        match session.send(&call.operation, target, key, now_us) {
            Ok(request_id) => {
                call.attempts += 1;
                call.place = Place::Sent {
                    connection,
                    request_id,
                };
                self.flush(connection);
            }
            // What is refused here the node would have refused.
            Err(EncodeError::Refused(kind)) => {
                let (status, text) = (kind.status(), String::new());
                self.complete(key, Err(Error::Refused { status, text }));
            }
            Err(_) => self.complete(key, Err(Error::UnexpectedReply)),
        }
    }

    /// Sends what waits at a connection, as far as there is room.
    fn send_waiting(&mut self, connection: u32, now_us: u64) {
        while let Some(place) = self.connections.get_mut(connection as usize) {
            let room = matches!(&place.state, State::Up(session) if session.has_room());
            let Some(key) = room.then(|| place.waiting.pop_front()).flatten() else {
                return;
            };
            if self
                .calls
                .get(key)
                .is_some_and(|call| call.place == Place::Waiting(connection))
            {
                self.send(connection, key, now_us);
            }
        }
    }

    /// Asks for a connection that someone waits for, when its back-off is over.
    pub(super) fn revive(&mut self, connection: u32, now_us: u64) {
        let calls = &self.calls;
        let Some(place) = self.connections.get_mut(connection as usize) else {
            return;
        };
        let State::Down { retry_at_us } = place.state else {
            return;
        };
        if retry_at_us > now_us || self.closed {
            return;
        }
        place.waiting.retain(|key| {
            calls
                .get(*key)
                .is_some_and(|call| call.place == Place::Waiting(connection))
        });
        if !place.waiting.is_empty() {
            place.state = State::Connecting;
            place.incarnation = place.incarnation.wrapping_add(1);
            let address = place.address.clone();
            let connection = self.id_of(connection);
            self.actions.push(Action::Connect {
                connection,
                address,
            });
        }
    }

    fn flush(&mut self, connection: u32) {
        let Some(place) = self.connections.get_mut(connection as usize) else {
            return;
        };
        let has_output = matches!(&place.state, State::Up(session) if session.has_output());
        if has_output && !place.flushing {
            place.flushing = true;
            let id = self.id_of(connection);
            self.actions.push(Action::Flush(id));
        }
    }

    /// A request is given up at its deadline, sent or still waiting. A connection that has been
    /// silent for long is given up with it.
    pub(super) fn give_up(&mut self, connection: u32, request_id: Option<u32>, now_us: u64) {
        let stall_us = u64::try_from(self.config.stall.as_micros()).unwrap_or(u64::MAX);
        let Some(place) = self.connections.get_mut(connection as usize) else {
            return;
        };
        let State::Up(session) = &mut place.state else {
            return;
        };
        if let Some(request_id) = request_id {
            session.forget(request_id);
        }
        if session.silent_us(now_us) >= stall_us {
            self.hang_up(connection);
            let error = Error::ConnectionLost {
                outcome: Outcome::NothingDone,
            };
            self.lose(connection, &error, now_us);
        }
    }

    pub(super) fn hang_up(&mut self, connection: u32) {
        let id = self.id_of(connection);
        self.actions.push(Action::Close(id));
    }

    /// The peer broke the protocol.
    fn break_off(&mut self, connection: u32, kind: DecodeErrorKind, now_us: u64) {
        self.hang_up(connection);
        let error = Error::Protocol {
            kind,
            outcome: Outcome::NothingDone,
        };
        self.lose(connection, &error, now_us);
    }

    /// A connection has ended: what was on it is tried again where that is safe.
    fn lose(&mut self, connection: u32, error: &Error, now_us: u64) {
        let Some(place) = self.connections.get_mut(connection as usize) else {
            return;
        };
        place.flushing = false;
        let old = std::mem::replace(
            &mut place.state,
            State::Down {
                retry_at_us: now_us,
            },
        );
        let session = if let State::Up(session) = old {
            Some(session)
        } else {
            None
        };
        let heard = session
            .as_ref()
            .is_some_and(|session| session.hello().is_some());
        if !heard {
            place.failures = place.failures.saturating_add(1);
            let retry_at_us = now_us.saturating_add(self.backoff.pause_us(place.failures));
            place.state = State::Down { retry_at_us };
        }
        let waiting = std::mem::take(&mut place.waiting);
        self.want_refresh(now_us);
        let refused = session.as_ref().and_then(|session| session.refused());
        let refusal = refused.map(|status| Error::Refused {
            status,
            text: String::new(),
        });
        let orphans: Vec<_> = session.into_iter().flat_map(|s| s.into_orphans()).collect();
        for orphan in orphans {
            let Some(call) = self.calls.get(orphan.tag) else {
                continue;
            };
            if orphan.unsent || refusal.is_some() || call.operation.opcode().is_read() {
                let error = refusal.clone().unwrap_or_else(|| error.clone());
                self.retry(orphan.tag, error, now_us);
            } else {
                let error = error.clone().with_outcome(Outcome::Unknown);
                self.complete(orphan.tag, Err(error));
            }
        }
        for key in waiting {
            let Some(call) = self.calls.get_mut(key) else {
                continue;
            };
            if call.place != Place::Waiting(connection) {
                continue;
            }
            // A connection that came up counts when the call is sent, one that did not counts
            // here.
            call.attempts += u32::from(!heard);
            self.retry(
                key,
                refusal.clone().unwrap_or_else(|| error.clone()),
                now_us,
            );
        }
    }
}
