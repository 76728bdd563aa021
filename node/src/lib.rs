//! Jerboa: a thread-per-core, shared-nothing, in-memory key/value node.

pub mod config;
mod glob;
pub mod host;
pub mod net;
pub mod node;
mod worker;

pub use node::Node;
