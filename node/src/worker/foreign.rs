//! Calls of threads that are no cores: the embedded API's way to the engine.
//!
//! A call is executed as a request of another core is, in batches that are looked up together, and
//! answered into its own slot. One that waits for a lock is kept here until its turn has come.

use std::collections::HashMap;
use std::time::Instant;

use arrayvec::ArrayVec;
use jerboa_core_shard::Address;
use jerboa_wire::client::Operation;
use jerboa_wire::opcode::Kind;
use jerboa_wire::{Crc, Opcode, Reply, Status};

use super::Worker;
use super::budget::{BATCH, CALLS_PER_TURN};
use super::execute::{Answering, encode};
use super::mailbox::{Grant, Order, ReturnAddress};
use super::owned::Asker;
use super::waiters::Connection;
use crate::embedded::{Call, Ending, Given, Inlet, Job, Member, Notice, given};
use crate::net::SocketId;

/// In a [`ReturnAddress`]: the caller is no core, its ticket stands for the session's serial.
pub(super) const FOREIGN: u16 = u16::MAX;

/// What a core knows of the threads that call it.
#[derive(Debug)]
pub(super) struct Foreign {
    inlet: Inlet,
    /// Calls that wait for a lock, by ticket.
    waiting: HashMap<u64, Call>,
    /// Answered calls whose callers were at their slots when the answers were to be put in.
    late: Vec<Call>,
    /// When the calls of this turn were taken.
    taken: Instant,
    /// Where the keys of a batch are, as far as that is known.
    places: Vec<Option<Address>>,
}

impl Foreign {
    pub(super) fn new(inlet: Inlet) -> Self {
        Self {
            inlet,
            waiting: HashMap::new(),
            late: Vec::new(),
            taken: Instant::now(),
            places: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inlet.is_empty() && self.late.is_empty()
    }

    /// When the calls of this turn were taken.
    pub(super) fn taken(&self) -> Instant {
        self.taken
    }

    /// The node stops: nobody calls any more.
    pub(super) fn close(&self) {
        self.inlet.close();
    }
}

fn return_address(ticket: u64) -> ReturnAddress {
    ReturnAddress {
        core: FOREIGN,
        socket: SocketId(0),
        serial: ticket,
        number: 0,
        part: 0,
    }
}

impl Worker {
    /// Serves what other threads have called for.
    pub(super) fn take_calls(&mut self, now_ms: u64) {
        if self.foreign.is_empty() {
            return;
        }
        for call in std::mem::take(&mut self.foreign.late) {
            self.answer_call(call, now_ms);
        }
        self.foreign.taken = Instant::now();
        let mut left = CALLS_PER_TURN;
        // What is published may wait in line, but not more than there is room for.
        while left > 0 && self.pubsub.has_room(0) {
            let mut calls = ArrayVec::<Call, BATCH>::new();
            let mut operations = 0;
            while !calls.is_full()
                && operations < BATCH
                && let Some(mut call) = self.foreign.inlet.take()
            {
                let asked = call.job().map_or(&[][..], |job| &job.operations[..]);
                let publishes = asked.iter().any(|one| one.opcode() == Opcode::Publish);
                operations += asked.len();
                if call.is_pointless() {
                    self.answer_call(call, now_ms);
                } else {
                    calls.push(call);
                }
                // Each message may be the last that there is room for.
                if publishes {
                    break;
                }
            }
            if operations == 0 {
                break;
            }
            left = left.saturating_sub(operations);
            self.refresh(now_ms);
            self.serve_calls(calls, now_ms);
        }
        // Behind the calls: a call that is told to be gone was put in before.
        for notice in self.foreign.inlet.take_notices() {
            self.heed(notice, now_ms);
        }
    }

    fn heed(&mut self, notice: Notice, now_ms: u64) {
        match notice {
            Notice::Gone(ticket) => {
                self.leave_lines(Connection::of(&return_address(ticket)), now_ms);
            }
            Notice::Came(newcomer) => self.meet_newcomer(newcomer),
            Notice::Left(subscriber) => self.forget_listener(subscriber),
            Notice::Returned(given) => self.take_back(&self.grant(given), now_ms),
        }
    }

    fn grant(&self, given: Given) -> Grant {
        Grant {
            owner: self.config.core,
            map: given.map,
            key: given.key,
            token: given.token,
        }
    }

    fn serve_calls(&mut self, mut calls: ArrayVec<Call, BATCH>, now_ms: u64) {
        let mut places = std::mem::take(&mut self.foreign.places);
        places.clear();
        for call in &mut calls {
            for operation in call.job().iter().flat_map(|job| &job.operations) {
                places.push(self.place(&operation.request()));
            }
        }
        let mut at = 0;
        for call in calls {
            self.serve_call(call, &mut places, &mut at, now_ms);
        }
        self.measures.finish();
        self.foreign.places = places;
    }

