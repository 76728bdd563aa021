//! Waiting for a node's threads to end, without blocking the executor that waits.
//!
//! Threads can only be joined by blocking, so a helper does that and then tells the waiting task.
//! It ends right after, and is joined too: when the wait is over, no thread is left.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use super::NodeError;

/// What came of joining.
type Joined = Result<(), NodeError>;

/// A wait under way.
#[derive(Debug)]
pub(super) struct Joining {
    told: Arc<Mutex<Told>>,
    helper: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Told {
    joined: Option<Joined>,
    waker: Option<Waker>,
}

impl Joining {
    /// Has `join` run on a thread of its own, or here if there can be none.
    pub(super) fn begin(join: impl FnOnce() -> Joined + Send + 'static) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let (teller, job) = (Arc::clone(&told), Arc::new(Mutex::new(Some(join))));
        let begun = Arc::clone(&job);
        let run = move || {
            let job = begun.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(join) = job else { return };
            let joined = join();
            let mut told = lock(&teller);
            told.joined = Some(joined);
            let waker = told.waker.take();
            drop(told);
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        let name = "jerboa-stop".to_owned();
        let helper = thread::Builder::new().name(name).spawn(run).ok();
        if helper.is_none()
            && let Some(join) = job.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            lock(&told).joined = Some(join());
        }
        Self { told, helper }
    }
}

impl Future for Joining {
    type Output = Joined;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Joined> {
        let mut told = lock(&self.told);
        let Some(joined) = told.joined.take() else {
            told.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        drop(told);
        if let Some(helper) = self.helper.take() {
            // It told us as the last thing that it did.
            let _ = helper.join();
        }
        Poll::Ready(joined)
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
