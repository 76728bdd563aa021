//! What completions do to sessions: connections come, bytes arrive, sends finish, peers leave.

use std::os::fd::OwnedFd;
use std::time::Duration;

use tracing::{debug, warn};

use super::Worker;
use super::budget::{LEAVING_SILENCE_MS, TICK_MS};
use super::buffer::InputBuffer;
use super::session::{Door, Life, Session};
use super::turn::Source;
use crate::net::{Chunk, Completion, SocketId};
use crate::resp::Client;

/// The first byte of a connection that speaks frames is this or more; that of a command is less.
pub(super) const FRAMES_BEGIN: u8 = 0x80;

impl Worker {
    pub(super) fn take_in(&mut self, completion: Completion, now_ms: u64) {
        match completion {
            Completion::Accepted { listener, socket } => self.accepted(listener, socket, now_ms),
            Completion::AcceptFailed { error } => {
                self.counts.accept_failures += 1;
                warn!(core = self.config.core, %error, "cannot accept connections");
            }
            Completion::Received { socket, chunk } => self.received(socket, chunk, now_ms),
            Completion::Ended { socket, error } => self.ended(socket, error.is_some(), now_ms),
            Completion::Sent { socket, buffer } => self.sent(socket, buffer, now_ms),
            Completion::Tick => {
                self.ring.arm_tick(Duration::from_millis(TICK_MS));
                self.measures.tick(Duration::from_millis(TICK_MS));
                self.rates.tick(&mut self.counts, self.arrived);
                self.tick(now_ms);
                self.refused.look(now_ms);
            }
        }
    }

    fn accepted(&mut self, listener: usize, socket: OwnedFd, now_ms: u64) {
        self.counts.accepted += 1;
        if !self.shared.admit() {
            self.counts.refused += 1;
            self.refused.add(socket, now_ms);
            return;
        }
        let door = if listener < self.any_core_listeners {
            Door::AnyCore
        } else {
            Door::OwnCore
        };
        self.serial += 1;
        let mut session = Session::new(self.serial, door, self.config.value_bytes_max, now_ms);
        session.id = self.shared.next_client();
        let id = self.ring.add(socket);
        let index = id.0 as usize;
        if self.sessions.len() <= index {
            self.sessions.resize_with(index + 1, || None);
        }
        self.sessions[index] = Some(session);
        self.session_count += 1;
        self.counts.connections += 1;
    }

    fn received(&mut self, socket: SocketId, chunk: Chunk, now_ms: u64) {
        self.counts.bytes_in += chunk.len() as u64;
        let output_limit = self.output_limit();
        let Some(session) = self
            .sessions
            .get_mut(socket.0 as usize)
            .and_then(Option::as_mut)
        else {
            return self.ring.release(chunk);
        };
        session.received_ms = now_ms;
        if session.life != Life::Open {
            session.discarded_bytes += chunk.len();
            let (bytes_max, _) = session.bounds_of_leaving(&self.config);
            let is_flood = session.life == Life::Leaving
                && session.discarded_bytes > bytes_max
                && !session.paused;
            self.ring.release(chunk);
            if is_flood {
                self.close_if_left(socket, now_ms);
            }
            return;
        }
        if !std::mem::replace(&mut session.begun, true)
            && let Some(first) = self.ring.bytes(&chunk).first()
            && *first < FRAMES_BEGIN
        {
            let id = session.id;
            let (peer, local) = self.ring.addresses(socket);
            let mut client = Client::new(id, peer, local, now_ms);
            client.core = self.config.core;
            client.is_on_core_port = session.door == Door::OwnCore;
            session.speak_resp(client);
        }
        if let Some(index) = session.turn_input {
            // A second chunk in one turn: both become one contiguous input.
            let source = self.inputs.source_mut(index);
            source.append(&mut self.ring, chunk, &mut self.pool);
            return;
        }
        if session.queued || session.blocked(output_limit) {
            session.input.extend(self.ring.bytes(&chunk));
            self.ring.release(chunk);
            session.queued = true;
            if !session.paused {
                session.paused = true;
                self.ring.pause(socket);
            }
            return;
        }
        let source = if session.input.is_empty() {
            Source::Chunk(chunk)
        } else {
            let mut input = std::mem::take(&mut session.input);
            input.extend(self.ring.bytes(&chunk));
            self.ring.release(chunk);
            Source::Buffer(input)
        };
        let since = self.arrived;
        session.turn_input = Some(self.inputs.push(socket, since, source));
    }

