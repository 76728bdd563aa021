//! Who waits for which lock of this core: one line for each key, first come first served.
//!
//! Nothing here is polled: a line is looked at when something touched its key, when the lock in
//! front of it expires, or when one of its waiters runs out of time. Knows no engine and no socket.
//!
//! ```text
//!  map, key ─▶ Line { head, tail } ─▶ Waiter ⇄ Waiter ⇄ …      due: (time, line or waiter), in order
//! ```
//! Invariants:
//! * L1 A line has at least one waiter; every waiter is in one line, in `connections` and in `due`.
//! * L2 A line is in `due` at most once, at its `expires_ms`; one that says so itself is in `touched`,
//!   where numbers of lines that do not say so are passed over.
//! * L3 A line's key is stored once, shared by the line and the way to it; `key_bytes` is what the
//!   keys of all lines hold together, at most [`LOCK_KEY_BYTES_MAX`].

mod slab;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jerboa_core_shard::{Address, MapId};

use super::mailbox::ReturnAddress;
use crate::net::SocketId;
use slab::Slab;

/// Waiters of one core; a lock request beyond them is refused.
pub(super) const LOCK_WAITERS_MAX: usize = 1 << 17;
/// Bytes of the keys that they wait for, each key counted once; a lock request beyond is refused.
/// A hundred thousand keys of three hundred bytes, or five hundred of the longest that there are.
pub(super) const LOCK_KEY_BYTES_MAX: usize = 32 << 20;
/// What one waiter holds beside its key.
const WAITER_BYTES: usize =
    size_of::<Option<Node>>() + size_of::<(Connection, u32)>() + size_of::<(u64, Due)>();
/// What one line holds beside its key and its waiters: itself, the way to it, the key's two counts
/// and a wake-up.
const LINE_BYTES: usize = size_of::<Option<Line>>()
    + size_of::<(Arc<[u8]>, u32)>()
    + 2 * size_of::<usize>()
    + size_of::<(u64, Due)>();

/// No waiter, no line.
const NONE: u32 = u32::MAX;

/// A connection of any core of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Connection {
    pub(super) core: u16,
    socket: u32,
    serial: u64,
}

impl Connection {
    pub(super) fn new(core: u16, socket: SocketId, serial: u64) -> Self {
        Self {
            core,
            socket: socket.0,
            serial,
        }
    }

    pub(super) fn of(to: &ReturnAddress) -> Self {
        Self::new(to.core, to.socket, to.serial)
    }
}

/// A request that waits, and how to answer it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub(super) to: ReturnAddress,
    pub(super) request_id: u32,
    pub(super) partition: u16,
    pub(super) crc: jerboa_wire::Crc,
    pub(super) stale: bool,
    /// How long the lock is wanted for; `None`: until it is released.
    pub(super) lease_ms: Option<u64>,
    pub(super) deadline_ms: u64,
}

#[derive(Debug)]
struct Node {
    waiter: Waiter,
    line: u32,
    next: u32,
    previous: u32,
}

/// The waiters for one key.
#[derive(Debug)]
struct Line {
    at: Address,
    key: Arc<[u8]>,
    head: u32,
    tail: u32,
    touched: bool,
    expires_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Line(u32),
    Waiter(u32),
}

/// All lines of one core.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    lines_of_maps: HashMap<MapId, HashMap<Arc<[u8]>, u32>>,
    lines: Slab<Line>,
    key_bytes: usize,
    nodes: Slab<Node>,
    connections: BTreeSet<(Connection, u32)>,
    due: BTreeSet<(u64, Due)>,
    touched: VecDeque<u32>,
    /// Whether more waiters were overdue at the last look than it took.
    overdue: bool,
    pass: Pass,
}

/// A pass over all lines, a few at a time, to touch those of some maps or all of them.
#[derive(Debug, Default)]
struct Pass {
    next: u32,
    of: Passed,
    /// What is to be touched in the pass after this one, which has gone by some lines already.
    after: Passed,
}

/// Which lines a pass touches.
#[derive(Debug, Default)]
struct Passed {
    all: bool,
    maps: BTreeSet<MapId>,
}

impl Passed {
    fn is_empty(&self) -> bool {
        !self.all && self.maps.is_empty()
    }
}

/// As many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyWaiters;

