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
//!
//! What a socket goes through has its own file each: `accept`, `receive`, `send`, `close`; `queue`
//! is the turn itself, `park` the sleep.

mod accept;
mod close;
mod completion;
mod park;
mod queue;
mod receive;
mod send;

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use io_uring::{IoUring, types};
use socket2::SockRef;

use self::accept::Listener;
pub use self::completion::Completion;
pub use self::park::Patience;
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
    /// The kernel can sleep for several completions, and from some time on for one (6.12).
    gathers: bool,
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
        let gathers = uring.params().is_feature_min_timeout();
        Ok(Self {
            uring,
            buffers,
            sockets: SocketTable::default(),
            listeners: Vec::new(),
            waker,
            watching: false,
            tick: Box::default(),
            accept_later: Vec::new(),
            gathers,
            rearm: Vec::new(),
            starved: 0,
        })
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

    /// The number of a socket's descriptor in this process; -1 where there is none.
    #[must_use]
    pub fn descriptor(&self, socket: SocketId) -> i32 {
        let entry = self.sockets.get(socket.0);
        entry.map_or(-1, |entry| entry.fd.as_raw_fd())
    }

    /// Sockets known to the ring, those being closed included.
    pub fn socket_count(&self) -> usize {
        self.sockets.len()
    }
}

#[cfg(test)]
mod tests;
