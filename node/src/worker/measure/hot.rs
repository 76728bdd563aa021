//! The keys that are used most now: a space-saving sketch over a sample of the uses.
//!
//! Of every so many uses one is looked at and counts for all of them; how many is set each second so
//! that some thousand are looked at in a second however busy the core is, and doubled at once when
//! more come. The sketch holds [`KEYS`] keys. One that is not there takes the place of the one with
//! the lowest count and inherits that count: so often at most it may have been used before. What is
//! told of a key is what was counted since, and that as the error. All counts fade, so that they tell of the last ten seconds or so.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jerboa_wire::stats::{HOT_KEY_BYTES_MAX, HotKey};

/// Keys that one core keeps.
const KEYS: usize = 64;
/// Uses that are looked at in a second, about.
const SAMPLES_PER_S: u32 = 4096;
/// The most uses for which one stands.
const GAP_MAX: u32 = 1 << 16;
/// How much of a count is left after a second.
const KEPT_PER_S: f64 = 0.9;
/// Keys with fewer uses left are not told.
const FADED_USES: f64 = 0.5;
/// Rates change a second at a time.
const PERIOD: Duration = Duration::from_secs(1);

/// A key in the sketch.
#[derive(Debug, Default)]
struct Place {
    map: Vec<u8>,
    /// Its first bytes.
    key: Vec<u8>,
    key_bytes: u32,
    uses: f64,
    error: f64,
}

/// The sketch and the choice of what is looked at.
#[derive(Debug)]
pub(super) struct HotKeys {
    /// Of the keys in `places`; apart, because they are searched for each use that is looked at.
    hashes: Vec<u64>,
    places: Vec<Place>,
    /// Uses that pass before one is looked at.
    skipped: u32,
    /// Uses for which one stands, on average.
    gap: u32,
    /// Uses looked at since `gap` was set last, and uses in this second.
    looked_at: u32,
    used: u64,
    random: u64,
    passed: Duration,
    /// How much of what was counted is left: grows to 1 / (1 - [`KEPT_PER_S`]) seconds.
    weight_s: f64,
    stale: bool,
}

impl Default for HotKeys {
    fn default() -> Self {
        Self {
            hashes: Vec::with_capacity(KEYS),
            places: Vec::with_capacity(KEYS),
            skipped: 0,
            gap: 1,
            looked_at: 0,
            used: 0,
            random: 0x9E37_79B9_7F4A_7C15,
            passed: Duration::ZERO,
            weight_s: 0.0,
            stale: false,
        }
    }
}

impl HotKeys {
    #[inline]
    pub(super) fn use_key(&mut self, hash: u64, map: &[u8], key: &[u8]) {
        if self.is_next() {
            self.look_at(hash, map, key);
        } else {
            self.skip();
        }
    }

    /// Whether the next use is looked at.
    #[inline]
    pub(super) fn is_next(&self) -> bool {
        self.skipped == 0
    }

    /// A use that is not looked at.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.skipped -= 1;
    }

    #[cold]
    fn look_at(&mut self, hash: u64, map: &[u8], key: &[u8]) {
        let weight = f64::from(self.gap);
        self.used += u64::from(self.gap);
        self.looked_at += 1;
        self.count(hash, map, key, weight);
        if self.looked_at >= SAMPLES_PER_S {
            self.looked_at = 0;
            self.gap = (self.gap * 2).min(GAP_MAX);
        }
        // Between 0 and twice the gap less two, so that no rhythm of the requests escapes.
        self.skipped = match self.gap {
            1 => 0,
            gap => (self.next_random() % u64::from(2 * gap - 1)) as u32,
        };
    }

    fn next_random(&mut self) -> u64 {
        // Xorshift: cheap, and good enough to break a rhythm.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn count(&mut self, hash: u64, map: &[u8], key: &[u8], weight: f64) {
        if let Some(index) = self.hashes.iter().position(|other| *other == hash) {
            self.places[index].uses += weight;
            return;
        }
        let index = if self.places.len() < KEYS {
            self.hashes.push(hash);
            self.places.push(Place::default());
            self.places.len() - 1
        } else {
            self.lowest()
        };
        self.hashes[index] = hash;
        let place = &mut self.places[index];
        place.error = place.uses;
        place.uses += weight;
        place.map.clear();
        place.map.extend_from_slice(map);
        place.key.clear();
        place
            .key
            .extend_from_slice(&key[..key.len().min(HOT_KEY_BYTES_MAX)]);
        place.key_bytes = key.len() as u32;
    }

    fn lowest(&self) -> usize {
        let mut lowest = (0, f64::INFINITY);
        for (index, place) in self.places.iter().enumerate() {
            if place.uses < lowest.1 {
                lowest = (index, place.uses);
            }
        }
        lowest.0
    }

    /// So much time has passed.
    pub(super) fn tick(&mut self, passed: Duration) {
        self.passed += passed;
        if self.passed < PERIOD {
            return;
        }
        let seconds = self.passed.as_secs_f64();
        self.passed = Duration::ZERO;
        let per_s = (self.used as f64 / seconds) as u64;
        self.used = 0;
        self.looked_at = 0;
        let gap = (per_s / u64::from(SAMPLES_PER_S)).clamp(1, GAP_MAX.into()) as u32;
        self.gap = gap;
        self.skipped = self.skipped.min(2 * gap);
        let kept = KEPT_PER_S.powf(seconds);
        self.weight_s = (self.weight_s + seconds) * kept;
        for place in &mut self.places {
            place.uses *= kept;
            place.error *= kept;
        }
        self.stale = true;
    }

    pub(super) fn publish(&mut self, to: &Shared) {
        if !self.stale {
            return;
        }
        let Ok(mut keys) = to.keys.try_lock() else {
            return;
        };
        self.stale = false;
        keys.clear();
        let used = self.places.iter();
        let used = used.filter(|place| place.uses - place.error >= FADED_USES);
        keys.extend(used.map(|place| HotKey {
            map: place.map.clone(),
            key: place.key.clone(),
            key_bytes: place.key_bytes,
            uses_per_s: (place.uses - place.error) / self.weight_s,
            error_per_s: place.error / self.weight_s,
        }));
    }
}

