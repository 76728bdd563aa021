//! The changes of one CONFIG SET: first all are found to be possible, then all are made.

use jerboa_wire::event::EventKinds;

use super::parameter::{Change, Parameter, SLOW_COMMANDS_MAX};
use crate::config::value::{event_kinds, size};
use crate::config::{Config, ConfigError, Origin};
use crate::host;
use crate::worker::changes::follow::Follower;
use crate::worker::settings::SettingChange;
use crate::worker::shared::Shared;

/// What Redis says to a change of what cannot change.
const IMMUTABLE: &str = "can't set immutable config";
const NOT_AN_INTEGER: &str = "argument couldn't be parsed into an integer";
/// The policies that there are, as Redis calls what is nearest to them.
const POLICIES: [(&str, &str); 2] = [("allkeys-lru", "evict"), ("noeviction", "refuse")];

/// What is to be changed.
pub(super) struct Draft<'s> {
    shared: &'s Shared,
    config: Config,
    is_config_changed: bool,
    connections_max: Option<u32>,
    events: Option<EventKinds>,
    slower_than_us: Option<i64>,
    slow_commands_max: Option<usize>,
    pauses_from_ms: Option<u64>,
    maps: Vec<MapChange>,
}

struct MapChange {
    /// The place of the parameter among those of the command.
    place: usize,
    map: Option<Box<[u8]>>,
    setting: &'static str,
    value: String,
}

impl<'s> Draft<'s> {
    pub(super) fn new(shared: &'s Shared) -> Self {
        Self {
            shared,
            config: Config::clone(&shared.tuning.config()),
            is_config_changed: false,
            connections_max: None,
            events: None,
            slower_than_us: None,
            slow_commands_max: None,
            pauses_from_ms: None,
            maps: Vec::new(),
        }
    }

    /// Takes in one change, that of the parameter in this place.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn take(
        &mut self,
        place: usize,
        parameter: &Parameter,
        wanted: &str,
    ) -> Result<(), String> {
        match &parameter.change {
            Change::Never => return Err(IMMUTABLE.to_owned()),
            Change::Unchanged if parameter.text == wanted => {}
            Change::Unchanged => return Err(IMMUTABLE.to_owned()),
            Change::Key(key) => self.set_key(key, wanted)?,
            Change::Seconds(key, most) => {
                let seconds = integer(wanted, 0, *most)?;
                self.set_key(key, &(seconds * 1000).to_string())?;
            }
            Change::Events => {
                let kinds = event_kinds(wanted).map_err(|error| error.to_string())?;
                self.events = Some(kinds);
            }
            Change::Clients => {
                let clients = integer(wanted, 1, i64::from(u32::MAX))? as u32;
                self.set_key("connections_max", wanted)?;
                let cores = self.shared.stats.len();
                host::check_connections(clients, cores).map_err(|error| error.to_string())?;
                self.connections_max = Some(clients);
            }
            Change::Policy => {
                let value = policy(wanted)?.to_owned();
                let map = Some(Box::default());
                self.take_map(place, map, "when_full", value);
            }
            Change::Map(map, setting) => {
                // A size may be written as one.
                let value = match (*setting, size::<u64>(wanted)) {
                    ("bytes_max", Ok(bytes)) => bytes.to_string(),
                    _ => wanted.to_owned(),
                };
                self.take_map(place, map.clone(), setting, value);
            }
            Change::SlowerThan => self.slower_than_us = Some(integer(wanted, -1, i64::MAX)?),
            Change::Pauses => {
                let ms = integer(wanted, 0, i64::MAX)?;
                self.pauses_from_ms = Some(ms.unsigned_abs());
            }
            Change::SlowCommands => {
                let commands = integer(wanted, 0, SLOW_COMMANDS_MAX)?;
                self.slow_commands_max = Some(commands as usize);
            }
        }
        Ok(())
    }

    fn set_key(&mut self, key: &str, text: &str) -> Result<(), String> {
        let set = self.config.set(key, text, &Origin::Code);
        set.map_err(|error| reason(&error))?;
        // What may change agrees with what may not, or is refused by itself.
        self.config.validate().map_err(|error| reason(&error))?;
        self.is_config_changed = true;
        Ok(())
    }

    fn take_map(
        &mut self,
        place: usize,
        map: Option<Box<[u8]>>,
        setting: &'static str,
        value: String,
    ) {
        self.maps.push(MapChange {
            place,
            map,
            setting,
            value,
        });
    }

    /// Makes all changes, or none.
    ///
    /// # Errors
    /// The place of the parameter that cannot be as it is wanted, and why.
    pub(super) fn make(self, changes: &mut Follower, last: usize) -> Result<(), (usize, String)> {
        if !self.maps.is_empty() {
            let settings: Vec<_> = self
                .maps
                .iter()
                .map(|change| SettingChange {
                    map: change.map.as_deref(),
                    name: change.setting,
                    value: &change.value,
                })
                .collect();
            let changed = changes.set_settings(&settings, self.shared);
            changed.map_err(|(number, text)| {
                let change = self.maps.get(number);
                (change.map_or(last, |change| change.place), text)
            })?;
        }
        // Nothing from here on can fail.
        if self.is_config_changed {
            self.shared.tuning.set(self.config);
        }
        if let Some(clients) = self.connections_max {
            self.shared.set_connections_max(clients);
        }
        if let Some(kinds) = self.events {
            self.shared.events.set(kinds);
        }
        if let Some(us) = self.slower_than_us {
            self.shared.slow_log.set_slower_than_us(us);
        }
        if let Some(ms) = self.pauses_from_ms {
            self.shared.pauses.set_threshold_ms(ms);
        }
        if let Some(commands) = self.slow_commands_max {
            self.shared.slow_log.set_commands_max(commands);
        }
        Ok(())
    }
}

/// Why a value was refused, without where it was written: that is known.
fn reason(error: &ConfigError) -> String {
    match error {
        ConfigError::Value { reason, .. } => reason.to_string(),
        ConfigError::OutOfRange { min, max, .. } => {
            format!("argument must be between {min} and {max} inclusive")
        }
        other => other.to_string(),
    }
}

/// An integer between two others, refused in Redis' words.
fn integer(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let number: i64 = text.parse().map_err(|_| NOT_AN_INTEGER.to_owned())?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!(
        "argument must be between {least} and {most} inclusive"
    ))
}

fn policy(text: &str) -> Result<&'static str, String> {
    let known = POLICIES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map(|(_, policy)| *policy).ok_or_else(|| {
        let names = POLICIES.map(|(name, _)| name).join(", ");
        format!("argument(s) must be one of the following: {names}")
    })
}
