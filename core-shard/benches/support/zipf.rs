//! Zipf ranks from a table of cumulated weights: exact for any exponent, eight bytes a rank.

use super::random::Random;

/// Uniform in [0, 1).
pub(crate) fn unit(random: &mut Random) -> f64 {
    (random.next() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Draws ranks `0..n` with probability proportional to `(rank + 1)^-exponent`.
pub(crate) struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(n: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let cumulated = (1..=n.max(1))
            .map(|place| {
                sum += f64::from(place).powf(-exponent);
                sum
            })
            .collect();
        Self { cumulated }
    }

    /// The next rank; 0 is the most popular.
    pub(crate) fn rank(&self, random: &mut Random) -> u32 {
        let total = self.cumulated.last().copied().unwrap_or_default();
        let drawn = unit(random) * total;
        let rank = self.cumulated.partition_point(|sum| *sum <= drawn);
        rank.min(self.cumulated.len() - 1) as u32
    }
}
