//! Fears: a counter whose digits are written over the old ones loses its expiry, keeps its version,
//! is read back as another number, escapes its map's limits or the books; a mark that is counted
//! away without a note.
#![expect(clippy::unwrap_used, reason = "test harness")]

use std::collections::BTreeMap;

use jerboa_core_shard::{
    Address, Departure, Expiry, Interest, MapId, MapLimits, PutOptions, Shard, ShardConfig,
    ShardError,
};
use proptest::collection::vec;
use proptest::prelude::*;

const START_MS: u64 = 1_800_000_000_000;
/// Further ahead than a compact header can tell.
const FAR_MS: u64 = 60 * 24 * 3600 * 1000;

fn shard() -> Shard {
    Shard::new(&ShardConfig::owning_all(16 << 20, 16)).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, String, Option<u64>),
    Add(usize, i64),
    Expire(usize, Option<u64>),
    Delete(usize),
    /// Time passes, and the shard works.
    Pass(u64),
    Destroy(usize),
    Limit(usize, MapLimits),
}

/// Places are keys of one of three maps each.
const PLACES: usize = 12;

fn ttl_ms() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        2 => Just(None),
        2 => (1u64..20_000).prop_map(Some),
        1 => (1u64..2 * FAR_MS).prop_map(Some),
    ]
}

fn limits() -> impl Strategy<Value = MapLimits> {
    let idle_ms_max = prop_oneof![Just(None), (100u64..20_000).prop_map(Some)];
    (idle_ms_max, any::<bool>()).prop_map(|(idle_ms_max, is_limited)| MapLimits {
        idle_ms_max,
        // As many as can be there: nothing is given up for it.
        keys_max: is_limited.then_some(PLACES as u64),
        ..MapLimits::default()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let delta = prop_oneof![
        6 => Just(1i64),
        6 => -12i64..12,
        2 => -100_000i64..100_000,
        1 => any::<i64>(),
    ];
    let text = prop_oneof![
        4 => any::<i16>().prop_map(|value| value.to_string()),
        2 => any::<i64>().prop_map(|value| value.to_string()),
        1 => "[-+0-9a]{0,4}",
        1 => "x{0,2000}",
    ];
    let place = || 0..PLACES;
    prop_oneof![
        3 => (place(), text, ttl_ms()).prop_map(|(at, text, ttl)| Step::Put(at, text, ttl)),
        12 => (place(), delta).prop_map(|(at, delta)| Step::Add(at, delta)),
        2 => (place(), ttl_ms()).prop_map(|(at, ttl)| Step::Expire(at, ttl)),
        1 => place().prop_map(Step::Delete),
        2 => (1u64..5_000).prop_map(Step::Pass),
        1 => (0..3usize).prop_map(Step::Destroy),
        1 => (0..3usize, limits()).prop_map(|(map, limits)| Step::Limit(map, limits)),
    ]
}

struct Pair {
    shard: Shard,
    maps: [MapId; 3],
    now_ms: u64,
    version_last: u64,
    /// Text and expiry by place.
    known: BTreeMap<usize, (String, Option<u64>)>,
}

impl Pair {
    fn new() -> Self {
        let mut shard = shard();
        let maps = [&b""[..], b"one", b"two"].map(|name| shard.map_id(name).unwrap());
        Self {
            shard,
            maps,
            now_ms: START_MS,
            version_last: 0,
            known: BTreeMap::new(),
        }
    }

    fn at(&self, place: usize) -> (Address, Vec<u8>) {
        // Keys of 7 to 200 bytes: with compact, wide and extended headers.
        let key = format!("{place:0width$}", width = 7 + place * place * 3 / 2).into_bytes();
        let map = self.maps[place % 3];
        (self.shard.address(map, (place % 16) as u16, &key), key)
    }

    /// What is there now: entries under an idle limit may have gone before.
    fn known(&mut self, place: usize) -> Option<(String, Option<u64>)> {
        let (at, key) = self.at(place);
        let now_ms = self.now_ms;
        self.known
            .retain(|_, (_, expires_ms)| expires_ms.is_none_or(|at_ms| at_ms > now_ms));
        let is_idle = self.shard.map_limits(at.map).idle_ms_max.is_some();
        if is_idle && self.shard.metadata(at, &key, now_ms).is_none() {
            self.known.remove(&place);
        }
        self.known.get(&place).cloned()
    }

    fn note_version(&mut self, version: u64) {
        assert!(version > self.version_last, "a change has a newer version");
        self.version_last = version;
    }

    fn apply(&mut self, step: &Step) {
        let now_ms = self.now_ms;
        match step {
            Step::Put(place, text, ttl_ms) => {
                let (at, key) = self.at(*place);
                let expires_ms = ttl_ms.map(|ttl_ms| now_ms + ttl_ms);
                let options = PutOptions {
                    expiry: expires_ms.map_or(Expiry::None, Expiry::At),
                    ..PutOptions::default()
                };
                let value = text.as_bytes();
                self.shard.put(at, &key, value, options, now_ms).unwrap();
                self.known.insert(*place, (text.clone(), expires_ms));
            }
            Step::Add(place, delta) => self.add(*place, *delta),
            Step::Expire(place, ttl_ms) => {
                let there = self.known(*place);
                let (at, key) = self.at(*place);
                let expires_ms = ttl_ms.map(|ttl_ms| now_ms + ttl_ms);
                self.shard.set_expiry(at, &key, expires_ms, now_ms);
                if let Some((text, _)) = there {
                    self.known.insert(*place, (text, expires_ms));
                }
            }
            Step::Delete(place) => {
                let is_there = self.known(*place).is_some();
                let (at, key) = self.at(*place);
                assert_eq!(self.shard.delete(at, &key, now_ms), is_there);
                self.known.remove(place);
            }
            Step::Pass(time_ms) => {
                self.now_ms += time_ms;
                self.shard.step(self.now_ms, 16);
            }
            Step::Destroy(map) => {
                self.shard.destroy_map(self.maps[*map], now_ms).unwrap();
                // A map of which nothing is left loses its number.
                self.known.retain(|place, _| place % 3 != *map);
                let name = [&b""[..], b"one", b"two"][*map];
                self.maps[*map] = self.shard.map_id(name).unwrap();
            }
            Step::Limit(map, limits) => {
                for place in (0..PLACES).filter(|place| place % 3 == *map) {
                    // What has gone under the old limit does not come back.
                    self.known(place);
                }
                let map = self.maps[*map];
                let set = self.shard.set_map_limits(map, *limits);
                assert!(matches!(set, Ok(()) | Err(ShardError::TooManyLimitedMaps)));
            }
        }
        self.refresh_maps();
    }

    fn refresh_maps(&mut self) {
        for (map, name) in self.maps.iter_mut().zip([&b""[..], b"one", b"two"]) {
            *map = self.shard.map_id(name).unwrap();
        }
    }

    fn add(&mut self, place: usize, delta: i64) {
        let there = self.known(place);
        let (at, key) = self.at(place);
        let puts = self.shard.counters().puts;
        let (text, expires_ms) = there.unwrap_or_else(|| ("0".into(), None));
        let old = text.parse::<i64>().ok();
        let old = old.filter(|old| old.to_string() == text);
        let expected = old
            .ok_or(ShardError::NotANumber)
            .and_then(|old| old.checked_add(delta).ok_or(ShardError::Overflow));
        let before = self.shard.metadata(at, &key, self.now_ms);
        match self.shard.add(at, &key, delta, self.now_ms) {
            Ok(counter) => {
                assert_eq!(Ok(counter.value), expected);
                assert_eq!(self.shard.counters().puts, puts + 1);
                self.note_version(counter.version);
                let text = counter.value.to_string();
                let found = self.shard.metadata(at, &key, self.now_ms).unwrap();
                assert_eq!(found.version, counter.version);
                assert_eq!(found.expires_at_ms, expires_ms);
                let value = self
                    .shard
                    .get(at, &key, self.now_ms)
                    .unwrap()
                    .value
                    .to_vec();
                assert_eq!(value, text.as_bytes());
                self.known.insert(place, (text, expires_ms));
            }
            Err(error) => {
                assert_eq!(Err(error), expected);
                assert_eq!(self.shard.metadata(at, &key, self.now_ms), before);
                assert_eq!(self.shard.counters().puts, puts);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 160 })
    })]

    #[test]
    fn a_counter_counts_like_a_number_and_keeps_all_else(steps in vec(step(), 1..250)) {
        let mut pair = Pair::new();
        for (number, step) in steps.iter().enumerate() {
            pair.apply(step);
            if number % 16 == 0 {
                pair.shard.verify().unwrap();
            }
        }
        pair.shard.verify().unwrap();
        for place in 0..PLACES {
            let there = pair.known(place);
            let (at, key) = pair.at(place);
            let value = pair.shard.get(at, &key, pair.now_ms).map(|entry| entry.value.to_vec());
            prop_assert_eq!(value, there.map(|(text, _)| text.into_bytes()));
        }
    }
}

