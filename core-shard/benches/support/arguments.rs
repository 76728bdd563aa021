//! The command line of a benchmark: `--name value` and `--flag`, unknown ones refused.

use std::process::exit;

/// What was given.
pub(crate) struct Arguments {
    given: Vec<(String, Option<String>)>,
}

impl Arguments {
    /// Reads the process's arguments. `known` lists what there is and what it means.
    pub(crate) fn read(known: &[(&str, &str)]) -> Self {
        // cargo adds `--bench` itself.
        let words = std::env::args().skip(1).filter(|word| word != "--bench");
        match Self::parse(words, known) {
            Ok(arguments) => arguments,
            Err(word) => {
                eprintln!("no such option: {word}");
                for (name, meaning) in known {
                    eprintln!("  --{name:<12} {meaning}");
                }
                exit(2)
            }
        }
    }

    pub(crate) fn parse(
        words: impl Iterator<Item = String>,
        known: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut given: Vec<(String, Option<String>)> = Vec::new();
        for word in words {
            match (word.strip_prefix("--"), given.last_mut()) {
                (Some(name), _) if known.iter().any(|(one, _)| *one == name) => {
                    given.push((name.to_owned(), None));
                }
                (None, Some((_, value @ None))) => *value = Some(word),
                _ => return Err(word),
            }
        }
        Ok(Self { given })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// A number, with `k` for thousands and `M` for millions; ends the process if it is none.
    pub(crate) fn number(&self, name: &str, default: u64) -> u64 {
        let last = self.given.iter().rev().find(|(given, _)| given == name);
        let Some((_, value)) = last else {
            return default;
        };
        let number = value.as_deref().and_then(number);
        number.unwrap_or_else(|| {
            eprintln!("--{name} needs a number, such as 200k");
            exit(2)
        })
    }
}

pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['k', 'M']);
    let factor = match &text[digits.len()..] {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}
