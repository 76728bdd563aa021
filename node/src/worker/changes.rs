//! What changes for all cores at one moment: that a map is destroyed, and that settings were set.
//!
//! The cores follow one list of changes, each at its own pace. To append a change is the moment at
//! which it happens, for all of them: a core looks for what is new before it executes anything that
//! came in, so whoever saw a change on one core and asks another afterwards finds it there too.
//! What a core still executes without having looked came in before, and counts as done before.
//!
//! ```text
//!            core 2                      core 0, core 1
//!               ▼                              ▼
//!  … ─next─▶ change ─next─▶ change ─next─▶ change ─next─▶ (nothing yet)
//! ```
//! Invariants:
//! * C1 A change is kept as long as some core has not come past it, and no longer.
//! * C2 `left` of a change counts the cores that have not taken it over; what came of it is complete
//!   when it is 0.
//! * C3 At most [`OPEN_MAX`] changes are `open`, which some core has not taken over: one beyond
//!   them is refused before anything is changed. So a core finds a bounded number of them.

pub(crate) mod follow;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Changes that some core has not taken over.
const OPEN_MAX: usize = 256;

/// What changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Nothing; where the list begins.
    Nothing,
    /// The map of this name is destroyed: what was in it is gone.
    Destroyed(Box<[u8]>),
    /// Settings of the map of this name were set.
    SettingsOf(Box<[u8]>),
    /// Settings that may concern every map were set: a core takes that over in slices.
    Settings,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Entries that went with it.
    pub(super) removed: u64,
    /// Whether some core had no room for it.
    pub(super) lacked_room: bool,
}

impl Outcome {
    /// It was taken over, and nothing went with it.
    const TAKEN: Self = Self {
        removed: 0,
        lacked_room: false,
    };
}

/// One change.
pub(crate) struct Change {
    pub(super) what: What,
    /// The core that answers whoever asked for it.
    asker: u16,
    /// Entries that went with it, on the cores that have taken it over.
    removed: AtomicU64,
    /// Whether some core that has taken it over had no room for it.
    lacked_room: AtomicBool,
    left: AtomicUsize,
    next: OnceLock<Arc<Self>>,
}

impl Change {
    fn new(what: What, asker: u16, cores: usize) -> Arc<Self> {
        Arc::new(Self {
            what,
            asker,
            removed: AtomicU64::new(0),
            lacked_room: AtomicBool::new(false),
            left: AtomicUsize::new(cores),
            next: OnceLock::new(),
        })
    }

    /// A core has taken it over; whether it is the last one to do so.
    fn take_over(&self, here: Outcome) -> bool {
        self.removed.fetch_add(here.removed, Ordering::Relaxed);
        self.lacked_room
            .fetch_or(here.lacked_room, Ordering::Relaxed);
        self.left.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// What came of it on all cores, once every one has taken it over.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let done = self.left.load(Ordering::Acquire) == 0;
        done.then(|| Outcome {
            removed: self.removed.load(Ordering::Relaxed),
            lacked_room: self.lacked_room.load(Ordering::Relaxed),
        })
    }
}

/// How many changes are under way.
#[derive(Debug)]
pub(crate) struct Changes {
    open: AtomicUsize,
    cores: usize,
}

/// As many changes are under way as may be: answer `Busy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Leave to make a change, so that what goes with it can be done without being refused afterwards.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    changes: &'a Changes,
    used: bool,
}

impl Changes {
    pub(crate) fn new(cores: u16) -> Self {
        Self {
            open: AtomicUsize::new(0),
            cores: cores.into(),
        }
    }

    /// Asks for leave to make a change.
    ///
    /// # Errors
    /// Too many changes are under way.
    pub(super) fn begin(&self) -> Result<Leave<'_>, TooMany> {
        let more = |open| (open < OPEN_MAX).then_some(open + 1);
        let order = Ordering::Relaxed;
        match self.open.fetch_update(order, order, more) {
            Ok(_) => Ok(Leave {
                changes: self,
                used: false,
            }),
            Err(_) => Err(TooMany),
        }
    }

    /// Every core has taken a change over.
    fn end(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if !self.used {
            self.changes.end();
        }
    }
}

/// A core's place in the list: the last change that it has come to.
#[derive(Clone)]
pub(crate) struct Cursor(Arc<Change>);

impl Cursor {
    /// The beginning of an empty list.
    pub(crate) fn new() -> Self {
        Self(Change::new(What::Nothing, 0, 0))
    }

    /// Whether there are changes that this core has not come to.
    #[inline(always)]
    fn is_behind(&self) -> bool {
        self.0.next.get().is_some()
    }

    /// Goes on to the next change.
    fn advance(&mut self) -> Option<Arc<Change>> {
        let next = Arc::clone(self.0.next.get()?);
        self.0 = Arc::clone(&next);
        Some(next)
    }

    /// Makes a change: it happens for all cores now. This one, like the others, takes it over when
    /// it looks for changes next.
    fn append(&self, what: What, asker: u16, mut leave: Leave<'_>) -> Arc<Change> {
        leave.used = true;
        let change = Change::new(what, asker, leave.changes.cores);
        let mut last = &self.0;
        // Somebody else's change may come first: this one goes behind it.
        while last.next.set(Arc::clone(&change)).is_err() {
            if let Some(next) = last.next.get() {
                last = next;
            }
        }
        change
    }
}

#[cfg(test)]
mod tests;
