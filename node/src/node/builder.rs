//! Starts a node from Rust: every setting of [`Config`] as a typed method.
//!
//! Invariant: every field of [`Config`] has its setter here; one that has none does not compile.

use std::net::IpAddr;
use std::path::PathBuf;

use jerboa_wire::event::EventKinds;
use jerboa_wire::settings::MapSettings;

use super::{Node, StartError};
use crate::config::{
    Config, ConfigError, Cores, Host, HugePages, LogFormat, LogLevel, MapsConfig, Origin, WhenFull,
};

/// Settings of a node that is about to start; see [`Node::builder`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builder {
    config: Config,
    listens: bool,
    beside: Beside,
}

/// What a node is told at start that is no setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// Where the settings come from; empty where not from a file.
    pub(super) config_file: PathBuf,
    /// Whether commands are allowed that stop a core.
    pub(super) debug_commands: bool,
}

/// The setters, and a function that does not compile if a field of [`Config`] has none.
macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident($($type:tt)+) $(=> $listens:literal)?;)+) => {
        impl Builder {
            $(setters!{@one $(#[$doc])* $field($($type)+) $(=> $listens)?})+

            /// Names every field.
            fn _every_field_has_a_setter(config: Config) {
                let Config { $($field: _),+ } = config;
            }
        }
    };
    (@one $(#[$doc:meta])* $field:ident(Option<$type:ty>) $(=> $listens:literal)?) => {
        $(#[$doc])*
        #[must_use]
        pub fn $field(mut self, $field: $type) -> Self {
            self.config.$field = Some($field);
            $(self.listens = $listens;)?
            self
        }
    };
    (@one $(#[$doc:meta])* $field:ident($type:ty) $(=> $listens:literal)?) => {
        $(#[$doc])*
        #[must_use]
        pub fn $field(mut self, $field: $type) -> Self {
            self.config.$field = $field;
            $(self.listens = $listens;)?
            self
        }
    };
}

setters! {
    /// See [`Config::bind`]. The node listens.
    bind(IpAddr) => true;
    /// See [`Config::port`]. The node listens.
    port(u16) => true;
    /// See [`Config::core_port`]. The node listens.
    core_port(Option<u16>) => true;
    /// See [`Config::announce_host`]: `"cache.example".parse()` makes one.
    announce_host(Option<Host>);
    /// See [`Config::announce_port`].
    announce_port(Option<u16>);
    /// See [`Config::announce_core_port`].
    announce_core_port(Option<u16>);
    /// See [`Config::cores`]: how many, or which CPUs.
    cores(Option<Cores>);
    /// See [`Config::memory`]: bytes for all cores together.
    memory(Option<u64>);
    /// See [`Config::spin_us`]. Threads that wait for an answer spin as long before they sleep, up
    /// to 50 microseconds.
    spin_us(u32);
    /// See [`Config::gather_us`].
    gather_us(u32);
    /// See [`Config::partitions`].
    partitions(u16);
    /// See [`Config::connections_max`].
    connections_max(Option<u32>);
    /// See [`Config::input_bytes_max`].
    input_bytes_max(usize);
    /// See [`Config::output_bytes_max`].
    output_bytes_max(usize);
    /// See [`Config::buffer_bytes_max`].
    buffer_bytes_max(usize);
    /// See [`Config::idle_timeout_ms`].
    idle_timeout_ms(u64);
    /// See [`Config::slow_client_timeout_ms`].
    slow_client_timeout_ms(u64);
    /// See [`Config::drain_timeout_ms`].
    drain_timeout_ms(u64);
    /// See [`Config::mailbox_capacity`]. As many calls of other threads may wait for one core.
    mailbox_capacity(usize);
    /// See [`Config::subscriber_bytes_max`].
    subscriber_bytes_max(usize);
    /// See [`Config::connection_subscriptions_max`].
    connection_subscriptions_max(u32);
    /// See [`Config::core_subscriptions_max`].
    core_subscriptions_max(u32);
    /// See [`Config::events`].
    events(EventKinds);
    /// See [`Config::value_bytes_max`].
    value_bytes_max(u32);
    /// See [`Config::huge_pages`].
    huge_pages(HugePages);
    /// See [`Config::when_full`].
    when_full(WhenFull);
    /// See [`Config::prefault`].
    prefault(bool);
    /// See [`Config::insecure`].
    insecure(bool);
    /// See [`Config::log_level`], which the `jerboa` program obeys. A node logs through `tracing`
    /// to whatever subscriber the process has.
    log_level(LogLevel);
    /// See [`Config::log_format`]; as [`Builder::log_level`].
    log_format(LogFormat);
    /// See [`Config::maps`]; [`Builder::map`] adds one map.
    maps(MapsConfig);
}

impl Builder {
    /// Takes these settings, those of a file for instance, in place of the ones so far.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Gives one map settings of its own; those that it lacks are the defaults'.
    #[must_use]
    pub fn map(mut self, name: &str, settings: MapSettings) -> Self {
        self.config.maps.named.insert(name.to_owned(), settings);
        self
    }

    /// Sets one key from its text, as the file and the command line do.
    ///
    /// # Errors
    /// An unknown key, named with its nearest neighbour, or a value that cannot be read.
    pub fn set(mut self, key: &str, text: &str) -> Result<Self, ConfigError> {
        self.config.set(key, text, &Origin::Flag)?;
        Ok(self)
    }

    /// Listens for clients too, on [`Config::bind`] and its ports. Without this, or a call that
    /// says where, the node binds no socket and only this process can use it.
    #[must_use]
    pub fn listen(mut self) -> Self {
        self.listens = true;
        self
    }

    /// The file that the settings were read from, for who asks the node; it is not read here.
    #[must_use]
    pub fn config_file(mut self, path: PathBuf) -> Self {
        self.beside.config_file = path;
        self
    }

    /// Allows `DEBUG SLEEP` through RESP, which freezes the core that executes it: for tests of
    /// what others do meanwhile.
    #[doc(hidden)]
    #[must_use]
    pub fn debug_commands(mut self, allowed: bool) -> Self {
        self.beside.debug_commands = allowed;
        self
    }

    /// Starts the node and returns when it serves.
    ///
    /// # Errors
    /// Names the cause and, where there is one, the remedy. Nothing is left running.
    pub fn start(self) -> Result<Node, StartError> {
        Node::start_as(&self.config, self.listens, &self.beside)
    }
}

impl From<usize> for Cores {
    /// The first so many CPUs that this process may use.
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<Vec<usize>> for Cores {
    /// Exactly these CPUs.
    fn from(cpus: Vec<usize>) -> Self {
        Self::List(cpus)
    }
}