    fn serve_call(
        &mut self,
        mut call: Call,
        places: &mut [Option<Address>],
        at: &mut usize,
        now_ms: u64,
    ) {
        let answering = self.answering_calls();
        call = match self.change_for_call(call, &answering, now_ms) {
            Some(call) => call,
            None => {
                *at += 1;
                return;
            }
        };
        let Some(job) = call.job() else { return };
        job.ending = Ending::Begun;
        if let [publish] = &job.operations[..]
            && publish.opcode() == Opcode::Publish
        {
            *at += 1;
            return self.take_published_call(call, now_ms);
        }
        let Job {
            operations,
            replies,
            ticket,
            subscriber,
            ..
        } = job;
        let mut order = Order::InTurn;
        for operation in operations {
            if at.is_multiple_of(BATCH) {
                let end = places.len().min(*at + BATCH);
                self.prefetch(&mut places[*at..end]);
            }
            let place = places[*at].take();
            *at += 1;
            order = if operation.opcode().shape().kind == Kind::Channel {
                self.serve_channel_operation(operation, subscriber.as_ref(), replies);
                Order::InTurn
            } else {
                self.serve_operation(operation, place, *ticket, now_ms, replies)
            };
        }
        if order == Order::Parked {
            self.foreign.waiting.insert(*ticket, call);
        } else {
            self.answer_call(call, now_ms);
        }
    }

    /// Gives a call its replies; a lock that nobody takes is freed.
    pub(super) fn answer_call(&mut self, call: Call, now_ms: u64) {
        match call.answer() {
            Err(call) => self.foreign.late.push(call),
            Ok(None) => {}
            Ok(Some(unclaimed)) => {
                if let Some(given) = given(&unclaimed) {
                    self.take_back(&self.grant(given), now_ms);
                }
            }
        }
    }

    /// Answers a call that waited for a lock.
    pub(super) fn answer_waiting_call(&mut self, ticket: u64, reply: &[u8], now_ms: u64) {
        let Some(mut call) = self.foreign.waiting.remove(&ticket) else {
            return;
        };
        if let Some(job) = call.job() {
            job.replies.extend_from_slice(reply);
        }
        self.answer_call(call, now_ms);
    }

    fn prefetch(&self, places: &mut [Option<Address>]) {
        if places.len() > 1 {
            self.shard.prefetch(places.iter_mut().flatten());
        }
    }

    fn serve_channel_operation(
        &mut self,
        operation: &Operation,
        subscriber: Option<&Member>,
        replies: &mut Vec<u8>,
    ) {
        self.counts.ops += 1;
        self.counts.called += 1;
        let request = operation.request();
        let answering = self.answering_calls();
        self.serve_channel(&request, subscriber, &answering, replies);
        self.measures.note(request.opcode, None, self.foreign.taken);
    }

    pub(super) fn answering_calls(&self) -> Answering {
        Answering {
            crc: Crc::Off,
            epoch: self.shared.epoch,
            stale: false,
            value_bytes_max: self.config.value_bytes_max,
            no_touch: false,
        }
    }

    fn serve_operation(
        &mut self,
        operation: &Operation,
        place: Option<Address>,
        ticket: u64,
        now_ms: u64,
        replies: &mut Vec<u8>,
    ) -> Order {
        self.counts.ops += 1;
        self.counts.called += 1;
        let request = operation.request();
        let answering = self.answering_calls();
        let ok = answering.head(&request, Status::Ok);
        if matches!(request.opcode.shape().kind, Kind::Connection) {
            self.measures.note(request.opcode, None, self.foreign.taken);
        }
        match request.opcode {
            Opcode::Noop => encode(&ok, replies, Crc::Off),
            Opcode::Ping => {
                let value = request.value;
                encode(&Reply { value, ..ok }, replies, Crc::Off);
            }
            Opcode::Hello => answering.status(&request, Status::UnknownOpcode, replies),
            Opcode::SettingsGet => {
                let (status, text) = self.shared.settings.get(&request);
                let value = text.as_bytes();
                let reply = Reply {
                    status,
                    value,
                    ..ok
                };
                encode(&reply, replies, Crc::Off);
            }
            Opcode::Verify => {
                let again = request.arg == 1;
                let (arg, text) = self.verification.ask(again, self.config.core);
                let value = text.as_bytes();
                encode(&Reply { arg, value, ..ok }, replies, Crc::Off);
            }
            _ => {
                self.counts.keys += u64::from(request.count).max(1);
                let to = return_address(ticket);
                let asker = Asker {
                    to,
                    answering,
                    since: self.foreign.taken,
                };
                let place = place.or_else(|| self.place(&request));
                let (order, _) = self.serve(&request, place, &asker, now_ms, replies);
                return order;
            }
        }
        Order::InTurn
    }
}
