//! Fear: a cluster client of Redis does not find the core that owns a key, or finds it by detours.
//!
//! Each core's own port is a node of the cluster to such a client; the port that all cores share is
//! one plain server.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "resp_cluster/announce.rs"]
mod announce;
mod common;
#[path = "resp_cluster/overload.rs"]
mod overload;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use common::resp::RespRaw;
use common::{PARTITIONS, config, eventually, key_of_core, node};
use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::routing::{SLOTS, core_table, partition, slot};
use jerboa_wire::stats;
use redis::cluster::ClusterClient;
use redis::{Commands, Value};

fn text_key(core: u16, cores: u16, number: u32) -> String {
    String::from_utf8(key_of_core(core, cores, number)).unwrap()
}

fn total(node: &Node, name: &str) -> u64 {
    let text = node.stats_text();
    let cores = node.addresses().cores.len();
    (0..cores)
        .map(|core| stats::number(&text, &format!("core.{core}.{name}")).unwrap())
        .sum()
}

#[test]
fn a_key_of_another_core_is_answered_with_that_core_and_nothing_is_done() {
    let node = node(2);
    let cores = &node.addresses().cores;
    let key = text_key(1, 2, 1);
    let moved = format!("-MOVED {} {}\r\n", slot(key.as_bytes()), cores[1]);
    let mut wrong = RespRaw::connect(cores[0]);
    for command in [
        &["SET", &key, "1"][..],
        &["GET", &key],
        &["DEL", &key],
        &["INCR", &key],
        &["MGET", &key],
        &["MSET", &key, "1"],
        &["EXPIRE", &key, "10"],
    ] {
        assert_eq!(wrong.call(command), moved, "{command:?}");
    }
    let mut right = RespRaw::connect(cores[1]);
    assert_eq!(right.call(&["GET", &key]), "$-1\r\n", "nothing was stored");
    assert_eq!(right.call(&["SET", &key, "1"]), "+OK\r\n");
    let mut any = RespRaw::connect(node.addresses().any_core);
    assert_eq!(any.call(&["GET", &key]), "$1\r\n1\r\n");
    eventually("the answers are counted", || total(&node, "moved") == 7);
}

#[test]
fn over_ipv6_the_other_core_is_named_as_redis_names_it() {
    let settings = Config {
        bind: "::1".parse().unwrap(),
        ..config(2)
    };
    let node = match Node::start(&settings) {
        Ok(node) => node,
        Err(error) => return eprintln!("SKIPPED: no IPv6 here: {error}"),
    };
    let cores = &node.addresses().cores;
    let key = text_key(1, 2, 1);
    let (slot, port) = (slot(key.as_bytes()), cores[1].port());
    let mut wrong = RespRaw::connect(cores[0]);
    let moved = format!("-MOVED {slot} ::1:{port}\r\n");
    assert_eq!(wrong.call(&["GET", &key]), moved);
}

#[test]
fn emptying_one_core_empties_the_whole_node() {
    let node = node(2);
    let mut any = RespRaw::connect(node.addresses().any_core);
    for command in ["FLUSHALL", "FLUSHDB"] {
        for core in 0..2 {
            any.call(&["SET", &text_key(core, 2, 1), "1"]);
        }
        assert_eq!(any.call(&["DBSIZE"]), ":2\r\n");
        let mut core = RespRaw::connect(node.addresses().cores[0]);
        assert_eq!(core.call(&[command]), "+OK\r\n");
        assert_eq!(any.call(&["DBSIZE"]), ":0\r\n", "after {command}");
    }
}

#[test]
fn keys_of_several_slots_in_one_command_are_refused_on_core_ports_only() {
    let node = node(2);
    let (one, two) = (text_key(0, 2, 1), text_key(0, 2, 2));
    let crossed = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    let mut core = RespRaw::connect(node.addresses().cores[0]);
    assert_eq!(core.call(&["MSET", &one, "1", &two, "2"]), crossed);
    assert_eq!(core.call(&["MGET", &one, &two]), crossed);
    assert_eq!(core.call(&["DEL", &one, &two]), crossed);
    let tag = format!("{{{one}}}");
    let (first, second) = (format!("{tag}1"), format!("{tag}2"));
    assert_eq!(core.call(&["MSET", &first, "1", &second, "2"]), "+OK\r\n");
    assert_eq!(core.call(&["EXISTS", &first, &second]), ":2\r\n");
    let mut any = RespRaw::connect(node.addresses().any_core);
    assert_eq!(any.call(&["MSET", &one, "1", &two, "2"]), "+OK\r\n");
    assert_eq!(any.call(&["DEL", &one, &two]), ":2\r\n");
}

