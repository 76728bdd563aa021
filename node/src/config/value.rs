//! How each kind of setting is written: text in, value out, and the way back as a TOML literal.
//!
//! The command line and the file share these, so `--memory 2GiB` and `memory = "2GiB"` cannot
//! differ. Sizes are powers of two: `k`, `kb`, `KiB` all mean 1024 bytes.

use std::fmt::{self, Display, Formatter};

use jerboa_wire::event::{EventKind, EventKinds};

use super::error::ValueError;

/// CPUs that run a data core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cores {
    /// The first so many CPUs that this process may use.
    Count(usize),
    /// Exactly these CPUs, in this order: core `i` of the node runs on the `i`-th.
    List(Vec<usize>),
}

/// Whether the cores' memory asks for huge pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugePages {
    /// Explicit ones if the host has them reserved, else transparent ones, else plain pages.
    Auto,
    /// Plain pages.
    Off,
}

/// What a write meets when the memory is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The entries least worth keeping make room for it.
    Evict,
    /// It is refused, and nothing is lost.
    Refuse,
}

/// Least severe level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what needs someone to act.
    Error,
    /// And what may need someone to act later.
    Warn,
    /// And what happens once in a while: start, stop, limits.
    Info,
    /// And what happens per connection.
    Debug,
    /// Everything.
    Trace,
}

/// Shape of the log records on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line a record, for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A word list: what is accepted, and what it stands for.
pub(super) type Words<T> = &'static [(&'static str, T)];

pub(super) const SWITCH: Words<bool> = &[("true", true), ("false", false)];
pub(super) const HUGE_PAGES: Words<HugePages> =
    &[("auto", HugePages::Auto), ("off", HugePages::Off)];
pub(super) const WHEN_FULL: Words<WhenFull> =
    &[("evict", WhenFull::Evict), ("refuse", WhenFull::Refuse)];
pub(super) const LOG_LEVELS: Words<LogLevel> = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
pub(super) const LOG_FORMATS: Words<LogFormat> =
    &[("text", LogFormat::Text), ("json", LogFormat::Json)];

const AUTO: &str = "auto";

/// A CPU number above this is a typing error, not a machine.
const CPU_MAX: usize = 8191;

pub(super) fn word<T: Copy>(text: &str, words: Words<T>) -> Result<T, ValueError> {
    words
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| ValueError::NotOneOf(words.iter().map(|(name, _)| *name).collect()))
}

pub(super) fn show_word<T: PartialEq>(value: &T, words: Words<T>) -> &'static str {
    words
        .iter()
        .find(|(_, known)| known == value)
        .map_or("", |(name, _)| name)
}

/// Kinds of events from `none`, `all` or `member,expired`.
pub(crate) fn event_kinds(text: &str) -> Result<EventKinds, ValueError> {
    match text {
        "none" => return Ok(EventKinds::NONE),
        "all" => return Ok(EventKinds::ALL),
        _ => {}
    }
    let mut kinds = EventKinds::NONE;
    for name in text.split(',').map(str::trim) {
        let kind = EventKind::ALL.iter().find(|kind| kind.name() == name);
        let Some(kind) = kind else {
            let names = EventKind::ALL.iter().map(|kind| kind.name());
            return Err(ValueError::NotOneOf(
                ["none", "all"].into_iter().chain(names).collect(),
            ));
        };
        kinds = kinds | EventKinds::only(*kind);
    }
    Ok(kinds)
}

pub(crate) fn show_event_kinds(kinds: &EventKinds) -> String {
    if kinds.is_empty() {
        return quoted("none");
    }
    if *kinds == EventKinds::ALL {
        return quoted("all");
    }
    let names: Vec<_> = kinds.iter().map(EventKind::name).collect();
    quoted(&names.join(","))
}

pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, ValueError> {
    let digits = text.replace('_', "");
    let wide: u64 = digits.parse().map_err(|_| ValueError::NotANumber)?;
    T::try_from(wide).map_err(|_| ValueError::TooLarge)
}

pub(super) fn auto<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Result<Option<T>, ValueError> {
    if text == AUTO {
        return Ok(None);
    }
    parse(text).map(Some)
}

pub(super) fn show_auto<T>(value: Option<&T>, show: impl FnOnce(&T) -> String) -> String {
    value.map_or_else(|| quoted(AUTO), show)
}

/// Bytes from `4096`, `512MiB`, `512mb`, `512m`, `1.5g`.
pub(crate) fn size<T: TryFrom<u64>>(text: &str) -> Result<T, ValueError> {
    let trimmed = text.trim();
    let unit_at = trimmed
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(unit_at);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0_u32,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(ValueError::NotASize),
    };
    let bytes = scaled(digits.trim(), shift)?;
    T::try_from(bytes).map_err(|_| ValueError::TooLarge)
}

