//! Tests of the reference policies: each does what it is named for.

use crate::support::policy::fifo::Fifo;
use crate::support::policy::lru::Lru;
use crate::support::policy::objects::{List, Node, Objects};
use crate::support::policy::s3fifo::S3Fifo;
use crate::support::policy::sampled::SampledLru;
use crate::support::policy::{Order, Simulated};
use crate::support::random::Random;
use crate::support::trace::{Action, Cache, OVERHEAD_BYTES, Request, Trace};

/// A request for a key at a time, of 100 charged bytes.
pub(crate) fn request(key: u32, at_ms: u64, ttl_ms: u64) -> Request {
    Request {
        key,
        value_bytes: 84 - OVERHEAD_BYTES as u32,
        key_bytes: 16,
        action: Action::Read,
        ttl_ms,
        at_ms,
    }
}

/// A cache for ten entries of keys below 1000.
pub(crate) fn ten<O: Order>(order: O) -> Simulated<O> {
    let trace = Trace {
        name: "",
        requests: Vec::new(),
        keys: 1000,
    };
    Simulated::new(order, &trace, 1000)
}

/// Reads with a store on a miss; whether it was there.
pub(crate) fn ask(cache: &mut dyn Cache, key: u32) -> bool {
    let found = cache.read(&request(key, 0, 0));
    if !found {
        cache.write(&request(key, 0, 0));
    }
    found
}

#[test]
fn an_entry_is_gone_at_its_deadline_and_not_before() {
    let mut cache = ten(Fifo::default());
    cache.write(&request(1, 10, 5));
    assert!(cache.read(&request(1, 14, 0)));
    assert!(!cache.read(&request(1, 15, 0)));
    assert_eq!(cache.objects.bytes, 0);
}

#[test]
fn an_overwrite_moves_the_deadline() {
    let mut cache = ten(Fifo::default());
    cache.write(&request(1, 0, 5));
    cache.write(&request(1, 3, 10));
    assert!(cache.read(&request(1, 12, 0)));
    assert!(!cache.read(&request(1, 13, 0)));
}

#[test]
fn no_policy_ever_holds_more_than_its_budget() {
    fn check<O: Order>(order: O) {
        let mut cache = ten(order);
        let mut random = Random::new(3);
        for time in 0..20_000 {
            let key = random.below(40) as u32;
            let ttl_ms = random.below(3) * 50;
            if !cache.read(&request(key, time, ttl_ms)) {
                cache.write(&request(key, time, ttl_ms));
            }
            assert!(cache.objects.bytes <= 1000);
            assert!(cache.objects.find(key).is_some());
        }
    }
    check(Fifo::default());
    check(Lru::default());
    check(S3Fifo::new(1000));
    check(SampledLru::new(1));
}

#[test]
fn a_list_keeps_its_order_through_removals_anywhere() {
    let mut objects = Objects::new(10);
    let mut list = List::default();
    let nodes: Vec<Node> = (0..5).map(|key| objects.insert(key, 10, 0)).collect();
    for node in &nodes {
        list.push_newest(&mut objects, *node);
    }
    for key in [0, 2, 4] {
        let node = objects.find(key).unwrap();
        list.unlink(&mut objects, node);
        objects.remove(node);
    }
    assert_eq!((list.bytes, objects.bytes), (20, 20));
    let node = list.pop_oldest(&mut objects).unwrap();
    assert_eq!(objects.at(node).key, 1);
    let node = list.pop_oldest(&mut objects).unwrap();
    assert_eq!(objects.at(node).key, 3);
    assert!(list.pop_oldest(&mut objects).is_none());
}

#[test]
fn the_first_goes_first_though_it_is_used() {
    let mut cache = ten(Fifo::default());
    (0..10).for_each(|key| assert!(!ask(&mut cache, key)));
    assert!(ask(&mut cache, 0));
    assert!(!ask(&mut cache, 10), "makes room");
    assert!(ask(&mut cache, 1));
    assert!(!ask(&mut cache, 0), "was the first in");
}

#[test]
fn the_least_recently_used_goes() {
    let mut cache = ten(Lru::default());
    (0..10).for_each(|key| assert!(!ask(&mut cache, key)));
    assert!(ask(&mut cache, 0));
    assert!(!ask(&mut cache, 10), "makes room");
    assert!(ask(&mut cache, 0));
    assert!(!ask(&mut cache, 1), "was unused for longest");
}

#[test]
fn a_scan_does_not_push_out_what_is_used() {
    let mut cache = ten(S3Fifo::new(1000));
    for _ in 0..3 {
        (0..8).for_each(|key| {
            ask(&mut cache, key);
        });
    }
    (100..200).for_each(|key| assert!(!ask(&mut cache, key)));
    let kept = (0..8).filter(|key| ask(&mut cache, *key)).count();
    assert!(kept >= 7, "{kept} of 8 kept");
}

#[test]
fn what_returns_soon_after_leaving_unused_goes_to_the_main_queue() {
    let mut cache = ten(S3Fifo::new(1000));
    (0..12).for_each(|key| assert!(!ask(&mut cache, key)));
    assert!(!ask(&mut cache, 0), "left unused");
    (100..130).for_each(|key| assert!(!ask(&mut cache, key)));
    assert!(ask(&mut cache, 0), "came back as a ghost, so it stays");
    assert!(!ask(&mut cache, 11), "did not");
}

#[test]
fn ghosts_are_forgotten_in_time() {
    let mut cache = ten(S3Fifo::new(1000));
    (0..12).for_each(|key| assert!(!ask(&mut cache, key)));
    (100..130).for_each(|key| assert!(!ask(&mut cache, key)));
    assert!(!ask(&mut cache, 0));
    (200..230).for_each(|key| assert!(!ask(&mut cache, key)));
    assert!(!ask(&mut cache, 0), "its ghost was long gone");
}

#[test]
fn what_is_used_all_the_time_stays_longer_than_what_is_not() {
    let mut cache = ten(SampledLru::new(4));
    let mut misses = 0;
    for key in 0..900 {
        ask(&mut cache, key + 10);
        misses += u32::from(!ask(&mut cache, 0));
    }
    assert!(misses < 300, "{misses} misses of 900 on the hot key");
}

#[test]
fn the_pool_prefers_the_longest_unused() {
    // With fewer entries than samples the choice is all but exact.
    let mut objects = Objects::new(10);
    let mut order = SampledLru::new(1);
    for key in 0..3 {
        let node = objects.insert(key, 1, 0);
        order.inserted(&mut objects, node);
    }
    let first = objects.find(0).unwrap();
    order.touched(&mut objects, first);
    for _ in 0..8 {
        order.sample(&objects);
    }
    let victim = order.victim(&mut objects);
    assert_eq!(objects.at(victim).key, 1);
}
