//! Receiving: one multishot receive a socket, into buffers that all sockets share.
//!
//! Keeps R1 and R3 of [`super`]. While the cancel of a receive is under way no other is submitted for
//! the socket: the cancel could hit that one.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use io_uring::{cqueue, opcode, types};
use socket2::SockRef;

use super::{Chunk, Completion, Operation, ProvidedBuffers, Ring, Socket, SocketId};

impl Ring {
    /// Takes over a connected socket and receives from it.
    pub fn add(&mut self, socket: OwnedFd) -> SocketId {
        // Replies are whole batches already; waiting for more would only add latency.
        let _ = SockRef::from(&socket).set_tcp_nodelay(true);
        let index = self.sockets.insert(Socket::new(socket));
        self.receive(index);
        SocketId(index)
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

    /// Bytes of a chunk.
    pub fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.buffers.bytes(chunk)
    }

    /// Gives a chunk's buffer back to the kernel.
    pub fn release(&mut self, chunk: Chunk) {
        self.buffers.release(chunk);
    }

    /// Makes released buffers visible to the kernel.
    pub fn publish(&mut self) {
        self.buffers.publish();
    }

    /// How often a receive was delayed because all receive buffers were in use.
    pub fn starved(&self) -> u64 {
        self.starved
    }

    pub(super) fn received(&mut self, entry: &cqueue::Entry, index: u32) -> Option<Completion> {
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

    pub(super) fn receive(&mut self, index: u32) {
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

    /// The cancel of a receive is done: a receive may be armed again.
    pub(super) fn receive_cancelled(&mut self, index: u32) {
        if let Some(socket) = self.sockets.get_mut(index) {
            socket.cancelling = false;
            self.settle(index);
            // Resumed meanwhile: `receive` waited for this.
            self.receive(index);
        }
    }
}
