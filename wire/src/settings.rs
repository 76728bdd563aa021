//! Settings of maps as text: what a SettingsSet request changes and what both operations answer.
//!
//! ```text
//! request   name value                 one a line; what is not named stays as it is
//! reply     name value origin          every setting; origin: own, defaults or node
//! ```
//! A setting is a number, `none` (no limit, whatever the defaults say) or `inherit` (as the defaults
//! say, and for the defaults themselves: as the node does).

use std::fmt::{self, Display, Formatter};

use crate::limits::EXPIRY_MS_MAX;

/// The most copies of an entry.
pub const COPIES_MAX: u64 = 16;
/// Bytes of a request's text, at most.
pub const TEXT_BYTES_MAX: usize = 4096;

/// One setting of a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Setting {
    /// As the defaults say.
    #[default]
    Inherit,
    /// No limit.
    None,
    /// This much.
    Value(u64),
}

/// What a write does when the map or the node's memory is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenFull {
    /// The entries least worth keeping make room for it.
    Evict,
    /// It is refused, and nothing is lost.
    Refuse,
}

impl WhenFull {
    const fn word(self) -> &'static str {
        match self {
            Self::Evict => "evict",
            Self::Refuse => "refuse",
        }
    }
}

/// The settings of one map, or the defaults of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MapSettings {
    /// Entries that are stored without saying when they expire do so after so many milliseconds.
    pub ttl_ms: Setting,
    /// An entry that was neither read nor written for so many milliseconds is gone.
    pub idle_ms_max: Setting,
    /// The most entries, over all cores.
    pub keys_max: Setting,
    /// The most bytes of entries, over all cores, keys and headers included.
    pub bytes_max: Setting,
    /// `None`: as the defaults say.
    pub when_full: Option<WhenFull>,
    /// How many nodes hold each entry. `None`: as the defaults say.
    pub copies: Option<u32>,
}

/// What holds for a map once every setting is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EffectiveSettings {
    /// See [`MapSettings::ttl_ms`].
    pub ttl_ms: Option<u64>,
    /// See [`MapSettings::idle_ms_max`].
    pub idle_ms_max: Option<u64>,
    /// See [`MapSettings::keys_max`].
    pub keys_max: Option<u64>,
    /// See [`MapSettings::bytes_max`].
    pub bytes_max: Option<u64>,
    /// See [`MapSettings::when_full`]; `None`: as the node's own setting says.
    pub when_full: Option<WhenFull>,
    /// See [`MapSettings::copies`].
    pub copies: u32,
}

/// Why a text is no setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingError {
    /// Not UTF-8, too long, or a line that is not a name and a value.
    NotALine,
    /// No setting has this name.
    UnknownName(String),
    /// The setting cannot have this value; what it can have.
    BadValue {
        /// The setting.
        name: &'static str,
        /// Its values in words.
        expected: &'static str,
    },
}

impl Display for SettingError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotALine => f.write_str("expected lines of a name and a value"),
            Self::UnknownName(name) => write!(f, "unknown setting `{name}`"),
            Self::BadValue { name, expected } => write!(f, "{name}: expected {expected}"),
        }
    }
}

impl std::error::Error for SettingError {}

/// The names of the settings, in the order in which they are shown.
pub const NAMES: &[&str] = &[
    "ttl_ms",
    "idle_ms_max",
    "keys_max",
    "bytes_max",
    "when_full",
    "copies",
];

const MILLISECONDS: &str = "milliseconds from 1 to 281474976710655, none or inherit";
const AMOUNT: &str = "a number from 1 on, none or inherit";
const POLICY: &str = "evict, refuse or inherit";
const COPIES: &str = "a number from 1 to 16, or inherit";

