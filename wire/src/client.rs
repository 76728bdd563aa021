//! The client: a sans-I/O core and the drivers that give it sockets and a clock.
//!
//! ```text
//! typed calls ──▶ Operation ──▶ Engine: route, send, match, retry, refresh ──▶ Response
//!                               │ one Session per connection: bytes ⇄ frames
//!                 driver: sockets, clock, waiting (blocking threads, tasks of tokio or glommio)
//! ```
//!
//! * [`DMap`] is a map by its name, with every operation, typed values ([`crate::value`]), scans and
//!   pipelines; [`blocking::DMap`] the same for threads. Both work over any [`transport`].
//! * [`blocking::Client`] for threads, `tokio::Client` for tokio runtimes (feature `tokio`),
//!   `glommio::Client` for glommio executors, one for each (feature `glommio`; it needs io_uring
//!   where the client runs). All have the same methods and are cheap to clone; the first two may
//!   be shared by threads.
//! * One connection for each core of each node, opened at its first use. What concurrent callers
//!   ask of one core leaves in one write; many requests are under way on it at once.
//! * Every call ends by its deadline, with an answer or an [`Error`] that says whether anything
//!   was done. A call is sent again only where that is safe: see [`Error`].

#![warn(clippy::missing_errors_doc)]

mod api;
mod backoff;
pub mod blocking;
mod channels;
mod command;
mod condition;
mod config;
mod dmap;
pub mod engine;
mod error;
#[cfg(feature = "glommio")]
pub mod glommio;
mod inspect;
mod many;
mod maps;
mod operation;
mod operations;
mod options;
mod outcome;
mod pipeline;
mod scan;
mod session;
mod subscriber;
#[cfg(any(feature = "tokio", feature = "glommio"))]
mod tasks;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod transport;

pub use channels::Channels;
pub use command::Command;
pub use condition::ValueIs;
pub use config::Config;
pub use dmap::DMap;
pub use error::{Error, Outcome, RuntimeFault};
pub use operation::{InvalidCall, Operation, Route};
pub use options::{
    Condition, ExpireCondition, Expiry, LockOptions, LockToken, PutOptions, ScanOptions,
};
pub use outcome::{
    Appended, ByteSlice, DeleteOutcome, Digest, Entry, ExpireOutcome, PutOutcome, Replaced,
    Response, ScanPage, SettingsReport, Swap, Ttl, Versioned,
};
pub use pipeline::{Answers, Pipeline, Queued};
pub use scan::Scan;
pub use subscriber::Message;
pub use transport::{BlockingTransport, LocalTransport, Transport};