/// `digits` (with at most three decimals) times `2^shift`, without floating point.
fn scaled(digits: &str, shift: u32) -> Result<u64, ValueError> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_plain = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    if whole.is_empty() || !is_plain(whole) || !is_plain(fraction) || fraction.len() > 3 {
        return Err(ValueError::NotASize);
    }
    if digits.contains('.') && (shift == 0 || fraction.is_empty()) {
        return Err(ValueError::NotASize);
    }
    let whole: u64 = number(whole)?;
    let thousandths: u64 = if fraction.is_empty() {
        0
    } else {
        number(&format!("{fraction:0<3}"))?
    };
    let unit = 1_u64 << shift;
    whole
        .checked_mul(unit)
        .and_then(|bytes| bytes.checked_add(thousandths * unit / 1000))
        .ok_or(ValueError::TooLarge)
}

/// The largest unit that says the size exactly, as a TOML literal.
pub(super) fn show_size(bytes: u64) -> String {
    [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| bytes != 0 && bytes.is_multiple_of(1_u64 << shift))
        .map_or_else(
            || bytes.to_string(),
            |(shift, unit)| quoted(&format!("{}{unit}", bytes >> shift)),
        )
}

/// `4` is a count; anything with a comma or a dash is a list: `0-3,6`. A single CPU by number is
/// written as a list of one: `3,` or `3-3`.
pub(super) fn cores(text: &str) -> Result<Cores, ValueError> {
    let text = text.trim();
    if !text.contains([',', '-']) {
        return match number::<usize>(text)? {
            0 => Err(ValueError::NoCores),
            count => Ok(Cores::Count(count)),
        };
    }
    let mut cpus = Vec::new();
    for part in text.strip_suffix(',').unwrap_or(text).split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first = cpu(first)?;
        let last = cpu(last)?;
        if first > last {
            return Err(ValueError::BackwardsRange(part.trim().to_owned()));
        }
        for cpu in first..=last {
            if cpus.contains(&cpu) {
                return Err(ValueError::CoreTwice(cpu));
            }
            cpus.push(cpu);
        }
    }
    Ok(Cores::List(cpus))
}

fn cpu(text: &str) -> Result<usize, ValueError> {
    let cpu = number(text.trim()).map_err(|_| ValueError::NotACoreList)?;
    if cpu > CPU_MAX {
        return Err(ValueError::TooLarge);
    }
    Ok(cpu)
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

impl Display for Cores {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::List(cpus) if cpus.len() == 1 => write!(f, "{},", cpus[0]),
            Self::List(cpus) => {
                let texts: Vec<String> = cpus.iter().map(usize::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_an_operator_writes_them() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("512MiB", 512 << 20),
            ("512 mb", 512 << 20),
            ("2g", 2 << 30),
            ("1.5G", 3 << 29),
            ("64_000", 64_000),
            ("1t", 1 << 40),
        ] {
            assert_eq!(size::<u64>(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_size_that_means_nothing_is_refused_not_guessed() {
        for text in [
            "", "g", "12q", "-1", "1.5", "1.", ".5g", "1.2345g", "1 2", "1e9", "0x10",
        ] {
            assert_eq!(size::<u64>(text), Err(ValueError::NotASize), "{text}");
        }
        assert_eq!(size::<u64>("99999999999t"), Err(ValueError::TooLarge));
        assert_eq!(size::<u32>("4g"), Err(ValueError::TooLarge));
    }

    #[test]
    fn every_size_survives_being_shown() {
        for bytes in [0, 1, 1023, 1024, 1536, 68 << 20, (1 << 30) + 1, 3 << 40] {
            let shown = show_size(bytes);
            assert_eq!(size::<u64>(shown.trim_matches('"')), Ok(bytes), "{shown}");
        }
    }

    #[test]
    fn core_lists_and_counts_are_told_apart() {
        assert_eq!(cores("2"), Ok(Cores::Count(2)));
        assert_eq!(cores("0-3,6"), Ok(Cores::List(vec![0, 1, 2, 3, 6])));
        assert_eq!(cores("3,"), Ok(Cores::List(vec![3])));
        assert_eq!(
            cores("5, 1"),
            Ok(Cores::List(vec![5, 1])),
            "the order is the operator's"
        );
    }

    #[test]
    fn a_core_list_with_a_slip_is_refused() {
        assert_eq!(cores("0"), Err(ValueError::NoCores));
        assert_eq!(
            cores("3-1"),
            Err(ValueError::BackwardsRange("3-1".to_owned()))
        );
        assert_eq!(cores("0-2,1"), Err(ValueError::CoreTwice(1)));
        assert_eq!(cores("1,,2"), Err(ValueError::NotACoreList));
        assert_eq!(cores("-1"), Err(ValueError::NotACoreList));
        assert_eq!(
            cores("0-99999999999"),
            Err(ValueError::TooLarge),
            "and allocates nothing"
        );
    }

    #[test]
    fn every_core_list_survives_being_shown() {
        for text in ["2", "0,1,2,3,6", "3,"] {
            let parsed = cores(text).unwrap();
            assert_eq!(cores(&parsed.to_string()), Ok(parsed), "{text}");
        }
    }
}
