//! Messages to more subscribers than a turn reaches. Fears: a count that is that of a turn; messages of
//! one publisher that overtake each other; a request that overtakes the publish before it; a door, or
//! the end of a node, at which the rest is forgotten.

use std::collections::HashMap;

use jerboa::{Node, Subscriber};
use jerboa_wire::event::{Event, EventKind, EventKinds, Happening};
use jerboa_wire::{Opcode, Request, Status, stats};

use crate::client::{Client, Got};
use crate::common::resp::RespRaw;
use crate::common::{eventually, node};

/// Of each core: what three turns reach at least.
const SUBSCRIBERS: usize = 2500;
const CORES: usize = 2;

fn subscribed(node: &Node, channel: &str) -> Vec<Subscriber> {
    let subscribe = |_| {
        let subscriber = node.subscriber();
        subscriber.subscribe_blocking([channel]).unwrap();
        subscriber
    };
    (0..CORES * SUBSCRIBERS).map(subscribe).collect()
}

#[test]
fn each_is_counted_whole_and_in_order_whatever_the_door() {
    const MESSAGES: usize = 12;
    let node = node(CORES);
    let mut subscribers = subscribed(&node, "news");
    let all = subscribers.len() as u64;
    let cores = node.addresses().cores.clone();
    std::thread::scope(|scope| {
        for (who, address) in cores.iter().enumerate() {
            scope.spawn(move || {
                let mut client = Client::connect(*address);
                let ids: Vec<u32> = (0..MESSAGES)
                    .map(|n| client.begin_publish("news", format!("{who} {n}").as_bytes()))
                    .collect();
                for id in ids {
                    let reply = client.reply_to(id);
                    assert_eq!((reply.status, reply.arg), (Status::Ok, all));
                }
            });
        }
        for who in 2..4 {
            let here = node.embedded();
            scope.spawn(move || {
                for n in 0..MESSAGES {
                    let handed = here.publish_blocking("news", format!("{who} {n}"));
                    assert_eq!(handed, Ok(all));
                }
            });
        }
        // Others are served meanwhile.
        let mut client = Client::connect(cores[0]);
        for _ in 0..100 {
            assert_eq!(client.call(Request::new(Opcode::Ping)).status, Status::Ok);
            assert_eq!(client.publish("elsewhere", b"x"), 0);
        }
    });
    let mut orders = HashMap::new();
    for (number, subscriber) in subscribers.iter_mut().enumerate() {
        let mut next = [0; 4];
        let mut order = Vec::new();
        while let Some(message) = subscriber.try_next().unwrap() {
            let text = String::from_utf8(message.payload().to_vec()).unwrap();
            let (who, n) = text.split_once(' ').unwrap();
            let next = &mut next[who.parse::<usize>().unwrap()];
            assert_eq!(n.parse::<usize>().unwrap(), *next, "subscriber {number}");
            *next += 1;
            order.push(text);
        }
        assert_eq!(next, [MESSAGES; 4], "subscriber {number}");
        *orders.entry(order).or_insert(0) += 1;
    }
    assert!(
        orders.len() <= CORES,
        "one order on each core: {}",
        orders.len()
    );
}

#[test]
fn nothing_of_its_connection_overtakes_a_publish() {
    let node = node(CORES);
    let subscribers = subscribed(&node, "news");
    let all = subscribers.len() as u64;
    for core in 0..CORES {
        let mut client = Client::connect(node.addresses().cores[core]);
        let first = client.begin_publish("news", b"before");
        let second = client.begin_named(Opcode::Subscribe, &["news"]);
        let third = client.begin_publish("news", b"between");
        let fourth = client.begin_named(Opcode::Unsubscribe, &["news"]);
        let fifth = client.begin_publish("news", b"behind");
        let counts = [first, second, third, fourth, fifth].map(|id| client.reply_to(id).arg);
        assert_eq!(counts, [all, 1, all + 1, 0, all]);
        assert_eq!(client.message(), Got::new("news", None, "between"));
        client.nothing_came();
    }
}

#[test]
fn a_node_that_stops_tells_all_of_them() {
    let node = node(CORES);
    let member = EventKinds::only(EventKind::Member);
    node.embedded().switch_events(member, member);
    let subscribers = subscribed(&node, EventKind::Member.channel());
    node.shutdown_blocking().unwrap();
    for mut subscriber in subscribers {
        let last = subscriber.try_next().unwrap().expect("the event");
        let event = Event::decode(last.payload()).unwrap();
        assert_eq!(event.happening, Happening::MemberStopping);
    }
}

/// By counted work: each page is a request of its own to the core, so that others come in between.
#[test]
fn a_command_that_lists_every_channel_takes_a_page_at_a_time() {
    const CHANNELS: usize = 5000;
    let node = node(1);
    let own: Vec<Subscriber> = (0..CHANNELS / 1000).map(|_| node.subscriber()).collect();
    for (number, subscriber) in own.iter().enumerate() {
        let names = number * 1000..(number + 1) * 1000;
        let names = names.map(|name| format!("channel:{name}"));
        subscriber.subscribe_blocking(names).unwrap();
    }
    own[0].subscribe_blocking(["__shard__:own"]).unwrap();
    let steps = || stats::number(&node.stats_text(), "core.0.forwarded_in").unwrap();
    let mut client = RespRaw::connect(node.addresses().any_core);
    for (asked, expected) in [
        (&["PUBSUB", "CHANNELS"][..], CHANNELS),
        (&["PUBSUB", "CHANNELS", "*"], CHANNELS),
        (&["PUBSUB", "CHANNELS", "channel:?"], 10),
        (&["PUBSUB", "CHANNELS", ""], 0),
        (&["PUBSUB", "SHARDCHANNELS"], 1),
        (&["PUBSUB", "SHARDCHANNELS", "o*"], 1),
        (&["PUBSUB", "SHARDCHANNELS", ""], 0),
        (&["PUBSUB", "SHARDCHANNELS", "channel:*"], 0),
    ] {
        let before = steps();
        let reply = client.call(asked);
        let count = format!("*{expected}\r\n");
        assert!(reply.starts_with(&count), "{asked:?}: {:.100}", reply);
        let mut listed: Vec<_> = reply
            .lines()
            .filter(|line| line.starts_with("channel:"))
            .collect();
        listed.sort_unstable();
        listed.dedup();
        let expected = if expected > 1 { expected } else { 0 };
        assert_eq!(listed.len(), expected, "{asked:?}");
        // Pages look at some thousand channels at most.
        eventually("the steps are told", || steps() - before >= 5);
    }
}
