//! Tests of the search for the smallest limit.

use crate::memory_search::{Trial, smallest_limit};

/// A store that needs so many bytes, and says that its entries take so many.
fn store(needed: u64, booked: Option<u64>) -> impl FnMut(u64) -> Option<Trial> {
    move |limit| {
        Some(Trial {
            holds_all: limit >= needed,
            resident_bytes: limit,
            booked_bytes: booked,
        })
    }
}

#[test]
fn the_limit_found_holds_and_is_close_to_the_smallest_whatever_the_books_say() {
    for needed in [1_000_001, 1_234_567, 5_999_999] {
        for booked in [
            None,
            Some(1),
            Some(needed),
            Some(needed - 50_000),
            Some(9_000_000),
        ] {
            let mut store = store(needed, booked);
            let (limit, trial) = smallest_limit(3_000_000, 5, &mut store).unwrap();
            assert!(trial.holds_all);
            assert!(limit >= needed && limit * 995 <= needed * 1000, "{limit}");
        }
    }
}

#[test]
fn books_that_are_right_save_attempts() {
    let mut attempts = 0;
    let mut store = store(1_234_567, Some(1_234_000));
    smallest_limit(3_000_000, 5, &mut |limit| {
        attempts += 1;
        store(limit)
    });
    assert!(attempts <= 3, "{attempts}");
}

#[test]
fn what_never_holds_or_never_starts_is_not_reported_as_a_limit() {
    assert!(smallest_limit(20, 5, &mut store(u64::MAX, None)).is_none());
    assert!(smallest_limit(20, 5, &mut |_| None).is_none());
}
