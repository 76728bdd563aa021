//! `jerboa serve`: one optional flag a key.

use std::path::PathBuf;

use argh::FromArgs;
use jerboa::config::{Config, ConfigError, Origin};

use super::base;

/// Start a node and serve until SIGTERM or SIGINT.
#[derive(FromArgs, Debug, Default)]
#[argh(subcommand, name = "serve")]
pub(crate) struct Serve {
    /// TOML file to read first; flags win over it
    #[argh(option)]
    config: Option<PathBuf>,
    /// address that every port is bound to
    #[argh(option)]
    bind: Option<String>,
    /// any-core port; 0 picks a free run of ports
    #[argh(option)]
    port: Option<String>,
    /// port of core 0, core i is this plus i; auto: any-core port plus 1
    #[argh(option)]
    core_port: Option<String>,
    /// address or name clients are told to reach this node at; auto: the one it is bound to or reached at
    #[argh(option)]
    announce_host: Option<String>,
    /// any-core port clients are told; auto: the one listened on
    #[argh(option)]
    announce_port: Option<String>,
    /// port of core 0 clients are told, core i is this plus i; auto: the one listened on
    #[argh(option)]
    announce_core_port: Option<String>,
    /// a count (4) or CPUs (0-3,6); auto: every CPU this process may use
    #[argh(option)]
    cores: Option<String>,
    /// bytes for all entries and their index; auto: half of what is available, at most 1 GiB
    #[argh(option)]
    memory: Option<String>,
    /// microseconds a core polls idly before it parks
    #[argh(option)]
    spin_us: Option<String>,
    /// microseconds a parked core gathers requests before it wakes, in place of polling; 0: none
    #[argh(option)]
    gather_us: Option<String>,
    /// number of partitions, a power of two
    #[argh(option)]
    partitions: Option<String>,
    /// connections accepted in all; auto: 16384, or what the limit on open files allows
    #[argh(option)]
    connections_max: Option<String>,
    /// received bytes one connection may hold
    #[argh(option)]
    input_bytes_max: Option<String>,
    /// unsent reply bytes above which a connection is not served until it reads
    #[argh(option)]
    output_bytes_max: Option<String>,
    /// bytes all connections of one core may hold, received and unsent
    #[argh(option)]
    buffer_bytes_max: Option<String>,
    /// close a connection that sent nothing for this long; 0: never
    #[argh(option)]
    idle_timeout_ms: Option<String>,
    /// close a connection that took no reply for this long
    #[argh(option)]
    slow_client_timeout_ms: Option<String>,
    /// how long a stop waits for work in flight
    #[argh(option)]
    drain_timeout_ms: Option<String>,
    /// messages one core's mailbox holds before requests are refused as busy
    #[argh(option)]
    mailbox_capacity: Option<String>,
    /// bytes of messages that may wait for a subscriber before it is cut off
    #[argh(option)]
    subscriber_bytes_max: Option<String>,
    /// channels and patterns one connection may be subscribed to
    #[argh(option)]
    connection_subscriptions_max: Option<String>,
    /// subscriptions of all connections of one core
    #[argh(option)]
    core_subscriptions_max: Option<String>,
    /// kinds of events published: none, all, or a list of member, partition, expired, evicted, lock-lost
    #[argh(option)]
    events: Option<String>,
    /// largest value accepted
    #[argh(option)]
    value_bytes_max: Option<String>,
    /// auto or off
    #[argh(option)]
    huge_pages: Option<String>,
    /// what a write meets when the memory is full: evict or refuse
    #[argh(option)]
    when_full: Option<String>,
    /// touch all memory at start: true or false
    #[argh(option)]
    prefault: Option<String>,
    /// allow an address others can reach although nothing authenticates them
    #[argh(switch)]
    insecure: bool,
    /// error, warn, info, debug or trace
    #[argh(option)]
    log_level: Option<String>,
    /// text or json
    #[argh(option)]
    log_format: Option<String>,
}

