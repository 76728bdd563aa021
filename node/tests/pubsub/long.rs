//! Messages to more subscribers than a turn reaches. Fears: a count that is that of a turn; messages of
//! one publisher that overtake each other; a request that overtakes the publish before it; a door, or
//! the end of a node, at which the rest is forgotten.

use std::collections::HashMap;

use jerboa::{Node, Subscriber};
use jerboa_wire::event::{Event, EventKind, EventKinds, Happening};
use jerboa_wire::{Opcode, Request, Status};

use crate::client::{Client, Got};
use crate::common::node;

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
