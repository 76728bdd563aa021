//! The books of the arena: what every segment is used for and how much of it is live. The entries
//! themselves are elsewhere; nothing here touches their memory.
//!
//! ```text
//!            take            seal              last entry gone, or all moved away
//!   Free ----------> Open ----------> Sealed ------------------------------------> Free
//!     |                                 | expired, dropped: new generation
//!     |                                 v
//!     |                              Draining (maps and blocks recounted) --> Free or Quarantined
//!     +--> Index (for good)   +--> Blocks (large values; free again when none is left)
//! ```
//! I1: a segment is in the free list, a queue, a fill list or the deadlines exactly as its state
//!     says: Sealed ones are in one queue and one fill list, and have a deadline if they expire.
//! I2: `live_bytes` and `live_entries` count the entries that the index refers to (`books.rs`).
//! I3: a generation returns only after a full cleaning pass (`generation.rs`).
//! I4: the last `RESERVE` free segments are only for moving entries and for the index.

mod blocks;
mod books;
mod deadlines;
mod generation;
mod list;
mod open;

use std::collections::VecDeque;

use crate::index::slot::{Location, Slot};
use crate::limits::GroupId;
use crate::ttl_class::{CLASSES, NEVER};
pub(crate) use blocks::Blocks;
use deadlines::Deadlines;
use generation::Window;
pub(crate) use list::NONE;
use list::{Links, List};
pub(crate) use open::Place;

/// Free segments that user writes leave for compaction, promotion and the index.
pub(crate) const RESERVE: usize = 3;

/// Lists of sealed segments by eighths of live bytes.
pub(crate) const FILLS: usize = 8;

/// What a segment is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Ready for use.
    Free,
    /// Entries are appended to it.
    Open,
    /// Full, or closed for another reason.
    Sealed,
    /// Its entries are being moved or evicted one by one.
    Moving,
    /// Its entries are gone from the index; their maps and blocks are yet to be told.
    Draining,
    /// Holds index buckets.
    Index,
    /// Holds blocks of large values.
    Blocks,
    /// Empty, and waiting for a cleaning pass before its generation may go on.
    Quarantined,
}

/// Why a whole segment of entries was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All of them had expired.
    Expired,
    /// Their room was needed.
    Evicted,
}

/// The two queues of S3-FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Where new entries start.
    Small,
    /// Where entries go that were used, or came back soon after they were evicted.
    Main,
}

/// One segment's books.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) state: State,
    pub(crate) pool: Pool,
    pub(crate) group: GroupId,
    pub(crate) class: u16,
    /// The map of its first entry, and whether others share the segment.
    pub(crate) map: u16,
    pub(crate) mixed: bool,
    /// Whether remembered deletions may be among its entries.
    pub(crate) tombstones: bool,
    /// What its entries ended by, once they are all unfindable.
    pub(crate) end: End,
    /// Bytes appended so far.
    pub(crate) written: u32,
    pub(crate) live_bytes: u32,
    pub(crate) live_entries: u32,
    /// Bytes of blocks that its live entries hold elsewhere.
    pub(crate) held_bytes: u64,
    /// When all of its entries have expired, but for those that outlive it.
    pub(crate) expires_last_ms: u64,
    pub(crate) expires_first_ms: u64,
    /// Whether entries may live longer than that: they were written anew where they lay, and are
    /// moved when the segment is due.
    pub(crate) outlived: bool,
    /// Which opening of a segment this is: tells one use of it from the next.
    pub(crate) serial: u64,
    /// Changes of its books since it was opened.
    pub(crate) changes: u32,
    fill: u8,
    window: Window,
    /// State `Blocks`: which blocks are in use.
    blocks_used: u64,
}

impl Segment {
    const FREE: Self = Self {
        state: State::Free,
        pool: Pool::Small,
        group: 0,
        class: NEVER,
        map: 0,
        mixed: false,
        tombstones: false,
        end: End::Evicted,
        written: 0,
        live_bytes: 0,
        live_entries: 0,
        held_bytes: 0,
        expires_last_ms: 0,
        expires_first_ms: 0,
        outlived: false,
        serial: 0,
        changes: 0,
        fill: 0,
        window: Window::NEW,
        blocks_used: 0,
    };
}

/// Maps that share segments and queues: all maps without limits, or one map with limits.
pub(crate) struct Group {
    pub(crate) queues: [List; 2],
    /// Bytes of segments and held blocks in each pool, open segments included.
    pub(crate) pool_bytes: [u64; 2],
    /// Bytes of live entries in each pool, held blocks included.
    pub(crate) pool_live: [u64; 2],
    open: Box<[[u32; CLASSES]; 2]>,
    /// How many of the open segments are for expiring entries.
    open_expiring: u32,
}

