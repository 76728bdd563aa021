//! What a reply says about its request: the outcome, or an error by whose fault it is.
//!
//! Families: `0x0_` outcomes, `0x1_`–`0x2_` the request's fault, `0x4_` conditions of the
//! server, `0x6_` bytes that are not a frame. Unless a status says otherwise, an error means
//! that nothing was changed.

/// Whose fault an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// Nobody's: an outcome of the operation.
    None,
    /// The request is wrong and would be wrong again.
    Client,
    /// The server cannot serve it now.
    Server,
    /// The bytes are not a frame: a broken peer or a broken link.
    Bytes,
}

/// What to do with a request that was answered so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retry {
    /// The same request would be answered the same way.
    No,
    /// Nothing was done; the same request may succeed after a pause.
    Later,
    /// Nothing was done; fetch the topology and ask the owner.
    Elsewhere,
}

macro_rules! statuses {
    ($($(#[$meta:meta])* $name:ident = $number:literal, $fault:ident, $retry:ident, $text:literal;)+) => {
        /// The status byte of a reply, or of one item of a multi-key reply.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Status {
            $($(#[$meta])* #[doc = concat!($text, ".")] $name = $number,)+
        }

        impl Status {
            /// Every status, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The status with this number, or `None`.
            #[must_use]
            #[inline]
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The name that `PROTOCOL.md` uses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Whose fault it is.
            #[must_use]
            pub const fn fault(self) -> Fault {
                match self { $(Self::$name => Fault::$fault,)+ }
            }

            /// Whether and how to try again.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => Retry::$retry,)+ }
            }

            /// What it means, in one sentence without its full stop.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

statuses! {
    Ok = 0x00, None, No, "done";
    NotFound = 0x01, None, No, "the key is absent";
    Exists = 0x02, None, No, "the key is present and the request asked for an absent one";
    Mismatch = 0x03, None, No, "the entry is not the one that the request expects";
    LockNotAcquired = 0x04, None, No, "somebody else has the lock, and the time to wait is over";

    UnknownOpcode = 0x10, Client, No, "no operation has this number";
    UnknownFlags = 0x11, Client, No, "the operation does not know one of the flags";
    InvalidOptions = 0x12, Client, No, "two of the flags exclude each other, or one that is needed is missing";
    InvalidArgument = 0x13, Client, No, "an argument is outside its range";
    WrongPartition = 0x14, Client, No, "the partition of the request is not the partition of its key";
    KeyEmpty = 0x15, Client, No, "the key is empty";
    KeyTooLarge = 0x16, Client, No, "the key is longer than 65,535 bytes";
    ValueTooLarge = 0x17, Client, No, "the value is larger than the node's limit";
    MapNameTooLarge = 0x18, Client, No, "the map name is longer than 255 bytes";
    TooManyItems = 0x19, Client, No, "a multi-key request has no item or more than 16,384";
    NotANumber = 0x1A, Client, No, "the value is not a number of the operation's kind, so it cannot be counted with";
    Overflow = 0x1B, Client, No, "the counter would leave the range of its kind of number";
    MalformedPayload = 0x1C, Client, No, "the value section does not hold what the operation needs";
    UnexpectedField = 0x1D, Client, No, "a field that the operation does not use is not zero or empty";
    NotNegotiated = 0x1E, Client, No, "a frame without checksum on a connection that has them on";
    UnsupportedProtocol = 0x1F, Client, No, "no protocol version is known to both sides";
    ReplyTooLarge = 0x20, Client, No, "the value does not fit this multi-key reply any more: get it alone";
    NoSuchLock = 0x21, Client, No, "the lock is not held under this token: it was released, it expired, or it is another's";
    ManyOwners = 0x22, Client, No, "the keys belong to more than one core, and the request is all or nothing";
    ChannelTooLarge = 0x28, Client, No, "a channel's name is longer than 1,024 bytes, or a pattern longer than 256";
    ReservedChannel = 0x29, Client, No, "only the node publishes on channels that begin with __jerboa__:";

    OutOfMemory = 0x40, Server, Later, "the owning core's memory is full";
    Busy = 0x41, Server, Later, "the owning core's mailbox is full, or its connections hold as much as they may";
    TooManyConnections = 0x42, Server, Later, "the node has as many connections as it allows";
    TooManyMaps = 0x43, Server, No, "the node has as many maps as it allows";
    ShuttingDown = 0x44, Server, Elsewhere, "the node is draining and takes no new request";
    NotOwner = 0x45, Server, Elsewhere, "the request was forwarded once and still met a core that does not own the key";
    /// The one error after which the entry's state is unknown.
    Internal = 0x46, Server, No, "the node failed; whether the operation was done is unknown";
    TooManyWaiters = 0x47, Server, Later, "as many requests wait for locks of the owning core as may";
    TooManySubscriptions = 0x50, Server, No, "the connection or its core has as many subscriptions as it may";
    /// Pushed, never an answer.
    SlowSubscriber = 0x51, Server, No, "the subscriber did not take its messages in time: it gets no more, and the connection closes";

    BadMagic = 0x60, Bytes, No, "the frame does not begin with 0xB7; the connection closes";
    BadVersion = 0x61, Bytes, No, "the frame's version is not supported; the connection closes";
    BadCrc = 0x62, Bytes, No, "the checksum does not match; the connection closes";
    FrameTooLarge = 0x63, Bytes, No, "the frame declares more bytes than the node accepts; the connection closes";
    ReservedNotZero = 0x64, Bytes, No, "a reserved byte is not zero";
    WrongDirection = 0x65, Bytes, No, "a reply was sent where a request belongs, or the other way round; the connection closes";
    TooManyHops = 0x66, Bytes, No, "the request says that it was forwarded more than once";
}

impl Status {
    /// The number that stands in a frame.
    #[must_use]
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether it is an error, not an outcome.
    #[must_use]
    #[inline]
    pub const fn is_error(self) -> bool {
        self.as_u8() >= 0x10
    }

    /// Whether the reply proves that the operation changed nothing, so that even a write may
    /// be sent again.
    #[must_use]
    pub const fn changed_nothing(self) -> bool {
        self.is_error() && !matches!(self, Self::Internal)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_read_back_and_match_their_family() {
        let known = (0..=u8::MAX)
            .filter_map(Status::from_u8)
            .collect::<Vec<_>>();
        assert_eq!(known, Status::ALL, "listed in the order of their numbers");
        for status in Status::ALL {
            let family = match status.as_u8() {
                0x00..=0x0F => Fault::None,
                0x10..=0x3F => Fault::Client,
                0x40..=0x5F => Fault::Server,
                _ => Fault::Bytes,
            };
            assert_eq!(status.fault(), family, "{status:?}");
            assert_eq!(status.is_error(), family != Fault::None, "{status:?}");
        }
    }

    #[test]
    fn only_an_error_that_changed_nothing_is_ever_retried() {
        for status in Status::ALL {
            if status.retry() != Retry::No {
                assert!(status.changed_nothing(), "{status:?}");
            }
        }
    }
}
