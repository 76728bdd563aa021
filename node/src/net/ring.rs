//! One core's io_uring: submissions in, completions out, one system call a turn.
//!
//! A turn is [`Ring::enter`] (submit what is queued, let the kernel post what is done), then
//! [`Ring::reap`] (translate completions), then sends and re-arms queued by the owner, which the
//! next turn submits. When nothing happens the owner parks in [`Ring::park`].
//!
//! Set-up flags SINGLE_ISSUER and DEFER_TASKRUN: one thread submits, and the kernel runs the
//! receive and send work inside our `enter` instead of interrupting us. TASKRUN_FLAG lets an idle
//! turn see in shared memory, without a system call, that there is such work.
//!
//! Invariants:
//! * R1 At most one receive and one send of a socket are in flight (see [`super::socket`]).
//! * R2 The buffer of a send is owned by its socket's entry until the send's completion.
//! * R3 A multishot receive that ends for any reason other than its socket's end is armed again,
//!   at once or on [`Ring::resume`]; running out of provided buffers only delays it.

#![expect(
    unsafe_code,
    reason = "io_uring submission queue entries carry raw addresses"
)]

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use socket2::SockRef;

use super::buffers::{Chunk, ProvidedBuffers};
use super::error::RingError;
use super::operation::Operation;
use super::socket::{Socket, SocketTable};
use super::waker::Waker;

/// Names a socket within its ring. Reused after the socket was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u32);

/// Sizes of one ring.
#[derive(Clone, Debug)]
pub struct RingConfig {
    /// Submission entries; the ring submits early when they run out.
    pub entries: u32,
    /// Provided receive buffers, a power of two.
    pub buffer_count: u16,
    /// Bytes of each receive buffer.
    pub buffer_bytes: u32,
}

impl Default for RingConfig {
    fn default() -> Self {
        // Few and small enough to stay in the second-level cache while they cycle.
        Self {
            entries: 1024,
            buffer_count: 256,
            buffer_bytes: 8192,
        }
    }
}

/// What happened, in the order in which it happened.
#[derive(Debug)]
pub enum Completion {
    /// A connection came in on the listener with this index.
    Accepted {
        /// Index as returned by [`Ring::listen`].
        listener: usize,
        /// The connected socket, not yet known to the ring.
        socket: OwnedFd,
    },
    /// Accepting failed, for want of descriptors most likely; the listener is armed again with
    /// the next [`Completion::Tick`].
    AcceptFailed {
        /// What the kernel answered.
        error: io::Error,
    },
    /// Bytes came in; give the chunk back with [`Ring::release`].
    Received {
        /// From this socket.
        socket: SocketId,
        /// The bytes, read with [`Ring::bytes`].
        chunk: Chunk,
    },
    /// The peer ended its side (`error` is `None`) or the connection broke. Nothing more is
    /// received; the owner still has to close the socket.
    Ended {
        /// The socket.
        socket: SocketId,
        /// Why, if not an orderly end.
        error: Option<io::Error>,
    },
    /// A send is complete. The emptied buffer comes back for reuse.
    Sent {
        /// The socket.
        socket: SocketId,
        /// The buffer given to [`Ring::send`], cleared.
        buffer: Vec<u8>,
    },
    /// The timer of [`Ring::arm_tick`] fired.
    Tick,
}

/// A long send goes out in steps of this size, so that its owner can tell a slow peer, which takes
/// a step now and then, from a stuck one.
pub(super) const SEND_STEP_BYTES: usize = 256 << 10;

struct Listener {
    /// Kept until the kernel is done with it; while it exists, clients can connect to it.
    fd: Option<OwnedFd>,
    open: bool,
}

/// The io_uring of one executor. Must be used on the thread that made it.
pub struct Ring {
    // Dropped before `buffers` (B2); `drop` below waits for what is in flight first.
    uring: IoUring,
    buffers: ProvidedBuffers,
    sockets: SocketTable,
    listeners: Vec<Listener>,
    waker: Waker,
    /// The kernel tells us when somebody writes to the waker's eventfd.
    watching: bool,
    tick: Box<types::Timespec>,
    /// Listeners that failed to accept, to be armed with the next tick: without a descriptor to
    /// spare the kernel would refuse again at once, for ever.
    accept_later: Vec<usize>,
    /// Receives to arm at the end of the reap that ended them.
    rearm: Vec<u32>,
    /// How often the kernel found no receive buffer; a receive was delayed, nothing was lost.
    starved: u64,
}