#[test]
fn the_slot_map_is_that_by_which_the_node_routes() {
    let node = node(2);
    let table = core_table(PARTITIONS, 2);
    let log2 = PARTITIONS.ilog2();
    let client = redis::Client::open(url(node.addresses().any_core)).unwrap();
    let mut connection = client.get_connection().unwrap();
    type Range = (u16, u16, (String, u16, String, BTreeMap<String, String>));
    let ranges: Vec<Range> = redis::cmd("CLUSTER")
        .arg("SLOTS")
        .query(&mut connection)
        .unwrap();
    let mut next = 0;
    for (first, last, (host, port, id, _)) in ranges {
        assert_eq!((first, id.len()), (next, 40));
        for slot in first..=last {
            let core = usize::from(table[usize::from(partition(slot, log2))]);
            let address: SocketAddr = format!("{host}:{port}").parse().unwrap();
            assert_eq!(address, node.addresses().cores[core], "slot {slot}");
        }
        next = last + 1;
    }
    assert_eq!(next, SLOTS, "every slot is somewhere");

    let mut second = RespRaw::connect(node.addresses().cores[1]);
    let own_id = second.call(&["CLUSTER", "MYID"]);
    let nodes = second.call(&["CLUSTER", "NODES"]);
    let own: Vec<_> = nodes
        .lines()
        .filter(|line| line.contains("myself,"))
        .collect();
    assert_eq!(own.len(), 1, "{nodes}");
    assert!(own[0].starts_with(own_id.lines().nth(1).unwrap()));
    let info = second.call(&["CLUSTER", "INFO"]);
    let (_, info) = info.split_once("\r\n").unwrap();
    assert!(info.starts_with("cluster_state:ok\r\n"), "{info}");
    let expected = format!(":{}\r\n", slot(b"{tag}key"));
    assert_eq!(second.call(&["CLUSTER", "KEYSLOT", "{tag}key"]), expected);
    let shards: Value = redis::cmd("CLUSTER")
        .arg("SHARDS")
        .query(&mut connection)
        .unwrap();
    assert!(matches!(shards, Value::Array(cores) if cores.len() == 2));
    for bad in ["FORGET", "MEET", "RESET", "FAILOVER", "NONSENSE"] {
        let refused = second.call(&["CLUSTER", bad]);
        assert!(refused.starts_with("-ERR unknown subcommand"), "{refused}");
    }
    assert_eq!(second.call(&["PING"]), "+PONG\r\n");
}

#[test]
fn the_scans_of_all_cores_together_are_one_scan_of_the_node() {
    let node = node(2);
    let mut any = RespRaw::connect(node.addresses().any_core);
    let all: BTreeSet<String> = (0..300)
        .map(|number| text_key((number % 2) as u16, 2, number))
        .collect();
    for key in &all {
        assert_eq!(any.call(&["SET", key, "1"]), "+OK\r\n");
    }
    let scan = |port: SocketAddr| {
        let client = redis::Client::open(url(port)).unwrap();
        let mut connection = client.get_connection().unwrap();
        let found: Vec<String> = connection
            .scan()
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len());
        found.into_iter().collect::<BTreeSet<_>>()
    };
    let [first, second] = [0, 1].map(|core| scan(node.addresses().cores[core]));
    assert_eq!((first.len(), second.len()), (150, 150));
    assert!(first.is_disjoint(&second));
    assert_eq!(&first | &second, all);
    assert_eq!(scan(node.addresses().any_core), all);
    for (port, count) in [
        (node.addresses().cores[0], 150),
        (node.addresses().cores[1], 150),
        (node.addresses().any_core, 300),
    ] {
        let mut client = RespRaw::connect(port);
        assert_eq!(client.call(&["DBSIZE"]), format!(":{count}\r\n"));
        let keys = client.call(&["KEYS", "*"]);
        assert!(keys.starts_with(&format!("*{count}\r\n")), "{keys}");
    }
}

