//! What a map may hold: limits set by the operator, for this shard's share of the map.

use crate::config::FullPolicy;
use crate::entry::{Header, MAPS_MAX};
use crate::version::written_ms;

/// The group of all maps without limits of their own.
pub(crate) const SHARED_GROUP: u8 = 0;

/// Limits of one map in one shard. The default is no limit, and the shard's policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapLimits {
    /// The most entries.
    pub keys_max: Option<u64>,
    /// The most bytes of entries, headers included.
    pub bytes_max: Option<u64>,
    /// An entry that was neither read nor written for so long is gone. For entries that were there
    /// before the limit, the time counts from when it was set, as the shard's last write tells it.
    pub idle_ms_max: Option<u64>,
    /// What a write does when the map or the memory is full; none = as the shard's policy says.
    pub full_policy: Option<FullPolicy>,
    /// How long an entry lives that is stored with [`Expiry::AsMap`](crate::Expiry::AsMap), and a
    /// counter that is created; none = for ever.
    pub ttl_ms: Option<u64>,
}

impl MapLimits {
    /// Whether the map is kept apart from others, which only so many maps of a shard can be: see
    /// [`Shard::limited_maps_max`](crate::Shard::limited_maps_max).
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.keys_max.is_some() || self.bytes_max.is_some() || self.full_policy.is_some()
    }
}

/// The limits of all maps.
pub(crate) struct Limits {
    by_map: Box<[MapLimits]>,
    groups: Box<[u8]>,
    /// The map of each group but the shared one.
    group_maps: Vec<u16>,
    /// How many maps have an idle limit.
    idle_maps: usize,
    /// Whether any map has an idle limit.
    pub(crate) any_idle: bool,
    /// For each map when its idle limit was set, while it has one.
    idle_since_ms: Box<[u64]>,
    /// What maps have that become known from now on.
    pub(crate) of_new_maps: MapLimits,
}

impl Limits {
    pub(crate) fn new() -> Self {
        Self {
            by_map: vec![MapLimits::default(); MAPS_MAX].into(),
            groups: vec![SHARED_GROUP; MAPS_MAX].into(),
            group_maps: Vec::new(),
            idle_maps: 0,
            any_idle: false,
            idle_since_ms: vec![0; MAPS_MAX].into(),
            of_new_maps: MapLimits::default(),
        }
    }

    #[inline(always)]
    pub(crate) fn of(&self, map: u16) -> &MapLimits {
        &self.by_map[usize::from(map)]
    }

    #[inline(always)]
    pub(crate) fn group_of(&self, map: u16) -> u8 {
        self.groups[usize::from(map)]
    }

    /// The map whose entries are in a group; none for the shared one.
    pub(crate) fn map_of_group(&self, group: u8) -> Option<u16> {
        let place = usize::from(group).checked_sub(1)?;
        self.group_maps.get(place).copied()
    }

    /// The shortest idle limit of any map.
    pub(crate) fn shortest_idle_ms(&self) -> Option<u64> {
        if !self.any_idle {
            return None;
        }
        self.by_map
            .iter()
            .filter_map(|limits| limits.idle_ms_max)
            .min()
    }

    pub(crate) fn set(&mut self, map: u16, limits: MapLimits, group: u8, now_ms: u64) {
        if limits.idle_ms_max.is_some() && self.of(map).idle_ms_max.is_none() {
            self.idle_since_ms[usize::from(map)] = now_ms;
        }
        if usize::from(group) > self.group_maps.len() {
            self.group_maps.push(map);
        }
        let before = core::mem::replace(&mut self.by_map[usize::from(map)], limits);
        self.groups[usize::from(map)] = group;
        self.idle_maps += usize::from(limits.idle_ms_max.is_some());
        self.idle_maps -= usize::from(before.idle_ms_max.is_some());
        self.any_idle = self.idle_maps > 0;
    }

    /// Whether an entry has reached its map's idle time. Where its last use is not kept, because
    /// the limit came later than the entry, nobody knows of its uses until then: the limit's coming
    /// counts as one. With its next use the entry begins to keep them (`shard/idle.rs`).
    #[inline(always)]
    pub(crate) fn is_idle(&self, header: &Header, now_ms: u64) -> bool {
        self.any_idle && self.is_idle_in_map(header, now_ms)
    }

    fn is_idle_in_map(&self, header: &Header, now_ms: u64) -> bool {
        let Some(idle_ms_max) = self.of(header.map).idle_ms_max else {
            return false;
        };
        let last_use_ms = header.last_use_ms.unwrap_or_else(|| {
            written_ms(header.version).max(self.idle_since_ms[usize::from(header.map)])
        });
        !header.deleted && last_use_ms.saturating_add(idle_ms_max) <= now_ms
    }
}
