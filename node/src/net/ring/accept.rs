//! Listeners: connections come in until they are told not to.
//!
//! Invariant A1: a listener's descriptor stays open, and clients can connect to it, until the kernel
//! has reported the end of its multishot accept.

#![expect(
    unsafe_code,
    reason = "the kernel hands accepted sockets over as bare numbers"
)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use io_uring::{cqueue, opcode, types};

use super::{Completion, Operation, Ring};

pub(super) struct Listener {
    /// Kept until the kernel is done with it; while it exists, clients can connect to it.
    fd: Option<OwnedFd>,
    open: bool,
}

impl Listener {
    /// Whether the kernel still accepts from it.
    pub(super) fn is_held(&self) -> bool {
        self.fd.is_some()
    }
}

impl Ring {
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

    pub(super) fn accepted(&mut self, entry: &cqueue::Entry, index: u32) -> Option<Completion> {
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

    pub(super) fn accept(&mut self, index: usize) {
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
}
