//! Making one request: its key, its connection, its bytes, and what its answer will be judged by.

use super::{Loader, Pace, Scratch};
use crate::key::KeyClass;
use crate::ledger::Change;
use crate::operation::Operation;
use crate::session::{Item, Times};
use crate::source::Ask;
use crate::target::{Command, Protocol, Route};

/// How often another key is drawn for a request with several keys before one that lives
/// elsewhere is taken after all.
const SAME_LANE_DRAWS: u32 = 256;

impl<P: Protocol> Loader<P> {
    /// Sends a request over a connection to the owner of its key: `home` if it is one, else the
    /// next in turn. False, and nothing sent, where all of them are full or gone.
    #[inline]
    pub(super) fn send(&mut self, home: Option<usize>, ask: Ask, times: Times) -> bool {
        self.common
            .keys
            .write(ask.class, ask.index, &mut self.scratch.key);
        let route = match ask.operation {
            // Without a key any core will do: the connection's own.
            Operation::Noop => Route {
                lane: self.home_lane(home),
                partition: 0,
            },
            _ => self.protocol.route(&self.scratch.key),
        };
        let Some(session) = self.choose(home, route.lane) else {
            return false;
        };
        self.encode(session, ask, route);
        let entry = &mut self.sessions[session];
        entry.sent(ask.operation, times, &self.scratch.items);
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(session);
        }
        true
    }

    fn home_lane(&mut self, home: Option<usize>) -> u16 {
        match home {
            Some(session) => self.sessions[session].lane,
            None => self.source.rng().below(self.lanes.len() as u64) as u16,
        }
    }

    #[inline]
    fn choose(&mut self, home: Option<usize>, lane: u16) -> Option<usize> {
        if let Some(session) = home
            && self.sessions[session].lane == lane
            && !self.sessions[session].lost
        {
            return Some(session);
        }
        let depth_max = match &self.pace {
            Pace::Closed => usize::MAX,
            Pace::Open(_, depth_max) => *depth_max,
        };
        let lane = self.lanes.get_mut(usize::from(lane))?;
        for _ in 0..lane.sessions.len() {
            lane.next = (lane.next + 1) % lane.sessions.len();
            let session = lane.sessions[lane.next];
            if self.sessions[session].waiting() < depth_max {
                return Some(session);
            }
        }
        None
    }

    /// Appends the request to the connection's output and its keys to the scratch items.
    #[inline]
    fn encode(&mut self, session: usize, ask: Ask, route: Route) {
        let ttl_ms = match ask.operation.stores() {
            true => self.common.ttl.next_ms(self.source.rng()),
            false => 0,
        };
        self.scratch.items.clear();
        match ask.operation {
            Operation::MultiGet | Operation::MultiSet => self.gather(ask, route),
            _ => self.prepare(ask.operation, ask.class, ask.index),
        }
        let Scratch {
            key, value, batch, ..
        } = &self.scratch;
        let command = match (ask.operation, ask.class) {
            (Operation::Noop, _) => Command::Noop,
            (Operation::Get, _) => Command::Get(key),
            (Operation::Set, KeyClass::Entry) => Command::Set(key, value, ttl_ms),
            // The one store of a counter is its reset before the run.
            (Operation::Set, KeyClass::Counter) => Command::Set(key, b"0", ttl_ms),
            (Operation::Delete, _) => Command::Delete(key),
            (Operation::Incr, _) => Command::Incr(key),
            (Operation::MultiGet, _) => Command::MultiGet(batch),
            (Operation::MultiSet, _) => Command::MultiSet(batch, ttl_ms),
        };
        let entry = &mut self.sessions[session];
        let before = entry.out.len();
        self.protocol
            .encode(command, entry.next_id(), route, &mut entry.out);
        self.tally.counts.bytes_out += (entry.out.len() - before) as u64;
    }

    /// Enters a key of a request into the scratch items, and its value into the scratch value.
    #[inline]
    fn prepare(&mut self, operation: Operation, class: KeyClass, index: u64) {
        let checker = &self.common.checker;
        let remembered = match operation {
            Operation::Noop => return,
            Operation::Set if class == KeyClass::Counter => return,
            Operation::Get | Operation::MultiGet => checker.floor(index),
            Operation::Incr => checker.counters.send(index),
            Operation::Delete if checker.enabled => checker.ledger.issue(index, Change::Delete),
            Operation::Delete => 0,
            Operation::Set | Operation::MultiSet => {
                let version = match checker.enabled {
                    true => checker.ledger.issue(index, Change::Store),
                    false => 1,
                };
                checker
                    .values
                    .write(index, version, &mut self.scratch.value);
                version
            }
        };
        self.scratch.items.push(Item { index, remembered });
    }

    /// Fills the scratch batch with the first key and others of the same lane.
    fn gather(&mut self, ask: Ask, route: Route) {
        self.scratch.batch.clear();
        let mut index = ask.index;
        for number in 0..self.common.multi_items.max(1) {
            if number > 0 {
                index = self.draw_in_lane(ask, route.lane);
            }
            self.scratch.value.clear();
            self.prepare(ask.operation, ask.class, index);
            let Scratch {
                key, value, batch, ..
            } = &mut self.scratch;
            batch.push(key, value);
        }
    }

    /// Another key of the same lane, its bytes in the scratch key; after many draws any key.
    fn draw_in_lane(&mut self, ask: Ask, lane: u16) -> u64 {
        let mut index = ask.index;
        for _ in 0..SAME_LANE_DRAWS {
            index = self.source.another(ask.operation);
            self.common
                .keys
                .write(ask.class, index, &mut self.scratch.key);
            if self.protocol.route(&self.scratch.key).lane == lane {
                break;
            }
        }
        index
    }
}
