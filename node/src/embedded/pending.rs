//! Waiting for a job: as a future under any executor, or as a thread.
//!
//! Both look at the slot for a moment before they wait to be told, because an answer of a core that
//! is awake is there sooner than anything could be put to sleep and woken.
//!
//! Whoever drops a pending job abandons it: a job that waits for a lock is taken out of the line,
//! and a lock that was given meanwhile is given back.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::door::{Core, Door, Given, Notice};
use super::job::Job;
use super::slot::Slot;

/// How long a thread looks at the slot before it sleeps, at most.
const SPIN_MAX: Duration = Duration::from_micros(50);
/// Looks of a future that is polled for the first time: a microsecond or two.
const LOOKS_OF_A_FUTURE: u32 = 100;
/// Looks between two of a thread at the clock.
const LOOKS_PER_CLOCK: u32 = 32;
/// After this many looks a thread lets others run between them, the core perhaps.
const LOOKS_ALONE: u32 = 192;
/// Empty jobs with their slots that a thread keeps for its next calls.
const KEPT_JOBS: usize = 32;

/// A job that was sent to a core.
#[derive(Debug)]
pub(super) struct Pending<'a> {
    door: &'a Door,
    /// There until the job is back.
    slot: Option<Arc<Slot>>,
    ticket: u64,
    core: Core,
    looked: bool,
}

/// An empty job and its slot, of those that the calling thread has done with.
pub(super) fn fresh() -> (Box<Job>, Arc<Slot>) {
    let kept = KEPT.try_with(|kept| kept.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_default()
}

/// Keeps what [`fresh`] gave for the next time.
fn keep(mut job: Box<Job>, slot: Arc<Slot>) {
    job.clear();
    // A thread that is ending keeps nothing.
    let _ = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < KEPT_JOBS {
            kept.push((job, slot));
        }
    });
}

thread_local! {
    static KEPT: RefCell<Vec<(Box<Job>, Arc<Slot>)>> = const { RefCell::new(Vec::new()) };
    static THIS_THREAD: Waker = Waker::from(Arc::new(Unpark(thread::current())));
    static IS_CORE: Cell<bool> = const { Cell::new(false) };
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Remembers that the calling thread is a core's: it must not wait for one.
pub(crate) fn mark_core_thread() {
    IS_CORE.set(true);
}

/// Whether the calling thread is a core's.
pub(crate) fn is_core_thread() -> bool {
    IS_CORE.get()
}

/// A job that is back, read by the caller, then kept for the next call.
#[derive(Debug)]
pub(super) struct Finished {
    job: Option<Box<Job>>,
    slot: Option<Arc<Slot>>,
}

impl Finished {
    pub(super) fn job(&self) -> Option<&Job> {
        self.job.as_deref()
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        if let (Some(job), Some(slot)) = (self.job.take(), self.slot.take()) {
            keep(job, slot);
        }
    }
}

/// A job that is back and kept until others are back too. A lock in it is given back if nobody takes
/// it before.
#[derive(Debug)]
pub(super) struct Arrived<'a> {
    door: &'a Door,
    finished: Option<Finished>,
}

impl Arrived<'_> {
    /// The job, whose locks are the caller's from now on.
    pub(super) fn take(mut self) -> Option<Finished> {
        self.finished.take()
    }
}

impl Drop for Arrived<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.finished.as_ref().and_then(Finished::job) {
            give_back(self.door, job);
        }
    }
}

/// The time to wait for a job is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimedOut;

/// How long a call may block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    deadline: Option<Instant>,
}

impl Limit {
    /// So long from now on; more than the clock can say is for ever.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            deadline: Instant::now().checked_add(limit),
        }
    }

    /// Sleeps until somebody wakes this thread; false if the time is over.
    fn park(self) -> bool {
        let Some(deadline) = self.deadline else {
            thread::park();
            return true;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::park_timeout(left);
        }
        !left.is_zero()
    }
}

impl<'a> Pending<'a> {
    pub(super) const fn new(door: &'a Door, slot: Arc<Slot>, ticket: u64, core: Core) -> Self {
        Self {
            door,
            slot: Some(slot),
            ticket,
            core,
            looked: false,
        }
    }

    fn finish(&mut self, job: Box<Job>) -> Finished {
        Finished {
            job: Some(job),
            slot: self.slot.take(),
        }
    }

    /// Waits for the job, to be kept until others are back too.
    pub(super) async fn arrive(&mut self) -> Option<Arrived<'a>> {
        let finished = (&mut *self).await?;
        Some(Arrived {
            door: self.door,
            finished: Some(finished),
        })
    }

    /// Blocks the calling thread until the job is back.
    pub(super) fn wait(mut self, spin: Duration, limit: Limit) -> Result<Finished, TimedOut> {
        let Some(slot) = self.slot.clone() else {
            return Err(TimedOut);
        };
        if look(&slot, spin.min(SPIN_MAX))
            && let Some(job) = slot.take()
        {
            return Ok(self.finish(job));
        }
        let job = park_until(limit, |waker| slot.take_or_wait(waker));
        job.map(|job| self.finish(job)).ok_or(TimedOut)
    }
}

/// Parks the calling thread until `look`, which is given the thread's waker, finds something; `None`
/// if the time is over before.
pub(super) fn park_until<T>(limit: Limit, look: impl Fn(&Waker) -> Option<T>) -> Option<T> {
    let park = |waker: &Waker| {
        loop {
            if let Some(found) = look(waker) {
                return Some(found);
            }
            if !limit.park() {
                return None;
            }
        }
    };
    // A thread that is ending has no waker of its own any more; another does as well.
    THIS_THREAD
        .try_with(park)
        .unwrap_or_else(|_| park(&Waker::from(Arc::new(Unpark(thread::current())))))
}

/// Looks at the slot for so long; whether the job is back.
fn look(slot: &Slot, spin: Duration) -> bool {
    let mut began = None;
    let mut looks = 0;
    loop {
        if slot.is_done() {
            return true;
        }
        looks += 1;
        if looks % LOOKS_PER_CLOCK == 0 {
            let now = Instant::now();
            if now.duration_since(*began.get_or_insert(now)) >= spin {
                return false;
            }
        }
        if looks > LOOKS_ALONE {
            thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

impl Future for Pending<'_> {
    type Output = Option<Finished>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(slot) = self.slot.clone() else {
            return Poll::Ready(None);
        };
        // Worth it once, and only if the core is up and at it, and is not this very thread.
        if !std::mem::replace(&mut self.looked, true)
            && self.core == Core::Awake
            && !is_core_thread()
        {
            for _ in 0..LOOKS_OF_A_FUTURE {
                if slot.is_done() {
                    break;
                }
                std::hint::spin_loop();
            }
        }
        match slot.take_or_wait(context.waker()) {
            Some(job) => Poll::Ready(Some(self.finish(job))),
            None => Poll::Pending,
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        match slot.abandon() {
            Some(job) => give_back(self.door, &job),
            None if self.ticket != 0 => self.door.tell(Notice::Gone(self.ticket)),
            None => {}
        }
    }
}

/// Returns the lock that a job was given and nobody took.
pub(super) fn give_back(door: &Door, job: &Job) {
    if let Some(given) = given(job) {
        door.tell(Notice::Returned(given));
    }
}

/// The lock that a job was given.
pub(crate) fn given(job: &Job) -> Option<Given> {
    let token = job.granted()?;
    let request = job.operations.first()?.request();
    Some(Given {
        map: request.map.into(),
        key: request.key.into(),
        token,
    })
}
