//! The payload of a `MapStats` reply: what a node's cores together count for each map.
//!
//! ```text
//! u8 map_len | u8[3] 0 | u32 text_len | map name | text        one behind the other
//! ```
//! The text has lines `name value` like that of `Stats`.

use std::collections::BTreeMap;

use super::{Latency, lines};

/// The request's `arg`: the map that it names, alone.
pub const MAP_STATS_ONE: u64 = 0;
/// The request's `arg`: the maps from this name on, in the order of their names.
pub const MAP_STATS_FROM: u64 = 1;
/// The request's `arg`: the maps behind this name.
pub const MAP_STATS_AFTER: u64 = 2;
/// The request's `arg`: the map that it names, alone, with how long its requests took.
pub const MAP_STATS_LATENCIES: u64 = 3;
/// The most maps in one reply.
pub const MAP_STATS_ITEMS_MAX: usize = 128;

const HEAD_BYTES: usize = 8;

/// What a node counted for one map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapStats {
    /// The map; empty is the default map.
    pub map: Vec<u8>,
    /// Entries now, those included that have expired but are not swept yet.
    pub keys: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// Reads that found a live entry.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Entries whose end was their expiry or the map's idle time.
    pub expired: u64,
    /// Entries removed to make room.
    pub evicted: u64,
    /// Requests executed, by the name of their operation. A request on many keys counts once on
    /// each core that owns some of them.
    pub operations: BTreeMap<String, u64>,
    /// How long they took, by the name of their operation; only where it was asked for. A core
    /// keeps this for the maps that are used most, so there may be fewer requests here than in
    /// `operations`.
    pub latencies: BTreeMap<String, Latency>,
    /// Lines that this version does not know, by name.
    pub other: BTreeMap<String, String>,
}

impl MapStats {
    /// The share of reads that found an entry; `None` where nothing was read.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let reads = self.hits.saturating_add(self.misses);
        (reads > 0).then(|| self.hits as f64 / reads as f64)
    }

    fn parse(map: &[u8], text: &str) -> Self {
        let mut stats = Self {
            map: map.to_vec(),
            ..Self::default()
        };
        for (name, value) in lines(text) {
            let number = value.parse().unwrap_or(0);
            match name {
                "keys" => stats.keys = number,
                "bytes" => stats.bytes = number,
                "hits" => stats.hits = number,
                "misses" => stats.misses = number,
                "expired" => stats.expired = number,
                "evicted" => stats.evicted = number,
                _ => stats.set_by_operation(name, value),
            }
        }
        stats
    }
}

impl MapStats {
    fn set_by_operation(&mut self, name: &str, value: &str) {
        if let Some(operation) = name.strip_prefix("op.") {
            let count = value.parse().unwrap_or(0);
            self.operations.insert(operation.to_owned(), count);
        } else if let Some(operation) = name.strip_prefix("latency.") {
            let latency = Latency::parse(value);
            self.latencies.insert(operation.to_owned(), latency);
        } else {
            self.other.insert(name.to_owned(), value.to_owned());
        }
    }

    /// How long requests took, whatever their operation.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let mut all = Latency::default();
        for latency in self.latencies.values() {
            all.merge(latency);
        }
        all
    }

    /// Adds what another node counted for the map. Lines that this version does not know stay as
    /// they are.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.keys, other.keys),
            (&mut self.bytes, other.bytes),
            (&mut self.hits, other.hits),
            (&mut self.misses, other.misses),
            (&mut self.expired, other.expired),
            (&mut self.evicted, other.evicted),
        ] {
            *sum = sum.saturating_add(count);
        }
        for (name, count) in &other.operations {
            let sum = self.operations.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        for (name, latency) in &other.latencies {
            self.latencies
                .entry(name.clone())
                .or_default()
                .merge(latency);
        }
    }
}

/// Appends one item. Names longer than 255 bytes do not exist; one would be cut.
pub fn push_map(out: &mut Vec<u8>, map: &[u8], text: &str) {
    let map = map.get(..usize::from(u8::MAX)).unwrap_or(map);
    out.extend_from_slice(&[map.len() as u8, 0, 0, 0]);
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(map);
    out.extend_from_slice(text.as_bytes());
}

/// Reads a section; `None` where it does not end with an item.
#[must_use]
pub fn decode_maps(mut section: &[u8]) -> Option<Vec<MapStats>> {
    let mut maps = Vec::new();
    while !section.is_empty() {
        let (head, rest) = section.split_first_chunk::<HEAD_BYTES>()?;
        let [map_len, _, _, _, text_len @ ..] = *head;
        let (map, rest) = rest.split_at_checked(map_len.into())?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(text_len) as usize)?;
        maps.push(MapStats::parse(map, std::str::from_utf8(text).ok()?));
        section = rest;
    }
    Some(maps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_read_back_whatever_their_names_and_nothing_short_is_accepted() {
        let mut section = Vec::new();
        push_map(&mut section, b"", "keys 1\nbytes 2\nhits 3\nmisses 1\n");
        let first = section.len();
        let text = "expired 4\nevicted 5\nop.Get 6\nshade blue\nlatency.Get 100:4 900:2\n";
        push_map(&mut section, b"\xff\n x", text);
        let maps = decode_maps(&section).unwrap();
        assert_eq!((maps[0].keys, maps[0].bytes), (1, 2));
        assert_eq!(maps[0].hit_ratio(), Some(0.75));
        assert_eq!(maps[1].map, b"\xff\n x");
        assert_eq!((maps[1].expired, maps[1].evicted), (4, 5));
        assert_eq!(maps[1].operations["Get"], 6);
        assert_eq!(maps[1].other["shade"], "blue");
        assert_eq!(maps[1].latencies["Get"].count(), 6);
        for end in (1..section.len()).filter(|end| *end != first) {
            assert_eq!(decode_maps(&section[..end]), None, "{end}");
        }
        assert_eq!(
            decode_maps(&section[..first]).map(|maps| maps.len()),
            Some(1)
        );
        assert_eq!(decode_maps(&[0xff; 64]), None);
    }

    #[test]
    fn what_two_nodes_counted_adds_up_by_name() {
        let of = |text| MapStats::parse(b"orders", text);
        let mut sum = of("keys 1\nhits 2\nop.Get 3\nlatency.Get 100:3\n");
        sum.merge(&of(
            "keys 10\nmisses 5\nop.Put 4\nlatency.Get 100:1\nlatency.Put 50:4\n",
        ));
        sum.merge(&of("keys 18446744073709551615\n"));
        assert_eq!((sum.keys, sum.hits, sum.misses), (u64::MAX, 2, 5));
        assert_eq!((sum.operations["Get"], sum.operations["Put"]), (3, 4));
        assert_eq!(sum.latencies["Get"].to_string(), "100:4");
        assert_eq!(sum.latency().count(), 8);
    }
}
