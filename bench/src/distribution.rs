//! Which key the next request touches.
//!
//! A distribution turns random numbers into key indexes in `0..keys`. Skewed ones draw a *rank*
//! (0 = most popular) and scatter it over the key space with a bijection, so that popular keys
//! are not neighbours and the popularity curve is exactly the one asked for.
//!
//! `latest` and `sequential` need to know what the run has written or read so far; that state is
//! one cursor shared by all client cores.

mod zipf;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use zipf::Zipf;

use crate::rng::Rng;

/// A distribution as asked for on the command line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Every key alike.
    Uniform,
    /// Zipf with this exponent, ranks scattered over the key space.
    Zipf(f64),
    /// Every key once, in order, then again from the start.
    Sequential,
    /// Writes walk the key space; reads are Zipf(0.99)-close behind the last write.
    Latest,
    /// This share of the keys gets this share of the requests.
    Hotspot {
        /// Share of the keys that is hot, 0 to 1.
        keys: f64,
        /// Share of the requests that goes to the hot keys, 0 to 1.
        requests: f64,
    },
}

/// A distribution that cannot be read or drawn from.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DistributionError {
    /// The name is none of the known ones.
    #[error(
        "unknown distribution {0:?}: expected uniform, zipf[:EXPONENT], sequential, latest or hotspot[:KEYS%:REQUESTS%]"
    )]
    Unknown(String),
    /// A parameter is not a number in its range.
    #[error("{what} {text:?} is not a number from {least} to {most}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// What was given.
        text: String,
        /// Smallest accepted.
        least: f64,
        /// Largest accepted.
        most: f64,
    },
}

fn number(
    what: &'static str,
    text: &str,
    (least, most): (f64, f64),
) -> Result<f64, DistributionError> {
    match text.parse::<f64>() {
        Ok(value) if value >= least && value <= most => Ok(value),
        _ => Err(DistributionError::Parameter {
            what,
            text: text.to_owned(),
            least,
            most,
        }),
    }
}

impl FromStr for Distribution {
    type Err = DistributionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let parameters: Vec<&str> = parts.collect();
        match (name, parameters.as_slice()) {
            ("uniform", []) => Ok(Self::Uniform),
            ("sequential", []) => Ok(Self::Sequential),
            ("latest", []) => Ok(Self::Latest),
            ("zipf", []) => Ok(Self::Zipf(0.99)),
            ("zipf", [exponent]) => Ok(Self::Zipf(number(
                "the Zipf exponent",
                exponent,
                (0.01, 10.0),
            )?)),
            ("hotspot", []) => Ok(Self::Hotspot {
                keys: 0.2,
                requests: 0.8,
            }),
            ("hotspot", [keys, requests]) => Ok(Self::Hotspot {
                keys: number("the hot share of keys", keys, (0.0, 100.0))? / 100.0,
                requests: number("the hot share of requests", requests, (0.0, 100.0))? / 100.0,
            }),
            _ => Err(DistributionError::Unknown(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
            Self::Sequential => f.write_str("sequential"),
            Self::Latest => f.write_str("latest"),
            Self::Hotspot { keys, requests } => {
                write!(f, "hotspot:{}:{}", keys * 100.0, requests * 100.0)
            }
        }
    }
}

/// Draws key indexes for one client core.
#[derive(Clone, Debug)]
pub struct Sampler {
    keys: u64,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Uniform,
    Zipf {
        zipf: Zipf,
        scatter: Scatter,
    },
    Sequential {
        cursor: Arc<AtomicU64>,
    },
    Latest {
        zipf: Zipf,
        cursor: Arc<AtomicU64>,
    },
    Hotspot {
        hot_keys: u64,
        requests: f64,
        scatter: Scatter,
    },
}

impl Sampler {
    /// A sampler over `keys` keys (at least 1). `cursor` is shared by all samplers of a run.
    #[must_use]
    pub fn new(distribution: Distribution, keys: u64, cursor: Arc<AtomicU64>) -> Self {
        let keys = keys.max(1);
        let shape = match distribution {
            Distribution::Uniform => Shape::Uniform,
            Distribution::Zipf(exponent) => Shape::Zipf {
                zipf: Zipf::new(keys, exponent),
                scatter: Scatter::new(keys),
            },
            Distribution::Sequential => Shape::Sequential { cursor },
            Distribution::Latest => Shape::Latest {
                zipf: Zipf::new(keys, 0.99),
                cursor,
            },
            Distribution::Hotspot {
                keys: share,
                requests,
            } => {
                let hot_keys = ((keys as f64 * share).round() as u64).clamp(1, keys);
                Shape::Hotspot {
                    hot_keys,
                    requests,
                    scatter: Scatter::new(keys),
                }
            }
        };
        Self { keys, shape }
    }

    /// The key of the next request; `writes` says whether it stores a value.
    #[inline]
    pub fn next(&mut self, rng: &mut Rng, writes: bool) -> u64 {
        match &self.shape {
            Shape::Uniform => rng.below(self.keys),
            Shape::Zipf { zipf, scatter } => scatter.place(zipf.rank(rng)),
            Shape::Sequential { cursor } => cursor.fetch_add(1, Ordering::Relaxed) % self.keys,
            Shape::Latest { cursor, .. } if writes => {
                cursor.fetch_add(1, Ordering::Relaxed) % self.keys
            }
            Shape::Latest { zipf, cursor } => {
                let written = cursor.load(Ordering::Relaxed) % self.keys;
                // The last written key is one before the cursor.
                (written + self.keys - 1 - zipf.rank(rng)) % self.keys
            }
            Shape::Hotspot {
                hot_keys,
                requests,
                scatter,
            } => {
                let cold_keys = self.keys - hot_keys;
                let hot = cold_keys == 0 || rng.unit() < *requests;
                let rank = if hot {
                    rng.below(*hot_keys)
                } else {
                    hot_keys + rng.below(cold_keys)
                };
                scatter.place(rank)
            }
        }
    }
}

/// A bijection on `0..keys` that puts neighbours far apart: multiplication by a number coprime
/// to `keys`, near the golden section of it.
#[derive(Clone, Copy, Debug)]
struct Scatter {
    keys: u64,
    factor: u64,
}

impl Scatter {
    fn new(keys: u64) -> Self {
        let mut factor = ((keys as f64 * 0.618_033_988_75) as u64).clamp(1, keys);
        while greatest_common_divisor(factor, keys) != 1 {
            factor += 1;
        }
        Self { keys, factor }
    }

    #[inline]
    fn place(&self, rank: u64) -> u64 {
        match rank.checked_mul(self.factor) {
            Some(product) => product % self.keys,
            None => (u128::from(rank) * u128::from(self.factor) % u128::from(self.keys)) as u64,
        }
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests;
