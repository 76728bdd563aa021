//! Publishing, and what is known of who listens, by calls that block.

use std::fmt;

use crate::client::channels::PAGE;
use crate::client::command::Command;
use crate::client::error::Error;
use crate::client::options::ScanOptions;
use crate::client::transport::BlockingTransport;

/// The channels of a node: cheap to clone.
#[derive(Clone)]
pub struct Channels<T> {
    transport: T,
}

impl<T: BlockingTransport> Channels<T> {
    /// The channels of the node behind `transport`.
    pub const fn new(transport: T) -> Self {
        Self { transport }
    }

    /// Hands a message to everybody who is subscribed to the channel now; the exact number of
    /// messages that were handed over. Nobody gets it later, and it is kept nowhere.
    pub fn publish(
        &self,
        channel: impl AsRef<[u8]>,
        payload: impl AsRef<[u8]>,
    ) -> Result<u64, Error> {
        let command = Command::publish(channel, payload);
        command.call_blocking(&self.transport)
    }

    /// The channels that somebody is subscribed to by name and that match a glob pattern, an
    /// empty one matching all.
    pub fn list(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
        let options = ScanOptions::matching(pattern).count(PAGE);
        let (mut channels, mut cursor) = (Vec::new(), 0);
        loop {
            let command = Command::channels(cursor, &options);
            let page = command.call_blocking(&self.transport)?;
            channels.extend(page.keys);
            match page.next {
                Some(next) => cursor = next,
                None => return Ok(channels),
            }
        }
    }

    /// For each channel the number of connections that are subscribed to it by name.
    pub fn subscribers(&self, channels: &[impl AsRef<[u8]>]) -> Result<Vec<u64>, Error> {
        Command::subscribers(channels).call_blocking(&self.transport)
    }

    /// The number of different patterns that somebody is subscribed to.
    pub fn patterns(&self) -> Result<u64, Error> {
        Command::patterns().call_blocking(&self.transport)
    }
}

impl<T> fmt::Debug for Channels<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels").finish_non_exhaustive()
    }
}
