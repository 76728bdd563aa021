//! The view for programs.

use std::time::Duration;

use jerboa_wire::stats::{HotKey, Latency};
use serde_json::{Map, Value, json};

use super::quantiles;
use crate::cli::shell::base64;
use crate::cli::top::maps::MapRow;
use crate::cli::top::sample::{Difference, Row};

/// The view for programs: plain numbers, durations in nanoseconds, null where nothing happened.
pub(in super::super) fn json(view: &Difference) -> Value {
    let cores: Vec<Value> = view
        .cores
        .iter()
        .enumerate()
        .map(|(core, row)| {
            let mut object = object(row);
            object.insert("core".to_owned(), json!(core));
            Value::Object(object)
        })
        .collect();
    let operations: Vec<Value> = view
        .operations
        .iter()
        .map(|operation| {
            let mut object = latencies(&operation.latency);
            object.insert("operation".to_owned(), json!(operation.name));
            object.insert("ops_per_s".to_owned(), json!(operation.ops));
            Value::Object(object)
        })
        .collect();
    let mut whole = json!({
        "address": view.address,
        "version": view.version,
        "uptime_ms": view.uptime.as_millis() as u64,
        "interval_ms": view.interval.as_millis() as u64,
        "resident_bytes": view.resident_bytes,
        "node": object(&view.total),
        "cores": cores,
        "operations": operations,
        "hot_keys": view.hot.iter().map(hot_key).collect::<Vec<_>>(),
    });
    if let (Some(maps), Value::Object(whole)) = (&view.maps, &mut whole) {
        whole.insert("maps".to_owned(), maps.iter().map(map).collect());
        whole.insert("more_maps".to_owned(), json!(view.more_maps));
    }
    whole
}

fn map(row: &MapRow) -> Value {
    let mut object = Map::new();
    insert_bytes(&mut object, "map", &row.map);
    let latency = row.latency.clone().unwrap_or_default();
    object.extend(latencies(&latency));
    for (name, value) in [
        ("ops_per_s", json!(row.ops)),
        ("hit_ratio", json!(row.hit_ratio)),
        ("expired_per_s", json!(row.expired)),
        ("evicted_per_s", json!(row.evicted)),
        ("entries", json!(row.keys)),
        ("live_bytes", json!(row.bytes)),
    ] {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

/// Bytes as text where they are some.
fn insert_bytes(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), json!(text)),
        Err(_) => object.insert(format!("{name}_base64"), json!(base64(bytes))),
    };
}

fn latencies(latency: &Latency) -> Map<String, Value> {
    let mut object = Map::new();
    let ns = |duration: Option<Duration>| json!(duration.map(|d| d.as_nanos() as u64));
    let [p50, p99, p999] = quantiles(latency);
    object.insert("p50_ns".to_owned(), ns(p50));
    object.insert("p99_ns".to_owned(), ns(p99));
    object.insert("p999_ns".to_owned(), ns(p999));
    object.insert("max_ns".to_owned(), ns(latency.max()));
    object
}

fn object(row: &Row) -> Map<String, Value> {
    let mut object = latencies(&row.latency);
    for (name, value) in [
        ("ops_per_s", json!(row.ops)),
        ("busy", json!(row.busy)),
        ("hit_ratio", json!(row.hit_ratio)),
        ("forwarded_per_s", json!(row.forwarded)),
        ("expired_per_s", json!(row.expired)),
        ("evicted_per_s", json!(row.evicted)),
        ("errors_per_s", json!(row.errors)),
        ("entries", json!(row.entries)),
        ("live_bytes", json!(row.live_bytes)),
        ("arena_bytes", json!(row.arena_bytes)),
        ("connections", json!(row.connections)),
        ("mailbox_depth", json!(row.mailbox_depth)),
    ] {
        object.insert(name.to_owned(), value);
    }
    object
}

fn hot_key(hot: &HotKey) -> Value {
    let mut object = Map::new();
    insert_bytes(&mut object, "map", &hot.map);
    insert_bytes(&mut object, "key", &hot.key);
    object.insert("key_bytes".to_owned(), json!(hot.key_bytes));
    object.insert("uses_per_s".to_owned(), json!(hot.uses_per_s));
    object.insert("or_more".to_owned(), json!(hot.error_per_s));
    Value::Object(object)
}
