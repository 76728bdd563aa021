//! The live view as a process: one interval for people and for programs.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;

use jerboa::Node;
use jerboa_wire::client::blocking::Client;
use serde_json::Value;

use super::common::{eventually, node};

fn top(node: &Node, flags: &[&str]) -> Output {
    let address = node.addresses().any_core.to_string();
    Command::new(env!("CARGO_BIN_EXE_jerboa"))
        .args(["top", "--addr", &address, "--interval-ms", "400"])
        .args(flags)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A view in which half of the reads hit. Each core tells its numbers at a time of its own, so one
/// interval with few reads in it may show a part of them.
fn half_hit(node: &Node, flags: &[&str], ratio: impl Fn(&Value) -> Option<f64>) -> Value {
    let mut found = Value::Null;
    eventually("half of the reads hit", || {
        let output = top(node, flags);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1);
        found = serde_json::from_str(&text).unwrap();
        ratio(&found).is_some_and(|ratio| (0.3..0.7).contains(&ratio))
    });
    found
}

#[test]
fn one_interval_tells_programs_what_was_done_in_it() {
    let node = node(2);
    let client = Client::connect([node.addresses().any_core.to_string()]).unwrap();
    client.dmap("m").put("hot", "x").unwrap();
    let (done, stop) = channel::<()>();
    let map = client.dmap("m");
    let load = thread::spawn(move || {
        while stop.try_recv() == Err(TryRecvError::Empty) {
            map.get::<Vec<u8>>("hot").unwrap();
            map.get::<Vec<u8>>("absent").unwrap();
        }
    });
    let view = half_hit(&node, &["--once", "--json"], |view| {
        view["node"]["hit_ratio"].as_f64()
    });
    drop(done);
    let _ = load.join();
    assert_eq!(view["cores"].as_array().unwrap().len(), 2);
    assert!(view["node"]["ops_per_s"].as_f64().unwrap() > 0.0, "{view}");
    let operations = view["operations"].as_array().unwrap();
    let get = operations.iter().find(|row| row["operation"] == "Get");
    let get = get.unwrap_or_else(|| panic!("no Get in {view}"));
    assert!(get["p50_ns"].as_u64() <= get["p999_ns"].as_u64());
    assert!(view["interval_ms"].as_u64().unwrap() >= 300);
    assert!(view.get("maps").is_none(), "nobody asked for the maps");
}

#[test]
fn one_interval_tells_programs_what_was_done_with_each_map() {
    let node = node(2);
    let client = Client::connect([node.addresses().any_core.to_string()]).unwrap();
    client.dmap(b"\xff").put("k", "x").unwrap();
    let (done, stop) = channel::<()>();
    let map = client.dmap("orders");
    map.put("hot", "x").unwrap();
    // A core counts for a map that was written to there.
    for number in 0..8 {
        map.put(format!("other:{number}"), "x").unwrap();
    }
    let load = thread::spawn(move || {
        while stop.try_recv() == Err(TryRecvError::Empty) {
            map.get::<Vec<u8>>("hot").unwrap();
            map.get::<Vec<u8>>("absent").unwrap();
        }
    });
    let orders_of = |view: &Value| {
        let maps = view["maps"].as_array()?;
        maps.iter().find(|row| row["map"] == "orders").cloned()
    };
    let view = half_hit(&node, &["--once", "--json", "--maps"], |view| {
        orders_of(view)?["hit_ratio"].as_f64()
    });
    let table = top(&node, &["--once", "--maps"]);
    drop(done);
    let _ = load.join();
    let maps = view["maps"].as_array().unwrap();
    let orders = orders_of(&view).unwrap();
    assert!(orders["ops_per_s"].as_f64().unwrap() > 0.0, "{view}");
    assert!(orders["p50_ns"].as_u64().unwrap() <= orders["p999_ns"].as_u64().unwrap());
    assert_eq!(orders["entries"], 9);
    let strange = maps.iter().find(|row| row["map_base64"] == "/w==");
    let strange = strange.unwrap_or_else(|| panic!("no 0xff in {view}"));
    assert_eq!(strange["hit_ratio"], Value::Null);
    assert_eq!(view["more_maps"], false);
    let text = String::from_utf8(table.stdout).unwrap();
    let header = text.lines().position(|line| line.starts_with("map "));
    let first = header.and_then(|header| text.lines().nth(header + 1));
    assert!(
        first.is_some_and(|line| line.starts_with("orders ")),
        "{text}"
    );
}

#[test]
fn where_there_is_no_terminal_one_view_is_written_without_escapes() {
    let node = node(2);
    let output = top(&node, &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\x1b'), "{text:?}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("jerboa "), "{text}");
    let header = lines.iter().position(|line| line.starts_with("core "));
    let header = header.unwrap_or_else(|| panic!("no table: {text}"));
    for (row, name) in ["0", "1", "all"].into_iter().enumerate() {
        assert!(lines[header + 1 + row].starts_with(name), "{text}");
    }
}

#[test]
fn a_node_that_is_not_there_is_an_error_and_not_an_empty_view() {
    let node = node(1);
    let address = node.addresses().any_core;
    node.request_stop();
    node.join().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_jerboa"))
        .args(["top", "--once", "--addr", &address.to_string()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&address.to_string()), "{error}");
}
