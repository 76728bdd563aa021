//! A word to one task that there is something to do.

use std::task::{Context, Poll, Waker};

/// Set until the task takes it, however often it was set.
#[derive(Debug, Default)]
pub(super) struct Signal {
    set: bool,
    waker: Option<Waker>,
}

impl Signal {
    /// Sets it; whom to wake goes to `woken`.
    pub(super) fn set(&mut self, woken: &mut Vec<Waker>) {
        self.set = true;
        woken.extend(self.waker.take());
    }

    /// Takes the word back: the task is about to look anyway.
    pub(super) const fn clear(&mut self) {
        self.set = false;
    }

    /// Ready once it is set, which takes it.
    pub(super) fn poll(&mut self, asking: &mut Asking<'_>) -> Poll<()> {
        if std::mem::take(&mut self.set) {
            return Poll::Ready(());
        }
        asking.remember(&mut self.waker);
        Poll::Pending
    }
}

/// A task that asks whether something is ready.
///
/// It takes the wakers along that its own replaces: to drop one may end a task, and run whatever
/// that task leaves, which must not happen while the hub is held.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    waker: &'a Waker,
    replaced: Option<Waker>,
}

impl<'a> Asking<'a> {
    pub(super) const fn of(context: &Context<'a>) -> Self {
        Self {
            waker: context.waker(),
            replaced: None,
        }
    }

    /// Has `place` wake the task that asks.
    pub(super) fn remember(&mut self, place: &mut Option<Waker>) {
        match place {
            Some(waker) if waker.will_wake(self.waker) => {}
            _ => self.replaced = place.replace(self.waker.clone()),
        }
    }
}
