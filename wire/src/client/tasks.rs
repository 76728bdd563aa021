//! What the drivers share whose calls are awaited: everything but sockets, timers and where the
//! state lies.
//!
//! ```text
//! callers ──Batch──▶ ┌─────┐ ◀── connection::run, one task for each connection
//!                    │ Hub │
//! subscriptions      └─────┘ ◀── keeper::keep, one task: the time, and new connections
//! (sockets of their own)
//!          a Runtime: where the hub lies, sockets, timers, tasks
//! ```
//!
//! Callers put their requests into the hub and wake the connection's task, which writes whatever
//! has gathered by then in one piece. Nobody holds the hub while somebody else is woken, since
//! waking may run foreign code.
//!
//! A driver brings a [`Runtime`] and gets the client, its connections and its subscriptions.

mod batch;
mod client;
mod connection;
mod hub;
mod keeper;
mod runtime;
mod signal;
mod slots;
mod subscription;

pub(super) use client::Client;
pub(super) use connection::run;
pub(super) use hub::Hub;
pub(super) use keeper::keep;
pub(super) use runtime::{Runtime, Socket};
pub(super) use subscription::Subscription;

#[cfg(test)]
mod tests;