impl Waiters {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.len() == 0
    }

    /// Memory that the waiters and their lines hold.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.len() * WAITER_BYTES + self.lines.len() * LINE_BYTES + self.key_bytes
    }

    /// Whether a line is to be looked at.
    pub(super) fn is_touched(&self) -> bool {
        !self.touched.is_empty() || !self.pass.of.is_empty()
    }

    /// The line of a key, if somebody waits for it.
    pub(super) fn line(&self, at: &Address, key: &[u8]) -> Option<u32> {
        self.line_of(at.map, key)
    }

    /// Whether somebody waits for a key of a map.
    pub(super) fn has_lines_of(&self, map: MapId) -> bool {
        self.lines_of_maps.contains_key(&map)
    }

    fn line_of(&self, map: MapId, key: &[u8]) -> Option<u32> {
        self.lines_of_maps.get(&map)?.get(key).copied()
    }

    /// Puts a request at the end of its key's line, which is then looked at.
    pub(super) fn join(
        &mut self,
        at: Address,
        key: &[u8],
        waiter: Waiter,
    ) -> Result<(), TooManyWaiters> {
        if self.len() >= LOCK_WAITERS_MAX {
            return Err(TooManyWaiters);
        }
        let line = match self.line_of(at.map, key) {
            Some(line) => line,
            None => self.add_line(at, key)?,
        };
        let previous = self.lines.get(line).map_or(NONE, |line| line.tail);
        let id = self.nodes.add(Node {
            waiter,
            line,
            next: NONE,
            previous,
        });
        if let Some(previous) = self.nodes.get_mut(previous) {
            previous.next = id;
        }
        if let Some(line) = self.lines.get_mut(line) {
            line.tail = id;
            if line.head == NONE {
                line.head = id;
            }
        }
        self.connections.insert((Connection::of(&waiter.to), id));
        self.due.insert((waiter.deadline_ms, Due::Waiter(id)));
        self.touch_line(line);
        Ok(())
    }

    /// A line without waiters, which is to get one.
    fn add_line(&mut self, at: Address, key: &[u8]) -> Result<u32, TooManyWaiters> {
        let key_bytes = self.key_bytes + key.len();
        if key_bytes > LOCK_KEY_BYTES_MAX {
            return Err(TooManyWaiters);
        }
        self.key_bytes = key_bytes;
        let key: Arc<[u8]> = key.into();
        let line = self.lines.add(Line {
            at,
            key: Arc::clone(&key),
            head: NONE,
            tail: NONE,
            touched: false,
            expires_ms: None,
        });
        let of_map = self.lines_of_maps.entry(at.map).or_default();
        of_map.insert(key, line);
        Ok(line)
    }

    /// Something changed the entry of a key: its line is looked at.
    pub(super) fn touch(&mut self, map: MapId, key: &[u8]) {
        if let Some(line) = self.line_of(map, key) {
            self.touch_line(line);
        }
    }

    /// Something changed that may concern every line of a map: [`Self::pass_on`] touches them.
    pub(super) fn touch_map(&mut self, map: MapId) {
        if self.has_lines_of(map) {
            self.next_pass().maps.insert(map);
        }
    }

    /// Something changed that may concern any line: [`Self::pass_on`] touches them.
    pub(super) fn touch_all(&mut self) {
        self.next_pass().all = !self.is_empty();
    }

    /// Whether all lines are being touched, or will be.
    pub(super) fn touches_all(&self) -> bool {
        self.pass.of.all || self.pass.after.all
    }

    fn next_pass(&mut self) -> &mut Passed {
        if self.pass.next == 0 {
            &mut self.pass.of
        } else {
            &mut self.pass.after
        }
    }

    /// Touches lines as they were asked to be, going by so many at most. The more are touched already
    /// the fewer, but some always: traffic does not put a pass off for ever.
    pub(super) fn pass_on(&mut self, most: u32) {
        if self.pass.of.is_empty() {
            return;
        }
        let touched = u32::try_from(self.touched.len()).unwrap_or(most);
        let most = most.saturating_sub(touched).max(most / 16).max(1);
        let end = self.lines.end();
        let until = end.min(self.pass.next.saturating_add(most));
        for id in self.pass.next..until {
            let line = self.lines.get(id);
            let of = &self.pass.of;
            if line.is_some_and(|line| of.all || of.maps.contains(&line.at.map)) {
                self.touch_line(id);
            }
        }
        self.pass.next = until;
        if until == end {
            self.pass.next = 0;
            self.pass.of = std::mem::take(&mut self.pass.after);
        }
    }

    fn touch_line(&mut self, id: u32) {
        if let Some(line) = self.lines.get_mut(id)
            && !std::mem::replace(&mut line.touched, true)
        {
            self.touched.push_back(id);
        }
    }

    /// Touches lines whose locks have expired. Returns waiters whose time is over: they are to be
    /// answered once their lines were looked at. As many of both as `most`, the rest at the next
    /// look, which [`Self::are_overdue`] asks for.
    pub(super) fn expire(&mut self, now_ms: u64, most: usize) -> Vec<u32> {
        let mut overdue = Vec::new();
        let mut left = most;
        self.overdue = false;
        while let Some((time_ms, due)) = self.due.first().copied()
            && time_ms <= now_ms
        {
            if left == 0 {
                self.overdue = true;
                break;
            }
            left -= 1;
            self.due.pop_first();
            match due {
                Due::Line(id) => {
                    if let Some(line) = self.lines.get_mut(id) {
                        line.expires_ms = None;
                    }
                    self.touch_line(id);
                }
                Due::Waiter(id) => {
                    overdue.push(id);
                    if let Some(line) = self.nodes.get(id).map(|node| node.line) {
                        self.touch_line(line);
                    }
                }
            }
        }
        overdue
    }

    /// Whether there is somebody to be told that their time is over.
    pub(super) fn are_overdue(&self) -> bool {
        self.overdue
    }

    /// Whether the line of a waiter is still to be looked at.
    pub(super) fn is_line_touched(&self, id: u32) -> bool {
        let line = self
            .nodes
            .get(id)
            .and_then(|node| self.lines.get(node.line));
        line.is_some_and(|line| line.touched)
    }

    /// Has the next look return a waiter again that [`Self::expire`] returned.
    pub(super) fn put_off(&mut self, id: u32) {
        if let Some(node) = self.nodes.get(id) {
            self.due.insert((node.waiter.deadline_ms, Due::Waiter(id)));
            self.overdue = true;
        }
    }

    /// A line to be looked at, taken off the list of those: that which waits longest.
    pub(super) fn next_touched(&mut self) -> Option<u32> {
        while let Some(id) = self.touched.pop_front() {
            if let Some(line) = self.lines.get_mut(id)
                && std::mem::replace(&mut line.touched, false)
            {
                return Some(id);
            }
        }
        None
    }

    /// Puts a line back on the list: it has not been looked at to its end.
    pub(super) fn touch_again(&mut self, line: u32) {
        self.touch_line(line);
    }

    /// The first waiter of a line, and what it waits for.
    pub(super) fn head(&self, line: u32) -> Option<(u32, Waiter, Address, &[u8])> {
        let line = self.lines.get(line)?;
        let node = self.nodes.get(line.head)?;
        Some((line.head, node.waiter, line.at, &line.key))
    }

    /// Has a line looked at when the lock in front of it expires.
    pub(super) fn wake_at(&mut self, id: u32, expires_ms: Option<u64>) {
        let Some(line) = self.lines.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut line.expires_ms, expires_ms);
        if before == expires_ms {
            return;
        }
        if let Some(time_ms) = before {
            self.due.remove(&(time_ms, Due::Line(id)));
        }
        if let Some(time_ms) = expires_ms {
            self.due.insert((time_ms, Due::Line(id)));
        }
    }

    /// Everything that waits for a connection.
    pub(super) fn of_connection(&self, connection: Connection) -> Vec<u32> {
        let all = (connection, 0)..=(connection, u32::MAX);
        self.connections.range(all).map(|(_, id)| *id).collect()
    }

    /// Everything that waits.
    pub(super) fn all(&self) -> Vec<u32> {
        self.connections.iter().map(|(_, id)| *id).collect()
    }

    /// Takes a waiter out of its line.
    pub(super) fn remove(&mut self, id: u32) -> Option<Waiter> {
        let Node {
            waiter,
            line: line_id,
            next,
            previous,
        } = self.nodes.take(id)?;
        self.connections.remove(&(Connection::of(&waiter.to), id));
        self.due.remove(&(waiter.deadline_ms, Due::Waiter(id)));
        if let Some(before) = self.nodes.get_mut(previous) {
            before.next = next;
        }
        if let Some(behind) = self.nodes.get_mut(next) {
            behind.previous = previous;
        }
        if let Some(line) = self.lines.get_mut(line_id) {
            if line.head == id {
                line.head = next;
            }
            if line.tail == id {
                line.tail = previous;
            }
            if line.head == NONE {
                self.remove_line(line_id);
            }
        }
        Some(waiter)
    }

    fn remove_line(&mut self, id: u32) {
        self.wake_at(id, None);
        let Some(line) = self.lines.take(id) else {
            return;
        };
        self.key_bytes -= line.key.len();
        if self.lines.len() == 0 {
            self.touched = VecDeque::new();
        }
        if let Some(of_map) = self.lines_of_maps.get_mut(&line.at.map) {
            of_map.remove(&line.key);
            if of_map.is_empty() {
                self.lines_of_maps.remove(&line.at.map);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
