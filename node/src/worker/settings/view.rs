//! A core that takes settings over: those of one map at once, those that may concern every map in
//! slices.
//!
//! A walk goes over the maps that have settings of their own, which it makes known to the engine,
//! and then over all maps that the engine knows. What is set meanwhile holds for the maps that the
//! walk still comes to, and for new ones at once; where it may concern maps that the walk has been
//! at, another follows.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jerboa_core_shard::{MapId, MapLimits, Shard};
use jerboa_wire::limits::MAP_NAME_BYTES_MAX;
use jerboa_wire::settings::MapSettings;
use tracing::warn;

use super::{All, SettingsStore};

/// Maps that one slice of a walk looks at.
const MAPS_PER_SLICE: usize = 64;

/// How far a core has taken over the settings.
#[derive(Debug, Default)]
pub(crate) struct SettingsView {
    /// Maps for which there was no room.
    refused: usize,
    walk: Option<Walk>,
}

/// A walk over the maps.
#[derive(Debug, Default)]
struct Walk {
    place: Place,
    /// Maps for which it found no room.
    refused: usize,
}

/// Behind which map a walk goes on.
#[derive(Clone, Debug)]
enum Place {
    /// Among those with settings of their own.
    Named(Arc<[u8]>),
    /// Among all, by number.
    Known(u16),
}

impl Default for Place {
    fn default() -> Self {
        // The default map needs not be made known, and its name is before all others.
        Self::Named(Arc::default())
    }
}

impl SettingsView {
    /// Takes over everything; whether there was room for it. For a core that does not serve yet.
    pub(crate) fn take_all(&mut self, shard: &mut Shard, store: &SettingsStore) -> bool {
        let can_limit = shard.limited_maps_max();
        store
            .limited_maps_max
            .fetch_min(can_limit, Ordering::Relaxed);
        self.begin_walk(shard, store);
        while self.is_walking() {
            self.walk_on(shard, store);
        }
        self.refused == 0
    }

    /// Takes over the settings of one map; whether there was room for them.
    pub(in crate::worker) fn take_map(
        &mut self,
        name: &[u8],
        shard: &mut Shard,
        store: &SettingsStore,
    ) -> bool {
        let all = store.all();
        let known = !all.named.contains_key(name) || make_known(name, shard, store, &all);
        let map = shard.find_map(name);
        let taken = known && map.is_none_or(|map| take(map, shard, store, &all));
        self.refused += usize::from(!taken);
        taken
    }

    /// Begins to take over what may concern every map. New maps have it at once.
    pub(in crate::worker) fn begin_walk(&mut self, shard: &mut Shard, store: &SettingsStore) {
        let all = store.all();
        shard.set_limits_of_new_maps(of_new_maps(store, &all));
        self.walk = Some(Walk::default());
    }

    /// Whether the last walk found no room for some map.
    pub(in crate::worker) fn lacks_room(&self) -> bool {
        self.refused > 0
    }

    /// Whether a walk is under way.
    #[inline]
    pub(in crate::worker) fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    /// One slice of the walk that is under way.
    pub(in crate::worker) fn walk_on(&mut self, shard: &mut Shard, store: &SettingsStore) {
        let Some(mut walk) = self.walk.take() else {
            return;
        };
        let all = store.all();
        for _ in 0..MAPS_PER_SLICE {
            if !walk.step(shard, store, &all) {
                return self.end_walk(&walk, shard);
            }
        }
        self.walk = Some(walk);
    }

    fn end_walk(&mut self, walk: &Walk, shard: &Shard) {
        self.refused = walk.refused;
        if self.refused > 0 {
            warn!(
                maps = self.refused,
                limited_maps_max = shard.limited_maps_max(),
                "there is no room for the settings of some maps"
            );
        }
    }

    /// A map was forgotten: there may be room for what found none.
    pub(in crate::worker) fn room_was_made(&mut self, shard: &mut Shard, store: &SettingsStore) {
        if self.refused > 0 && !self.is_walking() {
            self.begin_walk(shard, store);
        }
    }
}

impl Walk {
    /// Takes over what holds for the next map; false if there is none.
    fn step(&mut self, shard: &mut Shard, store: &SettingsStore, all: &All) -> bool {
        match &self.place {
            Place::Named(last) => {
                let behind = (Bound::Excluded(Arc::clone(last)), Bound::Unbounded);
                match all.named.range::<Arc<[u8]>, _>(behind).next() {
                    Some((name, _)) => {
                        self.refused += usize::from(!make_known(name, shard, store, all));
                        self.place = Place::Named(Arc::clone(name));
                    }
                    None => self.place = Place::Known(0),
                }
            }
            Place::Known(next) => {
                let next = *next;
                let Some(map) = shard.map_ids().nth(usize::from(next)) else {
                    return false;
                };
                self.refused += usize::from(!take(map, shard, store, all));
                self.place = Place::Known(next + 1);
            }
        }
        true
    }
}

fn of_new_maps(store: &SettingsStore, all: &All) -> MapLimits {
    store.limits(&MapSettings::default().over(&all.defaults))
}

/// Makes a map known that nobody may have written to, so that its first entry finds its limits;
/// whether there is room for it.
fn make_known(name: &[u8], shard: &mut Shard, store: &SettingsStore, all: &All) -> bool {
    debug_assert!(name.len() <= MAP_NAME_BYTES_MAX);
    // It gets its own settings, so that it needs no room for what other new maps have.
    shard.set_limits_of_new_maps(MapLimits::default());
    let known = shard.map_id(name).is_ok();
    shard.set_limits_of_new_maps(of_new_maps(store, all));
    known
}

/// Has a map have what holds for it; whether there is room for that.
fn take(map: MapId, shard: &mut Shard, store: &SettingsStore, all: &All) -> bool {
    let Some(name) = shard.map_name(map) else {
        return true;
    };
    let limits = match all.named.get(name) {
        Some(own) => store.limits(&own.over(&all.defaults)),
        None => of_new_maps(store, all),
    };
    shard.map_limits(map) == limits || shard.set_map_limits(map, limits).is_ok()
}

#[cfg(test)]
mod tests;
