//! Fear: a setting that is said to hold and does not, or holds in part.

use crate::common::resp::RespRaw;
use crate::common::{eventually, key_of_core, node};

/// What CONFIG GET tells of one name.
fn get(client: &mut RespRaw, name: &str) -> String {
    let told = client.call(&["CONFIG", "GET", name]);
    let mut parts = told.split("\r\n");
    assert_eq!(parts.next(), Some("*2"), "{name}: {told}");
    parts.nth(3).unwrap_or_default().to_owned()
}

fn failed(name: &str, reason: &str) -> String {
    format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}\r\n")
}

#[test]
fn settings_are_read_and_set_all_or_none_of_them() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let maxmemory = client.call(&["CONFIG", "GET", "maxmemory"]);
    assert!(maxmemory.contains("$8\r\n67108864\r\n"), "{maxmemory}");
    let all = client.call(&["CONFIG", "GET", "*"]);
    for name in [
        "maxclients",
        "spin_us",
        "gather_us",
        "mailbox_capacity",
        "save",
        "appendonly",
    ] {
        assert!(all.contains(&format!("\r\n{name}\r\n")), "{name} in {all}");
    }
    assert_eq!(
        client.call(&["CONFIG", "SET", "events", "expired,evicted"]),
        "+OK\r\n"
    );
    let events = client.call(&["CONFIG", "GET", "events"]);
    assert!(events.ends_with("expired,evicted\r\n"), "{events}");
    assert_eq!(
        client.call(&["CONFIG", "SET", "appendonly", "no"]),
        "+OK\r\n"
    );
    let refused = client.call(&["CONFIG", "SET", "events", "none", "maxmemory", "1"]);
    assert!(refused.contains("can't set immutable config"), "{refused}");
    let events = client.call(&["CONFIG", "GET", "events"]);
    assert!(
        events.ends_with("expired,evicted\r\n"),
        "nothing was set: {events}"
    );
    assert_eq!(
        client.call(&["CONFIG", "SET", "events", "none", "EVENTS", "none"]),
        "-ERR CONFIG SET failed (possibly related to argument 'EVENTS') - duplicate parameter\r\n"
    );
    let events = client.call(&["CONFIG", "GET", "events"]);
    assert!(
        events.ends_with("expired,evicted\r\n"),
        "nothing was set: {events}"
    );
    let unknown = client.call(&["CONFIG", "SET", "nonsense", "1"]);
    assert!(unknown.starts_with("-ERR Unknown option"), "{unknown}");
}

const IMMUTABLE: &str = "can't set immutable config";
const NOT_AN_INTEGER: &str = "argument couldn't be parsed into an integer";
const REFUSED: &[(&str, &str, &str)] = &[
    ("databases", "1", IMMUTABLE),
    ("port", "7", IMMUTABLE),
    ("maxmemory", "100mb", IMMUTABLE),
    ("partitions", "2048", IMMUTABLE),
    ("appendonly", "yes", IMMUTABLE),
    (
        "maxclients",
        "0",
        "argument must be between 1 and 4294967295 inclusive",
    ),
    ("maxclients", "x", NOT_AN_INTEGER),
    (
        "timeout",
        "-1",
        "argument must be between 0 and 31536000 inclusive",
    ),
    (
        "timeout",
        "31536001",
        "argument must be between 0 and 31536000 inclusive",
    ),
    ("slowlog-log-slower-than", "x", NOT_AN_INTEGER),
    (
        "slowlog-max-len",
        "-1",
        "argument must be between 0 and 1024 inclusive",
    ),
    ("latency-monitor-threshold", "", NOT_AN_INTEGER),
    (
        "maxmemory-policy",
        "volatile-ttl",
        "argument(s) must be one of the following: allkeys-lru, noeviction",
    ),
    ("spin_us", "fast", "expected a whole number"),
    (
        "gather_us",
        "1001",
        "argument must be between 0 and 1000 inclusive",
    ),
    (
        "input_bytes_max",
        "1",
        "input_bytes_max = 1 cannot hold one frame with the largest value: \
          raise input_bytes_max to at least 67176448 or lower value_bytes_max",
    ),
    (
        "maps.orders.ttl_ms",
        "0",
        "ttl_ms: expected milliseconds from 1 to 281474976710655, none or inherit",
    ),
    (
        "maps.\"\".when_full",
        "explode",
        "when_full: expected evict, refuse or inherit",
    ),
];