impl Ring {
    /// Makes the ring of the calling executor; `waker` ends its sleep from other threads.
    ///
    /// # Errors
    /// Names the step: the kernel lacks a feature (6.1 is needed), io_uring is disabled or
    /// filtered, or a limit is too low.
    pub fn new(config: &RingConfig, waker: Waker) -> Result<Self, RingError> {
        let failed = |step| move |source| RingError { step, source };
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(config.entries * 4)
            .build(config.entries)
            .map_err(failed("creating the ring (kernel 6.1 or later is needed)"))?;
        // Saves the descriptor look-up of every enter; older kernels do without.
        let _ = uring.submitter().register_ring_fd();
        let buffers = ProvidedBuffers::register(&uring, config.buffer_count, config.buffer_bytes)
            .map_err(failed("registering receive buffers"))?;
        Ok(Self {
            uring,
            buffers,
            sockets: SocketTable::default(),
            listeners: Vec::new(),
            waker,
            watching: false,
            tick: Box::default(),
            accept_later: Vec::new(),
            rearm: Vec::new(),
            starved: 0,
        })
    }

    /// Accepts from `listener` from now on; returns its index.
    pub fn listen(&mut self, listener: OwnedFd) -> usize {
        self.listeners.push(Listener {
            fd: Some(listener),
            open: true,
        });
        let index = self.listeners.len() - 1;
        self.accept(index);
        index
    }

    /// Stops accepting and closes all listeners once the kernel has let go of them.
    pub fn stop_listening(&mut self) {
        for index in std::mem::take(&mut self.accept_later) {
            self.listeners[index].open = false;
            self.listeners[index].fd = None;
        }
        for index in 0..self.listeners.len() {
            if !std::mem::replace(&mut self.listeners[index].open, false) {
                continue;
            }
            let index = index as u32;
            self.push(
                &opcode::AsyncCancel::new(Operation::Accept.user_data(index))
                    .build()
                    .user_data(Operation::CancelAccept.user_data(index)),
            );
        }
    }

    /// Takes over a connected socket and receives from it.
    pub fn add(&mut self, socket: OwnedFd) -> SocketId {
        // Replies are whole batches already; waiting for more would only add latency.
        let _ = SockRef::from(&socket).set_tcp_nodelay(true);
        let index = self.sockets.insert(Socket::new(socket));
        self.receive(index);
        SocketId(index)
    }

    /// Sends `bytes` to the peer. They are not touched until [`Completion::Sent`] returns them.
    ///
    /// The caller keeps R1: it sends only when no earlier send is in flight ([`Ring::sending`]).
    pub fn send(&mut self, socket: SocketId, bytes: Vec<u8>) {
        let Some(entry) = self.sockets.get_mut(socket.0) else {
            return;
        };
        assert!(
            entry.in_flight.is_none(),
            "one send of a connection at a time"
        );
        if entry.closing || bytes.is_empty() {
            return;
        }
        entry.in_flight = Some(bytes);
        entry.sent = 0;
        self.submit_send(socket.0);
    }

    /// Whether a send of this socket is in flight.
    pub fn sending(&self, socket: SocketId) -> bool {
        self.sockets
            .get(socket.0)
            .is_some_and(|entry| entry.in_flight.is_some())
    }

    /// Bytes of the send in flight; 0 when there is none.
    pub fn in_flight_bytes(&self, socket: SocketId) -> usize {
        let in_flight = self
            .sockets
            .get(socket.0)
            .and_then(|entry| entry.in_flight.as_ref());
        in_flight.map_or(0, Vec::len)
    }

    /// Bytes of the send in flight that the kernel has taken over so far, by whole steps of
    /// `SEND_STEP_BYTES`; 0 when none is in flight.
    pub fn send_progress(&self, socket: SocketId) -> usize {
        self.sockets
            .get(socket.0)
            .map_or(0, |entry| match entry.in_flight {
                Some(_) => entry.sent,
                None => 0,
            })
    }

    /// Stops receiving from the socket. Data already on its way is still reported.
    pub fn pause(&mut self, socket: SocketId) {
        let Some(entry) = self.sockets.get_mut(socket.0) else {
            return;
        };
        entry.paused = true;
        if !entry.receiving || entry.cancelling {
            return;
        }
        entry.cancelling = true;
        self.cancel(Operation::Receive, Operation::CancelReceive, socket.0);
    }