impl MapSettings {
    /// Changes one setting.
    ///
    /// # Errors
    /// An unknown name, or a value that the setting cannot have; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let amount = |name, expected, most| {
            amount(value, most).ok_or(SettingError::BadValue { name, expected })
        };
        match name {
            "ttl_ms" => self.ttl_ms = amount("ttl_ms", MILLISECONDS, EXPIRY_MS_MAX)?,
            "idle_ms_max" => self.idle_ms_max = amount("idle_ms_max", MILLISECONDS, EXPIRY_MS_MAX)?,
            "keys_max" => self.keys_max = amount("keys_max", AMOUNT, u64::MAX)?,
            "bytes_max" => self.bytes_max = amount("bytes_max", AMOUNT, u64::MAX)?,
            "when_full" => {
                self.when_full = match value {
                    "inherit" => None,
                    "evict" => Some(WhenFull::Evict),
                    "refuse" => Some(WhenFull::Refuse),
                    _ => {
                        return Err(SettingError::BadValue {
                            name: "when_full",
                            expected: POLICY,
                        });
                    }
                }
            }
            "copies" => match amount("copies", COPIES, COPIES_MAX)? {
                Setting::Inherit => self.copies = None,
                Setting::Value(copies) => self.copies = u32::try_from(copies).ok(),
                Setting::None => {
                    return Err(SettingError::BadValue {
                        name: "copies",
                        expected: COPIES,
                    });
                }
            },
            _ => return Err(SettingError::UnknownName(name.to_owned())),
        }
        Ok(())
    }

    /// Changes what the lines of a request name.
    ///
    /// # Errors
    /// The first line that is wrong; nothing is changed then.
    pub fn apply(&mut self, text: &[u8]) -> Result<(), SettingError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(SettingError::NotALine);
        }
        let text = std::str::from_utf8(text).map_err(|_| SettingError::NotALine)?;
        let mut changed = *self;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some(name), Some(value), None) => changed.set(name, value)?,
                _ => return Err(SettingError::NotALine),
            }
        }
        *self = changed;
        Ok(())
    }

    /// The lines that [`MapSettings::apply`] reads back, of what is not inherited.
    #[must_use]
    pub fn lines(&self) -> String {
        let own = NAMES.iter().filter_map(|name| {
            let value = self.value(name)?;
            Some(format!("{name} {value}\n"))
        });
        own.collect()
    }

    /// A setting as text, where it is not inherited.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        let amount = |setting| match setting {
            Setting::Inherit => None,
            Setting::None => Some("none".to_owned()),
            Setting::Value(value) => Some(value.to_string()),
        };
        match name {
            "ttl_ms" => amount(self.ttl_ms),
            "idle_ms_max" => amount(self.idle_ms_max),
            "keys_max" => amount(self.keys_max),
            "bytes_max" => amount(self.bytes_max),
            "when_full" => self.when_full.map(|policy| policy.word().to_owned()),
            "copies" => self.copies.map(|copies| copies.to_string()),
            _ => None,
        }
    }

    /// These settings where they say something, and the defaults elsewhere.
    #[must_use]
    pub fn over(&self, defaults: &Self) -> EffectiveSettings {
        let amount = |own, default| match (own, default) {
            (Setting::Value(value), _) | (Setting::Inherit, Setting::Value(value)) => Some(value),
            _ => None,
        };
        EffectiveSettings {
            ttl_ms: amount(self.ttl_ms, defaults.ttl_ms),
            idle_ms_max: amount(self.idle_ms_max, defaults.idle_ms_max),
            keys_max: amount(self.keys_max, defaults.keys_max),
            bytes_max: amount(self.bytes_max, defaults.bytes_max),
            when_full: self.when_full.or(defaults.when_full),
            copies: self.copies.or(defaults.copies).unwrap_or(1),
        }
    }

    /// The reply's text: every setting as it holds, and where it is from. `node_when_full` is what
    /// holds where nothing is said.
    #[must_use]
    pub fn report(&self, defaults: &Self, node_when_full: WhenFull) -> String {
        let line = |name: &&str| {
            let own = self.value(name).map(|value| (value, "own"));
            let inherited = || defaults.value(name).map(|value| (value, "defaults"));
            let (value, origin) = own.or_else(inherited).unwrap_or_else(|| {
                let value = match *name {
                    "when_full" => node_when_full.word(),
                    "copies" => "1",
                    _ => "none",
                };
                (value.to_owned(), "node")
            });
            format!("{name} {value} {origin}\n")
        };
        NAMES.iter().map(line).collect()
    }
}

