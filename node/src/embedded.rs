//! A node inside the process that uses it: calls of any thread, without a socket.
//!
//! ```text
//! DMap ─▶ Embedded: check, route ─▶ Door of the owning core ─▶ worker: the same execution as for
//!  ▲                                                            a request of another core
//!  └── Pending: a future, or a thread that spins and parks ◀── Slot
//! ```
//!
//! An operation is not encoded: it travels as it is, in a job that may hold many of them, and its
//! reply comes back as the frame that a client would get, in a buffer that belongs to the caller.
//! Jobs, buffers and slots are used again, so a call allocates what its operation and its result
//! need and nothing else.

#![warn(clippy::missing_errors_doc)]

mod batch;
mod destination;
mod door;
mod job;
mod link;
mod listener;
mod pending;
mod queue;
mod slot;
mod subscriber;

pub use link::Embedded;
pub use listener::{Ended, Message};
pub use subscriber::Subscriber;

/// A map of a node in this process: usable from any thread and under any executor, and
/// [`jerboa_wire::client::DMap::blocking`] for those who have none.
pub type DMap = jerboa_wire::client::DMap<Embedded>;

/// A map of a node in this process, whose operations block the calling thread.
pub type BlockingDMap = jerboa_wire::client::blocking::DMap<Embedded>;

pub(crate) use door::{Door, Given, Inlet, Newcomer, Notice};
pub(crate) use job::{Ending, Job, Member};
pub(crate) use listener::{Listener, Published, Pushed};
pub(crate) use pending::{given, is_core_thread, mark_core_thread};
pub(crate) use slot::Call;
