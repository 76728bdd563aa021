//! Readings of a node, and what happened between two of them.

use std::time::Duration;

use jerboa_wire::stats::{CoreStats, HotKey, Latency, NodeStats, decode_hot_keys};
use jerboa_wire::{Opcode, Request, Status};

use super::maps::{MapRow, Maps};
use crate::cli::connection::{Connection, NoAnswer};

/// Hot keys shown.
const HOT_KEYS: u64 = 10;

/// One reading.
#[derive(Debug)]
pub(super) struct Sample {
    stats: NodeStats,
    hot: Vec<HotKey>,
    /// Only where they were asked for.
    maps: Option<Maps>,
}

impl Sample {
    /// Asks a node, also for its maps if they are wanted.
    pub(super) fn read(
        connection: &mut Connection,
        maps: bool,
        before: Option<&Self>,
    ) -> Result<Self, NoAnswer> {
        let mut stats = NodeStats::default();
        for arg in 0..=u64::from(connection.node.cores) {
            let section = ask(connection, Opcode::Stats, arg)?;
            stats.extend(&String::from_utf8_lossy(&section));
        }
        let section = ask(connection, Opcode::HotKeys, HOT_KEYS)?;
        let hot = decode_hot_keys(&section).ok_or(NoAnswer::NotAFrame)?;
        let before = before.and_then(|before| before.maps.as_ref());
        let maps = maps.then(|| Maps::read(connection, before)).transpose()?;
        Ok(Self { stats, hot, maps })
    }
}

fn ask(connection: &mut Connection, opcode: Opcode, arg: u64) -> Result<Vec<u8>, NoAnswer> {
    let answer = connection.ask(&Request {
        arg,
        ..Request::new(opcode)
    })?;
    // A node that does not know the question answers with less to show.
    Ok(match answer.status {
        Status::Ok => answer.value,
        _ => Vec::new(),
    })
}

/// What happened between two readings.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) address: String,
    pub(super) version: String,
    pub(super) uptime: Duration,
    pub(super) resident_bytes: u64,
    pub(super) interval: Duration,
    /// All cores together.
    pub(super) total: Row,
    pub(super) cores: Vec<Row>,
    /// By the operation's name, the most frequent first.
    pub(super) operations: Vec<OperationRow>,
    pub(super) hot: Vec<HotKey>,
    /// By name; `None` where they were not asked for both times.
    pub(super) maps: Option<Vec<MapRow>>,
    /// There are more maps than were asked for.
    pub(super) more_maps: bool,
}

/// What cores did in an interval. Rates are per second.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) ops: f64,
    pub(super) latency: Latency,
    /// Share of the time of one processor, of each core.
    pub(super) busy: f64,
    pub(super) hit_ratio: Option<f64>,
    pub(super) forwarded: f64,
    pub(super) expired: f64,
    pub(super) evicted: f64,
    pub(super) errors: f64,
    pub(super) entries: u64,
    pub(super) live_bytes: u64,
    pub(super) arena_bytes: u64,
    pub(super) connections: u64,
    pub(super) mailbox_depth: u64,
}

/// What was done of one operation in an interval.
#[derive(Clone, Debug)]
pub(super) struct OperationRow {
    pub(super) name: String,
    pub(super) ops: f64,
    pub(super) latency: Latency,
}

impl Difference {
    /// `None` where the node was started anew between the two.
    pub(super) fn between(address: &str, before: &Sample, after: &Sample) -> Option<Self> {
        let (maps_before, maps) = (&before.maps, &after.maps);
        let (before, hot, after) = (&before.stats, &after.hot, &after.stats);
        let interval_ms = after.uptime_ms.checked_sub(before.uptime_ms)?.max(1);
        let interval = Duration::from_millis(interval_ms);
        let seconds = interval.as_secs_f64();
        let pairs = before.cores.iter().zip(&after.cores);
        let cores: Vec<Row> = pairs
            .map(|(before, after)| row(before, after, seconds))
            .collect();
        let (sum_before, sum_after) = (before.total(), after.total());
        let mut total = row(&sum_before, &sum_after, seconds);
        total.busy /= cores.len().max(1) as f64;
        Some(Self {
            address: address.to_owned(),
            version: after.version.clone(),
            uptime: Duration::from_millis(after.uptime_ms),
            resident_bytes: after.resident_bytes,
            interval,
            total,
            cores,
            operations: operations(&sum_before, &sum_after, seconds),
            hot: hot.clone(),
            maps: maps_before
                .as_ref()
                .zip(maps.as_ref())
                .map(|(before, after)| after.since(before, seconds)),
            more_maps: maps.as_ref().is_some_and(|maps| maps.more),
        })
    }
}

