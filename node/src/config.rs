//! What a node is told at start: one plain struct, the same for the binary, the file and the
//! embedded builder.
//!
//! Invariants:
//! * C1: every field but `maps`, which is tables of the file, has exactly one key in
//!   `config/keys.rs`, every key one TOML key and one flag of the same name;
//!   `node/tests/config_keys.rs` compares the three.
//! * C2: a `Config` that passed [`Config::validate`] has every number within its limits in
//!   `config/limits.rs`; whether this host can carry it is asked later, by [`crate::host`].
//!
//! `None` stands for "auto": decided from the host at start, see [`crate::host::Plan`].

mod error;
mod file;
mod host;
mod keys;
mod limits;
mod maps;
mod nearest;
pub(crate) mod value;

use std::net::{IpAddr, Ipv4Addr};

use jerboa_wire::event::EventKinds;

pub use error::{ConfigError, Origin, ValueError};
pub use host::Host;
pub use keys::{KEYS, Key};
pub use limits::{CONNECTIONS_DEFAULT, FRAME_OVERHEAD_BYTES};
pub use maps::MapsConfig;
pub(crate) use maps::nearest_setting;
pub use nearest::nearest;
pub use value::{Cores, HugePages, LogFormat, LogLevel, WhenFull};

/// Settings of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address that every port is bound to. Anything but loopback needs [`Config::insecure`] as
    /// long as there is no authentication.
    pub bind: IpAddr,
    /// The any-core port. 0 lets the start pick a free run of ports, for tests and embedding.
    pub port: u16,
    /// Port of core 0; core `i` listens on this plus `i`. `None`: the any-core port plus one.
    pub core_port: Option<u16>,
    /// Where clients are told that the node is, when they reach it elsewhere than at
    /// [`Config::bind`]: behind address translation, or in a container. `None`: the address that it
    /// is bound to; where that is all addresses, the one that the client reached.
    pub announce_host: Option<Host>,
    /// The any-core port that clients are told. `None`: the one that is listened on.
    pub announce_port: Option<u16>,
    /// The port of core 0 that clients are told; they find core `i` at this plus `i`. `None`: the
    /// one that is listened on.
    pub announce_core_port: Option<u16>,
    /// Which CPUs run a data core. `None`: every CPU this process may use.
    pub cores: Option<Cores>,
    /// Bytes for keys, values and their index, split evenly over the cores. `None`: half of what
    /// is available, at most 1 GiB.
    pub memory: Option<u64>,
    /// How long a core keeps polling with nothing to do before it parks, in microseconds.
    pub spin_us: u32,
    /// How long a core with four or more connections and nothing to do waits for more than one
    /// request before it wakes, in microseconds from when it fell asleep, in place of polling: less
    /// CPU for an operation, at the price of at most this much latency. 0: it wakes for the first.
    /// Linux before 6.12 cannot, and wakes for the first too.
    pub gather_us: u32,
    /// Number of partitions; a power of two, fixed when a cluster is created.
    pub partitions: u16,
    /// Connections that the node accepts in all. `None`: [`CONNECTIONS_DEFAULT`], or fewer where
    /// the limit on open files forbids that many.
    pub connections_max: Option<u32>,
    /// Received bytes that one connection may hold before they are executed; at least one whole
    /// frame with the largest value.
    pub input_bytes_max: usize,
    /// Reply bytes that wait for one connection above which nothing more is executed for it; it
    /// is closed if it takes none of them for [`Config::slow_client_timeout_ms`]. One reply more
    /// than this may wait, so it need not hold the largest value.
    pub output_bytes_max: usize,
    /// Bytes that all connections of one core together may hold, received and unsent. A core above
    /// it closes connections whose input grows, and executes nothing
    /// for those that do not read.
    pub buffer_bytes_max: usize,
    /// A connection that sent nothing for this long is closed; 0 never closes.
    pub idle_timeout_ms: u64,
    /// How long a client may take none of the replies that wait for it before it is closed.
    pub slow_client_timeout_ms: u64,
    /// How long a stop waits for requests in flight and unsent replies.
    pub drain_timeout_ms: u64,
    /// Messages that one core's mailbox holds; a request that finds it full is refused as busy.
    pub mailbox_capacity: usize,
    /// Messages, in bytes, that may wait for one subscriber before it is cut off; one message more
    /// than this may wait.
    pub subscriber_bytes_max: usize,
    /// Channels and patterns that one connection may be subscribed to.
    pub connection_subscriptions_max: u32,
    /// Subscriptions of all connections of one core.
    pub core_subscriptions_max: u32,
    /// Kinds of events that the node publishes from its start on.
    pub events: EventKinds,
    /// Largest value accepted, in bytes.
    pub value_bytes_max: u32,
    /// Whether the cores' memory asks for huge pages.
    pub huge_pages: HugePages,
    /// What a write meets when the memory is full.
    pub when_full: WhenFull,
    /// Whether all memory is touched at start, so that no request pays for a page fault.
    pub prefault: bool,
    /// Allow an address that others can reach although nothing authenticates them.
    pub insecure: bool,
    /// Least severe level that is logged.
    pub log_level: LogLevel,
    /// Shape of the log records on stderr.
    pub log_format: LogFormat,
    /// Settings of maps. They can be changed at run time.
    pub maps: MapsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 7400,
            core_port: None,
            announce_host: None,
            announce_port: None,
            announce_core_port: None,
            cores: None,
            memory: None,
            spin_us: 20,
            gather_us: 0,
            partitions: 4096,
            connections_max: None,
            input_bytes_max: 68 << 20,
            output_bytes_max: 1 << 20,
            buffer_bytes_max: 256 << 20,
            idle_timeout_ms: 0,
            slow_client_timeout_ms: 10_000,
            drain_timeout_ms: 5_000,
            mailbox_capacity: 4096,
            subscriber_bytes_max: 8 << 20,
            connection_subscriptions_max: 1024,
            core_subscriptions_max: 1 << 18,
            events: EventKinds::NONE,
            value_bytes_max: 64 << 20,
            huge_pages: HugePages::Auto,
            when_full: WhenFull::Evict,
            prefault: true,
            insecure: false,
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
            maps: MapsConfig::default(),
        }
    }
}

