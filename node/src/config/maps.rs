//! The tables of maps: `[maps.defaults]` for all of them, `[maps.NAME]` for one; each setting on its
//! own is inherited where it is not given.

use std::collections::BTreeMap;
use std::fmt::Write;

use jerboa_wire::limits::MAP_NAME_BYTES_MAX;
use jerboa_wire::settings::{MapSettings, NAMES, SettingError};
use toml::de::{DeTable, DeValue};

use super::file::scalar;
use super::value::{quoted, size};
use super::{ConfigError, Origin, ValueError, nearest};

/// The table of all these tables.
pub(super) const TABLE: &str = "maps";
/// The table whose settings every map inherits.
const DEFAULTS: &str = "defaults";
/// Tables of maps in one file, at most.
const TABLES_MAX: usize = 1024;

/// Settings of maps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapsConfig {
    /// What a map has that has no setting of its own.
    pub defaults: MapSettings,
    /// Settings of maps by name; the empty name is the default map's.
    pub named: BTreeMap<String, MapSettings>,
}

/// The setting that a mistyped name most likely meant.
#[must_use]
pub(crate) fn nearest_setting(name: &str) -> Option<&'static str> {
    nearest(name, NAMES.iter().copied())
}

impl MapsConfig {
    /// Reads the table `maps`; `origin` tells where an offset of the file is.
    pub(super) fn read(
        tables: &DeTable<'_>,
        origin: &impl Fn(usize) -> Origin,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for (name, table) in tables {
            let at = origin(name.span().start);
            let name: &str = name.get_ref();
            let DeValue::Table(table) = table.get_ref() else {
                return Err(no_table(name, at));
            };
            if name.len() > MAP_NAME_BYTES_MAX {
                return Err(refused(TABLE, name, ValueError::MapNameTooLong, at));
            }
            let settings = read_one(table, origin)?;
            if name == DEFAULTS {
                config.defaults = settings;
            } else if config.named.len() < TABLES_MAX {
                config.named.insert(name.to_owned(), settings);
            } else {
                return Err(refused(
                    TABLE,
                    name,
                    ValueError::TooManyMaps(TABLES_MAX),
                    at,
                ));
            }
        }
        Ok(config)
    }

    /// The tables as TOML that reads back to an equal value.
    pub(super) fn to_toml(&self) -> String {
        let mut text = String::new();
        let defaults = (self.defaults != MapSettings::default())
            .then(|| (DEFAULTS.to_owned(), &self.defaults));
        let named = self
            .named
            .iter()
            .map(|(name, settings)| (quoted_key(name), settings));
        for (name, settings) in defaults.into_iter().chain(named) {
            let _ = writeln!(text, "\n[maps.{name}]");
            for name in NAMES {
                if let Some(value) = settings.value(name) {
                    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
                    let value = if is_number { value } else { quoted(&value) };
                    let _ = writeln!(text, "{name} = {value}");
                }
            }
        }
        text
    }
}

/// A name as a TOML key, whatever it is made of.
fn quoted_key(name: &str) -> String {
    let mut key = String::from("\"");
    for character in name.chars() {
        match character {
            '"' | '\\' => key.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(key, "\\u{:04X}", u32::from(control));
            }
            other => key.push(other),
        }
    }
    key.push('"');
    key
}

/// That something which has to be a table is none.
pub(super) fn no_table(name: &str, origin: Origin) -> ConfigError {
    refused(TABLE, name, ValueError::NotATable, origin)
}

fn refused(key: &'static str, text: &str, reason: ValueError, origin: Origin) -> ConfigError {
    ConfigError::Value {
        key,
        text: text.to_owned(),
        reason,
        origin,
    }
}

fn read_one(
    table: &DeTable<'_>,
    origin: &impl Fn(usize) -> Origin,
) -> Result<MapSettings, ConfigError> {
    let mut settings = MapSettings::default();
    for (key, value) in table {
        let at = origin(key.span().start);
        let name: &str = key.get_ref();
        let Some(known) = NAMES.iter().copied().find(|known| *known == name) else {
            return Err(ConfigError::UnknownKey {
                name: name.to_owned(),
                nearest: nearest_setting(name),
                origin: at,
            });
        };
        let Some(text) = scalar(value.get_ref()) else {
            return Err(refused(known, "…", ValueError::NotAScalar, at));
        };
        // A size may be written as one: `1GiB`.
        let plain = match (known, size::<u64>(&text)) {
            ("bytes_max", Ok(bytes)) => bytes.to_string(),
            _ => text.clone(),
        };
        match settings.set(known, &plain) {
            Ok(()) => {}
            Err(SettingError::BadValue { expected, .. }) => {
                return Err(refused(known, &text, ValueError::NotASetting(expected), at));
            }
            Err(_) => return Err(refused(known, &text, ValueError::NotAScalar, at)),
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jerboa_wire::settings::{Setting, WhenFull};

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::from_toml(text, Path::new("jerboa.toml"))
    }

    #[test]
    fn tables_are_read_and_written_so_that_they_read_back_alike() {
        let config = parse(
            "port = 7500\n[maps.defaults]\nttl_ms = 60_000\nkeys_max = 10\n\n[maps.orders]\n\
             bytes_max = \"1.5GiB\"\nkeys_max = \"none\"\nwhen_full = \"refuse\"\ncopies = 2\n\
             [maps.\"\"]\nidle_ms_max = 5\n[maps.\"a \\\"b\\\".c\\n\"]\n",
        )
        .unwrap();
        let orders = config.maps.named["orders"];
        assert_eq!(config.maps.defaults.ttl_ms, Setting::Value(60_000));
        assert_eq!(orders.bytes_max, Setting::Value(3 << 29));
        assert_eq!(orders.keys_max, Setting::None);
        assert_eq!(orders.ttl_ms, Setting::Inherit);
        assert_eq!(
            (orders.when_full, orders.copies),
            (Some(WhenFull::Refuse), Some(2))
        );
        assert_eq!(config.maps.named[""].idle_ms_max, Setting::Value(5));
        assert!(config.maps.named.contains_key("a \"b\".c\n"));
        assert_eq!(
            parse(&config.to_toml()).unwrap(),
            config,
            "{}",
            config.to_toml()
        );
    }

    #[test]
    fn a_slip_in_a_table_is_named_with_its_line() {
        for (text, expected) in [
            (
                "[maps.orders]\nkeys_mx = 1\n",
                "jerboa.toml:2: unknown key `keys_mx`; did you mean `keys_max`?",
            ),
            (
                "[maps.orders]\nttl_ms = 0\n",
                "jerboa.toml:2: ttl_ms = 0: expected milliseconds from 1 to 281474976710655, none \
                 or inherit",
            ),
            (
                "[maps]\norders = 1\n",
                "jerboa.toml:2: maps = orders: expected a table, as in [maps.orders]",
            ),
            (
                "[map.orders]\n",
                "jerboa.toml:1: unknown key `map`; did you mean `maps`?",
            ),
            (
                "maps = 5\n",
                "jerboa.toml:1: maps = maps: expected a table, as in [maps.orders]",
            ),
            (
                "[maps.orders]\ncopies = [1]\n",
                "jerboa.toml:2: copies = …: expected a string, a whole number or a boolean",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected);
        }
        let long = format!("[maps.{}]\n", "x".repeat(256));
        assert!(parse(&long).is_err());
    }
}
