//! The list of what can be asked of a map. Each face of the client (awaited, blocking, pipelined)
//! gets all of it, under the same names and with the same documentation.
//!
//! Every operation says under "Effects" what it does to an entry that is there, and under "Errors"
//! the statuses of its own; a face adds what holds for every call of it. A test compares both with
//! the tables of `PROTOCOL.md`.

mod counters;
mod expiries;
mod locks;
mod maps;
mod reads;
mod swaps;
mod writes;

/// Hands the list to `$face!`, which makes a method of every line.
macro_rules! operations {
    ($face:ident) => {
        $crate::client::operations::read_operations!($face);
        $crate::client::operations::write_operations!($face);
        $crate::client::operations::swap_operations!($face);
        $crate::client::operations::expiry_operations!($face);
        $crate::client::operations::counting_operations!($face);
        $crate::client::operations::lock_operations!($face);
        $crate::client::operations::map_operations!($face);
    };
}

/// What holds for every call: the end of its "Errors", behind those of its own.
macro_rules! any_call {
    ($of_face:literal) => {
        concat!(
            "\n\nAs every call, with nothing changed: [`Error::Refused`] with `Busy`, `NotOwner`, ",
            "`ShuttingDown` or `TooManyConnections`; [`Error::Invalid`], [`Error::Unreachable`], ",
            "[`Error::Overloaded`], ",
            $of_face,
            ". With `Internal`, [`Error::TimedOut`], [`Error::ConnectionLost`], ",
            "[`Error::Protocol`], [`Error::Closed`] and [`Error::UnexpectedReply`] a write may ",
            "have been done: [`Error::outcome`] tells."
        )
    };
}

pub(super) use any_call;
pub(super) use counters::counting_operations;
pub(super) use expiries::expiry_operations;
pub(super) use locks::lock_operations;
pub(super) use maps::map_operations;
pub(super) use operations;
pub(super) use reads::read_operations;
pub(super) use swaps::swap_operations;
pub(super) use writes::write_operations;