/// The hot keys of one core that others read.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    keys: Mutex<Vec<HotKey>>,
}

impl Shared {
    /// In no order.
    pub(crate) fn read(&self) -> Vec<HotKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(hot: &mut HotKeys, uses: u64, mut key: impl FnMut(u64) -> u64) {
        for number in 0..uses {
            let key = key(number);
            hot.use_key(key, b"m", &key.to_le_bytes());
        }
        hot.tick(PERIOD);
    }

    fn top(hot: &mut HotKeys) -> Vec<HotKey> {
        let shared = Shared::default();
        hot.stale = true;
        hot.publish(&shared);
        let mut keys = shared.read();
        keys.sort_by(|a, b| b.uses_per_s.total_cmp(&a.uses_per_s));
        keys
    }

    #[test]
    fn keys_that_stand_out_are_found_with_their_rates_among_many_others() {
        let mut hot = HotKeys::default();
        for round in 0..5 {
            // Key 1 has a tenth of the uses, key 2 a twentieth; the rest never come twice.
            second(&mut hot, 200_000, |number| match number % 20 {
                0 | 10 => 1,
                5 => 2,
                _ => 1000 + round * 200_000 + number,
            });
        }
        let keys = top(&mut hot);
        assert!(keys.len() <= KEYS);
        assert_eq!(keys[0].key, 1_u64.to_le_bytes());
        assert_eq!(keys[1].key, 2_u64.to_le_bytes());
        let rate = keys[0].uses_per_s;
        assert!((15_000.0..=25_000.0).contains(&rate), "{rate} of 20000");
        let rest = &keys[2];
        assert!(rest.uses_per_s < 2_000.0, "{rest:?} is not hot");
    }

    #[test]
    fn a_use_in_rhythm_with_the_sample_does_not_hide() {
        for period in [2, 3, 16, 31, 32] {
            let mut hot = HotKeys::default();
            let mut others = 100;
            for _ in 0..4 {
                second(&mut hot, 500_000, |number| match number % period {
                    0 => 7,
                    _ => {
                        others += 1;
                        others
                    }
                });
            }
            let keys = top(&mut hot);
            assert_eq!(keys[0].key, 7_u64.to_le_bytes(), "every {period}th");
            let share = keys[0].uses_per_s / 500_000.0 * period as f64;
            assert!((0.7..=1.4).contains(&share), "{share} of every {period}th");
        }
    }

    #[test]
    fn what_was_hot_fades_and_a_quiet_core_looks_at_every_use() {
        let mut hot = HotKeys::default();
        second(&mut hot, 1_000_000, |_| 5);
        assert!(hot.gap > 100);
        for _ in 0..3 {
            second(&mut hot, 10, |_| 6);
        }
        assert_eq!(hot.gap, 1);
        for _ in 0..200 {
            second(&mut hot, 10, |_| 6);
        }
        let keys = top(&mut hot);
        assert_eq!(keys.len(), 1, "{keys:?}");
        assert_eq!(keys[0].key, 6_u64.to_le_bytes());
        assert!((9.0..=11.0).contains(&keys[0].uses_per_s), "{keys:?}");
    }

    #[test]
    fn long_keys_take_a_bounded_place() {
        let mut hot = HotKeys::default();
        hot.use_key(1, b"m", &[9; 60_000]);
        hot.tick(PERIOD);
        let keys = top(&mut hot);
        assert_eq!(keys[0].key.len(), HOT_KEY_BYTES_MAX);
        assert_eq!(keys[0].key_bytes, 60_000);
    }
}
