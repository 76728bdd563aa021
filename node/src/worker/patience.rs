//! What a core waits for when it parks: the first request, or several that it then answers together.
//!
//! Those that share a wake-up share its cost, and are answered later for it. Only a core
//! that was told how long (`gather_us`) waits for more than one, and only for its own clients.

use std::time::Duration;

use super::budget::BATCH;
use crate::net::Patience;

/// How long after a message of another core or of an embedded caller a core wakes for the first
/// request: who exchanges messages waits for each.
const MESSAGES_KEEP_AWAKE: Duration = Duration::from_millis(1);

/// What a core with `sessions` connections waits for that has heard no message for `quiet`. Half of
/// its connections: of clients that wait for their replies before they ask again, the other half is
/// at work meanwhile, and fewer than four are never kept waiting. At most as many as it executes
/// together.
pub(super) fn patience(gather: Duration, sessions: usize, quiet: Duration) -> Option<Patience> {
    let completions = (sessions / 2).min(BATCH);
    let gathers = !gather.is_zero() && completions > 1 && quiet > MESSAGES_KEEP_AWAKE;
    gathers.then_some(Patience {
        completions: completions as u32,
        wait: gather,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATHER: Duration = Duration::from_micros(100);
    const LONG: Duration = Duration::from_secs(1);

    #[test]
    fn a_core_that_was_not_told_to_gather_wakes_for_the_first_request() {
        assert_eq!(patience(Duration::ZERO, 50, LONG), None);
    }

    #[test]
    fn few_clients_are_never_kept_waiting_and_many_for_no_more_than_a_batch() {
        for (sessions, expected) in [
            (0, None),
            (1, None),
            (3, None),
            (4, Some(2)),
            (9, Some(4)),
            (50, Some(25)),
            (10_000, Some(BATCH as u32)),
        ] {
            let found = patience(GATHER, sessions, LONG);
            assert_eq!(found.map(|found| found.completions), expected, "{sessions}");
            assert!(found.is_none_or(|found| found.wait == GATHER));
        }
    }

    #[test]
    fn cores_that_talk_to_each_other_are_not_kept_waiting() {
        assert_eq!(patience(GATHER, 50, Duration::from_micros(900)), None);
        assert!(patience(GATHER, 50, Duration::from_micros(1100)).is_some());
    }
}
