//! The way of other threads into a core: a bounded queue of calls, and what is told beside them.
//!
//! Policy: a call that finds the queue full, or whose large operations do not fit what may wait
//! here in bytes, is refused at once; nothing ever waits for room. Notices always have room:
//! there is at most one for each call that a core has taken, so their number is bounded by the
//! waiters for locks and by what callers hold themselves.
//!
//! Invariants:
//! * D1 Every call ends (see [`super::slot`]): the sender looks at `closed` after it put its call in
//!   and takes it back then; the core, when it goes, takes everything out after it has closed.
//! * D2 `large_bytes` is the sum over the queue of the jobs that count, and over the rooms taken.
//! * D3 `places` is at least the length of the queue: who has taken a [`Room`] is let in. So a call
//!   that goes to several cores goes to all of them or to none.
//! * D4 The core waits for nobody here: a call that is being put in is taken in a later turn, and so
//!   are notices while somebody is at them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::listener::{Ended, Listener};
use super::queue::{Found, Head, Queue};
use super::slot::Call;
use crate::net::Waker;

/// A job whose operations are smaller than this together does not count against the bytes that may
/// wait; the length of the queue bounds those.
const LARGE_BYTES: usize = 64 << 10;
/// Bytes of large jobs that may wait for one core.
const LARGE_BYTES_MAX: usize = 256 << 20;

/// The outer side: shared by every thread that calls.
#[derive(Debug)]
pub(crate) struct Door {
    calls: Queue<Call>,
    capacity: usize,
    places: AtomicUsize,
    large_bytes: AtomicUsize,
    notices: Mutex<Vec<Notice>>,
    has_notices: AtomicBool,
    closed: AtomicBool,
    waker: Waker,
}

/// What a core is told by a caller that expects no answer.
#[derive(Debug)]
pub(crate) enum Notice {
    /// There is a new subscriber.
    Came(Newcomer),
    /// The job of this ticket waits in line for nobody any more.
    Gone(u64),
    /// A subscriber is no more.
    Left(u64),
    /// A lock came to a caller that is no more.
    Returned(Given),
}

/// A subscriber that its core does not know of yet. If it never does, the subscriber ends.
#[derive(Debug)]
pub(crate) struct Newcomer {
    id: u64,
    listener: Option<Arc<Listener>>,
}

impl Newcomer {
    pub(super) const fn new(id: u64, listener: Arc<Listener>) -> Self {
        Self {
            id,
            listener: Some(listener),
        }
    }

    /// Its id, and where its messages go.
    pub(crate) fn welcome(mut self) -> Option<(u64, Arc<Listener>)> {
        Some((self.id, self.listener.take()?))
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.end(Ended::Closed);
        }
    }
}

/// A lock that was given to a caller.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) map: Box<[u8]>,
    pub(crate) key: Box<[u8]>,
    pub(crate) token: u64,
}

/// Why a call was not let in. The call is dropped, its job back in its slot as untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// As much waits as may.
    Full,
    /// The core takes nothing any more.
    Closed,
}

/// Room in the queue for one call, taken beforehand: to be used or given back.
#[derive(Debug)]
#[must_use]
pub(super) struct Room {
    /// Of the call's job, if they count.
    large_bytes: usize,
}

/// Whether the core was asleep, for those who wonder how long the answer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Core {
    Awake,
    Asleep,
}

impl Door {
    pub(crate) fn new(capacity: usize, waker: Waker) -> Self {
        Self {
            calls: Queue::new(capacity),
            capacity,
            places: AtomicUsize::new(0),
            large_bytes: AtomicUsize::new(0),
            notices: Mutex::default(),
            has_notices: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            waker,
        }
    }