#[test]
fn what_cannot_be_set_is_refused_in_the_words_of_redis_and_nothing_is_changed() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let before = client.call(&["CONFIG", "GET", "*"]);
    for (name, value, reason) in REFUSED {
        // The one before it could be set, and must not be.
        let told = client.call(&["CONFIG", "SET", "maps.orders.keys_max", "7", name, value]);
        assert_eq!(told, failed(name, reason));
    }
    for (words, told) in [
        (
            &["CONFIG", "SET", "a"][..],
            "-ERR wrong number of arguments for 'config|set' command\r\n",
        ),
        (&["CONFIG", "SET", "a", "b", "c"], "-ERR syntax error\r\n"),
        (
            &["CONFIG", "SET", "maps.orders.keys_max", "7", "nosuch", "1"],
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n",
        ),
        (
            &["CONFIG", "REWRITE"],
            "-ERR The server is running without a config file\r\n",
        ),
        (&["CONFIG", "GET", "nosuch"], "*0\r\n"),
        // A name is answered as it was asked, and once.
        (
            &["CONFIG", "GET", "DATABASES", "databases", "data*"],
            "*2\r\n$9\r\nDATABASES\r\n$1\r\n1\r\n",
        ),
        (
            &["CONFIG", "GET", "Data[b]ases"],
            "*2\r\n$9\r\ndatabases\r\n$1\r\n1\r\n",
        ),
        (
            &["CONFIG", "GET", "maps.Orders.COPIES", "maps.Orders.copies"],
            "*2\r\n$18\r\nmaps.Orders.COPIES\r\n$7\r\ninherit\r\n",
        ),
    ] {
        assert_eq!(client.call(words), told);
    }
    let twice = [
        "CONFIG",
        "SET",
        "maxmemory-policy",
        "noeviction",
        "maps.\"\".when_full",
        "evict",
    ];
    assert_eq!(
        client.call(&twice),
        failed("maps.\"\".when_full", "duplicate parameter")
    );
    assert_eq!(client.call(&["CONFIG", "GET", "*"]), before);
}

#[test]
fn settings_of_maps_hold_on_every_core_from_the_next_command_on() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let set = [
        "CONFIG",
        "SET",
        "maps.\"\".ttl_ms",
        "60000",
        "maps.Orders.keys_max",
        "4",
        "maps.orders.when_full",
        "refuse",
        "maps.orders.bytes_max",
        "1mb",
    ];
    assert_eq!(client.call(&set), "+OK\r\n");
    for core in 0..2 {
        let key = String::from_utf8(key_of_core(core, 2, 1)).unwrap();
        client.call(&["SET", &key, "1"]);
        let left: i64 = client.call(&["PTTL", &key])[1..].trim().parse().unwrap();
        assert!((1..=60_000).contains(&left), "on core {core}: {left}");
    }
    assert_eq!(get(&mut client, "maps.orders.bytes_max"), "1048576");
    assert_eq!(get(&mut client, "maps.Orders.keys_max"), "4");
    assert_eq!(get(&mut client, "maps.orders.keys_max"), "inherit");
    assert_eq!(get(&mut client, "maps.nobody.keys_max"), "inherit");
    assert_eq!(get(&mut client, "maps.defaults.ttl_ms"), "inherit");
    let all = client.call(&["CONFIG", "GET", "maps.*.ttl_ms"]);
    assert!(all.starts_with("*8\r\n"), "{all}");
    assert_eq!(
        client.call(&["CONFIG", "SET", "maps.\"\".ttl_ms", "inherit"]),
        "+OK\r\n"
    );
    client.call(&["SET", "lasts", "1"]);
    assert_eq!(client.call(&["TTL", "lasts"]), ":-1\r\n");
    assert_eq!(get(&mut client, "maxmemory-policy"), "allkeys-lru");
    assert_eq!(
        client.call(&["CONFIG", "SET", "maxmemory-policy", "NOEVICTION"]),
        "+OK\r\n"
    );
    assert_eq!(get(&mut client, "maps.\"\".when_full"), "refuse");
    assert!(
        client
            .call(&["INFO", "memory"])
            .contains("maxmemory_policy:noeviction\r\n")
    );
}

#[test]
fn a_lower_limit_on_connections_refuses_the_next_and_keeps_those_that_are() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    assert_eq!(
        client.call(&["CONFIG", "SET", "maxclients", "1"]),
        "+OK\r\n"
    );
    assert_eq!(get(&mut client, "connections_max"), "1");
    let mut late = RespRaw::connect(node.addresses().any_core);
    let _ = late.send(b"PING\r\n");
    let told = late.until_closed();
    assert_eq!(told, b"-ERR max number of clients reached\r\n");
    assert_eq!(
        client.call(&["CONFIG", "SET", "maxclients", "2"]),
        "+OK\r\n"
    );
    let mut next = RespRaw::connect(node.addresses().any_core);
    assert_eq!(next.call(&["PING"]), "+PONG\r\n");
}

#[test]
fn who_is_silent_for_longer_than_is_allowed_now_is_closed() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let mut silent = RespRaw::connect(node.addresses().any_core);
    assert_eq!(silent.call(&["PING"]), "+PONG\r\n");
    assert_eq!(get(&mut client, "timeout"), "0");
    assert_eq!(client.call(&["CONFIG", "SET", "timeout", "1"]), "+OK\r\n");
    assert_eq!(get(&mut client, "idle_timeout_ms"), "1000");
    // Closed by the node: nothing is sent any more.
    assert_eq!(silent.until_closed(), b"");
    eventually("it is counted", || {
        let total = node.stats().total();
        total.closed_idle >= 1
    });
}