#[test]
fn the_keys_of_a_slot_are_counted_and_listed_from_any_port() {
    let node = node(2);
    let mut any = RespRaw::connect(node.addresses().any_core);
    for core in 0..2 {
        let tag = text_key(core, 2, 1);
        for number in 0..20 {
            any.call(&["SET", &format!("{{{tag}}}{number}"), "1"]);
        }
        any.call(&["PSETEX", &format!("{{{tag}}}gone"), "1", "1"]);
        std::thread::sleep(std::time::Duration::from_millis(5));
        let slot = slot(tag.as_bytes()).to_string();
        assert_eq!(any.call(&["CLUSTER", "COUNTKEYSINSLOT", &slot]), ":20\r\n");
        let some = any.call(&["CLUSTER", "GETKEYSINSLOT", &slot, "3"]);
        assert!(some.starts_with("*3\r\n"), "{some}");
        assert_eq!(
            any.call(&["CLUSTER", "GETKEYSINSLOT", &slot, "0"]),
            "*0\r\n"
        );
    }
    assert_eq!(
        any.call(&["CLUSTER", "COUNTKEYSINSLOT", "16384"]),
        "-ERR Invalid slot\r\n"
    );
    assert_eq!(
        any.call(&["CLUSTER", "GETKEYSINSLOT", "1", "-1"]),
        "-ERR Invalid slot or number of keys\r\n"
    );
    assert_eq!(
        any.call(&["CLUSTER", "GETKEYSINSLOT", "16384", "1"]),
        "-ERR Invalid slot or number of keys\r\n"
    );
    for command in [
        &["CLUSTER", "COUNTKEYSINSLOT", "one"][..],
        &["CLUSTER", "GETKEYSINSLOT", "one", "1"],
        &["CLUSTER", "GETKEYSINSLOT", "1", "one"],
    ] {
        assert_eq!(
            any.call(command),
            "-ERR value is not an integer or out of range\r\n",
            "{command:?}"
        );
    }
}

/// The client of Redis for Rust, alone.
#[test]
fn redis_rs_works_as_with_redis() {
    let node = node(2);
    for protocol in ["", "?protocol=resp3"] {
        let client = redis::Client::open(url(node.addresses().any_core) + protocol).unwrap();
        let mut connection = client.get_connection().unwrap();
        let _: () = connection.set_ex("rs:a", 41, 100).unwrap();
        let sum: i64 = connection.incr("rs:a", 1).unwrap();
        let left: i64 = connection.ttl("rs:a").unwrap();
        assert!(sum == 42 && (90..=100).contains(&left), "{sum} {left}");
        let (a, none): (i64, Option<String>) = redis::pipe()
            .get("rs:a")
            .get("rs:none")
            .query(&mut connection)
            .unwrap();
        assert_eq!((a, none), (42, None));
        let _: () = connection.mset(&[("rs:1", "x"), ("rs:2", "y")]).unwrap();
        let values: Vec<Option<String>> = connection.mget(&["rs:1", "rs:none", "rs:2"]).unwrap();
        assert_eq!(values, [Some("x".into()), None, Some("y".into())]);
        let error = connection.incr::<_, _, i64>("rs:1", 1).unwrap_err();
        assert!(error.to_string().contains("not an integer"), "{error}");
        let removed: usize = connection.del(&["rs:1", "rs:2", "rs:a"]).unwrap();
        assert_eq!(removed, 3);
    }
}

#[test]
fn every_request_of_a_cluster_client_arrives_at_the_owning_core() {
    const KEYS: u64 = 2_000;
    let node = node(2);
    let seed = url(node.addresses().cores[0]);
    let client = ClusterClient::new(vec![seed]).unwrap();
    let mut connection = client.get_connection().unwrap();
    for number in 0..KEYS {
        let _: () = connection.set(format!("rsc:{number}"), number).unwrap();
    }
    for number in 0..KEYS {
        let value: u64 = connection.get(format!("rsc:{number}")).unwrap();
        assert_eq!(value, number);
    }
    eventually("the requests are counted", || {
        total(&node, "ops") >= 2 * KEYS
    });
    assert_eq!(
        total(&node, "forwarded"),
        0,
        "nobody had to pass a request on"
    );
    assert_eq!(total(&node, "moved"), 0, "nobody had to be told where");
    let text = node.stats_text();
    for core in 0..2 {
        let ops = stats::number(&text, &format!("core.{core}.ops")).unwrap();
        assert!(ops > KEYS / 2, "core {core} served {ops}");
    }
}

fn url(address: SocketAddr) -> String {
    format!("redis://{address}/")
}
