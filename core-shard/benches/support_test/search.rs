//! Tests of the search for the smallest limit.

use crate::memory_search::{Trial, smallest_limit};

/// A store that needs so many bytes.
fn store(needed: u64) -> impl FnMut(u64) -> Option<Trial> {
    move |limit| {
        Some(Trial {
            holds_all: limit >= needed,
            resident_bytes: limit,
            booked_bytes: None,
        })
    }
}

#[test]
fn the_limit_found_holds_and_is_close_to_the_smallest() {
    for needed in [1_000_001, 1_234_567, 5_999_999] {
        let (limit, trial) = smallest_limit(1_000_000, 3_000_000, 5, &mut store(needed)).unwrap();
        assert!(trial.holds_all);
        assert!(limit >= needed && limit * 995 <= needed * 1000, "{limit}");
    }
}

#[test]
fn what_never_holds_or_never_starts_is_not_reported_as_a_limit() {
    assert!(smallest_limit(10, 20, 5, &mut store(u64::MAX)).is_none());
    assert!(smallest_limit(10, 20, 5, &mut |_| None).is_none());
}
