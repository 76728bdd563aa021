//! The load of one client core, without sockets and clocks: bytes and time in, bytes out.
//!
//! Closed loop: a fixed number of requests is out at any time; each answer brings the next
//! request. Where the server has one address for each of its cores, a request goes over a
//! connection to the core that owns its key, as a client of its own would send it; the number
//! of requests that are out stays the same, their spread over connections follows the keys.
//!
//! Open loop: requests are sent when they are due ([`Schedule`]), whatever is out.

mod request;

use std::sync::Arc;

use crate::check::{Checker, Finding};
use crate::key::{KeyClass, Keys};
use crate::operation::Operation;
use crate::schedule::Schedule;
use crate::session::{Item, Session, Times, Waiting};
use crate::source::{Ask, Source};
use crate::tally::Tally;
use crate::target::{Answer, Batch, Parsed, Protocol, ProtocolError};
use crate::ttl::TtlMix;

/// Open loop: a request sent later than this after its time counts as late.
const LATE_NS: u64 = 1_000_000;

/// Requests drawn together.
const DRAWN_AHEAD: usize = 16;

/// What all client cores of a run share and none changes but through atomics.
#[derive(Debug)]
pub struct Common {
    /// How keys look.
    pub keys: Keys,
    /// What answers may be.
    pub checker: Checker,
    /// Times to live of writes.
    pub ttl: TtlMix,
    /// Keys of an operation with several.
    pub multi_items: usize,
    /// A read that misses stores its key.
    pub cache_aside: bool,
}

/// How requests are paced.
#[derive(Debug)]
pub enum Pace {
    /// The next when one is answered.
    Closed,
    /// When they are due; at most so many out on one connection.
    Open(Schedule, usize),
}

/// The load of one client core.
pub struct Loader<P> {
    protocol: P,
    common: Arc<Common>,
    sessions: Vec<Session>,
    lanes: Vec<Lane>,
    source: Source,
    pace: Pace,
    /// False once the stage is over: answers are awaited, nothing new is sent.
    generating: bool,
    /// Closed loop: requests that may be sent but were not yet.
    permits: usize,
    /// Open loop: a request that is due but found all connections full.
    held: Option<Ask>,
    /// Requests that were drawn; those from `ahead_at` on were not sent yet.
    ahead: Vec<Ask>,
    ahead_at: usize,
    /// Keys to store because a read missed them.
    follow_ups: Vec<u64>,
    /// Latencies that count from before this are not recorded.
    record_from_ns: u64,
    dirty: Vec<usize>,
    /// What was counted since it was last taken.
    pub tally: Tally,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    key: Vec<u8>,
    value: Vec<u8>,
    batch: Batch,
    items: Vec<Item>,
}

/// The connections to one address.
#[derive(Debug, Default)]
struct Lane {
    sessions: Vec<usize>,
    next: usize,
}

impl<P: Protocol> Loader<P> {
    /// A loader over connections to these lanes, in this order.
    pub fn new(protocol: P, common: Arc<Common>, session_lanes: &[u16], source: Source) -> Self {
        let lane_count = session_lanes
            .iter()
            .max()
            .map_or(0, |most| usize::from(*most) + 1);
        let mut lanes = Vec::new();
        lanes.resize_with(lane_count, Lane::default);
        for (session, lane) in session_lanes.iter().enumerate() {
            lanes[usize::from(*lane)].sessions.push(session);
        }
        Self {
            protocol,
            common,
            sessions: session_lanes
                .iter()
                .map(|lane| Session::new(*lane))
                .collect(),
            lanes,
            source,
            pace: Pace::Closed,
            generating: false,
            permits: 0,
            held: None,
            ahead: Vec::with_capacity(DRAWN_AHEAD),
            ahead_at: 0,
            follow_ups: Vec::new(),
            record_from_ns: 0,
            dirty: Vec::new(),
            tally: Tally::default(),
            scratch: Scratch::default(),
        }
    }

    /// Begins a stage: `depth` requests out for each connection in a closed loop.
    pub fn begin(&mut self, source: Source, pace: Pace, depth: usize, now_ns: u64) {
        self.source = source;
        self.pace = pace;
        self.held = None;
        self.ahead.clear();
        self.ahead_at = 0;
        self.follow_ups.clear();
        self.generating = true;
        self.record_from_ns = now_ns;
        if matches!(self.pace, Pace::Closed) {
            for home in 0..self.sessions.len() {
                for _ in 0..depth {
                    self.permits += 1;
                    self.spend(home, now_ns);
                }
            }
        }
    }

    /// Latencies that count from before now are not recorded from here on.
    pub const fn record_from(&mut self, now_ns: u64) {
        self.record_from_ns = now_ns;
    }

