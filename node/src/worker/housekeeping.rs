//! The rest of a turn: sending, messages between cores, time-outs, the engine's background work,
//! and the way out.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jerboa_wire::{
    Crc, CrcMode, DecodeOptions, Decoded, Opcode, Reply, Status, decode_reply, decode_request,
    limits,
};
use tracing::info;

use super::Worker;
use super::budget::{
    ANSWERS_HELD_FACTOR, DELIVERIES_PER_TURN, LARGE_REPLY_BYTES, SESSIONS_PER_TICK, SHARD_STEP,
};
use super::execute::{Answering, encode};
use super::mailbox::{Answer, Forward, Grant, Message, Order};
use super::owned::Asker;
use super::pauses::Pause;
use super::pubsub::tell;
use super::session::Life;
use super::slow::SlowTime;
use crate::net::SocketId;
use crate::resp::CommandNumber;

impl Worker {
    /// One send for each session that has something to send and none in flight.
    pub(super) fn flush(&mut self, now_ms: u64) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for socket in dirty.drain(..) {
            self.flush_one(socket, now_ms);
        }
        self.dirty = dirty;
    }

    pub(super) fn flush_one(&mut self, socket: SocketId, now_ms: u64) {
        let output_limit = self.output_limit();
        let Some(session) = self
            .sessions
            .get_mut(socket.0 as usize)
            .and_then(Option::as_mut)
        else {
            return;
        };
        session.dirty = false;
        let mut sending = self.ring.sending(socket);
        if !sending && !session.output.is_empty() {
            let output = std::mem::take(&mut session.output);
            self.counts.bytes_out += output.len() as u64;
            session.progressed_ms = now_ms;
            self.ring.send(socket, output);
            sending = true;
        } else if session.output.is_empty() && session.output.capacity() > 0 {
            self.pool.give(std::mem::take(&mut session.output));
        }
        if session.queued && !session.blocked(output_limit) {
            self.ready.push(socket);
        }
        if session.settled(sending) {
            return self.leave(socket, now_ms);
        }
        self.account(socket);
    }

    /// Answers to requests that this core forwarded.
    pub(super) fn take_answers(&mut self, now_ms: u64) {
        for _ in 0..DELIVERIES_PER_TURN {
            let Some(delivery) = self.inbox.take_answers() else {
                return;
            };
            for answer in delivery {
                self.outbox.answered(&answer);
                self.deliver_answer(answer, now_ms);
            }
        }
    }

    pub(super) fn deliver_answer(&mut self, mut answer: Answer, now_ms: u64) {
        let to = answer.to;
        let room = self.room();
        let held_max = self.output_limit().saturating_mul(ANSWERS_HELD_FACTOR);
        let found = self.session(to.socket);
        let Some(session) = found.filter(|session| session.serial == to.serial) else {
            if let Some(grant) = answer.grant {
                self.return_lock(*grant, now_ms);
            }
            return;
        };
        if session.replies.is_walking() && (self.walk_on(&mut answer) || self.roll_on(&mut answer))
        {
            return self.account(to.socket);
        }
        let Some(session) = self.session(to.socket) else {
            return;
        };
        let bytes = answer.reply.len();
        session.replies.learn(to.number, bytes);
        if bytes > LARGE_REPLY_BYTES && (bytes > room || session.held_bytes() > held_max) {
            let refused = unkept(&answer.reply, session.crc);
            self.counts.busy += u64::from(refused.is_some());
            answer.reply = refused.unwrap_or(answer.reply);
        }
        let Some(session) = self.session(to.socket) else {
            return;
        };
        let turned_down = session.turn_down(&mut answer);
        session
            .grants
            .extend(answer.grant.take().map(|grant| *grant));
        let mut output = std::mem::take(&mut session.output);
        let mut failed = None;
        match answer.order {
            // A client that tells replies apart by their order has kept the place.
            Order::Parked if session.client.is_some() => session.parked += 1,
            Order::Late if session.client.is_none() => {
                session.parked = session.parked.saturating_sub(1);
                output.extend_from_slice(&answer.reply);
            }
            order => {
                session.parked += usize::from(order == Order::Parked);
                session.parked -= usize::from(order == Order::Late).min(session.parked);
                failed = session
                    .replies
                    .fill(to.number, to.part, answer.reply, &mut output);
            }
        }
        session.output = output;
        session.received_ms = session.received_ms.max(now_ms);
        if let Some(failed) = failed {
            self.measures.commands.fail(failed);
        }
        self.mark_dirty(to.socket);
        self.account(to.socket);
        if let Some(grant) = turned_down {
            self.return_lock(grant, now_ms);
        }
    }

    /// Requests that other cores sent here.
    pub(super) fn take_requests(&mut self, now_ms: u64) {
        self.execute_requests(now_ms);
        self.measures.finish();
    }

    fn execute_requests(&mut self, now_ms: u64) {
        for _ in 0..DELIVERIES_PER_TURN {
            if self.forwards.len() == 0 {
                let Ok(delivery) = self.inbox.requests.try_recv() else {
                    return;
                };
                self.forwards_sent = delivery.sent;
                self.forwards = delivery.messages.into_iter();
                self.refresh(now_ms);
            }
            while let Some(next) = self.forwards.as_slice().first() {
                if let Message::Request(forward) = next
                    && self.outbox.is_behind(forward.to.core)
                {
                    return;
                }
                let Some(message) = self.forwards.next() else {
                    return;
                };
                match message {
                    Message::Request(forward) => self.take_request(forward, now_ms),
                    Message::Gone(connection) => self.leave_lines(connection, now_ms),
                    Message::Returned(grant) => self.take_back(&grant, now_ms),
                }
            }
        }
    }

    fn take_request(&mut self, forward: Forward, now_ms: u64) {
        self.counts.forwarded_in += 1;
        self.measures
            .commands
            .begin(CommandNumber::NONE, self.arrived);
        if forward.is_publish() {
            return self.take_publication(forward, now_ms);
        }
        let (reply, order, grant) = self.execute_forward(&forward, now_ms);
        if forward.frame.len() + reply.len() > LARGE_REPLY_BYTES {
            self.note_if_slow(&forward, now_ms);
        }
        self.outbox.answer(Answer {
            to: forward.to,
            from: self.config.core,
            request_bytes: forward.frame.len(),
            reply,
            order,
            grant: grant.map(Box::new),
        });
    }

    /// A request that moved much ends its time.
    pub(super) fn note_if_slow(&mut self, forward: &Forward, now_ms: u64) {
        let log = &self.shared.slow_log;
        let took_us = self.measures.finish() / 1000;
        let slow_from_us = u64::try_from(log.slower_than_us());
        if slow_from_us.is_ok_and(|from_us| took_us >= from_us) {
            let took = SlowTime {
                at_ms: now_ms,
                took_us,
                core: self.config.core,
            };
            let from = forward.to.core;
            self.slow.keep_forwarded(&forward.frame, from, took, log);
        }
    }

    fn execute_forward(
        &mut self,
        forward: &Forward,
        now_ms: u64,
    ) -> (Vec<u8>, Order, Option<Grant>) {
        if let Some(step) = &forward.roll {
            return (self.roll_step(step, now_ms), Order::InTurn, None);
        }
        let mut reply = Vec::new();
        let options = DecodeOptions {
            crc: CrcMode::Optional,
            value_bytes_max: self.config.value_bytes_max,
        };
        let answering = Answering {
            crc: forward.crc,
            epoch: self.shared.epoch,
            stale: forward.stale,
            value_bytes_max: self.config.value_bytes_max,
            no_touch: forward.no_touch,
        };
        match decode_request(&forward.frame, &options) {
            // A page of a list that a command asks for.
            Ok(Decoded::Frame { frame, .. }) if frame.opcode == Opcode::Channels => {
                tell(&frame, &answering, &self.shared, &mut reply);
            }
            Ok(Decoded::Frame { frame, .. }) => {
                self.counts.ops += 1;
                let asker = Asker {
                    to: forward.to,
                    answering,
                    since: self.forwards_sent,
                };
                let place = self.place(&frame);
                let (order, grant) = self.serve(&frame, place, &asker, now_ms, &mut reply);
                return (reply, order, grant);
            }
            Ok(Decoded::Incomplete { .. }) => {
                let internal = Reply::new(Opcode::Unknown, Status::Internal, 0);
                encode(&internal, &mut reply, forward.crc);
            }
            Err(error) => encode(&Reply::refusal(&error), &mut reply, forward.crc),
        }
        (reply, Order::InTurn, None)
    }

    /// Sends what this turn queued for other cores.
    pub(super) fn send_messages(&mut self) {
        for forward in self.outbox.deliver() {
            // The owner's inbox is closed: it drained and left.
            let mut reply = Vec::new();
            let options = DecodeOptions {
                crc: CrcMode::Optional,
                value_bytes_max: self.config.value_bytes_max,
            };
            if let Ok(Decoded::Frame { frame, .. }) = decode_request(&forward.frame, &options) {
                let refused = Reply::new(frame.opcode, Status::ShuttingDown, frame.request_id);
                encode(&refused, &mut reply, forward.crc);
            }
            let answer = Answer {
                to: forward.to,
                from: forward.owner,
                request_bytes: forward.frame.len(),
                reply,
                order: Order::InTurn,
                grant: None,
            };
            self.deliver_answer(answer, 0);
        }
    }

    /// One slice of the engine's background work, at most one a turn.
    pub(super) fn step_shard(&mut self, now_ms: u64) {
        if self.shard_busy || now_ms != self.stepped_ms {
            self.stepped_ms = now_ms;
            // The clock is read for it only where somebody watches.
            let pause_from_ns = self.shared.pauses.threshold_ns();
            let begun = (pause_from_ns != u64::MAX).then(Instant::now);
            self.shard_busy = self.shard.step(now_ms, SHARD_STEP);
            self.shard_busy |= self.verification.step(&self.shard);
            let took_ns = begun.map_or(0, |begun| begun.elapsed().as_nanos() as u64);
            if begun.is_some() && took_ns >= pause_from_ns {
                let to = (self.config.core, &self.shared.pauses);
                self.pauses.keep(Pause::EngineStep, now_ms, took_ns, to);
            }
            self.forget_vacant_maps();
        }
        if now_ms != self.published_ms {
            self.publish(now_ms);
        }
    }

    /// The names of destroyed maps are free once nothing is left of them: between two turns no
    /// address is kept but in the lines for locks.
    fn forget_vacant_maps(&mut self) {
        if self.changes.is_walking() {
            // What holds for new maps may not hold for all others yet, and a map that differs stays.
            return;
        }
        let mut forgotten = false;
        while let Some(map) = self.shard.next_vacant_map() {
            if !self.locks.has_lines_of(map) && self.shard.forget_map(map) {
                self.measures.forget_map(map);
                forgotten = true;
            }
        }
        if forgotten {
            self.changes.room_was_made(&mut self.shard, &self.shared);
        }
    }

    /// Makes this core's counts visible.
    pub(super) fn publish(&mut self, now_ms: u64) {
        self.published_ms = now_ms;
        self.counts.starved = self.ring.starved();
        self.counts.subscriptions = self.pubsub.subscriptions() as u64;
        self.counts.lock_waiters = self.locks.waiting() as u64;
        self.counts.lock_waiter_bytes = self.locks.waiting_bytes() as u64;
        let known_maps = self.shard.known_maps();
        self.shared
            .settings
            .note_known_maps(self.config.core, known_maps);
        self.counts
            .set_engine(self.shard.counters(), &self.shard.usage());
        self.counts.gets += self.measures.missed;
        self.counts.misses += self.measures.missed;
        let stats = &self.shared.stats[usize::from(self.config.core)];
        stats.publish(&self.counts, &self.measures.operations);
        self.measures.publish(&self.shard, &stats.measured);
        self.slow.tell(self.config.core, &self.shared.slow_log);
        self.pauses.tell(self.config.core, &self.shared.pauses);
    }

    /// Looks at some sessions for time-outs; all of them within a bounded number of ticks.
    pub(super) fn tick(&mut self, now_ms: u64) {
        let count = self.sessions.len();
        for _ in 0..count.min(SESSIONS_PER_TICK) {
            self.cursor = (self.cursor + 1) % count;
            let socket = SocketId(self.cursor as u32);
            let sending = self.ring.sending(socket);
            let progress = self.ring.send_progress(socket);
            let confirmed = !sending && self.holds_grants(socket) && self.ring.is_confirmed(socket);
            let Some(session) = self.session(socket) else {
                continue;
            };
            if session.life == Life::Leaving {
                self.close_if_left(socket, now_ms);
                continue;
            }
            if !session.grants.is_empty() && session.output.is_empty() && confirmed {
                session.grants.clear();
                // It may have been held up by them.
                self.mark_dirty(socket);
                continue;
            }
            if progress != session.progress {
                session.progress = progress;
                session.progressed_ms = now_ms;
            }
            let owed = sending || !session.output.is_empty();
            if !owed {
                session.progressed_ms = now_ms;
            }
            let stuck_ms = now_ms.saturating_sub(session.progressed_ms);
            let silent_ms = now_ms.saturating_sub(session.received_ms);
            let subscribed = session.subscribed;
            let waits = owed
                || !session.replies.is_empty()
                || session.queued
                || session.parked > 0
                || subscribed;
            if owed && stuck_ms >= self.config.slow_client_timeout_ms {
                self.counts.closed_slow += 1;
                self.counts.closed_slow_subscriber += u64::from(subscribed);
                self.abort(socket);
            } else if self.config.idle_timeout_ms > 0
                && !waits
                && silent_ms >= self.config.idle_timeout_ms
            {
                self.counts.closed_idle += 1;
                self.close(socket);
            }
        }
    }

    /// Starts draining when the node was told to stop: no new connections and no new requests,
    /// what is owed is sent.
    pub(super) fn begin_drain_if_asked(&mut self) {
        if self.drain_until.is_some() || !self.shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let patience = Duration::from_millis(self.config.drain_timeout_ms);
        self.drain_until = Some(Instant::now() + patience);
        self.ring.stop_listening();
        self.shared.pause.end();
        self.refused.clear();
        self.tell_stop(self.stepped_ms);
        self.foreign.close();
        self.close_lines(self.stepped_ms);
        for index in 0..self.sessions.len() {
            let socket = SocketId(index as u32);
            if let Some(session) = self.session(socket)
                && session.life == Life::Open
            {
                session.life = Life::Finishing;
                self.ring.pause(socket);
                self.mark_dirty(socket);
            }
        }
        self.flush(self.stepped_ms);
        info!(
            core = self.config.core,
            sessions = self.session_count,
            "draining"
        );
    }

    /// Whether this core may leave: it owes nothing, and no other core can need its answers; or
    /// the time for draining is over.
    pub(super) fn stopped(&mut self) -> bool {
        let Some(drain_until) = self.drain_until else {
            return false;
        };
        if Instant::now() >= drain_until {
            return true;
        }
        let owes = self.session_count > 0 || self.outbox.is_waiting() || !self.foreign.is_empty();
        let owes = owes || self.changes.owes_answers() || self.pubsub.is_publishing();
        if !owes && !std::mem::replace(&mut self.drained, true) {
            self.shared.draining.fetch_sub(1, Ordering::SeqCst);
        }
        self.shared.draining.load(Ordering::SeqCst) == 0
    }
}

/// What is sent instead of a large reply for which there is no room, if it only told of values:
/// what was changed must not be denied.
fn unkept(reply: &[u8], crc: Crc) -> Option<Vec<u8>> {
    let options = DecodeOptions {
        crc: CrcMode::Optional,
        value_bytes_max: limits::VALUE_BYTES_MAX_CEILING,
    };
    let Ok(Decoded::Frame { frame, .. }) = decode_reply(reply, &options) else {
        return None;
    };
    let reads = matches!(
        frame.opcode,
        Opcode::Get | Opcode::GetMeta | Opcode::GetRange | Opcode::MultiGet
    );
    let busy = Reply {
        flags: frame.flags,
        partition: frame.partition,
        epoch: frame.epoch,
        ..Reply::new(frame.opcode, Status::Busy, frame.request_id)
    };
    reads.then(|| {
        let mut out = Vec::new();
        encode(&busy, &mut out, crc);
        out
    })
}
