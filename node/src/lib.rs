//! Jerboa: the embedded node.

pub mod config;