    /// Sends nothing new; what is out is still awaited.
    pub fn stop(&mut self) {
        self.generating = false;
        self.permits = 0;
        self.held = None;
        self.follow_ups.clear();
    }

    /// Whether requests are still being made.
    pub const fn is_generating(&self) -> bool {
        self.generating
    }

    /// Requests that wait for their answers.
    pub fn waiting(&self) -> usize {
        self.sessions.iter().map(Session::waiting).sum()
    }

    /// Whether a connection is left.
    pub fn is_connected(&self) -> bool {
        self.sessions.iter().any(|session| !session.lost)
    }

    /// Gives up what is still out at the end of a stage.
    pub fn abandon(&mut self) {
        let waiting = self.waiting() as u64;
        self.tally.counts.unanswered += waiting;
    }

    /// Connections that got something to send since this was last asked, each once.
    pub fn take_dirty(&mut self, into: &mut Vec<usize>) {
        into.clear();
        std::mem::swap(&mut self.dirty, into);
        for session in &*into {
            self.sessions[*session].dirty = false;
        }
    }

    /// The bytes that a connection has to send.
    pub fn output(&mut self, session: usize) -> &mut Vec<u8> {
        &mut self.sessions[session].out
    }

    /// The connection is gone.
    pub fn lost(&mut self, session: usize, text: &str) {
        let entry = &mut self.sessions[session];
        if entry.lost {
            return;
        }
        self.tally.counts.unanswered += entry.lose();
        self.tally.counts.connections_lost += 1;
        self.tally.keep_text(text.to_owned());
        let lane = &mut self.lanes[usize::from(entry.lane)];
        lane.sessions.retain(|known| *known != session);
    }

    /// Bytes came in on a connection.
    ///
    /// # Errors
    /// They are not what was asked for; the connection is of no more use.
    #[inline]
    pub fn receive(
        &mut self,
        session: usize,
        bytes: &[u8],
        now_ns: u64,
    ) -> Result<(), ProtocolError> {
        self.tally.counts.bytes_in += bytes.len() as u64;
        if !self.sessions[session].is_mid_answer() {
            let (consumed, needed) = self.digest(session, bytes, now_ns)?;
            if consumed < bytes.len() {
                self.sessions[session].keep(&bytes[consumed..], needed);
            }
        } else if let Some(joined) = self.sessions[session].join(bytes) {
            let (consumed, needed) = self.digest(session, &joined, now_ns)?;
            self.sessions[session].keep_joined(joined, consumed, needed);
        }
        while self.permits > 0 && self.generating {
            if !self.spend(session, now_ns) {
                break;
            }
        }
        Ok(())
    }

