//! Jerboa: a thread-per-core, shared-nothing, in-memory key/value node.

pub mod config;
pub mod embedded;
mod glob;
pub mod host;
mod introspection;
pub mod net;
pub mod node;
mod resp;
mod worker;

pub use embedded::{BlockingDMap, DMap, Subscriber};
pub use node::Node;

/// What the operations of a map take and answer.
pub use jerboa_wire::client;
