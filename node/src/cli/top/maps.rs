//! What a node counts for each map, and what of it happened between two readings.
//!
//! Every map is asked for with a few requests; how long the requests of one took is a request for
//! each map, so it is asked for those with the most requests alone, and shown from the second time on.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jerboa_wire::stats::{
    Latency, MAP_STATS_AFTER, MAP_STATS_FROM, MAP_STATS_LATENCIES, MapStats, decode_maps,
};
use jerboa_wire::{Opcode, Request, Status};

use crate::cli::connection::{Answered, Connection, NoAnswer};

/// Maps asked for in one reading, the first by name.
const MAPS_MAX: usize = 1024;
/// Of those, the ones whose latencies are asked for.
const LATENCIES_MAX: usize = 32;

/// One reading of all maps.
#[derive(Debug, Default)]
pub(super) struct Maps {
    by_name: BTreeMap<Vec<u8>, MapStats>,
    /// There are more than were asked for.
    pub(super) more: bool,
}

/// What was done with a map in an interval. Rates are per second.
#[derive(Clone, Debug, Default)]
pub(super) struct MapRow {
    pub(super) map: Vec<u8>,
    pub(super) ops: f64,
    /// Where it is known.
    pub(super) latency: Option<Latency>,
    pub(super) hit_ratio: Option<f64>,
    pub(super) keys: u64,
    pub(super) bytes: u64,
    pub(super) expired: f64,
    pub(super) evicted: f64,
}

impl Maps {
    /// Asks a node.
    pub(super) fn read(
        connection: &mut Connection,
        before: Option<&Self>,
    ) -> Result<Self, NoAnswer> {
        let mut maps = Self::default();
        let (mut last, mut arg) = (Vec::new(), MAP_STATS_FROM);
        loop {
            let answer = ask(connection, &last, arg)?;
            let page = decode_maps(&answer.value).ok_or(NoAnswer::NotAFrame)?;
            let Some(of_last) = page.last() else { break };
            last.clone_from(&of_last.map);
            let named = page.into_iter().map(|stats| (stats.map.clone(), stats));
            maps.by_name.extend(named);
            if answer.arg == 0 {
                break;
            }
            if maps.by_name.len() >= MAPS_MAX {
                maps.more = true;
                break;
            }
            arg = MAP_STATS_AFTER;
        }
        for name in maps.busiest(before) {
            let answer = ask(connection, &name, MAP_STATS_LATENCIES)?;
            let found = decode_maps(&answer.value).ok_or(NoAnswer::NotAFrame)?;
            // None where it was destroyed meanwhile.
            let named = found.into_iter().map(|stats| (stats.map.clone(), stats));
            maps.by_name.extend(named);
        }
        Ok(maps)
    }

    /// The maps with the most requests since the reading before.
    fn busiest(&self, before: Option<&Self>) -> Vec<Vec<u8>> {
        let mut maps: Vec<(u64, &Vec<u8>)> = self
            .by_name
            .iter()
            .map(|(name, stats)| {
                let earlier = before.and_then(|before| before.by_name.get(name));
                let earlier = earlier.map_or(0, requests);
                (requests(stats).saturating_sub(earlier), name)
            })
            .filter(|(count, _)| *count > 0)
            .collect();
        maps.sort_by_key(|(count, _)| Reverse(*count));
        let busiest = maps.into_iter().take(LATENCIES_MAX);
        busiest.map(|(_, name)| name.clone()).collect()
    }

    /// What happened since an earlier reading, by name.
    pub(super) fn since(&self, before: &Self, seconds: f64) -> Vec<MapRow> {
        let nothing = MapStats::default();
        let row = |(name, after): (&Vec<u8>, &MapStats)| {
            let before = before.by_name.get(name).unwrap_or(&nothing);
            let count =
                |field: fn(&MapStats) -> u64| field(after).saturating_sub(field(before)) as f64;
            let (hits, misses) = (count(|map| map.hits), count(|map| map.misses));
            // Nobody asked how long its requests took before.
            let is_known = !after.latencies.is_empty()
                && (requests(before) == 0 || !before.latencies.is_empty());
            MapRow {
                map: name.clone(),
                ops: count(requests) / seconds,
                latency: is_known.then(|| after.latency().since(&before.latency())),
                hit_ratio: (hits + misses > 0.0).then(|| hits / (hits + misses)),
                keys: after.keys,
                bytes: after.bytes,
                expired: count(|map| map.expired) / seconds,
                evicted: count(|map| map.evicted) / seconds,
            }
        };
        self.by_name.iter().map(row).collect()
    }
}

/// Requests executed, whatever their operation.
fn requests(stats: &MapStats) -> u64 {
    let counts = stats.operations.values();
    counts.fold(0, |sum, count| sum.saturating_add(*count))
}

fn ask(connection: &mut Connection, map: &[u8], arg: u64) -> Result<Answered, NoAnswer> {
    let mut answer = connection.ask(&Request {
        map,
        arg,
        ..Request::new(Opcode::MapStats)
    })?;
    // A node that does not know the question, or the map, answers with less to show.
    if answer.status != Status::Ok {
        answer.value.clear();
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use jerboa_wire::stats::push_map;

    use super::*;

    fn reading(maps: &[(&str, &str)]) -> Maps {
        let mut section = Vec::new();
        for (name, text) in maps {
            push_map(&mut section, name.as_bytes(), text);
        }
        let maps = decode_maps(&section).unwrap();
        let named = maps.into_iter().map(|stats| (stats.map.clone(), stats));
        Maps {
            by_name: named.collect(),
            more: false,
        }
    }

    #[test]
    fn what_is_shown_of_a_map_is_of_the_interval_and_nothing_is_made_up() {
        let before = reading(&[
            ("a", "hits 10\nmisses 0\nop.Get 10\nlatency.Get 100:10\n"),
            ("b", "op.Put 1000\n"),
            ("gone", "op.Put 5\n"),
        ]);
        let after = reading(&[
            (
                "a",
                "hits 11\nmisses 3\nop.Get 14\nlatency.Get 100:10 900:4\n",
            ),
            ("b", "keys 7\nop.Put 1002\nlatency.Put 100:1000 500:2\n"),
            ("new", "op.Put 6\nlatency.Put 300:6\n"),
        ]);
        let rows = after.since(&before, 2.0);
        let of = |name: &str| rows.iter().find(|row| row.map == name.as_bytes()).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!((of("a").ops, of("a").hit_ratio), (2.0, Some(0.25)));
        assert_eq!(of("a").latency.as_ref().unwrap().to_string(), "900:4");
        assert_eq!((of("b").ops, of("b").keys), (1.0, 7));
        assert!(of("b").latency.is_none(), "of before nothing is known");
        assert_eq!(of("b").hit_ratio, None);
        assert_eq!(of("new").latency.as_ref().unwrap().count(), 6);
        assert_eq!(
            after.busiest(Some(&before)),
            [b"new".to_vec(), b"a".to_vec(), b"b".to_vec()]
        );
        let restarted = before.since(&after, 1.0);
        assert!(restarted.iter().all(|row| row.ops >= 0.0));
    }
}
