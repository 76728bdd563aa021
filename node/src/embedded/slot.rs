//! Where the answer to one job is put, and how its caller learns of it.
//!
//! ```text
//! caller: Slot ─ job ─▶ core … core: job with its replies ─▶ Slot, done ─▶ waker
//! ```
//! Invariants:
//! * O1 A job comes back to its slot exactly once, answered or failed: a [`Call`] that is dropped
//!   puts it back as failed. So no caller waits for ever, whatever becomes of a core.
//! * O2 The core touches the slot for the last time before it lets go of `state`; from then on the
//!   caller may use the slot for its next job.
//! * O3 Whoever abandons a slot learns, under the same lock, whether the job had come back; if not,
//!   the core gets the job back and can undo what nobody will take.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Waker;

use tracing::error;

use super::job::{Ending, Job};

const PENDING: u8 = 0;
const DONE: u8 = 1;
const ABANDONED: u8 = 2;

/// One place for one answer.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// A copy of what `state` is about, to be looked at without its lock.
    progress: AtomicU8,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    job: Option<Box<Job>>,
    waker: Option<Waker>,
}

impl Slot {
    /// Whether the job is back.
    pub(super) fn is_done(&self) -> bool {
        self.progress.load(Ordering::Acquire) == DONE
    }

    fn is_abandoned(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == ABANDONED
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job, if it is back; the slot is as new then.
    pub(super) fn take(&self) -> Option<Box<Job>> {
        if !self.is_done() {
            return None;
        }
        let mut state = self.state();
        let job = state.job.take();
        state.waker = None;
        self.progress.store(PENDING, Ordering::Relaxed);
        job
    }

    /// As [`Slot::take`]; if the job is not back, `waker` is told when it is.
    pub(super) fn take_or_wait(&self, waker: &Waker) -> Option<Box<Job>> {
        if !self.is_done() {
            let mut state = self.state();
            if state.job.is_none() {
                if let Some(known) = &mut state.waker {
                    known.clone_from(waker);
                } else {
                    state.waker = Some(waker.clone());
                }
                return None;
            }
        }
        self.take()
    }

    /// Nobody waits any more. Returns the job if it was back already.
    pub(super) fn abandon(&self) -> Option<Box<Job>> {
        let mut state = self.state();
        state.waker = None;
        if state.job.is_none() {
            self.progress.store(ABANDONED, Ordering::Relaxed);
        }
        state.job.take()
    }

    /// Puts the job back and tells the caller. Never waits: the caller may have been put to sleep
    /// by the kernel with the lock in its hands.
    fn try_complete(&self, job: Box<Job>) -> Completion {
        match self.state.try_lock() {
            Ok(state) => self.complete(state, job),
            Err(TryLockError::Poisoned(state)) => self.complete(state.into_inner(), job),
            Err(TryLockError::WouldBlock) => Completion::Contended(job),
        }
    }

    fn complete(&self, mut state: MutexGuard<'_, State>, job: Box<Job>) -> Completion {
        if self.is_abandoned() {
            return Completion::Unclaimed(job);
        }
        state.job = Some(job);
        let waker = state.waker.take();
        self.progress.store(DONE, Ordering::Release);
        drop(state);
        if let Some(waker) = waker
            // The waker is the caller's code: its panic is not the core's.
            && catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err()
        {
            error!("the waker of an embedded call panicked");
        }
        Completion::Taken
    }
}

/// What became of a job that was put back.
enum Completion {
    /// The caller has it.
    Taken,
    /// The caller is gone.
    Unclaimed(Box<Job>),
    /// The caller is looking at the slot at this moment: to be tried again.
    Contended(Box<Job>),
}

/// A job on its way to a core and back.
#[derive(Debug)]
pub(crate) struct Call {
    job: Option<Box<Job>>,
    slot: Arc<Slot>,
}

impl Call {
    pub(super) fn new(job: Box<Job>, slot: Arc<Slot>) -> Self {
        Self {
            job: Some(job),
            slot,
        }
    }

    /// Whether it asks for a lock and its caller is gone. Anything else that was asked is done,
    /// as over a connection.
    pub(crate) fn is_pointless(&self) -> bool {
        let asks = self.job.as_ref().is_some_and(|job| job.ticket != 0);
        asks && self.slot.is_abandoned()
    }

    /// What is to be done. There until the call is answered.
    pub(crate) fn job(&mut self) -> Option<&mut Job> {
        self.job.as_deref_mut()
    }

    /// Gives the job with its replies back to the caller; the job itself if the caller is gone.
    ///
    /// # Errors
    /// The caller is at its slot at this moment: try again soon. A core waits for nobody.
    pub(crate) fn answer(mut self) -> Result<Option<Box<Job>>, Self> {
        let Some(mut job) = self.job.take() else {
            return Ok(None);
        };
        job.ending = Ending::Answered;
        match self.slot.try_complete(job) {
            Completion::Taken => Ok(None),
            Completion::Unclaimed(job) => Ok(Some(job)),
            Completion::Contended(job) => {
                self.job = Some(job);
                Err(self)
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            // Its ending says how far it got. Happens where a call is turned away and where a core
            // ends; there a moment's wait does no harm.
            self.slot.complete(self.slot.state(), job);
        }
    }
}
