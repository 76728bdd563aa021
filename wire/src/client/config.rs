//! What a client may be told, and every bound of its queues.

use std::time::Duration;

use crate::limits;

/// A client's settings. Start from [`Config::new`] and change what matters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where to learn the topology: `host:port` of the any-core ports of some nodes.
    pub seeds: Vec<String>,
    /// Ask nodes to leave checksums out of the frames.
    pub without_crc: bool,
    /// Deadline of a call that does not bring its own.
    pub call_timeout: Duration,
    /// Longest time for a connection to come up.
    pub connect_timeout: Duration,
    /// Times that a call is sent, the first included, where sending again is safe.
    pub attempts_max: u32,
    /// First pause before a failed connection or a refused call is tried again; it doubles.
    pub backoff_first: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// A connection on which calls time out and nothing arrived for so long is given up.
    pub stall: Duration,
    /// Calls of the client at one time; one more fails with [`super::Error::Overloaded`].
    pub calls_max: usize,
    /// Requests without a reply on one connection; more wait in the client.
    pub in_flight_max: usize,
    /// Bytes waiting to be written on one connection before further requests wait in the client.
    pub output_bytes_max: usize,
    /// Largest value before a node has said what it accepts.
    pub value_bytes_max: u32,
    /// Seed of the jitter; 0 takes one from the clock.
    pub jitter_seed: u64,
}

impl Config {
    /// The defaults, with these seeds.
    pub fn new(seeds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            seeds: seeds.into_iter().map(Into::into).collect(),
            without_crc: false,
            call_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            attempts_max: 3,
            backoff_first: Duration::from_millis(10),
            backoff_max: Duration::from_secs(1),
            stall: Duration::from_secs(3),
            calls_max: 65_536,
            in_flight_max: 4096,
            output_bytes_max: 4 << 20,
            value_bytes_max: limits::VALUE_BYTES_MAX_DEFAULT,
            jitter_seed: 0,
        }
    }

    /// The seed of the jitter, taken from the clock where none is set.
    pub(super) fn seed_or_clock(&self) -> u64 {
        if self.jitter_seed != 0 {
            return self.jitter_seed;
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |since| {
            u64::from(since.subsec_nanos()) << 32 | since.as_secs() | 1
        })
    }
}
