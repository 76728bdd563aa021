//! What a ring's completions are about: an operation and an index, packed into the user data.
//!
//! ```text
//!  63      56 55              32 31               0
//! +----------+------------------+------------------+
//! | operation|        0         |      index       |
//! +----------+------------------+------------------+
//! ```

/// Kinds of operations, in the top byte of their user data; the index is in the low 32 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Operation {
    Accept = 1,
    Receive = 2,
    Send = 3,
    CancelReceive = 4,
    Tick = 5,
    CancelAccept = 6,
    CancelSend = 7,
    /// The waker's eventfd was written to.
    Wake = 8,
}

impl Operation {
    /// The user data of an operation on the socket, or listener, with this index.
    pub(super) fn user_data(self, index: u32) -> u64 {
        (self as u64) << 56 | u64::from(index)
    }

    /// The operation and index that a completion's user data names.
    pub(super) fn parse(user_data: u64) -> (Option<Self>, u32) {
        let kind = match user_data >> 56 {
            1 => Some(Self::Accept),
            2 => Some(Self::Receive),
            3 => Some(Self::Send),
            4 => Some(Self::CancelReceive),
            5 => Some(Self::Tick),
            6 => Some(Self::CancelAccept),
            7 => Some(Self::CancelSend),
            8 => Some(Self::Wake),
            _ => None,
        };
        (kind, (user_data & u64::from(u32::MAX)) as u32)
    }
}
