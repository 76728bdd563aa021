//! Ends a parked core's sleep from another thread.
//!
//! The core's ring polls the eventfd, and other threads write to it after they have put a message
//! into the core's mailbox. `parked` keeps them from paying a system call while the core is awake.
//!
//! Protocol (a message is never slept on): the sleeper sets `parked`, then looks at its mailboxes
//! once more, then sleeps; the sender puts the message in, then takes `parked`, and writes if it
//! was set. Both sides use sequentially consistent order, so at least one sees the other.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Shared handle; cheap to clone.
#[derive(Clone, Debug)]
pub struct Waker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    event: EventFd,
    parked: AtomicBool,
}

impl Waker {
    /// A new eventfd.
    ///
    /// # Errors
    /// What the kernel answered, `EMFILE` most likely.
    pub fn new() -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self {
            inner: Arc::new(Inner {
                event,
                parked: AtomicBool::new(false),
            }),
        })
    }

    /// Wakes the core if it sleeps; returns whether it did. Of a core that is awake only the flag
    /// is read, which many threads may do at a time without taking it from each other.
    pub fn wake(&self) -> bool {
        fence(Ordering::SeqCst);
        let slept = self.inner.parked.load(Ordering::SeqCst)
            && self.inner.parked.swap(false, Ordering::SeqCst);
        if slept {
            // A full counter means a wake-up is already due.
            let _ = self.inner.event.write(1);
        }
        slept
    }

    /// Announces sleep; look at every mailbox once more after this, before sleeping.
    pub(super) fn announce_sleep(&self) {
        self.inner.parked.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Back at work: nobody needs to write any more; takes what was written.
    pub(super) fn awake(&self) {
        self.inner.parked.store(false, Ordering::SeqCst);
        // Nothing to read is the usual case, the descriptor does not block.
        let _ = self.inner.event.read();
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.event.as_fd().as_raw_fd()
    }
}
