//! Tests of FIFO-merge.

use crate::policies::{ask, request};
use crate::support::policy::merge::FifoMerge;
use crate::support::trace::{Cache, Trace};

/// Sixteen segments of 655 entries of 100 bytes.
fn cache() -> FifoMerge {
    let trace = Trace {
        name: "",
        requests: Vec::new(),
        keys: 100_000,
    };
    FifoMerge::new(&trace, 1 << 20)
}

#[test]
fn used_entries_survive_the_merges_that_unused_ones_do_not() {
    let mut cache = cache();
    for key in 0..60_000 {
        ask(&mut cache, key + 100);
        ask(&mut cache, key % 100);
    }
    let hot = (0..100).filter(|key| ask(&mut cache, *key)).count();
    assert_eq!(hot, 100);
    assert!(!ask(&mut cache, 100));
    assert!(cache.segments <= cache.segments_max);
}

#[test]
fn expired_entries_are_gone_and_free_their_segments() {
    let mut cache = cache();
    for key in 0..2_000 {
        cache.write(&request(key, 0, 50));
    }
    assert!(cache.read(&request(5, 49, 0)));
    assert!(!cache.read(&request(5, 50, 0)));
    cache.expire(50);
    assert_eq!(cache.segments, 0);
}