fn operations(before: &CoreStats, after: &CoreStats, seconds: f64) -> Vec<OperationRow> {
    let mut operations: Vec<OperationRow> = after
        .operations
        .iter()
        .filter_map(|(name, count)| {
            let earlier = before.operations.get(name).copied().unwrap_or(0);
            let count = count.saturating_sub(earlier);
            let latency = |stats: &CoreStats| stats.latencies.get(name).cloned();
            let earlier = latency(before).unwrap_or_default();
            (count > 0).then(|| OperationRow {
                name: name.clone(),
                ops: count as f64 / seconds,
                latency: latency(after).unwrap_or_default().since(&earlier),
            })
        })
        .collect();
    operations.sort_by(|a, b| b.ops.total_cmp(&a.ops));
    operations
}

fn row(before: &CoreStats, after: &CoreStats, seconds: f64) -> Row {
    let rate =
        |field: fn(&CoreStats) -> u64| field(after).saturating_sub(field(before)) as f64 / seconds;
    let gets = rate(|stats| stats.gets);
    Row {
        ops: rate(|stats| stats.ops),
        latency: after.latency().since(&before.latency()),
        busy: rate(|stats| stats.cpu_us) / 1e6,
        hit_ratio: (gets > 0.0).then(|| rate(|stats| stats.hits) / gets),
        forwarded: rate(|stats| stats.forwarded),
        expired: rate(|stats| stats.expired),
        evicted: rate(|stats| stats.evicted),
        errors: rate(|stats| stats.errors),
        entries: after.entries,
        live_bytes: after.live_bytes,
        arena_bytes: after.arena_bytes,
        connections: after.connections,
        mailbox_depth: after.mailbox_depth,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str) -> Sample {
        Sample {
            stats: NodeStats::parse(text),
            hot: Vec::new(),
            maps: None,
        }
    }

    #[test]
    fn rates_and_latencies_are_those_of_the_interval_alone() {
        let before = sample(
            "node.uptime_ms 1000\ncore.0.ops 10\ncore.0.gets 100\ncore.0.hits 0\n\
             core.0.op.Get 10\ncore.0.latency.Get 100:10\ncore.1.ops 0\n",
        );
        let after = sample(
            "node.uptime_ms 3000\ncore.0.ops 30\ncore.0.gets 120\ncore.0.hits 15\ncore.0.cpu_us 500000\n\
             core.0.op.Get 30\ncore.0.latency.Get 100:10 900:20\ncore.1.ops 20\ncore.1.connections 3\n",
        );
        let view = Difference::between("a", &before, &after).unwrap();
        assert_eq!(view.cores.len(), 2);
        assert_eq!((view.cores[0].ops, view.total.ops), (10.0, 20.0));
        assert_eq!(view.cores[0].hit_ratio, Some(0.75));
        assert_eq!((view.cores[0].busy, view.total.busy), (0.25, 0.125));
        let half = view.cores[0].latency.quantile(0.5);
        assert_eq!(half, Some(Duration::from_nanos(900)));
        assert_eq!(view.operations[0].name, "Get");
        assert_eq!(view.operations[0].ops, 10.0);
        assert_eq!(
            (view.cores[1].connections, view.cores[1].hit_ratio),
            (3, None)
        );
        assert!(
            Difference::between("a", &after, &before).is_none(),
            "a node that was started anew"
        );
    }
}
