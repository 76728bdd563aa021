//! The TOML file: flat keys, each known, each a scalar; and the tables of maps.

use std::fs;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError, MapsConfig, Origin, ValueError, maps};

/// A file above this is not a configuration of ours, whatever it is.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl Config {
    /// The defaults, overlaid with the keys of the file at `path`. Not validated: flags may
    /// still change it.
    ///
    /// # Errors
    /// An unreadable file, bad TOML, an unknown key (with the nearest known one) or a value that
    /// its key cannot take, each with its line.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::from_toml(&text, path)
    }

    /// As [`Config::from_file`], for text already read; `path` appears in errors.
    ///
    /// # Errors
    /// As [`Config::from_file`], but for reading.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let origin_at = |offset: usize| Origin::File {
            path: path.to_owned(),
            line: line_of(text, offset),
        };
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            origin: origin_at(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let mut config = Self::default();
        // In the order of the file, so that the first error reported is the first one in it.
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let origin = origin_at(key.span().start);
            let name: &str = key.get_ref();
            if name == maps::TABLE {
                let DeValue::Table(tables) = value.get_ref() else {
                    return Err(maps::no_table(name, origin));
                };
                config.maps = MapsConfig::read(tables, &origin_at)?;
                continue;
            }
            // An unknown key is the more useful complaint, whatever stands behind it.
            let text = scalar(value.get_ref()).unwrap_or_default();
            let is_scalar = scalar(value.get_ref()).is_some();
            match (super::keys::find(name), is_scalar) {
                (Some(key), false) => {
                    return Err(ConfigError::Value {
                        key: key.name,
                        text: "…".to_owned(),
                        reason: ValueError::NotAScalar,
                        origin,
                    });
                }
                _ => config.set(name, &text, &origin)?,
            }
        }
        Ok(config)
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(std::io::Error::other(
            "larger than 1 MiB, so no configuration file",
        ));
    }
    fs::read_to_string(path)
}

/// The text of a string, whole number or boolean.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str();
            i128::from_str_radix(digits, number.radix())
                .ok()
                .map(|wide| wide.to_string())
        }
        DeValue::Boolean(on) => Some(on.to_string()),
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::from_toml(text, Path::new("jerboa.toml"))
    }

    #[test]
    fn keys_change_what_they_name_and_nothing_else() {
        let config = parse("# c\nport = 7_500\nmemory = \"2g\"\ncores = 3\nprefault = false\n");
        let expected = Config {
            port: 7500,
            memory: Some(2 << 30),
            cores: Some(super::super::Cores::Count(3)),
            prefault: false,
            ..Config::default()
        };
        assert_eq!(config.unwrap(), expected);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_key() {
        let error = parse("port = 7400\n\nmemroy = \"1g\"\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "jerboa.toml:3: unknown key `memroy`; did you mean `memory`?"
        );
    }

    #[test]
    fn a_section_is_refused_as_an_unknown_key_is() {
        let error = parse("[server]\nport = 1\n").unwrap_err();
        assert!(matches!(error, ConfigError::UnknownKey { .. }), "{error}");
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused_with_their_line() {
        for text in [
            "port = 70000",
            "port = -1",
            "port = 1.5",
            "port = [1]",
            "bind = \"here\"",
            "prefault = \"maybe\"",
            "log_level = 3",
            "spin_us = \"\"",
        ] {
            let error = parse(&format!("\n{text}\n")).unwrap_err();
            assert!(
                matches!(error, ConfigError::Value { .. }),
                "{text}: {error}"
            );
            assert!(error.to_string().starts_with("jerboa.toml:2: "), "{error}");
        }
    }

    #[test]
    fn text_that_is_not_toml_is_refused_with_its_line() {
        let error = parse("port = 7400\nport = = 1\n").unwrap_err();
        assert!(matches!(error, ConfigError::Syntax { .. }));
        assert!(error.to_string().starts_with("jerboa.toml:2: "), "{error}");
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert!(matches!(
            parse("port = 1\nport = 2\n"),
            Err(ConfigError::Syntax { .. })
        ));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::from_file(Path::new("/nonexistent/jerboa.toml")).unwrap_err();
        assert!(
            error.to_string().contains("/nonexistent/jerboa.toml"),
            "{error}"
        );
    }
}