impl Serve {
    /// The effective configuration, valid.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        let mut config = base(self.config.as_ref())?;
        for (key, text) in self.given() {
            config.set(key, text, &Origin::Flag)?;
        }
        config.validate()?;
        Ok(config)
    }

    /// The file that the settings are read from, if from one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.config.clone()
    }

    /// The settings given as flags, by key.
    fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        // Taken apart by name: a flag that is not passed on does not compile.
        let Self {
            config: _,
            bind,
            port,
            core_port,
            announce_host,
            announce_port,
            announce_core_port,
            cores,
            memory,
            spin_us,
            gather_us,
            partitions,
            connections_max,
            input_bytes_max,
            output_bytes_max,
            buffer_bytes_max,
            idle_timeout_ms,
            slow_client_timeout_ms,
            drain_timeout_ms,
            mailbox_capacity,
            subscriber_bytes_max,
            connection_subscriptions_max,
            core_subscriptions_max,
            events,
            value_bytes_max,
            huge_pages,
            when_full,
            prefault,
            insecure,
            log_level,
            log_format,
        } = self;
        [
            ("bind", bind.as_deref()),
            ("port", port.as_deref()),
            ("core_port", core_port.as_deref()),
            ("announce_host", announce_host.as_deref()),
            ("announce_port", announce_port.as_deref()),
            ("announce_core_port", announce_core_port.as_deref()),
            ("cores", cores.as_deref()),
            ("memory", memory.as_deref()),
            ("spin_us", spin_us.as_deref()),
            ("gather_us", gather_us.as_deref()),
            ("partitions", partitions.as_deref()),
            ("connections_max", connections_max.as_deref()),
            ("input_bytes_max", input_bytes_max.as_deref()),
            ("output_bytes_max", output_bytes_max.as_deref()),
            ("buffer_bytes_max", buffer_bytes_max.as_deref()),
            ("idle_timeout_ms", idle_timeout_ms.as_deref()),
            ("slow_client_timeout_ms", slow_client_timeout_ms.as_deref()),
            ("drain_timeout_ms", drain_timeout_ms.as_deref()),
            ("mailbox_capacity", mailbox_capacity.as_deref()),
            ("subscriber_bytes_max", subscriber_bytes_max.as_deref()),
            (
                "connection_subscriptions_max",
                connection_subscriptions_max.as_deref(),
            ),
            ("core_subscriptions_max", core_subscriptions_max.as_deref()),
            ("events", events.as_deref()),
            ("value_bytes_max", value_bytes_max.as_deref()),
            ("huge_pages", huge_pages.as_deref()),
            ("when_full", when_full.as_deref()),
            ("prefault", prefault.as_deref()),
            ("insecure", insecure.then_some("true")),
            ("log_level", log_level.as_deref()),
            ("log_format", log_format.as_deref()),
        ]
        .into_iter()
        .filter_map(|(key, text)| text.map(|text| (key, text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[&str]) -> Result<Config, ConfigError> {
        Serve::from_args(&["serve"], flags).unwrap().load()
    }

    #[test]
    fn no_flag_means_the_defaults() {
        assert_eq!(load(&[]).unwrap(), Config::default());
    }

    #[test]
    fn flags_win_over_the_file() {
        let path = std::env::temp_dir().join(format!("jerboa-flags-{}.toml", std::process::id()));
        std::fs::write(&path, "port = 7500\nspin_us = 9\n").unwrap();
        let config = load(&["--config", path.to_str().unwrap(), "--port", "7600"]).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((config.port, config.spin_us), (7600, 9));
    }

    #[test]
    fn a_bad_flag_is_named_by_its_key() {
        let error = load(&["--memory", "lots"]).unwrap_err();
        assert!(error.to_string().contains("memory = lots"), "{error}");
    }

    #[test]
    fn insecure_is_a_switch_that_allows_an_exposed_address() {
        assert!(load(&["--bind", "0.0.0.0"]).is_err());
        assert!(load(&["--bind", "0.0.0.0", "--insecure"]).unwrap().insecure);
    }
}
