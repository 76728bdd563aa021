//! The table of keys: name, how it is read, how it is shown, what it means.
//!
//! The TOML file, the command line (with `-` for `_`) and `check-config` all go through it.

use super::value::{
    HUGE_PAGES, LOG_FORMATS, LOG_LEVELS, SWITCH, WHEN_FULL, auto, cores, event_kinds, number,
    quoted, show_auto, show_event_kinds, show_size, show_word, size, word,
};
use super::{Config, ValueError};

/// One setting by name.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file; the flag is the same with `-` for `_`.
    pub name: &'static str,
    /// What it means, in a line.
    pub help: &'static str,
    set: fn(&mut Config, &str) -> Result<(), ValueError>,
    show: fn(&Config) -> String,
}

impl Key {
    pub(super) fn set(&self, config: &mut Config, text: &str) -> Result<(), ValueError> {
        (self.set)(config, text)
    }

    /// Its value in `config`, as a TOML literal.
    #[must_use]
    pub fn show(&self, config: &Config) -> String {
        (self.show)(config)
    }
}

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// A key whose name is its field's. `read` turns text into the field, `show` the field into a
/// TOML literal.
macro_rules! key {
    ($field:ident, $read:expr, $show:expr, $help:literal) => {
        Key {
            name: stringify!($field),
            help: $help,
            set: |config, text| {
                config.$field = $read(text)?;
                Ok(())
            },
            show: |config| $show(&config.$field),
        }
    };
}

/// Every key, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key!(
        bind,
        |text: &str| text.parse().map_err(|_| ValueError::NotAnAddress),
        |bind: &std::net::IpAddr| quoted(&bind.to_string()),
        "address that every port is bound to"
    ),
    key!(
        port,
        number,
        u16::to_string,
        "any-core port; 0 picks a free run of ports"
    ),
    key!(
        core_port,
        |text| auto(text, number),
        |port: &Option<u16>| show_auto(port.as_ref(), u16::to_string),
        "port of core 0, core i is this plus i; auto: any-core port plus 1"
    ),
    key!(
        announce_host,
        |text| auto(text, str::parse),
        |host: &Option<super::Host>| show_auto(host.as_ref(), |host| quoted(host.as_str())),
        "address or name clients are told to reach this node at; auto: the one it is bound to or reached at"
    ),
    key!(
        announce_port,
        |text| auto(text, number),
        |port: &Option<u16>| show_auto(port.as_ref(), u16::to_string),
        "any-core port clients are told; auto: the one listened on"
    ),
    key!(
        announce_core_port,
        |text| auto(text, number),
        |port: &Option<u16>| show_auto(port.as_ref(), u16::to_string),
        "port of core 0 clients are told, core i is this plus i; auto: the one listened on"
    ),
    key!(
        cores,
        |text| auto(text, cores),
        |cores: &Option<super::Cores>| show_auto(cores.as_ref(), |list| quoted(&list.to_string())),
        "a count (4) or CPUs (0-3,6); auto: every CPU this process may use"
    ),
    key!(
        memory,
        |text| auto(text, size),
        |memory: &Option<u64>| show_auto(memory.as_ref(), |bytes| show_size(*bytes)),
        "bytes for all entries and their index; auto: half of what is available, at most 1 GiB"
    ),
    key!(
        spin_us,
        number,
        u32::to_string,
        "microseconds a core polls idly before it parks"
    ),
    key!(
        gather_us,
        number,
        u32::to_string,
        "microseconds a parked core gathers requests before it wakes, in place of polling; 0: none"
    ),
    key!(
        partitions,
        number,
        u16::to_string,
        "number of partitions, a power of two"
    ),
    key!(
        connections_max,
        |text| auto(text, number),
        |max: &Option<u32>| show_auto(max.as_ref(), u32::to_string),
        "connections accepted in all; auto: 16384, or what the limit on open files allows"
    ),
    key!(
        input_bytes_max,
        size,
        |bytes: &usize| show_size(*bytes as u64),
        "received bytes one connection may hold"
    ),
    key!(
        output_bytes_max,
        size,
        |bytes: &usize| show_size(*bytes as u64),
        "unsent reply bytes above which a connection is not served until it reads"
    ),
    key!(
        buffer_bytes_max,
        size,
        |bytes: &usize| show_size(*bytes as u64),
        "bytes all connections of one core may hold, received and unsent"
    ),
    key!(
        idle_timeout_ms,
        number,
        u64::to_string,
        "close a connection that sent nothing for this long; 0: never"
    ),
    key!(
        slow_client_timeout_ms,
        number,
        u64::to_string,
        "close a connection that took no reply for this long"
    ),
    key!(
        drain_timeout_ms,
        number,
        u64::to_string,
        "how long a stop waits for work in flight"
    ),
    key!(
        mailbox_capacity,
        number,
        usize::to_string,
        "messages one core's mailbox holds before requests are refused as busy"
    ),
    key!(
        subscriber_bytes_max,
        size,
        |bytes: &usize| show_size(*bytes as u64),
        "bytes of messages that may wait for a subscriber before it is cut off"
    ),
    key!(
        connection_subscriptions_max,
        number,
        u32::to_string,
        "channels and patterns one connection may be subscribed to"
    ),
    key!(
        core_subscriptions_max,
        number,
        u32::to_string,
        "subscriptions of all connections of one core"
    ),
    key!(
        events,
        event_kinds,
        show_event_kinds,
        "kinds of events published: none, all, or a list of member, partition, expired, evicted, lock-lost"
    ),
    key!(
        value_bytes_max,
        size,
        |bytes: &u32| show_size(u64::from(*bytes)),
        "largest value accepted"
    ),
    key!(
        huge_pages,
        |text| word(text, HUGE_PAGES),
        |pages| quoted(show_word(pages, HUGE_PAGES)),
        "auto or off"
    ),
    key!(
        when_full,
        |text| word(text, WHEN_FULL),
        |policy| quoted(show_word(policy, WHEN_FULL)),
        "what a write meets when the memory is full: evict or refuse"
    ),
    key!(
        prefault,
        |text| word(text, SWITCH),
        bool::to_string,
        "touch all memory at start: true or false"
    ),
    key!(
        insecure,
        |text| word(text, SWITCH),
        bool::to_string,
        "allow an address others can reach although nothing authenticates them"
    ),
    key!(
        log_level,
        |text| word(text, LOG_LEVELS),
        |level| quoted(show_word(level, LOG_LEVELS)),
        "error, warn, info, debug or trace"
    ),
    key!(
        log_format,
        |text| word(text, LOG_FORMATS),
        |format| quoted(show_word(format, LOG_FORMATS)),
        "text or json"
    ),
];