    /// Takes room for a call whose job has so many bytes.
    pub(super) fn reserve(&self, bytes: usize) -> Result<Room, Refusal> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Refusal::Closed);
        }
        let room = Room {
            large_bytes: large(bytes),
        };
        // Whoever frees a place has taken the call out before.
        let places = self.places.fetch_add(1, Ordering::Acquire);
        let too_large = room.large_bytes > 0 && {
            let before = self
                .large_bytes
                .fetch_add(room.large_bytes, Ordering::Relaxed);
            before > 0 && before.saturating_add(room.large_bytes) > LARGE_BYTES_MAX
        };
        if places >= self.capacity || too_large {
            self.give_back(room);
            return Err(Refusal::Full);
        }
        Ok(room)
    }

    /// Gives up room that is not needed.
    pub(super) fn give_back(&self, room: Room) {
        let Room { large_bytes } = room;
        if large_bytes > 0 {
            self.large_bytes.fetch_sub(large_bytes, Ordering::Relaxed);
        }
        self.places.fetch_sub(1, Ordering::Release);
    }

    /// Puts a call into the room that was taken for it, and wakes the core.
    pub(super) fn send(&self, room: Room, call: Call) -> Core {
        let ticket = self.calls.put(call);
        let slept = self.waker.wake();
        // The waker's fence stands between the call and this look (D1).
        if self.closed.load(Ordering::SeqCst) && self.calls.take_back(ticket).is_some() {
            // The place is given back by whoever passes over it.
            self.large_bytes
                .fetch_sub(room.large_bytes, Ordering::Relaxed);
        }
        if slept { Core::Asleep } else { Core::Awake }
    }

    /// Tells the core something. Nothing if it is gone, and what it held with it.
    pub(super) fn tell(&self, notice: Notice) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push(notice);
        self.has_notices.store(true, Ordering::Release);
        drop(notices);
        self.waker.wake();
        // As with calls: nobody may look any more.
        if self.closed.load(Ordering::SeqCst) {
            let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
            drop(std::mem::take(&mut *notices));
        }
    }
}

/// The bytes of a job that count.
const fn large(bytes: usize) -> usize {
    if bytes < LARGE_BYTES { 0 } else { bytes }
}

/// The inner side, which the core owns. The door closes when it goes, however the core ends.
#[derive(Debug)]
pub(crate) struct Inlet {
    doors: Arc<[Door]>,
    core: usize,
    head: Head,
}

impl Inlet {
    /// The inner side of the door of `core`.
    pub(crate) fn new(doors: Arc<[Door]>, core: u16) -> Self {
        Self {
            doors,
            core: usize::from(core),
            head: Head::default(),
        }
    }

    fn door(&self) -> &Door {
        &self.doors[self.core]
    }

    /// Whether there is anything to take.
    pub(crate) fn is_empty(&self) -> bool {
        let door = self.door();
        self.head.is_at_end(&door.calls) && !door.has_notices.load(Ordering::Acquire)
    }

    /// The next call.
    pub(crate) fn take(&self) -> Option<Call> {
        let door = self.door();
        loop {
            match self.head.take(&door.calls) {
                Found::Item(mut call) => {
                    door.give_back(Room {
                        large_bytes: large(call.job().map_or(0, |job| job.bytes())),
                    });
                    return Some(call);
                }
                Found::TakenBack => door.give_back(Room { large_bytes: 0 }),
                Found::Nothing => return None,
            }
        }
    }

    /// What was told since the last look; nothing while somebody tells something at this moment,
    /// who may have been put to sleep by the kernel meanwhile. Then the inlet is not empty.
    pub(crate) fn take_notices(&self) -> Vec<Notice> {
        let door = self.door();
        if !door.has_notices.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut notices = match door.notices.try_lock() {
            Ok(notices) => notices,
            Err(TryLockError::Poisoned(notices)) => notices.into_inner(),
            Err(TryLockError::WouldBlock) => return Vec::new(),
        };
        door.has_notices.store(false, Ordering::Release);
        std::mem::take(&mut notices)
    }

    /// Lets nothing in any more; what is in can still be taken.
    pub(crate) fn close(&self) {
        self.door().closed.store(true, Ordering::SeqCst);
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.close();
        fence(Ordering::SeqCst);
        self.door().calls.sweep();
        drop(self.take_notices());
    }
}