impl Config {
    /// Checks everything that can be checked without looking at the host.
    ///
    /// # Errors
    /// The first setting that is out of its range, or the first two that contradict each other.
    pub fn validate(&self) -> Result<(), ConfigError> {
        limits::check(self)?;
        if !self.bind.is_loopback() && !self.insecure {
            return Err(ConfigError::Exposed { bind: self.bind });
        }
        Ok(())
    }

    /// Sets one key from its text, as the command line and the file do.
    ///
    /// # Errors
    /// An unknown key, named with its nearest neighbour, or a value that cannot be read; the
    /// configuration is unchanged then.
    pub fn set(&mut self, name: &str, text: &str, origin: &Origin) -> Result<(), ConfigError> {
        let Some(key) = keys::find(name) else {
            return Err(ConfigError::UnknownKey {
                name: name.to_owned(),
                nearest: nearest(name, KEYS.iter().map(|key| key.name).chain([maps::TABLE])),
                origin: origin.clone(),
            });
        };
        key.set(self, text).map_err(|reason| ConfigError::Value {
            key: key.name,
            text: text.to_owned(),
            reason,
            origin: origin.clone(),
        })
    }

    /// Every key with its value as plain text.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let plain = |key: &Key| key.show(self).trim_matches('"').to_owned();
        KEYS.iter()
            .map(|key| (key.name.to_owned(), plain(key)))
            .collect()
    }

    /// The whole configuration as a TOML file that reads back to an equal one.
    #[must_use]
    pub fn to_toml(&self) -> String {
        KEYS.iter()
            .map(|key| format!("{} = {}\n", key.name, key.show(self)))
            .chain([self.maps.to_toml()])
            .collect()
    }
}
