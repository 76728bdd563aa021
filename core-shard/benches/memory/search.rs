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

/// Halves the range between `low`, at which it never holds, and `high` until it is as close as
/// `permille` of the limit says. `high` is doubled first until it holds.
pub(crate) fn smallest_limit(
    low: u64,
    high: u64,
    permille: u64,
    attempt: &mut dyn FnMut(u64) -> Option<Trial>,
) -> Option<(u64, Trial)> {
    let (mut low, mut high) = (low, high);
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
    while (high - low) * 1000 > high * permille.max(1) {
        let middle = low.midpoint(high);
        let trial = attempt(middle)?;
        if trial.holds_all {
            (high, best) = (middle, trial);
        } else {
            low = middle;
        }
    }
    Some((high, best))
}
