//! Commands on whole maps.

use jerboa_wire::stats::{
    MAP_STATS_AFTER, MAP_STATS_FROM, MAP_STATS_LATENCIES, MAP_STATS_ONE, MapStats, decode_maps,
};
use jerboa_wire::{Opcode, Request};

use super::node::latency_table;
use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::{Session, answered};

pub(crate) const GROUP: Group = Group {
    title: "Maps",
    commands: &[
        Command {
            name: "map",
            aliases: &["use", "select"],
            words: "[NAME]",
            summary: "use another map from here on, or tell which is used",
            details: "The default map's name is empty: map \"\"\n",
            run: choose,
        },
        Command {
            name: "maps",
            aliases: &[],
            words: "",
            summary: "every map with what the node counted for it (MapStats)",
            details: "",
            run: list,
        },
        Command {
            name: "mapstats",
            aliases: &[],
            words: "[NAME]",
            summary: "what the node counted for one map, the used one unless named (MapStats)",
            details: "Hits and misses are reads of single keys and of many; operations are counted \
                      once for each core that owns some of the keys.\n",
            run: one,
        },
        Command {
            name: "maplatency",
            aliases: &[],
            words: "[NAME]",
            summary: "how long a map's requests took, by operation (MapStats)",
            details: "In microseconds, as with latency. A node keeps this for the maps that are \
                      used most; of others it counts the requests alone.\n",
            run: latency,
        },
        Command {
            name: "settings",
            aliases: &["config"],
            words: "[DEFAULTS] [SETTING VALUE] …",
            summary: "what holds for the map, or change some of it (SettingsGet, SettingsSet)",
            details: "Settings: ttl_ms, idle_ms_max, keys_max, bytes_max, when_full (evict, refuse), \
                      copies. A value is a number, none, or inherit; with DEFAULTS it is about all \
                      maps that have none of their own. Lasts until the node stops. (SettingsGet) \
                      (SettingsSet)\n\
                      Example: settings ttl_ms 60000 keys_max none\n",
            run: settings,
        },
        Command {
            name: "size",
            aliases: &["count", "dbsize"],
            words: "",
            summary: "how many keys the map has (Size)",
            details: "",
            run: size,
        },
        Command {
            name: "destroy",
            aliases: &["flushdb"],
            words: "[NAME] YES",
            summary: "remove every key of a map (Destroy)",
            details: "There is no way back, so it wants the word YES.\n\
                      Example: destroy sessions YES\n",
            run: destroy,
        },
    ],
};

fn choose(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    if let Some(map) = words.next() {
        words.end()?;
        if map.len() > jerboa_wire::limits::MAP_NAME_BYTES_MAX {
            return Err(words.fault("a map's name has at most 255 bytes"));
        }
        session.map = map;
    }
    Ok(Answer::One("map", Field::Bytes(session.map.clone())))
}

fn ratio(map: &MapStats) -> Field {
    map.hit_ratio().map_or(Field::Nothing, |ratio| {
        Field::Float((ratio * 10_000.0).round() / 10_000.0)
    })
}

fn list(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    let mut rows = Vec::new();
    let (mut last, mut arg) = (Vec::new(), MAP_STATS_FROM);
    loop {
        let answer = session.ask(&Request {
            map: &last,
            arg,
            ..Request::new(Opcode::MapStats)
        })?;
        let maps = decode_maps(&answer.value).ok_or(Fault::Unexpected)?;
        let more = answer.arg != 0 && !maps.is_empty();
        for map in maps {
            last.clone_from(&map.map);
            let ratio = ratio(&map);
            rows.push(vec![
                Field::Bytes(map.map),
                map.keys.into(),
                map.bytes.into(),
                map.hits.into(),
                map.misses.into(),
                ratio,
                map.expired.into(),
                map.evicted.into(),
            ]);
        }
        arg = MAP_STATS_AFTER;
        if !more {
            break;
        }
    }
    Ok(Answer::Table {
        name: "maps",
        columns: &[
            "map",
            "keys",
            "bytes",
            "hits",
            "misses",
            "hit_ratio",
            "expired",
            "evicted",
        ],
        rows,
        more: None,
    })
}

fn one(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let map = words.next().unwrap_or_else(|| session.map.clone());
    words.end()?;
    let answer = session.ask(&Request {
        map: &map,
        arg: MAP_STATS_ONE,
        ..Request::new(Opcode::MapStats)
    })?;
    let maps = decode_maps(&answer.value).ok_or(Fault::Unexpected)?;
    let Some(map) = maps.into_iter().next() else {
        return Ok(answered(&answer, |_| Answer::DONE));
    };
    let ratio = ratio(&map);
    let operations: Vec<String> = map
        .operations
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    Ok(Answer::Record(vec![
        ("map", Field::Bytes(map.map)),
        ("keys", map.keys.into()),
        ("bytes", map.bytes.into()),
        ("hits", map.hits.into()),
        ("misses", map.misses.into()),
        ("hit_ratio", ratio),
        ("expired", map.expired.into()),
        ("evicted", map.evicted.into()),
        ("operations", Field::Text(operations.join(", "))),
    ]))
}

fn latency(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let map = words.next().unwrap_or_else(|| session.map.clone());
    words.end()?;
    let answer = session.ask(&Request {
        map: &map,
        arg: MAP_STATS_LATENCIES,
        ..Request::new(Opcode::MapStats)
    })?;
    let maps = decode_maps(&answer.value).ok_or(Fault::Unexpected)?;
    let Some(map) = maps.into_iter().next() else {
        return Ok(answered(&answer, |_| Answer::DONE));
    };
    Ok(latency_table(&map.latencies))
}

fn settings(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let mut named = words.rest();
    let defaults = named
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case(b"DEFAULTS"));
    if defaults {
        named.remove(0);
    }
    if !named.len().is_multiple_of(2) {
        return Err(words.fault("each setting needs a value"));
    }
    let mut text = Vec::new();
    for pair in named.chunks_exact(2) {
        if pair.iter().flatten().any(u8::is_ascii_whitespace) {
            return Err(words.fault("names and values have no spaces"));
        }
        text.extend_from_slice(&pair.join(&b' '));
        text.push(b'\n');
    }
    let opcode = if text.is_empty() {
        Opcode::SettingsGet
    } else {
        Opcode::SettingsSet
    };
    let map = session.map.clone();
    let answer = session.ask(&Request {
        map: if defaults { &[] } else { &map },
        arg: defaults.into(),
        value: &text,
        ..Request::new(opcode)
    })?;
    let text = String::from_utf8_lossy(&answer.value);
    let row = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || Field::Text(words.next().unwrap_or_default().to_owned());
        vec![word(), word(), word()]
    };
    Ok(Answer::Table {
        name: "settings",
        columns: &["setting", "value", "origin"],
        rows: text.lines().map(row).collect(),
        more: None,
    })
}

fn size(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    let answer = session.ask_in_map(&Request::new(Opcode::Size))?;
    Ok(Answer::One("keys", answer.arg.into()))
}

fn destroy(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let mut named = words.rest();
    let sure = named.pop().is_some_and(|word| word == b"YES");
    if !sure || named.len() > 1 {
        return Err(words.fault("the last word has to be YES"));
    }
    let map = named.pop().unwrap_or_else(|| session.map.clone());
    let answer = session.ask(&Request {
        map: &map,
        ..Request::new(Opcode::Destroy)
    })?;
    Ok(Answer::One("removed", answer.arg.into()))
}
