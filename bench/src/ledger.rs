//! What this run knows about every key: which versions a read may return.
//!
//! Writers draw versions 1, 2, 3 … per key. Writes of one key may be in flight on several
//! connections at once, and the server may then apply them in any order; so the ledger keeps not
//! "the last version" but a **floor**: the oldest version that a read *sent now* may return.
//!
//! Writes that overlap form a group: a group opens when a write is issued while none is in
//! flight, and closes when none is in flight again. Every version below the group's first was
//! answered before any of the group was sent, so the moment one write of the group is
//! acknowledged, all of those are overwritten for good: the floor rises to the group's first
//! version. A key with one write at a time thus has the exact floor (its last acknowledged
//! version); overlapping writes only make the check weaker, never wrong.
//!
//! Invariants:
//! * I1 `floor` never falls, and never exceeds a version that was issued.
//! * I2 a refused write never raises the floor; its group stays open unless it was alone in it.
//! * I3 deletes are writes too; `deleted` is the newest version that is a delete, and a miss is
//!   legitimate exactly while `deleted >= floor` (0 and 0 at the start: never written).
//!
//! Layout, 16 bytes a key, shared by all client cores:
//! ```text
//! state u32: 31 lock | 30 acknowledged in this group | 29..0 writes in flight
//! issued u32 | floor u32 | deleted u32
//! ```
//! Readers load `floor` alone; only writers take the lock bit.

use std::sync::atomic::{AtomicU32, Ordering};

const LOCK: u32 = 1 << 31;
const ACKNOWLEDGED: u32 = 1 << 30;
const IN_FLIGHT: u32 = ACKNOWLEDGED - 1;

#[derive(Debug, Default)]
struct Slot {
    state: AtomicU32,
    issued: AtomicU32,
    floor: AtomicU32,
    deleted: AtomicU32,
}

/// What a write does to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Stores a value.
    Store,
    /// Removes it.
    Delete,
}

/// The versions of every key of a run.
#[derive(Debug)]
pub struct Ledger {
    slots: Vec<Slot>,
}

impl Ledger {
    /// A ledger in which no key was ever written.
    #[must_use]
    pub fn new(keys: u64) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(usize::try_from(keys).unwrap_or(usize::MAX), Slot::default);
        Self { slots }
    }

    #[inline]
    fn slot(&self, index: u64) -> &Slot {
        // Indexes come from the sampler, which stays below the same count.
        &self.slots[index as usize]
    }

    /// Before a write is sent: its version.
    #[inline]
    pub fn issue(&self, index: u64, change: Change) -> u32 {
        let slot = self.slot(index);
        let state = slot.lock();
        let version = slot.issued.load(Ordering::Relaxed).wrapping_add(1);
        slot.issued.store(version, Ordering::Relaxed);
        if change == Change::Delete {
            slot.deleted.store(version, Ordering::Relaxed);
        }
        let opened = if state & IN_FLIGHT == 0 { 0 } else { state };
        slot.unlock(opened + 1);
        version
    }

    /// The write was answered and applied.
    #[inline]
    pub fn acknowledge(&self, index: u64) {
        let slot = self.slot(index);
        let state = slot.lock();
        let in_flight = state & IN_FLIGHT;
        if state & ACKNOWLEDGED == 0 {
            // None of the group was answered yet, so all of it is in flight (I2 keeps refused
            // writes counted) and its first version follows from the count.
            let first = slot
                .issued
                .load(Ordering::Relaxed)
                .wrapping_sub(in_flight)
                .wrapping_add(1);
            slot.floor.store(first, Ordering::Release);
        }
        slot.unlock(ACKNOWLEDGED | in_flight.saturating_sub(1));
    }

    /// The write was refused, or nobody knows: the floor stays (I2).
    #[inline]
    pub fn give_up(&self, index: u64) {
        let slot = self.slot(index);
        let state = slot.lock();
        let alone = state & IN_FLIGHT == 1;
        slot.unlock(if alone { 0 } else { state });
    }

    /// Before a read is sent: the oldest version that it may return.
    #[inline]
    #[must_use]
    pub fn floor(&self, index: u64) -> u32 {
        self.slot(index).floor.load(Ordering::Acquire)
    }

    /// After a miss was received: whether a read sent at `floor` may miss.
    #[inline]
    #[must_use]
    pub fn may_miss(&self, index: u64, floor: u32) -> bool {
        self.slot(index).deleted.load(Ordering::Acquire) >= floor
    }

    /// Whether this version was ever issued.
    #[inline]
    #[must_use]
    pub fn was_issued(&self, index: u64, version: u32) -> bool {
        version <= self.slot(index).issued.load(Ordering::Acquire)
    }
}

impl Slot {
    /// Takes the lock bit; returns the state without it.
    #[inline]
    fn lock(&self) -> u32 {
        loop {
            let state = self.state.load(Ordering::Relaxed) & !LOCK;
            let taken = self.state.compare_exchange_weak(
                state,
                state | LOCK,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            if taken.is_ok() {
                return state;
            }
            std::hint::spin_loop();
        }
    }

    #[inline]
    fn unlock(&self, state: u32) {
        self.state.store(state & !LOCK, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