    /// Reads the whole answers at the front of `bytes`; returns how many bytes they took and
    /// how many the next one needs.
    #[inline]
    fn digest(
        &mut self,
        session: usize,
        bytes: &[u8],
        now_ns: u64,
    ) -> Result<(usize, usize), ProtocolError> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let expected = self.sessions[session]
                .expected()
                .ok_or(ProtocolError::Unasked(rest.len()))?;
            match self.protocol.parse(rest, expected)? {
                Parsed::Incomplete(needed) => return Ok((at, needed)),
                Parsed::Answer {
                    consumed,
                    id,
                    answer,
                } => {
                    at += consumed;
                    let place = self.sessions[session].place(id)?;
                    self.settle(session, place, answer, now_ns);
                }
            }
        }
        Ok((at, 0))
    }

    #[inline]
    fn settle(&mut self, session: usize, place: usize, answer: Answer<'_>, now_ns: u64) {
        let waiting = self.sessions[session].at(place);
        let operation = waiting.operation;
        match answer {
            Answer::Items(mut items) => {
                for number in 0..waiting.count {
                    let item = self.sessions[session].item(&waiting, number);
                    let mut key = std::mem::take(&mut self.scratch.key);
                    self.common
                        .keys
                        .write(KeyClass::Entry, item.index, &mut key);
                    let answer = self.protocol.item(&mut items, &key);
                    self.scratch.key = key;
                    self.judge(operation, item, answer);
                }
            }
            // No key to judge by: an empty request, or the reset of a counter.
            Answer::Refused(refusal, text) if waiting.count == 0 => {
                self.tally.refused(refusal, text);
            }
            // One answer for all keys: a refusal, or "stored" for many at once.
            answer => {
                for number in 0..waiting.count {
                    let item = self.sessions[session].item(&waiting, number);
                    self.judge(operation, item, answer);
                }
            }
        }
        self.sessions[session].answered(place);
        self.record(&waiting, now_ns);
        if self.generating && matches!(self.pace, Pace::Closed) {
            self.permits += 1;
        }
    }

    #[inline]
    fn record(&mut self, waiting: &Waiting, now_ns: u64) {
        self.tally.counts.answered[waiting.operation.number()] += 1;
        self.tally.counts.items += u64::from(waiting.count);
        if waiting.start_ns >= self.record_from_ns {
            let latency = now_ns.saturating_sub(waiting.start_ns);
            self.tally.latency(waiting.operation, latency);
            if matches!(self.pace, Pace::Open(..)) {
                let service = now_ns.saturating_sub(waiting.made_ns);
                self.tally.service(service);
            }
        }
    }

    /// Checks and counts the answer about one key.
    #[inline]
    fn judge(&mut self, operation: Operation, item: Item, answer: Answer<'_>) {
        let checker = &self.common.checker;
        let finding = match (operation, answer) {
            (Operation::Get | Operation::MultiGet, Answer::Value(value)) => {
                self.tally.counts.hits += 1;
                checker.value(item.index, item.remembered, value)
            }
            (Operation::Get | Operation::MultiGet, Answer::Missing) => {
                self.tally.counts.misses += 1;
                if self.common.cache_aside {
                    self.follow_ups.push(item.index);
                }
                checker.miss(item.index, item.remembered)
            }
            (Operation::Set | Operation::MultiSet, Answer::Done)
            | (Operation::Delete, Answer::Number(_)) => {
                if checker.enabled {
                    checker.ledger.acknowledge(item.index);
                }
                Finding::Fine
            }
            (Operation::Incr, Answer::Number(number)) => {
                checker.counters.answer(item.index, item.remembered, number)
            }
            (Operation::Incr, Answer::Missing) => {
                self.tally.counts.misses += 1;
                Finding::Fine
            }
            (operation, Answer::Refused(refusal, text)) => {
                if checker.enabled && (operation.stores() || operation == Operation::Delete) {
                    checker.ledger.give_up(item.index);
                }
                self.tally.refused(refusal, text);
                Finding::Fine
            }
            // `parse` lets no other pair through.
            _ => Finding::Fine,
        };
        if finding != Finding::Fine {
            self.tally.found(finding);
        }
    }

    /// Open loop: sends what is due.
    ///
    /// Returns when the next request is due; `None` in a closed loop or where there is no next.
    pub fn send_due(&mut self, now_ns: u64) -> Option<u64> {
        while self.generating {
            let Pace::Open(schedule, _) = &self.pace else {
                return None;
            };
            let due = schedule.due_ns();
            if due > now_ns {
                return Some(due);
            }
            let Some(ask) = self.held.take().or_else(|| self.next_ask()) else {
                self.generating = false;
                return None;
            };
            let lag = now_ns - due;
            let times = Times {
                start_ns: due,
                made_ns: now_ns,
            };
            if !self.send(None, ask, times) {
                self.held = Some(ask);
                return Some(now_ns);
            }
            self.tally.counts.lag_ns_max = self.tally.counts.lag_ns_max.max(lag);
            self.tally.counts.late += u64::from(lag > LATE_NS);
            if let Pace::Open(schedule, _) = &mut self.pace {
                schedule.advance();
            }
        }
        None
    }

    /// Closed loop: uses one permit; false where there is nothing to send any more.
    #[inline]
    fn spend(&mut self, home: usize, now_ns: u64) -> bool {
        let Some(ask) = self.next_ask() else {
            self.generating = false;
            self.permits = 0;
            return false;
        };
        self.permits -= 1;
        let times = Times {
            start_ns: now_ns,
            made_ns: now_ns,
        };
        self.send(Some(home), ask, times)
    }

    /// Draws the next requests together and touches what the ledger knows about their keys: the
    /// misses of the processor's caches then overlap instead of following each other.
    fn draw_ahead(&mut self) {
        self.ahead.clear();
        self.ahead_at = 0;
        while self.ahead.len() < DRAWN_AHEAD {
            let Some(ask) = self.source.draw() else {
                break;
            };
            if ask.class == KeyClass::Entry && ask.operation != Operation::Noop {
                std::hint::black_box(self.common.checker.floor(ask.index));
            }
            self.ahead.push(ask);
        }
    }

    #[inline]
    fn next_ask(&mut self) -> Option<Ask> {
        if let Some(index) = self.follow_ups.pop() {
            return Some(Ask {
                operation: Operation::Set,
                class: KeyClass::Entry,
                index,
            });
        }
        if self.ahead_at == self.ahead.len() {
            self.draw_ahead();
        }
        let ask = self.ahead.get(self.ahead_at).copied()?;
        self.ahead_at += 1;
        Some(ask)
    }
}

#[cfg(test)]
mod tests;
