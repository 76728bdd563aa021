//! The two queues shared with the kernel: entries in, one system call, completions out.

#![expect(
    unsafe_code,
    reason = "io_uring submission queue entries carry raw addresses"
)]

use std::io;

use io_uring::{cqueue, squeue, types};

use super::{Completion, Operation, Patience, Ring};

const GETEVENTS: u32 = 1;
const EXT_ARG: u32 = 1 << 3;

/// The kernel's `struct io_uring_getevents_arg`, of which the `io-uring` crate leaves out the third.
#[repr(C)]
struct GeteventsArg {
    sigmask: u64,
    sigmask_bytes: u32,
    min_wait_us: u32,
    timeout: u64,
}

/// When a sleep ends in which nothing came. Only with an end does the kernel go on sleeping for one
/// completion after the time to gather is over.
const SLEEP_MAX_S: u64 = 3600;

impl Ring {
    /// Submits what is queued and lets the kernel post completions. Returns without a system call
    /// if there is neither anything to submit nor anything to run.
    ///
    /// # Errors
    /// The kernel refused the call: a defect of this module, or a ring under a filter that was
    /// installed after start-up.
    pub fn enter(&mut self) -> io::Result<()> {
        let queue = self.uring.submission();
        let queued = queue.len();
        let pending = queue.taskrun() || queue.cq_overflow();
        drop(queue);
        if queued == 0 && !pending {
            return Ok(());
        }
        self.enter_now(queued)
    }

    pub(super) fn enter_now(&self, queued: usize) -> io::Result<()> {
        self.enter_and_wait(queued, 0)
    }

    pub(super) fn enter_and_wait(&self, queued: usize, completions: u32) -> io::Result<()> {
        // SAFETY: no argument is passed by address; the entries queued are valid (see `push`).
        let result = unsafe {
            self.uring.submitter().enter::<libc::sigset_t>(
                queued as u32,
                completions,
                GETEVENTS,
                None,
            )
        };
        ended(result)
    }

    /// Sleeps for as many completions as `patience` says, and from its time on for one.
    pub(super) fn enter_and_gather(&self, queued: usize, patience: Patience) -> io::Result<()> {
        let timeout = types::Timespec::new().sec(SLEEP_MAX_S);
        let argument = GeteventsArg {
            sigmask: 0,
            sigmask_bytes: 0,
            min_wait_us: patience.wait.as_micros().try_into().unwrap_or(u32::MAX),
            timeout: (&raw const timeout).addr() as u64,
        };
        // SAFETY: the argument is of the kernel's layout, and it and the timeout that it names are
        // read during the call only; the entries queued are valid (see `push`).
        let result = unsafe {
            self.uring.submitter().enter(
                queued as u32,
                patience.completions,
                GETEVENTS | EXT_ARG,
                Some(&argument),
            )
        };
        ended(result)
    }

    /// Appends at most `max` completions to `completions`; returns how many entries it consumed.
    ///
    /// The owner deals with all of them before it reaps again: from then on the ids of sockets that
    /// it closed are given to new ones.
    pub fn reap(&mut self, completions: &mut Vec<Completion>, max: usize) -> usize {
        self.sockets.recycle();
        let mut consumed = 0;
        while consumed < max {
            let Some(entry) = self.uring.completion().next() else {
                break;
            };
            consumed += 1;
            if let Some(completion) = self.translate(&entry) {
                completions.push(completion);
            }
        }
        self.buffers.publish();
        while let Some(index) = self.rearm.pop() {
            self.receive(index);
        }
        consumed
    }

    fn translate(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let (operation, index) = Operation::parse(entry.user_data());
        match operation? {
            Operation::Accept => self.accepted(entry, index),
            Operation::Receive => self.received(entry, index),
            Operation::Send => self.sent(entry, index),
            Operation::CancelReceive => {
                self.receive_cancelled(index);
                None
            }
            // Nothing of an entry waits for these. A cancel precedes in the queue whatever is
            // submitted under the same index later, so it cannot hit that.
            Operation::CancelAccept | Operation::CancelSend => None,
            Operation::Wake => {
                self.woken(entry);
                None
            }
            Operation::Tick => Some(self.ticked()),
        }
    }

    pub(super) fn push(&mut self, entry: &squeue::Entry) {
        loop {
            // SAFETY: descriptors in entries belong to `sockets` or `listeners`, which keep them
            // open until their operations are done (S1); a send's bytes are owned by the socket's
            // entry until its completion (R2, S2); the timer's timespec is boxed in `self`.
            let pushed = unsafe { self.uring.submission().push(entry) };
            if pushed.is_ok() {
                return;
            }
            // The queue is full: submit it. If the kernel cannot take any now, completions have
            // to be reaped first, which the loop's owner does; meanwhile this retries.
            let queued = self.uring.submission().len();
            let _ = self.enter_now(queued);
        }
    }
}

/// Whether a call to enter went as it may.
fn ended(result: io::Result<usize>) -> io::Result<()> {
    match result {
        Ok(_) => Ok(()),
        // Nothing came, a signal did, or the kernel is short of request memory: the next turn tries again.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EINTR | libc::EAGAIN | libc::EBUSY | libc::ETIME)
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}
