//! The numbers of a node: counted once, for the right map and operation, and the same through every
//! door.

use std::time::Duration;

use jerboa::Node;
use jerboa_wire::client::PutOptions;
use jerboa_wire::client::blocking::Client;
use jerboa_wire::stats::{MapStats, NodeStats, number};
use jerboa_wire::{Opcode, Request, Status};

use super::common::resp::{RespRaw, command};
use super::common::{Raw, config, eventually, key_of_core, node};

fn client(node: &Node) -> Client {
    Client::connect([node.addresses().any_core.to_string()]).unwrap()
}

/// Requests of an operation that all cores executed.
fn executed(stats: &NodeStats, operation: Opcode) -> u64 {
    let total = stats.total();
    total.operations.get(operation.name()).copied().unwrap_or(0)
}

#[test]
fn requests_are_counted_once_where_they_are_executed_with_how_long_they_took() {
    let node = node(2);
    // On the port of core 0, so that half of them are forwarded.
    let mut raw = Raw::connect(node.addresses().cores[0]);
    for number in 0..30 {
        for core in 0..2 {
            raw.put(&key_of_core(core, 2, number), b"value");
        }
    }
    for number in 0..40 {
        raw.get(&key_of_core(1, 2, number));
    }
    eventually("100 requests", || {
        let stats = node.stats();
        (executed(&stats, Opcode::Put), executed(&stats, Opcode::Get)) == (60, 40)
            && stats.total().latency().count() >= 100
    });
    let stats = node.stats();
    assert_eq!(stats.cores[1].operations["Get"], 40, "the owner counts");
    assert_eq!(stats.cores[1].forwarded_in, 70);
    let total = stats.total();
    for (name, requests) in [("Put", 60), ("Get", 40)] {
        let latency = &total.latencies[name];
        assert_eq!(latency.count(), requests, "{name}");
        let (half, longest) = (latency.quantile(0.5).unwrap(), latency.max().unwrap());
        assert!(half <= longest && half > Duration::ZERO);
        assert!(longest < Duration::from_secs(20), "{longest:?}");
    }
    assert_eq!((total.hits, total.misses), (30, 10));
    assert!(
        stats.other.is_empty(),
        "the structure knows every line: {:?}",
        stats.other
    );
}

#[test]
fn the_network_client_and_the_embedding_process_see_the_same() {
    let node = node(2);
    let client = client(&node);
    for number in 0..50 {
        let key = number.to_string();
        client
            .dmap("orders")
            .put_with(&key, "x", PutOptions::default())
            .unwrap();
        client.dmap("orders").get::<Vec<u8>>(&key).unwrap();
        client
            .dmap("orders")
            .get::<Vec<u8>>(format!("no {key}"))
            .unwrap();
    }
    let expected = |stats: &MapStats| {
        (stats.keys, stats.hits, stats.misses) == (50, 50, 50)
            && stats.operations["Get"] == 100
            && stats.operations["Put"] == 50
    };
    eventually("the map's numbers", || {
        node.map_stats("orders").is_some_and(|map| expected(&map))
    });
    let far = client.map_stats("orders").unwrap().unwrap();
    assert!(expected(&far), "{far:?}");
    assert_eq!(far.hit_ratio(), Some(0.5));
    assert!(far.bytes > 50 * 10);
    assert_eq!(client.map_stats("nobody wrote to it").unwrap(), None);
    let names = |maps: Vec<MapStats>| maps.into_iter().map(|map| map.map).collect::<Vec<_>>();
    let far = names(client.all_map_stats().unwrap());
    assert_eq!(far, names(node.all_map_stats()));
    assert_eq!(far, [&b""[..], b"orders"]);
    eventually("all latencies", || {
        let stats = client.stats_with_latencies().unwrap();
        stats.total().latencies["Get"].count() == 100
    });
    let text = node.stats_text();
    let again = NodeStats::parse(&text);
    assert_eq!(again.cores.len(), 2);
    assert_eq!(again.total().gets, client.stats().unwrap().total().gets);
}

#[test]
fn a_map_has_the_latencies_of_its_own_requests_until_it_is_destroyed() {
    let node = node(2);
    let client = client(&node);
    let (orders, users) = (client.dmap("orders"), client.dmap("users"));
    for number in 0..50 {
        let key = number.to_string();
        orders.put(&key, "x").unwrap();
        orders.get::<Vec<u8>>(&key).unwrap();
        orders.get::<Vec<u8>>(&key).unwrap();
        users.put(&key, "x").unwrap();
    }
    let counts = |stats: Option<MapStats>| -> Vec<(String, u64)> {
        let latencies = stats.unwrap_or_default().latencies.into_iter();
        latencies
            .map(|(name, latency)| (name, latency.count()))
            .collect()
    };
    let expected = [("Get".to_owned(), 100), ("Put".to_owned(), 50)];
    eventually("every request of the map", || {
        counts(node.map_stats_with_latencies("orders")) == expected
            && counts(node.map_stats_with_latencies("users")) == expected[1..]
    });
    let far = client.map_stats_with_latencies("orders").unwrap().unwrap();
    assert_eq!(Some(&far), node.map_stats_with_latencies("orders").as_ref());
    let latency = &far.latencies["Get"];
    let (half, longest) = (latency.quantile(0.5).unwrap(), latency.max().unwrap());
    assert!(Duration::ZERO < half && half <= longest && longest < Duration::from_secs(20));
    assert_eq!(far.latency().count(), 150);
    assert!(far.other.is_empty(), "{:?}", far.other);
    let without = client.map_stats("orders").unwrap().unwrap();
    assert!(without.latencies.is_empty(), "only where it is asked for");

    orders.destroy().unwrap();
    eventually("the map is forgotten", || {
        node.map_stats("orders").is_none()
    });
    orders.put("key", "x").unwrap();
    let expected = [("Put".to_owned(), 1)];
    eventually("the new map", || {
        let counted = counts(node.map_stats_with_latencies("orders"));
        assert!(counted.is_empty() || counted == expected, "{counted:?}");
        counted == expected
    });
    eventually("the other map as before", || {
        counts(node.map_stats_with_latencies("users")) == [("Put".to_owned(), 50)]
    });
}

