//! What a map may hold: limits set by the operator, for this shard's share of the map.

use crate::config::FullPolicy;
use crate::entry::{Header, MAPS_MAX};
use crate::version::written_ms;

/// Number of a group of segments: see [`Group`](crate::segment::Group).
pub(crate) type GroupId = u16;
/// The group of all maps without limits of their own.
pub(crate) const SHARED_GROUP: GroupId = 0;

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

/// Whose entries are in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tenant {
    /// A map with limits.
    Map(u16),
    /// A map that has no limits any more: what it wrote before is being moved to the shared group.
    Leaving(u16),
    /// None, and the group has no segment.
    Nobody,
}

/// The limits of all maps.
pub(crate) struct Limits {
    by_map: Box<[MapLimits]>,
    groups: Box<[GroupId]>,
    /// Of each group but the shared one.
    tenants: Vec<Tenant>,
    /// How many of the groups are being left.
    leaving: usize,
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
            tenants: Vec::new(),
            leaving: 0,
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
    pub(crate) fn group_of(&self, map: u16) -> GroupId {
        self.groups[usize::from(map)]
    }

    /// The map whose entries are in a group; none for the shared one.
    pub(crate) fn map_of_group(&self, group: GroupId) -> Option<u16> {
        let place = usize::from(group).checked_sub(1)?;
        match self.tenants.get(place)? {
            Tenant::Map(map) | Tenant::Leaving(map) => Some(*map),
            Tenant::Nobody => None,
        }
    }

    /// Gives a map a group of its own: the one it is leaving, or one that nobody has. At most
    /// `apart_max` maps have one, and at most as many more groups are being left. A number one
    /// beyond the last is a new group's.
    pub(crate) fn enter_group(&mut self, map: u16, apart_max: usize) -> Option<GroupId> {
        let place_of = |wanted| self.tenants.iter().position(|tenant| *tenant == wanted);
        let back = place_of(Tenant::Leaving(map));
        let in_use = self.tenants.iter();
        let apart = in_use.filter(|tenant| matches!(tenant, Tenant::Map(_)));
        if apart.count() >= apart_max {
            return None;
        }
        let place = match back.or_else(|| place_of(Tenant::Nobody)) {
            Some(place) => place,
            None if self.tenants.len() < apart_max * 2 => {
                self.tenants.push(Tenant::Nobody);
                self.tenants.len() - 1
            }
            None => return None,
        };
        self.leaving -= usize::from(back.is_some());
        self.tenants[place] = Tenant::Map(map);
        let group = place as GroupId + 1;
        self.groups[usize::from(map)] = group;
        Some(group)
    }

    /// Has what a map writes go to the shared group from now on. The group it had is free once
    /// [`Limits::free_emptied`] says so.
    pub(crate) fn leave_group(&mut self, map: u16) {
        let group = std::mem::replace(&mut self.groups[usize::from(map)], SHARED_GROUP);
        if let Some(place) = usize::from(group).checked_sub(1) {
            self.tenants[place] = Tenant::Leaving(map);
            self.leaving += 1;
        }
    }

    /// Whether any group is being left.
    #[inline]
    pub(crate) fn any_leaving(&self) -> bool {
        self.leaving > 0
    }

    /// Frees the groups being left that have no segment any more.
    pub(crate) fn free_emptied(&mut self, is_empty: impl Fn(GroupId) -> bool) {
        for (group, tenant) in (1..).zip(&mut self.tenants) {
            if matches!(tenant, Tenant::Leaving(_)) && is_empty(group) {
                *tenant = Tenant::Nobody;
                self.leaving -= 1;
            }
        }
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

    pub(crate) fn set(&mut self, map: u16, limits: MapLimits, now_ms: u64) {
        if limits.idle_ms_max.is_some() && self.of(map).idle_ms_max.is_none() {
            self.idle_since_ms[usize::from(map)] = now_ms;
        }
        let before = core::mem::replace(&mut self.by_map[usize::from(map)], limits);
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
