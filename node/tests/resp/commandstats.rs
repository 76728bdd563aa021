//! Fear: what INFO says of a command is not what happened to it: counted on the wrong core or
//! twice, an error that another core answered not counted, or not forgotten when that is asked.

use std::collections::BTreeMap;

use crate::common::resp::{RespRaw, command};
use crate::common::{eventually, key_of_core, node};

/// The lines of a section by what follows `prefix` in their name.
fn lines(client: &mut RespRaw, section: &str, prefix: &str) -> BTreeMap<String, String> {
    let info = client.call(&["INFO", section]);
    let found = info.lines().filter_map(|line| {
        let (name, figures) = line.strip_prefix(prefix)?.split_once(':')?;
        Some((name.to_owned(), figures.to_owned()))
    });
    found.collect()
}

/// Calls, rejected calls and failed calls.
fn counts(client: &mut RespRaw, name: &str) -> (u64, u64, u64) {
    let all = lines(client, "commandstats", "cmdstat_");
    let Some(figures) = all.get(name) else {
        return (0, 0, 0);
    };
    let number = |field: &str| -> u64 {
        let mut fields = figures.split(',');
        let found = fields.find_map(|pair| pair.strip_prefix(field)?.strip_prefix('='));
        found
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("{field} in {figures}"))
    };
    let per_call = figures
        .split_once("usec_per_call=")
        .map_or("", |(_, rest)| rest);
    assert!(per_call.contains('.'), "{figures}");
    (
        number("calls"),
        number("rejected_calls"),
        number("failed_calls"),
    )
}

fn errors(client: &mut RespRaw) -> BTreeMap<String, String> {
    lines(client, "errorstats", "errorstat_")
}

#[test]
fn every_command_is_counted_once_with_what_came_of_it() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let pipeline = [
        &[&b"SET"[..], b"k", b"text"][..],
        &[b"GET", b"k"],
        &[b"GET", b"k"],
        &[b"INCR", b"k"],
        &[b"GET"],
        &[b"SET", b"k", b"v", b"EX", b"x"],
        &[b"PING"],
        &[b"PING"],
        &[b"MGET", b"k", b"l"],
        &[b"NOSUCH", b"k"],
        &[b"CLIENT", b"ID"],
        &[b"SUBSCRIBE", b"c"],
        &[b"GET", b"k"],
        &[b"UNSUBSCRIBE"],
        &[b"GET", b"k"],
    ];
    let bytes: Vec<u8> = pipeline.iter().flat_map(|words| command(words)).collect();
    client.send(&bytes).unwrap();
    for _ in pipeline {
        client.receive();
    }
    assert_eq!(counts(&mut client, "get"), (3, 2, 0));
    assert_eq!(counts(&mut client, "set"), (2, 0, 1));
    assert_eq!(counts(&mut client, "incr"), (1, 0, 1));
    assert_eq!(counts(&mut client, "ping"), (2, 0, 0));
    assert_eq!(counts(&mut client, "mget"), (1, 0, 0));
    assert_eq!(counts(&mut client, "client|id"), (1, 0, 0));
    assert_eq!(counts(&mut client, "client"), (0, 0, 0));
    assert_eq!(counts(&mut client, "subscribe"), (1, 0, 0));
    assert_eq!(counts(&mut client, "unsubscribe"), (1, 0, 0));
    assert_eq!(errors(&mut client)["ERR"], "count=5");
    // Nine were asked for above, and each is there before the next is counted.
    let (calls, ..) = counts(&mut client, "info");
    assert_eq!(calls, 10);

    assert_eq!(client.call(&["CONFIG", "RESETSTAT"]), "+OK\r\n");
    assert_eq!(counts(&mut client, "get"), (0, 0, 0));
    assert!(errors(&mut client).is_empty());
    client.call(&["GET", "k"]);
    client.call(&["INCR", "k"]);
    assert_eq!(counts(&mut client, "get"), (1, 0, 0));
    assert_eq!(errors(&mut client)["ERR"], "count=1");
    assert_eq!(counts(&mut client, "config|resetstat"), (1, 0, 0));
}

#[test]
fn the_error_of_another_core_is_counted_for_the_command_that_asked() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().cores[0]);
    let own = String::from_utf8(key_of_core(0, 2, 0)).unwrap();
    let other = String::from_utf8(key_of_core(1, 2, 0)).unwrap();
    let moved = client.call(&["GET", &other]);
    assert!(moved.starts_with("-MOVED "), "{moved}");
    assert_eq!(counts(&mut client, "get"), (0, 1, 0));
    assert_eq!(errors(&mut client)["MOVED"], "count=1");

    let mut clients: Vec<_> = (0..8)
        .map(|_| RespRaw::connect(node.addresses().any_core))
        .collect();
    for client in &mut clients {
        for key in [&own, &other] {
            assert_eq!(client.call(&["SET", key, "text"]), "+OK\r\n");
            let refused = client.call(&["INCR", key]);
            assert!(refused.starts_with("-ERR "), "{refused}");
        }
        let refused = client.call(&["MSETNX", &own, "1", &other, "2"]);
        assert!(refused.starts_with("-CROSSSLOT "), "{refused}");
    }
    eventually("all commands are counted", || {
        counts(&mut client, "incr") == (16, 0, 16) && counts(&mut client, "set") == (16, 0, 0)
    });
    assert_eq!(errors(&mut client)["ERR"], "count=16");
    assert_eq!(errors(&mut client)["CROSSSLOT"], "count=8");
}

#[test]
fn the_histogram_of_a_command_holds_all_its_calls() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for _ in 0..7 {
        client.call(&["GET", "k"]);
    }
    client.call(&["CLIENT", "ID"]);
    let histogram = client.call(&["LATENCY", "HISTOGRAM", "get"]);
    assert!(histogram.starts_with("*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:7\r\n"));
    assert!(histogram.ends_with(":7\r\n"), "cumulative: {histogram}");
    let of_container = client.call(&["LATENCY", "HISTOGRAM", "CLIENT", "nosuch"]);
    assert!(of_container.starts_with("*2\r\n$9\r\nclient|id\r\n"));
    let all = client.call(&["LATENCY", "HISTOGRAM"]);
    assert!(all.contains("$3\r\nget\r\n") && all.contains("latency|histogram"));
    assert_eq!(client.call(&["LATENCY", "HISTOGRAM", "set"]), "*0\r\n");
}