#[test]
fn only_a_new_digit_moves_a_counter_and_nothing_grows() {
    for ttl_ms in [None, Some(60_000), Some(FAR_MS)] {
        let mut shard = shard();
        let at = shard.address(MapId::DEFAULT, 3, b"counter:000000000001");
        let expiry = ttl_ms.map_or(Expiry::None, |ttl_ms| Expiry::At(START_MS + ttl_ms));
        let options = PutOptions {
            expiry,
            ..PutOptions::default()
        };
        let key = b"counter:000000000001";
        shard.put(at, key, b"100", options, START_MS).unwrap();
        let usage = shard.usage();
        for sum in 101..=999 {
            // Time passes, so that a compact header counts from another version's time.
            let now_ms = START_MS + sum as u64 * 10;
            let counter = shard.add(at, key, 1, now_ms).unwrap();
            assert_eq!(counter.value, sum);
            let found = shard.metadata(at, key, now_ms).unwrap();
            assert_eq!(found.expires_at_ms, ttl_ms.map(|ttl_ms| START_MS + ttl_ms));
        }
        assert_eq!(shard.usage(), usage);
        assert_eq!(shard.counters().puts_in_place, 899);
        assert_eq!(shard.add(at, key, 1, START_MS).unwrap().value, 1000);
        shard.verify().unwrap();
    }
}

#[test]
fn a_mark_that_is_counted_away_is_noted_and_one_that_stays_is_not() {
    let mut shard = shard();
    shard.watch(Interest {
        mark: Some(*b"12345678"),
        ..Interest::default()
    });
    let at = shard.address(MapId::DEFAULT, 3, b"key");
    let marked = b"1234567800000041";
    let options = PutOptions::default();
    shard.put(at, b"key", marked, options, START_MS).unwrap();
    shard.add(at, b"key", 0, START_MS).unwrap();
    assert!(!shard.has_departed(), "it bears the same mark");
    shard.add(at, b"key", 1, START_MS).unwrap();
    let gone = shard.take_departed().unwrap();
    assert_eq!(gone.departure, Departure::Overwritten);
    assert_eq!(gone.marked, Some(*b"00000041"));
    assert!(!shard.has_departed());
}
