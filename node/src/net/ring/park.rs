//! Sleep and time: where a core waits that has nothing to do, and what wakes it.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::{cqueue, opcode, types};

use super::{Completion, Operation, Ring};

/// What a sleep may wait for beyond the first completion. It never prolongs a sleep that had already
/// lasted `wait` when its first completion came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Completions that end the sleep at once; at least 1.
    pub completions: u32,
    /// From the beginning of the sleep: after this, one is enough.
    pub wait: Duration,
}

impl Ring {
    /// Sleeps until a completion arrives or the waker is used, unless `has_work` finds
    /// something after the sleep was announced. With `patience` the first completions, and
    /// the waker, may wait as long as that says; a kernel that cannot do that wakes for the first.
    ///
    /// The thread sleeps in this ring, not in its executor. To await the ring's eventfd through
    /// glommio was tried first: under load its reactor was seen asleep without having armed the
    /// poll on that eventfd, and stayed so until a signal came. Besides, one hop less wakes sooner.
    /// So whatever else runs on the executor waits for the owner's next timer at the latest.
    ///
    /// # Errors
    /// As [`Ring::enter`].
    pub fn park(
        &mut self,
        patience: Option<Patience>,
        has_work: impl FnOnce() -> bool,
    ) -> io::Result<()> {
        self.watch_waker();
        self.waker.announce_sleep();
        let queued = self.uring.submission().len();
        if self.uring.completion().is_empty() && !has_work() {
            match patience {
                Some(patience) if self.gathers => self.enter_and_gather(queued, patience)?,
                _ => self.enter_and_wait(queued, 1)?,
            }
        }
        self.waker.awake();
        Ok(())
    }

    /// Has the kernel report writes to the waker's eventfd, for good or until it says otherwise.
    fn watch_waker(&mut self) {
        if std::mem::replace(&mut self.watching, true) {
            return;
        }
        let entry = opcode::PollAdd::new(types::Fd(self.waker.as_raw_fd()), libc::POLLIN as u32)
            .multi(true)
            .build()
            .user_data(Operation::Wake.user_data(0));
        self.push(&entry);
    }

    /// The kernel reported a write to the waker's eventfd.
    pub(super) fn woken(&mut self, entry: &cqueue::Entry) {
        self.watching = cqueue::more(entry.flags());
    }

    /// Fires [`Completion::Tick`] once after `delay`. One timer at a time.
    pub fn arm_tick(&mut self, delay: Duration) {
        *self.tick = types::Timespec::from(delay);
        let entry = opcode::Timeout::new(&raw const *self.tick)
            .build()
            .user_data(Operation::Tick.user_data(0));
        self.push(&entry);
    }

    /// The timer fired: what waited for it is done first.
    pub(super) fn ticked(&mut self) -> Completion {
        while let Some(index) = self.accept_later.pop() {
            self.accept(index);
        }
        Completion::Tick
    }
}
