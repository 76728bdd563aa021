//! One connected socket as its ring sees it, and the table of all of them.
//!
//! Invariants:
//! * S1 An entry leaves the table, and its descriptor is closed, only when no operation of it is
//!   in flight. So an index in a completion always names the socket it was submitted for.
//! * S2 `in_flight` is moved out only after the send's final completion, and never resized before:
//!   the kernel reads from it.
//! * S3 An index is used again only after the completions that were handed out before its entry
//!   left are dealt with: one of them may still name it, and must not mean the next connection.

use std::os::fd::OwnedFd;

/// State of one socket.
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    /// A multishot receive is submitted and has not reported its end.
    pub(super) receiving: bool,
    /// The owner asked not to be given more data for now.
    pub(super) paused: bool,
    /// A cancel of the receive is submitted and has not completed.
    pub(super) cancelling: bool,
    /// The owner closed it: nothing more is reported, the entry waits for its operations to end.
    pub(super) closing: bool,
    /// End of stream or an error was reported.
    pub(super) ended: bool,
    /// The buffer that the kernel is sending from.
    pub(super) in_flight: Option<Vec<u8>>,
    /// Bytes of `in_flight` already sent.
    pub(super) sent: usize,
}

impl Socket {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            receiving: false,
            paused: false,
            cancelling: false,
            closing: false,
            ended: false,
            in_flight: None,
            sent: 0,
        }
    }

    /// Whether the kernel may still report something for this entry.
    pub(super) fn busy(&self) -> bool {
        self.receiving || self.cancelling || self.in_flight.is_some()
    }
}

/// Sockets by index, reusing freed indexes.
#[derive(Default)]
pub(super) struct SocketTable {
    entries: Vec<Option<Socket>>,
    free: Vec<u32>,
    /// Left since the last reap.
    left: Vec<u32>,
}

impl SocketTable {
    pub(super) fn insert(&mut self, socket: Socket) -> u32 {
        if let Some(index) = self.free.pop() {
            self.entries[index as usize] = Some(socket);
            return index;
        }
        let index = u32::try_from(self.entries.len()).expect("descriptors are fewer than 2^32");
        self.entries.push(Some(socket));
        index
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Socket> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    pub(super) fn get(&self, index: u32) -> Option<&Socket> {
        self.entries.get(index as usize)?.as_ref()
    }

    pub(super) fn remove(&mut self, index: u32) {
        if self.entries[index as usize].take().is_some() {
            self.left.push(index);
        }
    }

    /// Lets the indexes of entries that left be used again (S3).
    pub(super) fn recycle(&mut self) {
        self.free.append(&mut self.left);
    }

    pub(super) fn indexes(&self) -> Vec<u32> {
        let used = self
            .entries
            .iter()
            .zip(0u32..)
            .filter(|(entry, _)| entry.is_some());
        used.map(|(_, index)| index).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len() - self.left.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> Socket {
        Socket::new(std::fs::File::open("/dev/null").unwrap().into())
    }

    #[test]
    fn a_completion_handed_out_already_cannot_mean_the_next_connection() {
        let mut table = SocketTable::default();
        let first = table.insert(socket());
        table.remove(first);
        assert_eq!(table.len(), 0);
        assert_ne!(
            table.insert(socket()),
            first,
            "used again before the next reap"
        );
        table.recycle();
        assert_eq!(table.insert(socket()), first);
        assert_eq!(table.len(), 2);
    }
}
