//! Sizes of keys and values.
//!
//! A size is a function of a hash, not a draw from a stream: the key of an index always has the
//! same length, and a checker that knows key and version knows how long the value must be.

use std::str::FromStr;

use crate::rng::{Rng, mix};

/// How long keys or values are.
#[derive(Clone, Debug, PartialEq)]
pub enum Sizes {
    /// Always this many bytes.
    Fixed(u32),
    /// Evenly from the first to the second, both included.
    Range(u32, u32),
    /// These sizes with these weights.
    Weighted(Vec<(u32, f64)>),
    /// Log-normal with this median and this deviation of the logarithm.
    LogNormal {
        /// Half of the sizes are below it.
        median: u32,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
}

/// Why a size cannot be read or is not possible.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SizeError {
    /// The text has none of the known forms.
    #[error(
        "cannot read size {0:?}: expected BYTES, LEAST-MOST, SIZE:WEIGHT,SIZE:WEIGHT… or lognormal:MEDIAN:SIGMA"
    )]
    Form(String),
    /// A range runs backwards.
    #[error("size range {0}-{1} runs backwards")]
    Backwards(u32, u32),
    /// A parameter is out of its range.
    #[error("{0} is out of range in a size")]
    Parameter(String),
}

/// No log-normal draw is larger than this multiple of its median: the tail of a wide one would
/// otherwise exceed every server's value limit sooner or later.
const LOG_NORMAL_CUT: f64 = 64.0;

impl Sizes {
    /// The size that belongs to `hash`.
    #[inline]
    #[must_use]
    pub fn of(&self, hash: u64) -> usize {
        match self {
            Self::Fixed(size) => *size as usize,
            Self::Range(least, most) => {
                let span = u64::from(most - least) + 1;
                *least as usize + ((u128::from(mix(hash)) * u128::from(span)) >> 64) as usize
            }
            Self::Weighted(list) => {
                let total: f64 = list.iter().map(|(_, weight)| weight).sum();
                let mut at = Rng::new(hash, 0).unit() * total;
                for (size, weight) in list {
                    at -= weight;
                    if at < 0.0 {
                        return *size as usize;
                    }
                }
                list.last().map_or(0, |(size, _)| *size as usize)
            }
            Self::LogNormal { median, sigma } => {
                let factor = (Rng::new(hash, 0).normal() * sigma)
                    .exp()
                    .min(LOG_NORMAL_CUT);
                ((f64::from(*median) * factor).round() as usize).max(1)
            }
        }
    }

    /// No size is below this.
    #[must_use]
    pub fn least(&self) -> u32 {
        match self {
            Self::Fixed(size) => *size,
            Self::Range(least, _) => *least,
            Self::Weighted(list) => list.iter().map(|(size, _)| *size).min().unwrap_or(0),
            Self::LogNormal { .. } => 1,
        }
    }

    /// No size is above this.
    #[must_use]
    pub fn most(&self) -> u64 {
        match self {
            Self::Fixed(size) => u64::from(*size),
            Self::Range(_, most) => u64::from(*most),
            Self::Weighted(list) => list
                .iter()
                .map(|(size, _)| u64::from(*size))
                .max()
                .unwrap_or(0),
            Self::LogNormal { median, .. } => (f64::from(*median) * LOG_NORMAL_CUT).ceil() as u64,
        }
    }
}

fn bytes(text: &str) -> Result<u32, SizeError> {
    text.trim()
        .parse()
        .map_err(|_| SizeError::Form(text.to_owned()))
}

impl FromStr for Sizes {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("lognormal:") {
            let (median, sigma) = rest
                .split_once(':')
                .ok_or_else(|| SizeError::Form(text.to_owned()))?;
            let deviation: f64 = sigma
                .parse()
                .map_err(|_| SizeError::Parameter(format!("sigma {sigma:?}")))?;
            if !(0.0..=5.0).contains(&deviation) {
                return Err(SizeError::Parameter(format!("sigma {sigma:?}")));
            }
            return Ok(Self::LogNormal {
                median: bytes(median)?.max(1),
                sigma: deviation,
            });
        }
        if text.contains(':') {
            let mut list = Vec::new();
            for item in text.split(',') {
                let (size, weight) = item
                    .split_once(':')
                    .ok_or_else(|| SizeError::Form(text.to_owned()))?;
                let share: f64 = weight
                    .parse()
                    .map_err(|_| SizeError::Parameter(format!("weight {weight:?}")))?;
                if !(share > 0.0 && share.is_finite()) {
                    return Err(SizeError::Parameter(format!("weight {weight:?}")));
                }
                list.push((bytes(size)?, share));
            }
            return Ok(Self::Weighted(list));
        }
        if let Some((least, most)) = text.split_once('-') {
            let (least, most) = (bytes(least)?, bytes(most)?);
            if least > most {
                return Err(SizeError::Backwards(least, most));
            }
            return Ok(Self::Range(least, most));
        }
        Ok(Self::Fixed(bytes(text)?))
    }
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Range(least, most) => write!(f, "{least}-{most}"),
            Self::Weighted(list) => {
                for (place, (size, weight)) in list.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma}{size}:{weight}")?;
                }
                Ok(())
            }
            Self::LogNormal { median, sigma } => write!(f, "lognormal:{median}:{sigma}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(text: &str) -> f64 {
        let sizes: Sizes = text.parse().unwrap();
        let sum: usize = (0..50_000).map(|h| sizes.of(h)).sum();
        sum as f64 / 50_000.0
    }

    #[test]
    fn each_form_has_the_mean_it_promises() {
        assert_eq!(mean("64"), 64.0);
        assert!((mean("10-20") - 15.0).abs() < 0.1);
        assert!((mean("10:1,100:3") - 77.5).abs() < 0.7);
        // The mean of a log-normal is median × e^(sigma²/2).
        assert!((mean("lognormal:200:0.5") / (200.0 * 0.125f64.exp()) - 1.0).abs() < 0.02);
    }

    #[test]
    fn sizes_stay_between_their_bounds_and_repeat() {
        for text in ["1", "3-9", "2:1,7:9", "lognormal:100:5"] {
            let sizes: Sizes = text.parse().unwrap();
            for hash in 0..20_000 {
                let size = sizes.of(hash);
                assert!(size as u64 >= u64::from(sizes.least()) && size as u64 <= sizes.most());
                assert_eq!(size, sizes.of(hash));
            }
        }
    }

    #[test]
    fn forms_read_back_and_nonsense_is_refused() {
        for text in ["64", "3-9", "2:1,7:9", "lognormal:100:0.5"] {
            assert_eq!(text.parse::<Sizes>().unwrap().to_string(), text);
        }
        assert_eq!("9-3".parse::<Sizes>(), Err(SizeError::Backwards(9, 3)));
        for text in [
            "",
            "x",
            "1-",
            "5:0",
            "5:-1",
            "5:inf",
            "lognormal:5",
            "lognormal:5:99",
            "-3",
        ] {
            assert!(text.parse::<Sizes>().is_err(), "{text:?}");
        }
    }
}