#[test]
fn what_waits_for_a_core_that_is_stuck_is_told_while_it_is_stuck() {
    let builder = Node::builder().config(config(2)).listen();
    let node = builder.debug_commands(true).start().unwrap();
    let cores = &node.addresses().cores;
    let mut stuck = RespRaw::connect(cores[1]);
    let mut raw = Raw::connect(cores[0]);
    let depth = |core: usize| node.stats().cores[core].mailbox_depth;
    assert_eq!((depth(0), depth(1)), (0, 0));
    let sleep = command(&[b"DEBUG", b"SLEEP", b"1"]);
    stuck.send(&sleep).unwrap();
    stuck.stream.set_nonblocking(true).unwrap();
    let key = key_of_core(1, 2, 0);
    let mut sent = 0;
    eventually("three deliveries wait", || {
        if stuck.try_receive().is_ok() {
            // It woke up too early.
            stuck.send(&sleep).unwrap();
        }
        raw.send(Request {
            key: &key,
            ..Request::new(Opcode::Get)
        });
        sent += 1;
        depth(1) >= 3
    });
    assert_eq!(depth(0), 0, "nobody answers");
    let text = node.stats_text();
    assert!(number(&text, "core.1.mailbox_depth") >= Some(1), "{text}");
    for _ in 0..sent {
        assert_eq!(raw.receive().status, Status::NotFound);
    }
    assert_eq!((depth(0), depth(1)), (0, 0));
}

#[test]
fn every_map_is_told_once_though_there_are_more_than_one_reply_holds() {
    let node = node(2);
    let client = client(&node);
    let name = |number: u32| format!("map {number:04}");
    for number in 0..300 {
        // On one core or the other.
        let key = number.to_string();
        client
            .dmap(name(number))
            .put_with(key, "x", PutOptions::default())
            .unwrap();
    }
    eventually("300 maps", || node.all_map_stats().len() == 301);
    let maps = client.all_map_stats().unwrap();
    assert_eq!(maps.len(), 301);
    assert!(maps.is_sorted_by(|a, b| a.map < b.map));
    eventually("an entry in each", || {
        let maps = client.all_map_stats().unwrap();
        maps.iter().skip(1).all(|map| map.keys == 1)
    });
}

#[test]
fn what_expires_and_what_is_evicted_is_counted_for_its_map() {
    let node = Node::start(&jerboa::config::Config {
        memory: Some(24 << 20),
        ..config(1)
    })
    .unwrap();
    let client = client(&node);
    let soon = PutOptions::expire_after(Duration::from_millis(1));
    for number in 0..100 {
        client
            .dmap("short")
            .put_with(number.to_string(), "x", soon)
            .unwrap();
    }
    let value = vec![7; 10_000];
    for number in 0..4_000 {
        client
            .dmap("large")
            .put_with(number.to_string(), &value, PutOptions::default())
            .unwrap();
    }
    eventually("both", || {
        let of = |map| node.map_stats(map).unwrap_or_default();
        of("short").expired == 100 && of("large").evicted > 1000
    });
    let (short, large) = (
        node.map_stats("short").unwrap(),
        node.map_stats("large").unwrap(),
    );
    assert_eq!((short.keys, short.evicted), (0, 0));
    assert_eq!(large.expired, 0);
}

#[test]
fn a_key_that_everybody_uses_is_told_first() {
    let node = node(2);
    let client = client(&node);
    for number in 0..3_000 {
        client
            .dmap("other")
            .get::<Vec<u8>>("never written")
            .unwrap();
        client.dmap("hot").incr("counter", 1).unwrap();
        if number % 10 == 0 {
            let keys: Vec<_> = (0..10).map(|n| format!("{number}-{n}")).collect();
            client.dmap("hot").multi_get::<Vec<u8>>(&keys);
        }
    }
    eventually("the hot key", || {
        let keys = client.hot_keys(5).unwrap();
        assert!(keys.len() <= 5);
        keys.first().is_some_and(|first| {
            first.map == b"hot" && first.key == b"counter" && first.key_bytes == 7
        })
    });
    assert_eq!(node.hot_keys(1).len(), 1);
}

#[test]
fn questions_that_make_no_sense_are_refused_by_name() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let mut ask = |opcode, arg, map: &'static [u8]| {
        raw.call(Request {
            arg,
            map,
            ..Request::new(opcode)
        })
        .status
    };
    assert_eq!(ask(Opcode::Stats, 3, b""), Status::InvalidArgument);
    assert_eq!(ask(Opcode::Stats, u64::MAX, b""), Status::InvalidArgument);
    assert_eq!(ask(Opcode::Stats, 2, b""), Status::Ok);
    assert_eq!(ask(Opcode::MapStats, 0, b"unknown"), Status::NotFound);
    assert_eq!(ask(Opcode::MapStats, 2, b"zzz"), Status::Ok);
    assert_eq!(ask(Opcode::MapStats, 3, b"unknown"), Status::NotFound);
    assert_eq!(ask(Opcode::HotKeys, 1024, b""), Status::Ok);
}
