//! Commands about the node: whether it is there, what it counts, and where it is.

use std::collections::BTreeMap;
use std::time::Duration;

use jerboa_wire::routing::Topology;
use jerboa_wire::stats::{HOT_KEYS_MAX, Latency, NodeStats, decode_hot_keys, lines};
use jerboa_wire::{Opcode, Request};

use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::Session;
use crate::cli::verify::{self, Verify};

/// Hot keys shown unless told otherwise.
const HOT_KEYS: u64 = 16;
/// How long a recount may take.
const VERIFY_TIMEOUT_S: u64 = 600;

pub(crate) const GROUP: Group = Group {
    title: "Node",
    commands: &[
        Command {
            name: "ping",
            aliases: &[],
            words: "[TEXT]",
            summary: "whether the node answers; it sends the text back (Ping)",
            details: "",
            run: ping,
        },
        Command {
            name: "noop",
            aliases: &[],
            words: "",
            summary: "have the node answer with nothing (Noop)",
            details: "",
            run: noop,
        },
        Command {
            name: "info",
            aliases: &[],
            words: "",
            summary: "the node in a few lines: version, memory, hit ratio, connections (Stats)",
            details: "",
            run: info,
        },
        Command {
            name: "stats",
            aliases: &[],
            words: "[PREFIX]",
            summary: "every counter whose name begins so (Stats)",
            details: "Example: stats core.0.\n",
            run: stats,
        },
        Command {
            name: "latency",
            aliases: &[],
            words: "",
            summary: "how long requests took since the node's start, by operation (Stats)",
            details: "From when a core took a request's bytes from the kernel until its reply was \
                      written to the output. In microseconds.\n",
            run: latency,
        },
        Command {
            name: "hotkeys",
            aliases: &[],
            words: "[COUNT]",
            summary: "the keys that are used most now (HotKeys)",
            details: "Uses per second over the last ten seconds or so, estimated from a sample; \
                      `or_more` is by how much it may be more.\n",
            run: hot_keys,
        },
        Command {
            name: "topology",
            aliases: &["members"],
            words: "",
            summary: "the nodes, their cores and ports (Topology)",
            details: "",
            run: topology,
        },
        Command {
            name: "verify",
            aliases: &[],
            words: "",
            summary: "recount everything that the node holds, beside its work (Verify)",
            details: "",
            run: recount,
        },
    ],
};

fn ping(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let text = words.next();
    words.end()?;
    let answer = session.ask(&Request {
        value: text.as_deref().unwrap_or(b"pong"),
        ..Request::new(Opcode::Ping)
    })?;
    Ok(Answer::One("value", Field::Bytes(answer.value)))
}

fn noop(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    session.ask(&Request::new(Opcode::Noop))?;
    Ok(Answer::DONE)
}

/// The text of a Stats reply.
fn stats_text(session: &mut Session, arg: u64) -> Result<String, Fault> {
    let answer = session.ask(&Request {
        arg,
        ..Request::new(Opcode::Stats)
    })?;
    String::from_utf8(answer.value).map_err(|_| Fault::Unexpected)
}

fn info(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    let stats = NodeStats::parse(&stats_text(session, 0)?);
    let node = session.connection()?.node;
    let total = stats.total();
    let ratio = total.hit_ratio().map_or(Field::Nothing, |ratio| {
        Field::Float((ratio * 10_000.0).round() / 10_000.0)
    });
    Ok(Answer::Record(vec![
        ("version", Field::Text(stats.version)),
        ("member", Field::Text(format!("{:016x}", node.member))),
        ("uptime_ms", stats.uptime_ms.into()),
        ("cores", u64::from(node.cores).into()),
        ("partitions", u64::from(node.partition_count).into()),
        ("epoch", u64::from(stats.epoch).into()),
        ("value_bytes_max", u64::from(node.value_bytes_max).into()),
        ("entries", total.entries.into()),
        ("live_bytes", total.live_bytes.into()),
        ("arena_bytes", total.arena_bytes.into()),
        ("resident_bytes", stats.resident_bytes.into()),
        ("connections", total.connections.into()),
        ("requests", total.ops.into()),
        ("hit_ratio", ratio),
        ("expired", total.expired.into()),
        ("evicted", total.evicted.into()),
        ("cpu_us", total.cpu_us.into()),
    ]))
}

