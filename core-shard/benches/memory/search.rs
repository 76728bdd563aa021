//! Finds the smallest limit at which a store holds everything.

/// What one attempt at one limit gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    /// Whether all entries were there at the end.
    pub(crate) holds_all: bool,
    /// Resident memory of the process.
    pub(crate) resident_bytes: u64,
    /// Where the store keeps such books: what it says that the entries take.
    pub(crate) booked_bytes: Option<u64>,
}

/// Begins at `generous`, doubled until it holds; then feels its way from what the store's own books
/// say in growing steps until one attempt holds and one does not, and halves what lies between
/// them until it is within `permille` of the limit. A store whose books are right needs three
/// attempts.
pub(crate) fn smallest_limit(
    generous: u64,
    permille: u64,
    attempt: &mut dyn FnMut(u64) -> Option<Trial>,
) -> Option<(u64, Trial)> {
    let (mut low, mut high) = (0, generous);
    let mut best = attempt(high)?;
    for _ in 0..4 {
        if best.holds_all {
            break;
        }
        (low, high) = (high, high * 2);
        best = attempt(high)?;
    }
    if !best.holds_all {
        return None;
    }
    let mut step = high * permille.max(1) / 1000;
    let mut at = high / 2;
    if let Some(booked) = best.booked_bytes {
        step = booked * permille.max(1) / 1000;
        at = booked;
    }
    let (mut held, mut failed) = (false, low > 0);
    while (high - low) * 1000 > high * permille.max(1) {
        if at <= low || at >= high || (held && failed) {
            at = low.midpoint(high);
        }
        let trial = attempt(at)?;
        if trial.holds_all {
            (high, best, held) = (at, trial, true);
            at = at.saturating_sub(step);
        } else {
            (low, failed) = (at, true);
            at += step;
        }
        step *= 2;
    }
    Some((high, best))
}
