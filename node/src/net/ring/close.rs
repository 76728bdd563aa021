//! The end of a socket, and of the ring.
//!
//! A socket's entry, and with it the descriptor, lives on until nothing of it is in flight (S1 of
//! [`super::super::socket`]); so closing is a cancel now and a removal later.

use std::time::Duration;

use io_uring::opcode;
use socket2::SockRef;

use super::accept::Listener;
use super::{Completion, Operation, Ring, SocketId};

impl Ring {
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

    /// Frees a closing socket's entry once nothing of it is in flight (S1).
    pub(super) fn settle(&mut self, index: u32) {
        let done = self
            .sockets
            .get(index)
            .is_some_and(|socket| socket.closing && !socket.busy());
        if done {
            self.sockets.remove(index);
        }
    }

    pub(super) fn cancel(&mut self, operation: Operation, by: Operation, index: u32) {
        self.push(
            &opcode::AsyncCancel::new(operation.user_data(index))
                .build()
                .user_data(by.user_data(index)),
        );
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
            let is_listening = self.listeners.iter().any(Listener::is_held);
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