fn amount(value: &str, most: u64) -> Option<Setting> {
    match value {
        "inherit" => Some(Setting::Inherit),
        "none" => Some(Setting::None),
        digits => {
            let value = digits.parse().ok()?;
            (1..=most).contains(&value).then_some(Setting::Value(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_changes_what_it_names_and_nothing_if_a_line_is_wrong() {
        let mut settings = MapSettings::default();
        settings
            .apply(b"ttl_ms 1500\n\nkeys_max  none\nwhen_full refuse\ncopies 2")
            .unwrap();
        let expected = MapSettings {
            ttl_ms: Setting::Value(1500),
            keys_max: Setting::None,
            when_full: Some(WhenFull::Refuse),
            copies: Some(2),
            ..MapSettings::default()
        };
        assert_eq!(settings, expected);
        for wrong in [
            &b"bytes_max 5\nkeys_mx 1"[..],
            b"bytes_max 5\nkeys_max",
            b"bytes_max 5\nkeys_max 1 2",
            b"bytes_max 0",
            b"bytes_max -1",
            b"ttl_ms 281474976710656",
            b"when_full none",
            b"copies none",
            b"copies 17",
            b"\xFF",
            &[b' '; TEXT_BYTES_MAX + 1],
        ] {
            assert!(settings.apply(wrong).is_err(), "{wrong:?}");
            assert_eq!(settings, expected, "{wrong:?}");
        }
        settings.apply(b"ttl_ms inherit\ncopies inherit").unwrap();
        assert_eq!((settings.ttl_ms, settings.copies), (Setting::Inherit, None));
    }

    #[test]
    fn what_is_set_is_read_back_by_name() {
        for (name, value) in [
            ("ttl_ms", "1"),
            ("idle_ms_max", "none"),
            ("keys_max", "18446744073709551615"),
            ("bytes_max", "7"),
            ("when_full", "evict"),
            ("copies", "16"),
        ] {
            let mut settings = MapSettings::default();
            settings.set(name, value).unwrap();
            assert_eq!(settings.lines(), format!("{name} {value}\n"));
            let mut again = MapSettings::default();
            again.apply(settings.lines().as_bytes()).unwrap();
            assert_eq!(again, settings);
        }
        assert!(NAMES.iter().all(|name| {
            let unknown = MapSettings::default().set(name, "?").unwrap_err();
            !matches!(unknown, SettingError::UnknownName(_))
        }));
    }

    #[test]
    fn each_setting_is_inherited_on_its_own() {
        let mut defaults = MapSettings::default();
        defaults
            .apply(b"ttl_ms 100\nkeys_max 10\nwhen_full refuse")
            .unwrap();
        let mut own = MapSettings::default();
        own.apply(b"keys_max none\nbytes_max 5").unwrap();
        let holds = own.over(&defaults);
        assert_eq!((holds.ttl_ms, holds.keys_max), (Some(100), None));
        assert_eq!((holds.bytes_max, holds.idle_ms_max), (Some(5), None));
        assert_eq!((holds.when_full, holds.copies), (Some(WhenFull::Refuse), 1));
        assert_eq!(
            own.report(&defaults, WhenFull::Evict),
            "ttl_ms 100 defaults\nidle_ms_max none node\nkeys_max none own\nbytes_max 5 own\n\
             when_full refuse defaults\ncopies 1 node\n"
        );
    }
}
