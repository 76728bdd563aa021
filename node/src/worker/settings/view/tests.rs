//! One core and its settings, without a node: what a slice does, and what holds meanwhile.

use jerboa_core_shard::ShardConfig;
use jerboa_wire::{Opcode, Request};

use super::*;
use crate::config::{MapsConfig, WhenFull};
use crate::worker::settings::OF_DEFAULTS;

const MAPS: u32 = 3000;

fn store() -> SettingsStore {
    SettingsStore::new(&MapsConfig::default(), WhenFull::Evict, 1)
}

fn set(store: &SettingsStore, map: &[u8], arg: u64, text: &str) {
    let request = Request {
        map,
        arg,
        value: text.as_bytes(),
        ..Request::new(Opcode::SettingsSet)
    };
    store.set(&request).expect("may be set");
}

fn name(number: u32) -> Vec<u8> {
    format!("map {number}").into_bytes()
}

fn ttl_ms(shard: &Shard, number: u32) -> Option<u64> {
    let map = shard.find_map(&name(number)).expect("known");
    shard.map_limits(map).ttl_ms
}

/// A core with many maps, every third of which has settings of its own, as far as may be.
fn core() -> (Shard, SettingsStore, SettingsView) {
    let mut shard = Shard::new(&ShardConfig::owning_all(64 << 20, 16)).expect("enough memory");
    let store = store();
    for number in 0..MAPS {
        shard.map_id(&name(number)).expect("room for maps");
        if number % 3 == 0 {
            set(&store, &name(number), 0, "ttl_ms 7");
        }
    }
    let mut view = SettingsView::default();
    assert!(view.take_all(&mut shard, &store));
    (shard, store, view)
}

#[test]
fn defaults_reach_thousands_of_maps_in_slices_and_new_maps_at_once() {
    let (mut shard, store, mut view) = core();
    let done = |shard: &Shard| {
        let changed = (0..MAPS).filter(|number| ttl_ms(shard, *number) == Some(9));
        changed.count()
    };
    assert_eq!((ttl_ms(&shard, 0), ttl_ms(&shard, 1)), (Some(7), None));
    set(&store, b"", OF_DEFAULTS, "ttl_ms 9");
    view.begin_walk(&mut shard, &store);
    assert_eq!(done(&shard), 0, "nothing is done at the moment itself");
    let new = shard.map_id(b"new").expect("room for maps");
    assert_eq!(shard.map_limits(new).ttl_ms, Some(9));
    let (mut before, mut slices) = (0, 0);
    while view.is_walking() {
        view.walk_on(&mut shard, &store);
        let now = done(&shard);
        assert!(now - before <= MAPS_PER_SLICE, "too much in one slice");
        (before, slices) = (now, slices + 1);
    }
    assert!(slices >= MAPS as usize / MAPS_PER_SLICE);
    assert_eq!(before, MAPS as usize - MAPS.div_ceil(3) as usize);
    assert_eq!(ttl_ms(&shard, 0), Some(7), "its own");
}

#[test]
fn one_map_is_taken_over_at_once_also_while_a_walk_is_under_way() {
    let (mut shard, store, mut view) = core();
    set(&store, b"", OF_DEFAULTS, "ttl_ms 9");
    view.begin_walk(&mut shard, &store);
    view.walk_on(&mut shard, &store);
    for (map, text) in [(0, "ttl_ms inherit"), (1, "ttl_ms 8"), (2, "ttl_ms none")] {
        set(&store, &name(map), 0, text);
        view.take_map(&name(map), &mut shard, &store);
    }
    set(&store, b"unknown", 0, "ttl_ms 5");
    view.take_map(b"unknown", &mut shard, &store);
    let check = |shard: &Shard| {
        let found = [0, 1, 2].map(|map| ttl_ms(shard, map));
        assert_eq!(found, [Some(9), Some(8), None]);
        let unknown = shard.find_map(b"unknown").expect("made known");
        assert_eq!(shard.map_limits(unknown).ttl_ms, Some(5));
    };
    check(&shard);
    while view.is_walking() {
        view.walk_on(&mut shard, &store);
    }
    check(&shard);
}

#[test]
fn a_second_change_of_the_defaults_reaches_the_maps_that_the_first_had_reached() {
    let (mut shard, store, mut view) = core();
    for (slices, text) in [(30, "ttl_ms 9"), (10_000, "ttl_ms 10")] {
        set(&store, b"", OF_DEFAULTS, text);
        view.begin_walk(&mut shard, &store);
        for _ in 0..slices {
            view.walk_on(&mut shard, &store);
        }
    }
    assert!(!view.is_walking());
    let wrong = (0..MAPS).find(|number| {
        let own = number % 3 == 0;
        ttl_ms(&shard, *number) != Some(if own { 7 } else { 10 })
    });
    assert_eq!(wrong, None);
}
