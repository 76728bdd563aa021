//! The client: a sans-I/O core and the drivers that give it sockets and a clock.
//!
//! ```text
//! typed calls ──▶ Operation ──▶ Engine: route, send, match, retry, refresh ──▶ Response
//!                               │ one Session per connection: bytes ⇄ frames
//!                 driver: sockets, clock, waiting (blocking threads or tokio tasks)
//! ```
//!
//! * [`blocking::Client`] for threads, [`tokio::Client`] for tokio runtimes; both have the same
//!   methods, are cheap to clone and may be shared.
//! * One connection for each core of each node, opened at its first use. What concurrent callers
//!   ask of one core leaves in one write; many requests are under way on it at once.
//! * Every call ends by its deadline, with an answer or an [`Error`] that says whether anything
//!   was done. A call is sent again only where that is safe: see [`Error`].

mod api;
mod backoff;
pub mod blocking;
mod config;
pub mod engine;
mod error;
mod many;
mod operation;
mod outcome;
mod session;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use config::Config;
pub use error::{Error, Outcome};
pub use operation::{Condition, Expiry, InvalidCall, Operation, PutOptions, Route};
pub use outcome::{Entry, PutOutcome, Response, Ttl};
