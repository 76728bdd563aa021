//! What a ring reports to its owner.

use std::io;
use std::os::fd::OwnedFd;

use super::{Chunk, SocketId};

/// What happened, in the order in which it happened.
#[derive(Debug)]
pub enum Completion {
    /// A connection came in on the listener with this index.
    Accepted {
        /// Index as returned by [`Ring::listen`](super::Ring::listen).
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
    /// Bytes came in; give the chunk back with [`Ring::release`](super::Ring::release).
    Received {
        /// From this socket.
        socket: SocketId,
        /// The bytes, read with [`Ring::bytes`](super::Ring::bytes).
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
        /// The buffer given to [`Ring::send`](super::Ring::send), cleared.
        buffer: Vec<u8>,
    },
    /// The timer of [`Ring::arm_tick`](super::Ring::arm_tick) fired.
    Tick,
}
