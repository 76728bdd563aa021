//! Zipf ranks by rejection-inversion: no table, constant memory for any number of keys.
//!
//! The method is Hörmann and Derflinger's (1996): invert the integral of x^-s, which bounds the
//! discrete weights from above, and reject the few draws that fall outside the step function.
//! About 1.1 draws a rank, whatever the exponent.

use crate::rng::Rng;

/// Draws ranks `0..n` with probability proportional to `(rank + 1)^-exponent`.
#[derive(Clone, Copy, Debug)]
pub struct Zipf {
    n: f64,
    exponent: f64,
    integral_low: f64,
    integral_high: f64,
    /// Draws at least this close above their rank are accepted without evaluating a logarithm.
    squeeze: f64,
}

impl Zipf {
    /// Ranks `0..n`; `n` at least 1 and `exponent` above 0.
    #[must_use]
    pub fn new(n: u64, exponent: f64) -> Self {
        let n = n.max(1) as f64;
        Self {
            n,
            exponent,
            integral_low: integral(1.5, exponent) - 1.0,
            integral_high: integral(n + 0.5, exponent),
            squeeze: 2.0 - inverse(integral(2.5, exponent) - weight(2.0, exponent), exponent),
        }
    }

    /// The next rank; 0 is the most popular.
    #[inline]
    pub fn rank(&self, rng: &mut Rng) -> u64 {
        loop {
            let area = self.integral_high + rng.unit() * (self.integral_low - self.integral_high);
            let x = inverse(area, self.exponent);
            let k = (x + 0.5).floor().clamp(1.0, self.n);
            if k - x <= self.squeeze
                || area >= integral(k + 0.5, self.exponent) - weight(k, self.exponent)
            {
                return k as u64 - 1;
            }
        }
    }
}

#[inline]
fn weight(x: f64, exponent: f64) -> f64 {
    (-exponent * x.ln()).exp()
}

/// The integral of x^-exponent from 1, in a form that stays exact where the exponent is near 1.
#[inline]
fn integral(x: f64, exponent: f64) -> f64 {
    let log = x.ln();
    expm1_over((1.0 - exponent) * log) * log
}

#[inline]
fn inverse(area: f64, exponent: f64) -> f64 {
    // Rounding may push the argument below the logarithm's domain at the very edge.
    let t = (area * (1.0 - exponent)).max(-1.0);
    (log1p_over(t) * area).exp()
}

/// `(e^x - 1) / x`, continuous at 0.
#[inline]
fn expm1_over(x: f64) -> f64 {
    if x.abs() > 1e-8 {
        x.exp_m1() / x
    } else {
        1.0 + x * 0.5 * (1.0 + x / 3.0)
    }
}

/// `ln(1 + x) / x`, continuous at 0.
#[inline]
fn log1p_over(x: f64) -> f64 {
    if x.abs() > 1e-8 {
        x.ln_1p() / x
    } else {
        1.0 - x * (0.5 - x / 3.0)
    }
}