    fn ended(&mut self, socket: SocketId, broken: bool, now_ms: u64) {
        let Some(session) = self.session(socket) else {
            return;
        };
        if broken || session.life == Life::Leaving {
            debug!(socket = socket.0, broken, "connection ended");
            if broken {
                self.return_grants(socket, now_ms);
            }
            return self.close(socket);
        }
        session.peer_ended = true;
        // What arrived before the end is still executed in this turn, and answered.
        session.life = Life::Finishing;
        let waiting = session.waiting();
        self.end_subscriptions(socket);
        self.mark_dirty(socket);
        if let Some(waiting) = waiting {
            self.leave_all_lines(socket, &waiting, now_ms);
        }
    }

    fn sent(&mut self, socket: SocketId, buffer: Vec<u8>, now_ms: u64) {
        self.pool.give(buffer);
        let Some(session) = self.session(socket) else {
            return;
        };
        session.progressed_ms = now_ms;
        session.progress = 0;
        session.in_flight_bytes = 0;
        if session.subscribed && session.life == Life::Open {
            return self.mark_pushed(socket);
        }
        self.mark_dirty(socket);
    }

    /// Puts the session on the list of those that this turn sends for or closes.
    pub(super) fn mark_dirty(&mut self, socket: SocketId) {
        if let Some(session) = self.session(socket)
            && !std::mem::replace(&mut session.dirty, true)
        {
            self.dirty.push(socket);
        }
    }

    /// Ends a connection that owes nothing any more, without endangering what is on its way.
    pub(super) fn leave(&mut self, socket: SocketId, now_ms: u64) {
        let Some(session) = self.session(socket) else {
            return;
        };
        if session.peer_ended {
            return self.close(socket);
        }
        session.life = Life::Leaving;
        session.discarded_bytes = 0;
        session.progressed_ms = now_ms;
        session.paused = false;
        session.input = InputBuffer::default();
        self.ring.finish_sending(socket);
        self.ring.resume(socket);
        self.account(socket);
        self.close_if_left(socket, now_ms);
    }

    /// Closes a leaving connection once its peer has everything and has fallen silent, or has had
    /// long enough. One that does not stop sending is not read from any more, and closed once it has
    /// everything: a reset does not take from it what it has. One that closes its own side is closed
    /// at once, by [`Self::ended`].
    pub(super) fn close_if_left(&mut self, socket: SocketId, now_ms: u64) {
        let patience_ms = self.config.slow_client_timeout_ms;
        let found = self.sessions.get_mut(socket.0 as usize);
        let Some(session) = found.and_then(Option::as_mut) else {
            return;
        };
        let (bytes_max, ms_max) = session.bounds_of_leaving(&self.config);
        let silent = now_ms.saturating_sub(session.received_ms) >= LEAVING_SILENCE_MS;
        let waited_ms = now_ms.saturating_sub(session.progressed_ms);
        let overdue = waited_ms >= patience_ms;
        let unending = session.discarded_bytes > bytes_max || (waited_ms >= ms_max && !silent);
        let stops_reading = unending && !std::mem::replace(&mut session.paused, true);
        let unheard = session.paused;
        if stops_reading {
            self.ring.pause(socket);
        }
        if (silent || unheard) && self.ring.is_confirmed(socket) {
            self.close(socket);
        } else if overdue {
            self.abort(socket);
        }
    }

    /// Ends a connection whose peer does not take what it is owed, and makes the kernel forget
    /// that too.
    pub(super) fn abort(&mut self, socket: SocketId) {
        self.ring.abort(socket);
        self.close(socket);
    }

    /// Ends a connection at once; what of its output the kernel does not have is dropped.
    pub(super) fn close(&mut self, socket: SocketId) {
        self.end_subscriptions(socket);
        if self.holds_grants(socket) && !self.has_everything(socket) {
            self.return_grants(socket, self.stepped_ms);
        }
        let taken = self
            .sessions
            .get_mut(socket.0 as usize)
            .and_then(Option::take);
        let Some(session) = taken else { return };
        if let Some(waiting) = session.waiting() {
            self.leave_all_lines(socket, &waiting, self.stepped_ms);
        }
        self.buffered_bytes -= session.accounted_bytes;
        self.session_count -= 1;
        self.counts.connections -= 1;
        self.shared.release();
        self.ring.close(socket);
    }
}