    /// Receives again after [`Ring::pause`].
    pub fn resume(&mut self, socket: SocketId) {
        let Some(entry) = self.sockets.get_mut(socket.0) else {
            return;
        };
        entry.paused = false;
        if !entry.receiving && !entry.ended && !entry.closing {
            self.receive(socket.0);
        }
    }

    /// Tells the peer that nothing more will be sent; receiving goes on.
    pub fn finish_sending(&mut self, socket: SocketId) {
        if let Some(entry) = self.sockets.get(socket.0) {
            // Of a connection that broke meanwhile the next completion tells.
            let _ = SockRef::from(&entry.fd).shutdown(Shutdown::Write);
        }
    }

    /// Whether the peer's host has confirmed everything that was sent, the end included.
    pub fn is_confirmed(&self, socket: SocketId) -> bool {
        let Some(entry) = self.sockets.get(socket.0) else {
            return true;
        };
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is open as long as its entry exists, and this request writes one
        // int to the address given, which is that of a live local.
        let result = unsafe { libc::ioctl(entry.fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
        result != 0 || bytes == 0
    }

    /// Where the peer is, and where it connected to; as far as the kernel still knows.
    pub fn addresses(&self, socket: SocketId) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let Some(entry) = self.sockets.get(socket.0) else {
            return (None, None);
        };
        let socket = SockRef::from(&entry.fd);
        let address = |found: io::Result<socket2::SockAddr>| found.ok()?.as_socket();
        (address(socket.peer_addr()), address(socket.local_addr()))
    }

    /// Ends the connection. What the kernel has taken over is still delivered, unless the peer has
    /// sent more than was received: then it is told by a reset. Nothing more is reported for the
    /// socket but what was reaped already, which the owner ignores.
    ///
    /// Operations in flight are cancelled, not ended by shutting the socket down: a kernel that may
    /// not receive any more would drain what is there without opening the window again, and leave a
    /// peer that waits for that to happen waiting for a minute.
    pub fn close(&mut self, socket: SocketId) {
        let Some(entry) = self.sockets.get_mut(socket.0) else {
            return;
        };
        if std::mem::replace(&mut entry.closing, true) {
            return;
        }
        let sending = entry.in_flight.is_some();
        let receiving = entry.receiving && !entry.cancelling;
        entry.cancelling |= receiving;
        if receiving {
            self.cancel(Operation::Receive, Operation::CancelReceive, socket.0);
        }
        if sending {
            self.cancel(Operation::Send, Operation::CancelSend, socket.0);
        }
        self.settle(socket.0);
    }

    /// Ends the connection by a reset: what was not delivered is dropped, by the kernel too.
    pub fn abort(&mut self, socket: SocketId) {
        if let Some(entry) = self.sockets.get(socket.0) {
            // At worst the kernel goes on trying for a while.
            let _ = SockRef::from(&entry.fd).set_linger(Some(Duration::ZERO));
        }
        self.close(socket);
    }

    /// Bytes of a chunk.
    pub fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.buffers.bytes(chunk)
    }

    /// Gives a chunk's buffer back to the kernel.
    pub fn release(&mut self, chunk: Chunk) {
        self.buffers.release(chunk);
    }

    /// Fires [`Completion::Tick`] once after `delay`. One timer at a time.
    pub fn arm_tick(&mut self, delay: Duration) {
        *self.tick = types::Timespec::from(delay);
        let entry = opcode::Timeout::new(&raw const *self.tick)
            .build()
            .user_data(Operation::Tick.user_data(0));
        self.push(&entry);
    }

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

    fn enter_now(&self, queued: usize) -> io::Result<()> {
        self.enter_and_wait(queued, 0)
    }

