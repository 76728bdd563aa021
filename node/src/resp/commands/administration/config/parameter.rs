//! Every parameter that CONFIG knows: its name, what it is now, and how it may change.
//!
//! | names | what they are |
//! |---|---|
//! | `spin_us`, … | the keys of the configuration file |
//! | `maps.defaults.ttl_ms`, … | what all maps inherit, as in the file's `[maps.defaults]` |
//! | `maps."".ttl_ms`, … | the map that the commands of Redis act on |
//! | `maps.NAME.ttl_ms`, … | any other map |
//! | `maxmemory`, … | what Redis' clients and tools read, under Redis' names |

use jerboa_wire::settings::{MapSettings, NAMES};

use crate::config::value::show_event_kinds;
use crate::worker::shared::Shared;
use crate::worker::slow;
use crate::worker::tuning::CHANGEABLE;

const DAY_S: i64 = 86_400;
/// What the names of maps' settings begin with.
const MAPS: &str = "maps.";
/// The place of a map's name for what all maps inherit.
const DEFAULTS: &[u8] = b"defaults";
/// The place of a map's name for the map whose name is empty.
const UNNAMED: &[u8] = b"\"\"";

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: Vec<u8>,
    pub(super) text: String,
    pub(super) change: Change,
}

/// How a parameter may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It holds for the node's life.
    Never,
    /// As [`Change::Never`]; that it shall be what it is, is no error.
    Unchanged,
    /// A key of the configuration.
    Key(&'static str),
    /// Seconds, so many at most, of a key in milliseconds.
    Seconds(&'static str, i64),
    /// Which kinds of events there are.
    Events,
    /// Connections that the node accepts.
    Clients,
    /// What is done when the memory is full, for the map that the commands act on.
    Policy,
    /// A setting of a map; of what all inherit where there is no name.
    Map(Option<Box<[u8]>>, &'static str),
    SlowerThan,
    SlowCommands,
    Pauses,
}

impl Parameter {
    /// Whether to change the one is to change the other, as with names that mean the same.
    pub(super) fn change_is_that_of(&self, other: &Self) -> bool {
        use Change::{Clients, Events, Key, Map, Policy, Seconds};
        match (&self.change, &other.change) {
            (Key(one) | Seconds(one, _), Key(two) | Seconds(two, _)) => one == two,
            (Clients, Clients) | (Events, Events) | (Policy, Policy) => true,
            (Policy, Map(Some(map), "when_full")) | (Map(Some(map), "when_full"), Policy) => {
                map.is_empty()
            }
            (Map(..), Map(..)) => self.change == other.change,
            _ => self.name.eq_ignore_ascii_case(&other.name),
        }
    }
}

fn parameter(name: &str, text: impl Into<String>, change: Change) -> Parameter {
    Parameter {
        name: name.into(),
        text: text.into(),
        change,
    }
}

/// All of them: our own, then those under Redis' names.
pub(super) fn all(shared: &Shared) -> Vec<Parameter> {
    let mut all = node(shared);
    all.extend(maps(shared));
    all.extend(redis(shared));
    all
}

/// The one of a name, in whatever case but for the names of maps.
pub(super) fn find(shared: &Shared, name: &[u8]) -> Option<Parameter> {
    if let Some((map, setting)) = map_setting(name) {
        return Some(of_map(shared, map, setting));
    }
    let is_it = |parameter: &Parameter| parameter.name.eq_ignore_ascii_case(name);
    let mut found = node(shared).into_iter().chain(redis(shared));
    found.find(is_it)
}

/// The keys of the configuration file.
fn node(shared: &Shared) -> Vec<Parameter> {
    let config = shared.tuning.config();
    let own = |(name, text): (String, String)| {
        let changeable = CHANGEABLE.iter().find(|known| **known == name);
        match (name.as_str(), changeable) {
            ("events", _) => {
                let shown = show_event_kinds(&shared.events.kinds());
                parameter(&name, shown.trim_matches('"'), Change::Events)
            }
            ("connections_max", _) => parameter(&name, text, Change::Clients),
            (_, Some(key)) => parameter(&name, text, Change::Key(key)),
            (_, None) => parameter(&name, text, Change::Never),
        }
    };
    config.settings().into_iter().map(own).collect()
}

/// The settings of all maps that have any, of the map without a name, and what all inherit.
fn maps(shared: &Shared) -> impl Iterator<Item = Parameter> + '_ {
    let named = shared.settings.named().into_iter();
    let named = named.filter(|(name, _)| !name.is_empty() && **name != *DEFAULTS);
    let own = |map: Option<&[u8]>| (map.map(Box::from), shared.settings.own_of(map));
    let first = [own(None), own(Some(b""))];
    let all = first
        .into_iter()
        .chain(named.map(|(map, own)| (Some(map), own)));
    all.flat_map(|(map, own)| {
        let each = NAMES
            .iter()
            .map(move |name| setting(map.clone(), name, &own));
        each.collect::<Vec<_>>()
    })
}

fn of_map(shared: &Shared, map: Option<&[u8]>, name: &'static str) -> Parameter {
    setting(map.map(Box::from), name, &shared.settings.own_of(map))
}

fn setting(map: Option<Box<[u8]>>, setting: &'static str, own: &MapSettings) -> Parameter {
    let mut name = MAPS.as_bytes().to_vec();
    name.extend_from_slice(match map.as_deref() {
        None => DEFAULTS,
        Some([]) => UNNAMED,
        Some(map) => map,
    });
    name.push(b'.');
    name.extend_from_slice(setting.as_bytes());
    Parameter {
        name,
        text: own.value(setting).unwrap_or_else(|| "inherit".to_owned()),
        change: Change::Map(map, setting),
    }
}

/// What `maps.NAME.SETTING` names: a map, or what all inherit, and the setting.
pub(super) fn map_setting(name: &[u8]) -> Option<(Option<&[u8]>, &'static str)> {
    let (head, rest) = name.split_at_checked(MAPS.len())?;
    if !head.eq_ignore_ascii_case(MAPS.as_bytes()) {
        return None;
    }
    let dot = rest.iter().rposition(|byte| *byte == b'.')?;
    let (map, setting) = (&rest[..dot], &rest[dot + 1..]);
    let is_it = |known: &&&str| known.as_bytes().eq_ignore_ascii_case(setting);
    let setting = NAMES.iter().find(is_it)?;
    let map = match map {
        DEFAULTS => None,
        UNNAMED => Some(&b""[..]),
        map => Some(map),
    };
    (map.is_none_or(|map| map.len() <= jerboa_wire::limits::MAP_NAME_BYTES_MAX))
        .then_some((map, setting))
}

/// What is as it is, under Redis' names: the value, and whether Redis lets it be set, so that setting
/// it to what it is, is no error.
const FIXED: &[(&str, &str, Change)] = &[
    ("maxmemory-samples", "5", Change::Unchanged),
    ("databases", "1", Change::Never),
    ("save", "", Change::Unchanged),
    ("appendonly", "no", Change::Unchanged),
    ("appendfsync", "everysec", Change::Unchanged),
    ("activedefrag", "no", Change::Unchanged),
    ("lazyfree-lazy-eviction", "yes", Change::Unchanged),
    ("lazyfree-lazy-expire", "yes", Change::Unchanged),
    ("lazyfree-lazy-user-del", "yes", Change::Unchanged),
    ("lazyfree-lazy-user-flush", "yes", Change::Unchanged),
    ("notify-keyspace-events", "", Change::Unchanged),
    ("requirepass", "", Change::Unchanged),
    ("replicaof", "", Change::Never),
    ("min-replicas-to-write", "0", Change::Unchanged),
    ("replica-read-only", "yes", Change::Unchanged),
    ("slave-read-only", "yes", Change::Unchanged),
    ("cluster-enabled", "no", Change::Never),
    ("hz", "10", Change::Unchanged),
];

/// What Redis' clients and tools ask for.
fn redis(shared: &Shared) -> Vec<Parameter> {
    use Change::{Clients, Never, Pauses, Policy, Seconds, SlowCommands, SlowerThan};
    let config = shared.tuning.config();
    let log = &shared.slow_log;
    let known = &shared.introspection;
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let seconds = |ms: u64| ms.div_ceil(1000).to_string();
    let (idle_ms, drain_ms) = (config.idle_timeout_ms, config.drain_timeout_ms);
    let number = |number: usize| number.to_string();
    let changing = [
        ("maxmemory", shared.memory_bytes.to_string(), Never),
        (
            "maxmemory-policy",
            shared.eviction_policy().to_owned(),
            Policy,
        ),
        ("maxclients", shared.connections_max().to_string(), Clients),
        (
            "timeout",
            seconds(idle_ms),
            Seconds("idle_timeout_ms", 365 * DAY_S),
        ),
        (
            "shutdown-timeout",
            seconds(drain_ms),
            Seconds("drain_timeout_ms", DAY_S),
        ),
        (
            "proto-max-bulk-len",
            shared.value_bytes_max.to_string(),
            Never,
        ),
        (
            "client-query-buffer-limit",
            number(config.input_bytes_max),
            Never,
        ),
        ("port", known.port.to_string(), Never),
        ("bind", config.bind.to_string(), Never),
        ("protected-mode", word(!config.insecure), Never),
        ("io-threads", number(shared.stats.len()), Never),
        ("enable-debug-command", word(known.debug_commands), Never),
        (
            "slowlog-log-slower-than",
            log.slower_than_us().to_string(),
            SlowerThan,
        ),
        ("slowlog-max-len", number(log.commands_max()), SlowCommands),
        (
            "latency-monitor-threshold",
            shared.pauses.threshold_ms().to_string(),
            Pauses,
        ),
    ];
    let changing = changing.map(|(name, text, change)| parameter(name, text, change));
    let fixed = FIXED.iter();
    let fixed = fixed.map(|(name, text, change)| parameter(name, *text, change.clone()));
    changing.into_iter().chain(fixed).collect()
}

/// The longest slow log that can be set.
pub(super) const SLOW_COMMANDS_MAX: i64 = slow::COMMANDS_MAX as i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maps_setting_is_told_from_its_name_whatever_is_in_it() {
        let of = |name: &str| {
            let found = map_setting(name.as_bytes());
            found.map(|(map, setting)| (map.map(<[u8]>::to_vec), setting))
        };
        let map = |name: &str| Some(name.as_bytes().to_vec());
        assert_eq!(of("maps.orders.ttl_ms"), Some((map("orders"), "ttl_ms")));
        assert_eq!(of("MAPS.Orders.TTL_MS"), Some((map("Orders"), "ttl_ms")));
        assert_eq!(of("maps.a.b.keys_max"), Some((map("a.b"), "keys_max")));
        assert_eq!(of("maps.defaults.copies"), Some((None, "copies")));
        assert_eq!(of("maps.\"\".copies"), Some((map(""), "copies")));
        assert_eq!(of("maps..copies"), Some((map(""), "copies")));
        for none in [
            "maps",
            "maps.",
            "maps.ttl_ms",
            "maps.a.nosuch",
            "map.a.ttl_ms",
            "",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(of(&format!("maps.{}.ttl_ms", "x".repeat(256))), None);
    }
}