impl Group {
    fn new() -> Self {
        Self {
            queues: [List::EMPTY; 2],
            pool_bytes: [0; 2],
            pool_live: [0; 2],
            open: Box::new([[NONE; CLASSES]; 2]),
            open_expiring: 0,
        }
    }
}

/// Who asks for a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A write.
    Write,
    /// Compaction, promotion, or the index.
    Upkeep,
}

/// All segments of a shard.
pub(crate) struct Segments {
    table: Box<[Segment]>,
    generations: Box<[u8]>,
    shift: u32,
    free: Vec<u32>,
    quarantine: VecDeque<u32>,
    draining: VecDeque<u32>,
    queue_links: Links,
    fill_links: Links,
    fills: [List; FILLS],
    pub(crate) deadlines: Deadlines,
    pub(crate) groups: Vec<Group>,
    coarseness: u8,
    open_expiring: u32,
    opened: u64,
    /// Live entries of segments whose class expires.
    expiring_entries: u64,
    pub(crate) blocks: Blocks,
    /// Completed cleaning passes over the index.
    passes: u32,
}

impl Segments {
    pub(crate) fn new(count: usize, shift: u32) -> Self {
        let numbers = 0..u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            table: vec![Segment::FREE; count].into(),
            generations: vec![1; count].into(),
            shift,
            free: numbers.rev().collect(),
            quarantine: VecDeque::with_capacity(count),
            draining: VecDeque::with_capacity(count),
            queue_links: Links::new(count),
            fill_links: Links::new(count),
            fills: [List::EMPTY; FILLS],
            deadlines: Deadlines::new(count),
            groups: vec![Group::new()],
            coarseness: 0,
            open_expiring: 0,
            opened: 0,
            expiring_entries: 0,
            blocks: Blocks::new(shift),
            passes: 0,
        }
    }

    /// Bytes of tables for each segment.
    pub(crate) const fn table_bytes_each() -> usize {
        size_of::<Segment>() + 1 + 3 * 4 + 2 * 8 + 16 + 4
    }

    pub(crate) fn count(&self) -> usize {
        self.table.len()
    }

    /// Live entries of segments whose class expires.
    pub(crate) fn expiring_entries(&self) -> u64 {
        self.expiring_entries
    }

    pub(crate) fn free_count(&self) -> usize {
        self.free.len()
    }

    pub(crate) fn bytes_each(&self) -> usize {
        1 << self.shift
    }

    #[inline(always)]
    pub(crate) fn at(&self, segment: u32) -> &Segment {
        &self.table[segment as usize]
    }

    pub(crate) fn generation(&self, segment: u32) -> u8 {
        self.generations[segment as usize]
    }

    /// Where a segment begins in the shard's memory.
    #[inline(always)]
    pub(crate) fn start(&self, segment: u32) -> usize {
        (segment as usize) << self.shift
    }

    /// Where the entry of a slot begins, if the slot is an entry and is not stale.
    #[inline(always)]
    pub(crate) fn resolve(&self, slot: Slot) -> Option<usize> {
        let location = slot.location()?;
        let generation = *self.generations.get(location.segment as usize)?;
        (generation == location.generation)
            .then(|| self.start(location.segment) + location.offset as usize)
    }

    /// Whether a slot is an entry whose segment was freed.
    #[inline(always)]
    pub(crate) fn is_stale(&self, slot: Slot) -> bool {
        slot.location().is_some() && self.resolve(slot).is_none()
    }

    /// The location of a byte of a segment in its present generation.
    pub(crate) fn location(&self, segment: u32, offset: u32) -> Location {
        Location {
            generation: self.generation(segment),
            segment,
            offset,
        }
    }

    /// Takes a free segment.
    pub(crate) fn take(&mut self, purpose: Purpose, state: State) -> Option<u32> {
        let kept = if purpose == Purpose::Write {
            RESERVE
        } else {
            0
        };
        if self.free.len() <= kept {
            return None;
        }
        // The one freed last: its memory is most likely in the cache, and the rest stays untouched.
        let segment = self.free.pop()?;
        self.table[segment as usize].state = state;
        Some(segment)
    }

    /// Begins to move or evict the entries of a sealed segment.
    pub(crate) fn begin_moving(&mut self, segment: u32) {
        self.leave_lists(segment);
        self.table[segment as usize].state = State::Moving;
    }

    /// Gives up moving: what is left of the segment is queued again, as the newest.
    pub(crate) fn stop_moving(&mut self, segment: u32) {
        debug_assert_eq!(self.at(segment).state, State::Moving, "only what was begun");
        self.enter_lists(segment);
    }

    /// Frees a segment none of whose entries is live: no slot refers to it.
    pub(crate) fn give_back(&mut self, segment: u32) {
        debug_assert_eq!(self.at(segment).live_entries, 0, "nobody refers to it");
        self.leave_lists(segment);
        self.sub_pool(segment);
        self.reset(segment, State::Free);
        self.free.push(segment);
    }

    /// Makes every entry of the segment unfindable at once by raising its generation. Returns the
    /// number of slots that became stale.
    pub(crate) fn invalidate(&mut self, segment: u32) -> u32 {
        if self.at(segment).state == State::Open {
            self.close(segment);
        }
        self.leave_lists(segment);
        let stale = self.at(segment).live_entries;
        if stale > 0 {
            self.raise_generation(segment);
        }
        self.table[segment as usize].state = State::Draining;
        stale
    }

    /// Puts an invalidated segment in line to have its entries told one by one.
    pub(crate) fn drain_later(&mut self, segment: u32) {
        self.draining.push_back(segment);
    }

    /// The segment whose entries are being told.
    pub(crate) fn first_draining(&self) -> Option<u32> {
        self.draining.front().copied()
    }

    pub(crate) fn pop_draining(&mut self) {
        self.draining.pop_front();
    }

    /// Notes that a remembered deletion is in the segment.
    pub(crate) fn note_tombstone(&mut self, segment: u32) {
        self.table[segment as usize].tombstones = true;
    }

    /// Notes why a segment's entries are made unfindable, for when their maps are told.
    pub(crate) fn note_end(&mut self, segment: u32, end: End) {
        self.table[segment as usize].end = end;
    }

    /// Books the entries of a draining segment as gone, which have been told to whom it concerns.
    pub(crate) fn drained(&mut self, segment: u32) {
        debug_assert_eq!(
            self.at(segment).state,
            State::Draining,
            "it was invalidated"
        );
        let books = *self.at(segment);
        self.sub_held(segment, books.held_bytes);
        let live = &mut self.groups[usize::from(books.group)].pool_live[books.pool as usize];
        *live -= u64::from(books.live_bytes);
        if books.class != NEVER {
            self.expiring_entries -= u64::from(books.live_entries);
        }
        self.sub_pool(segment);
        if self.must_wait(segment) {
            self.reset(segment, State::Quarantined);
            self.quarantine.push_back(segment);
        } else {
            self.reset(segment, State::Free);
            self.free.push(segment);
        }
    }

    /// The segment with the least live bytes, if it has less than `eighths` of eighths live.
    pub(crate) fn emptiest(&self, eighths: usize) -> Option<u32> {
        let heads = self.fills.iter().take(eighths).map(|list| list.head);
        heads.into_iter().find(|head| *head != NONE)
    }

    /// Adds a group.
    pub(crate) fn add_group(&mut self) {
        self.groups.push(Group::new());
    }

    /// Whether a group has no segment of its own, neither in use nor being emptied.
    pub(crate) fn is_empty_group(&self, group: GroupId) -> bool {
        self.groups[usize::from(group)].pool_bytes == [0; 2]
    }

    /// How many maps can be kept apart: each may have several segments open at once.
    pub(crate) fn apart_max(&self) -> usize {
        (self.count() / 16)
            .min(usize::from(u8::MAX))
            .saturating_sub(1)
    }

    /// The oldest segment of a queue.
    pub(crate) fn oldest(&self, group: GroupId, pool: Pool) -> Option<u32> {
        let head = self.groups[usize::from(group)].queues[pool as usize].head;
        (head != NONE).then_some(head)
    }

    fn reset(&mut self, segment: u32, state: State) {
        let window = self.at(segment).window;
        self.table[segment as usize] = Segment {
            state,
            window,
            ..Segment::FREE
        };
    }

    fn sub_pool(&mut self, segment: u32) {
        let books = self.at(segment);
        let (group, pool) = (usize::from(books.group), books.pool as usize);
        self.groups[group].pool_bytes[pool] -= 1 << self.shift;
    }

    fn enter_lists(&mut self, segment: u32) {
        let fill = self.fill_of(segment);
        let books = &mut self.table[segment as usize];
        books.state = State::Sealed;
        books.fill = fill;
        let queue = &mut self.groups[usize::from(books.group)].queues[books.pool as usize];
        queue.push_back(&mut self.queue_links, segment);
        self.fills[usize::from(fill)].push_back(&mut self.fill_links, segment);
        if books.class != NEVER {
            self.deadlines.insert(segment, books.expires_last_ms);
        }
    }

    fn leave_lists(&mut self, segment: u32) {
        let books = self.table[segment as usize];
        if books.state == State::Sealed {
            let queue = &mut self.groups[usize::from(books.group)].queues[books.pool as usize];
            queue.remove(&mut self.queue_links, segment);
            self.fills[usize::from(books.fill)].remove(&mut self.fill_links, segment);
            self.deadlines.remove(segment);
        }
    }
}