    fn enter_and_wait(&self, queued: usize, completions: u32) -> io::Result<()> {
        const GETEVENTS: u32 = 1;
        // SAFETY: no argument is passed by address; the entries queued are valid (see `push`).
        let result = unsafe {
            self.uring.submitter().enter::<libc::sigset_t>(
                queued as u32,
                completions,
                GETEVENTS,
                None,
            )
        };
        match result {
            Ok(_) => Ok(()),
            // A signal, or the kernel is short of request memory: the next turn tries again.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
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

    /// Makes released buffers visible to the kernel.
    pub fn publish(&mut self) {
        self.buffers.publish();
    }

    /// Sleeps until a completion arrives or the [`Waker`] is used, unless `has_work` finds
    /// something after the sleep was announced.
    ///
    /// The thread sleeps in this ring, not in its executor. To await the ring's eventfd through
    /// glommio was tried first: under load its reactor was seen asleep without having armed the
    /// poll on that eventfd, and stayed so until a signal came. Besides, one hop less wakes sooner.
    /// So whatever else runs on the executor waits for the owner's next timer at the latest.
    ///
    /// # Errors
    /// As [`Ring::enter`].
    pub fn park(&mut self, has_work: impl FnOnce() -> bool) -> io::Result<()> {
        self.watch_waker();
        self.waker.announce_sleep();
        let queued = self.uring.submission().len();
        if self.uring.completion().is_empty() && !has_work() {
            self.enter_and_wait(queued, 1)?;
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

    /// Sockets known to the ring, those being closed included.
    pub fn socket_count(&self) -> usize {
        self.sockets.len()
    }

    /// How often a receive was delayed because all receive buffers were in use.
    pub fn starved(&self) -> u64 {
        self.starved
    }

    fn translate(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let (operation, index) = Operation::parse(entry.user_data());
        match operation? {
            Operation::Accept => self.accepted(entry, index),
            Operation::Receive => self.received(entry, index),
            Operation::Send => self.sent(entry, index),
            Operation::CancelReceive => {
                if let Some(socket) = self.sockets.get_mut(index) {
                    socket.cancelling = false;
                    self.settle(index);
                    // Resumed meanwhile: `receive` waited for this.
                    self.receive(index);
                }
                None
            }
            // Nothing of an entry waits for these. A cancel precedes in the queue whatever is
            // submitted under the same index later, so it cannot hit that.
            Operation::CancelAccept | Operation::CancelSend => None,
            Operation::Wake => {
                self.watching = cqueue::more(entry.flags());
                None
            }
            Operation::Tick => {
                while let Some(index) = self.accept_later.pop() {
                    self.accept(index);
                }
                Some(Completion::Tick)
            }
        }
    }

    fn accepted(&mut self, entry: &cqueue::Entry, index: u32) -> Option<Completion> {
        let result = entry.result();
        let listener = self.listeners.get_mut(index as usize);
        let open = listener.as_ref().is_some_and(|listener| listener.open);
        if !cqueue::more(entry.flags()) {
            if open && result < 0 {
                self.accept_later.push(index as usize);
            } else if open {
                self.accept(index as usize);
            } else if let Some(listener) = listener {
                listener.fd = None;
            }
        }
        if result < 0 {
            return open.then(|| Completion::AcceptFailed {
                error: io::Error::from_raw_os_error(-result),
            });
        }
        // SAFETY: a non-negative result of an accept is a descriptor that the kernel just opened
        // for us; nothing else knows it.
        let socket = unsafe { OwnedFd::from_raw_fd(result) };
        open.then_some(Completion::Accepted {
            listener: index as usize,
            socket,
        })
    }

    fn received(&mut self, entry: &cqueue::Entry, index: u32) -> Option<Completion> {
        let result = entry.result();
        let chunk = cqueue::buffer_select(entry.flags())
            .map(|buffer| self.buffers.chunk(buffer, result.max(0) as u32));
        let more = cqueue::more(entry.flags());
        let Some(socket) = self.sockets.get_mut(index) else {
            // S1 makes this unreachable; the buffer goes back all the same.
            if let Some(chunk) = chunk {
                self.buffers.release(chunk);
            }
            return None;
        };
        if !more {
            socket.receiving = false;
        }
        if socket.closing {
            if let Some(chunk) = chunk {
                self.buffers.release(chunk);
            }
            self.settle(index);
            return None;
        }
        if result > 0 {
            if !more && !socket.paused {
                self.rearm.push(index);
            }
            return chunk.map(|chunk| Completion::Received {
                socket: SocketId(index),
                chunk,
            });
        }
        if let Some(chunk) = chunk {
            self.buffers.release(chunk);
        }
        match -result {
            libc::ENOBUFS => {
                self.starved += 1;
                self.rearm_unless_paused(index);
                None
            }
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => {
                self.rearm_unless_paused(index);
                None
            }
            error => {
                socket.ended = true;
                Some(Completion::Ended {
                    socket: SocketId(index),
                    error: (error != 0).then(|| io::Error::from_raw_os_error(error)),
                })
            }
        }
    }

    fn rearm_unless_paused(&mut self, index: u32) {
        let idle = self
            .sockets
            .get(index)
            .is_some_and(|socket| !socket.paused && !socket.receiving);
        if idle {
            self.rearm.push(index);
        }
    }

    fn sent(&mut self, entry: &cqueue::Entry, index: u32) -> Option<Completion> {
        let result = entry.result();
        let socket = self.sockets.get_mut(index)?;
        let total = socket.in_flight.as_ref().map_or(0, Vec::len);
        if result > 0 {
            socket.sent += result as usize;
        }
        let retry = matches!(-result, libc::EAGAIN | libc::EINTR);
        if !socket.closing && ((result > 0 && socket.sent < total) || retry) {
            self.submit_send(index);
            return None;
        }
        let mut buffer = socket.in_flight.take().unwrap_or_default();
        if socket.closing {
            self.settle(index);
            return None;
        }
        if result <= 0 {
            socket.ended = true;
            return Some(Completion::Ended {
                socket: SocketId(index),
                error: Some(io::Error::from_raw_os_error(-result)),
            });
        }
        buffer.clear();
        Some(Completion::Sent {
            socket: SocketId(index),
            buffer,
        })
    }

    /// Frees a closing socket's entry once nothing of it is in flight (S1).
    fn settle(&mut self, index: u32) {
        let done = self
            .sockets
            .get(index)
            .is_some_and(|socket| socket.closing && !socket.busy());
        if done {
            self.sockets.remove(index);
        }
    }

    fn accept(&mut self, index: usize) {
        let Some(listener) = &self.listeners[index].fd else {
            return;
        };
        let descriptor: RawFd = listener.as_raw_fd();
        self.push(
            &opcode::AcceptMulti::new(types::Fd(descriptor))
                .flags(libc::SOCK_CLOEXEC)
                .build()
                .user_data(Operation::Accept.user_data(index as u32)),
        );
    }

    fn receive(&mut self, index: u32) {
        let Some(socket) = self.sockets.get_mut(index) else {
            return;
        };
        if socket.receiving || socket.closing || socket.ended || socket.paused {
            return;
        }
        // A cancel under way could hit the new receive, or miss it and leave it to a later pause,
        // which cancels once at a time. Its completion comes back here.
        if socket.cancelling {
            return;
        }
        socket.receiving = true;
        let descriptor = socket.fd.as_raw_fd();
        self.push(
            &opcode::RecvMulti::new(types::Fd(descriptor), ProvidedBuffers::GROUP)
                .build()
                .user_data(Operation::Receive.user_data(index)),
        );
    }

    fn cancel(&mut self, operation: Operation, by: Operation, index: u32) {
        self.push(
            &opcode::AsyncCancel::new(operation.user_data(index))
                .build()
                .user_data(by.user_data(index)),
        );
    }

    fn submit_send(&mut self, index: u32) {
        let Some(socket) = self.sockets.get_mut(index) else {
            return;
        };
        let Some(bytes) = &socket.in_flight else {
            return;
        };
        let rest = &bytes[socket.sent..];
        let len = rest.len().min(SEND_STEP_BYTES) as u32;
        // MSG_WAITALL: the kernel goes on by itself after a short send.
        let entry = opcode::Send::new(types::Fd(socket.fd.as_raw_fd()), rest.as_ptr(), len)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build()
            .user_data(Operation::Send.user_data(index));
        self.push(&entry);
    }

    fn push(&mut self, entry: &squeue::Entry) {
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

impl Drop for Ring {
    /// Ends every operation before the memory they point to goes away, and before the ports that
    /// accepts hold: a closed ring lets go of those later, on the kernel's own time, and whoever
    /// binds the port next would find it taken.
    fn drop(&mut self) {
        self.stop_listening();
        for index in self.sockets.indexes() {
            self.close(SocketId(index));
        }
        let mut discarded = Vec::new();
        // Cancelled operations end at once; the bound is for a kernel that
        // never answers, where closing the ring below cancels what is left.
        for _ in 0..DRAIN_ATTEMPTS {
            let is_listening = self.listeners.iter().any(|listener| listener.fd.is_some());
            if self.sockets.len() == 0 && !is_listening {
                return;
            }
            let queued = self.uring.submission().len();
            if self.enter_now(queued).is_err() {
                return;
            }
            if self.reap(&mut discarded, usize::MAX) == 0 {
                std::thread::sleep(DRAIN_PAUSE);
            }
            for completion in discarded.drain(..) {
                if let Completion::Received { chunk, .. } = completion {
                    self.buffers.release(chunk);
                }
            }
        }
    }
}

/// How often a dropped ring looks for the end of its last operations.
const DRAIN_ATTEMPTS: usize = 1000;
/// Wait between two looks.
const DRAIN_PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