fn stats(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let prefix = words.next().unwrap_or_default();
    words.end()?;
    let text = stats_text(session, 0)?;
    let rows = lines(&text).filter(|(name, _)| name.as_bytes().starts_with(&prefix));
    let rows = rows.map(|(name, value)| {
        let value = match value.parse() {
            Ok(number) => Field::Unsigned(number),
            Err(_) => Field::Text(value.to_owned()),
        };
        vec![Field::Text(name.to_owned()), value]
    });
    Ok(Answer::Table {
        name: "stats",
        columns: &["name", "value"],
        rows: rows.collect(),
        more: None,
    })
}

fn latency(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    let mut stats = NodeStats::default();
    for core in 1..=u64::from(session.connection()?.node.cores) {
        stats.extend(&stats_text(session, core)?);
    }
    Ok(latency_table(&stats.total().latencies))
}

/// Latencies by operation, and of all operations together.
pub(super) fn latency_table(latencies: &BTreeMap<String, Latency>) -> Answer {
    let rows = latencies.iter();
    let mut rows: Vec<Vec<Field>> = rows
        .map(|(name, latency)| latency_row(name, latency))
        .collect();
    if rows.len() > 1 {
        let mut all = Latency::default();
        latencies.values().for_each(|latency| all.merge(latency));
        rows.push(latency_row("all", &all));
    }
    Answer::Table {
        name: "latencies_us",
        columns: &["operation", "requests", "p50", "p90", "p99", "p999", "max"],
        rows,
        more: None,
    }
}

fn latency_row(name: &str, latency: &Latency) -> Vec<Field> {
    let us = |duration: Option<Duration>| {
        duration.map_or(Field::Nothing, |duration| {
            Field::Float(duration.as_nanos() as f64 / 1000.0)
        })
    };
    vec![
        Field::Text(name.to_owned()),
        latency.count().into(),
        us(latency.quantile(0.5)),
        us(latency.quantile(0.9)),
        us(latency.quantile(0.99)),
        us(latency.quantile(0.999)),
        us(latency.max()),
    ]
}

fn hot_keys(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let count: u64 = words.number_or("COUNT", HOT_KEYS)?;
    words.end()?;
    if !(1..=HOT_KEYS_MAX).contains(&count) {
        return Err(words.fault("COUNT is 1 to 1024"));
    }
    let answer = session.ask(&Request {
        arg: count,
        ..Request::new(Opcode::HotKeys)
    })?;
    let keys = decode_hot_keys(&answer.value).ok_or(Fault::Unexpected)?;
    let tenth = |rate: f64| Field::Float((rate * 10.0).round() / 10.0);
    let rows = keys.into_iter().map(|hot| {
        vec![
            Field::Bytes(hot.map),
            Field::Bytes(hot.key),
            u64::from(hot.key_bytes).into(),
            tenth(hot.uses_per_s),
            tenth(hot.error_per_s),
        ]
    });
    Ok(Answer::Table {
        name: "keys",
        columns: &["map", "key", "key_bytes", "uses_per_s", "or_more"],
        rows: rows.collect(),
        more: None,
    })
}

fn topology(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    let answer = session.ask(&Request::new(Opcode::Topology))?;
    let topology = Topology::decode(&answer.value).map_err(|_| Fault::Unexpected)?;
    let rows = topology.members().iter().map(|member| {
        vec![
            Field::Text(format!("{:016x}", member.id)),
            Field::Yes(member.alive),
            Field::Text(member.host.clone()),
            u64::from(member.any_core_port).into(),
            u64::from(member.first_core_port).into(),
            u64::from(member.cores).into(),
        ]
    });
    Ok(Answer::Table {
        name: "members",
        columns: &[
            "member",
            "alive",
            "host",
            "port",
            "first_core_port",
            "cores",
        ],
        rows: rows.collect(),
        more: None,
    })
}

fn recount(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    let counted = Verify::of(session.address.clone(), VERIFY_TIMEOUT_S).run();
    match counted {
        Ok(text) => Ok(Answer::Text("counted", text)),
        Err(verify::Failure::NoAnswer(why)) => Err(Fault::NoAnswer { why, unsure: false }),
        Err(failure) => Ok(Answer::No(
            "Damaged",
            vec![("report", Field::Text(failure.to_string()))],
        )),
    }
}
