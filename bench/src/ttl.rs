//! Times to live, and durations as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::rng::Rng;

/// A duration as written on the command line: `10`, `1.5s`, `250ms`, `30us`, `5m`, `12h`, `1d`.
/// A bare number is in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Text that is not a duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("cannot read duration {0:?}: expected a number with us, ms, s, m, h or d")]
pub struct SpanError(String);

/// Longer than any sensible run or TTL, and far from overflowing a duration.
const SPAN_SECONDS_MAX: f64 = 100.0 * 365.0 * 86_400.0;

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || SpanError(text.to_owned());
        let unit_at = text
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let factor = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "" | "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(refuse()),
        };
        let seconds = number.parse::<f64>().map_err(|_| refuse())? * factor;
        if !(0.0..=SPAN_SECONDS_MAX).contains(&seconds) {
            return Err(refuse());
        }
        Ok(Self(Duration::from_secs_f64(seconds)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        for (unit, size) in [("d", 86_400.0), ("h", 3_600.0), ("m", 60.0)] {
            let count = seconds / size;
            if count >= 1.0 && count.fract() == 0.0 {
                return write!(f, "{count}{unit}");
            }
        }
        if seconds >= 1.0 || seconds == 0.0 {
            write!(f, "{seconds}s")
        } else {
            write!(f, "{}ms", seconds * 1e3)
        }
    }
}

/// The times to live that writes carry: none, one, or several with weights (`1d:65,12h:35`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TtlMix {
    list: Vec<(Span, f64)>,
    total: f64,
}

/// Text that is not a TTL mix.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TtlError {
    /// A duration cannot be read.
    #[error(transparent)]
    Span(#[from] SpanError),
    /// Below the smallest unit that servers know.
    #[error("a TTL of {0:?} is below one millisecond")]
    TooShort(String),
    /// A weight is not a positive number.
    #[error("TTL weight {0:?} is not a positive number")]
    Weight(String),
}

impl TtlMix {
    /// The TTL in milliseconds of the next write, 0 for none.
    #[inline]
    pub fn next_ms(&self, rng: &mut Rng) -> u64 {
        match self.list.as_slice() {
            [] => 0,
            [(only, _)] => only.0.as_millis() as u64,
            several => {
                let mut at = rng.unit() * self.total;
                let found = several.iter().find(|(_, weight)| {
                    at -= weight;
                    at < 0.0
                });
                found
                    .or_else(|| several.last())
                    .map_or(0, |(span, _)| span.0.as_millis() as u64)
            }
        }
    }

    /// The shortest of them, `None` where writes carry none.
    #[must_use]
    pub fn shortest(&self) -> Option<Duration> {
        self.list.iter().map(|(span, _)| span.0).min()
    }
}

impl FromStr for TtlMix {
    type Err = TtlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" || text == "0" {
            return Ok(Self::default());
        }
        let mut list = Vec::new();
        for item in text.split(',') {
            let (span, weight) = item.split_once(':').unwrap_or((item, "1"));
            let share: f64 = weight
                .parse()
                .map_err(|_| TtlError::Weight(weight.to_owned()))?;
            if !(share > 0.0 && share.is_finite()) {
                return Err(TtlError::Weight(weight.to_owned()));
            }
            let parsed: Span = span.parse()?;
            if parsed.0 < Duration::from_millis(1) {
                return Err(TtlError::TooShort(span.to_owned()));
            }
            list.push((parsed, share));
        }
        let total = list.iter().map(|(_, share)| share).sum();
        Ok(Self { list, total })
    }
}

impl fmt::Display for TtlMix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list.as_slice() {
            [] => f.write_str("none"),
            [(only, _)] => write!(f, "{only}"),
            several => {
                for (place, (span, weight)) in several.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma}{span}:{weight}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_in_every_unit_and_print_back() {
        for (text, ms) in [
            ("10", 10_000),
            ("1.5s", 1_500),
            ("250ms", 250),
            ("2h", 7_200_000),
        ] {
            assert_eq!(text.parse::<Span>().unwrap().0, Duration::from_millis(ms));
        }
        for text in ["10s", "1.5s", "250ms", "5m", "12h", "1d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["", "x", "-1s", "1w", "inf", "NaN", "1e30d", "1 s"] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_mix_gives_each_ttl_its_share() {
        let mix: TtlMix = "1d:65,12h:35".parse().unwrap();
        let mut rng = Rng::new(1, 1);
        let days = (0..10_000)
            .filter(|_| mix.next_ms(&mut rng) == 86_400_000)
            .count();
        assert!((6_350..6_650).contains(&days), "{days}");
        assert_eq!(mix.shortest(), Some(Duration::from_secs(43_200)));
        assert_eq!(mix.to_string(), "1d:65,12h:35");
    }

    #[test]
    fn no_ttl_and_nonsense() {
        assert_eq!(
            "none"
                .parse::<TtlMix>()
                .unwrap()
                .next_ms(&mut Rng::new(1, 1)),
            0
        );
        assert_eq!(
            "10us".parse::<TtlMix>(),
            Err(TtlError::TooShort("10us".to_owned()))
        );
        assert!("1s:0".parse::<TtlMix>().is_err());
        assert!("1s,".parse::<TtlMix>().is_err());
    }
}
