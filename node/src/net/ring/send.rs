//! Sending: one send a socket, of a buffer that the socket owns meanwhile (R1, R2 of [`super`]).

#![expect(
    unsafe_code,
    reason = "one request about a socket, made through an address"
)]

use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;

use io_uring::{cqueue, opcode, types};
use socket2::SockRef;

use super::{Completion, Operation, Ring, SocketId};

/// A long send goes out in steps of this size, so that its owner can tell a slow peer, which takes
/// a step now and then, from a stuck one.
pub(super) const SEND_STEP_BYTES: usize = 256 << 10;

impl Ring {
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

    pub(super) fn sent(&mut self, entry: &cqueue::Entry, index: u32) -> Option<Completion> {
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
}
