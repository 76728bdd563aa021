//! Publishing, and what is known of who listens, by calls that block.

use std::fmt;

use crate::client::channels::{PAGE, channel_calls};
use crate::client::command::Command;
use crate::client::error::Error;
use crate::client::options::ScanOptions;
use crate::client::transport::BlockingTransport;

/// The channels of a node: cheap to clone.
#[derive(Clone)]
pub struct Channels<T> {
    transport: T,
}

channel_calls!(BlockingTransport, call_blocking, [], []);
