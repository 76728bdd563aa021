//! Publish/subscribe over real sockets. Fears: a message that is lost, doubled or out of order; a
//! count that is not the number of messages; a slow subscriber that costs others anything; a
//! subscriber that is gone but counted; subscriptions without bound.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test harness")]

#[path = "pubsub/client.rs"]
mod client;
mod common;
#[path = "pubsub/embedded.rs"]
mod embedded;
#[path = "pubsub/events.rs"]
mod events;
#[path = "pubsub/long.rs"]
mod long;
#[path = "pubsub/slow.rs"]
mod slow;

use std::collections::{BTreeMap, BTreeSet};

use client::{Client, Got};
use common::{Random, config, eventually, node};
use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::channel::RESERVED_PREFIX;
use jerboa_wire::{Opcode, Request, Status, limits};

/// One client on each core's own port.
fn one_on_each(node: &Node) -> Vec<Client> {
    let cores = &node.addresses().cores;
    cores
        .iter()
        .map(|address| Client::connect(*address))
        .collect()
}

#[test]
fn every_subscriber_of_every_core_gets_the_message_and_is_counted() {
    let node = node(2);
    let mut subscribers = one_on_each(&node);
    subscribers.extend(one_on_each(&node));
    for (number, subscriber) in subscribers.iter_mut().enumerate() {
        assert_eq!(subscriber.subscribe(&["news"]), 1);
        let other = format!("other:{number}");
        assert_eq!(subscriber.subscribe(&[&other]), 2);
    }
    let mut publishers = one_on_each(&node);
    publishers.push(Client::connect(node.addresses().any_core));
    for (round, publisher) in publishers.iter_mut().enumerate() {
        let payload = format!("round {round}");
        assert_eq!(publisher.publish("news", payload.as_bytes()), 4);
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.message(), Got::new("news", None, &payload));
        }
        // Nobody is subscribed to these, whatever the bucket they fall into.
        assert_eq!(publisher.publish("nobody", b"x"), 0);
        assert_eq!(publisher.publish("other:3", b"x"), 1);
        assert_eq!(subscribers[3].message(), Got::new("other:3", None, "x"));
    }
    for subscriber in &mut subscribers {
        subscriber.nothing_came();
    }
}

#[test]
fn a_name_and_each_pattern_that_match_bring_a_message_of_their_own() {
    let node = node(2);
    let mut subscribers = one_on_each(&node);
    for subscriber in &mut subscribers {
        assert_eq!(subscriber.subscribe(&["news.today"]), 1);
        let patterns = ["news.*", "*.today", "sports.*"];
        assert_eq!(subscriber.pattern_subscribe(&patterns), 4);
    }
    let mut publisher = Client::connect(node.addresses().any_core);
    assert_eq!(publisher.publish("news.today", b"rain"), 6);
    assert_eq!(publisher.publish("sports.today", b"won"), 4);
    assert_eq!(publisher.publish("weather", b"rain"), 0);
    for subscriber in &mut subscribers {
        let got: BTreeSet<_> = (0..3).map(|_| subscriber.message()).collect();
        let expected = [None, Some("news.*"), Some("*.today")];
        let expected = expected.map(|pattern| Got::new("news.today", pattern, "rain"));
        assert_eq!(got, BTreeSet::from(expected));
        let got: BTreeSet<_> = (0..2).map(|_| subscriber.message()).collect();
        let expected = [Some("sports.*"), Some("*.today")];
        let expected = expected.map(|pattern| Got::new("sports.today", pattern, "won"));
        assert_eq!(got, BTreeSet::from(expected));
        subscriber.nothing_came();
    }
}

#[test]
fn messages_of_a_publisher_arrive_in_their_order_and_none_is_missing() {
    const MESSAGES: usize = 3000;
    let node = node(2);
    let mut subscribers = one_on_each(&node);
    for subscriber in &mut subscribers {
        subscriber.subscribe(&["a", "b"]);
        subscriber.pattern_subscribe(&["a*"]);
    }
    std::thread::scope(|scope| {
        for (who, mut publisher) in one_on_each(&node).into_iter().enumerate() {
            scope.spawn(move || {
                let mut random = Random::seeded();
                // Pipelined, so that many are on their way together.
                let mut sent = 0;
                while sent < MESSAGES {
                    let burst = (1 + random.below(200)).min(MESSAGES - sent);
                    let ids: Vec<u32> = (sent..sent + burst)
                        .map(|number| {
                            let channel = if number % 2 == 0 { "a" } else { "b" };
                            let payload = format!("{who} {number}");
                            publisher.begin_publish(channel, payload.as_bytes())
                        })
                        .collect();
                    for (id, number) in ids.into_iter().zip(sent..) {
                        let reply = publisher.reply_to(id);
                        let receivers = if number % 2 == 0 { 4 } else { 2 };
                        assert_eq!((reply.status, reply.arg), (Status::Ok, receivers));
                    }
                    sent += burst;
                }
            });
        }
        for mut subscriber in subscribers {
            scope.spawn(move || {
                let mut next: BTreeMap<(String, bool, usize), usize> = BTreeMap::new();
                for _ in 0..2 * (MESSAGES + MESSAGES / 2) {
                    let got = subscriber.message();
                    let (who, number) = got.payload.split_once(' ').unwrap();
                    let number: usize = number.parse().unwrap();
                    let by_pattern = got.pattern.is_some();
                    let who = who.parse().unwrap();
                    let start = usize::from(got.channel == "b");
                    let expected = next.entry((got.channel, by_pattern, who)).or_insert(start);
                    assert_eq!(number, *expected);
                    *expected += 2;
                }
                subscriber.nothing_came();
            });
        }
    });
}

#[test]
fn who_unsubscribed_or_went_away_is_neither_sent_to_nor_counted() {
    let node = node(2);
    let mut publisher = Client::connect(node.addresses().any_core);
    let [mut stays, mut goes] = <[Client; 2]>::try_from(one_on_each(&node)).ok().unwrap();
    let mut vanishes = Client::connect(node.addresses().cores[1]);
    for client in [&mut stays, &mut goes, &mut vanishes] {
        client.subscribe(&["news", "chat"]);
        client.pattern_subscribe(&["n*"]);
    }
    assert_eq!(publisher.publish("news", b"1"), 6);
    assert_eq!(goes.unsubscribe(&["news", "never was"]), 2);
    assert_eq!(publisher.publish("news", b"2"), 5);
    assert_eq!(goes.pattern_unsubscribe(&[]), 1);
    assert_eq!(goes.unsubscribe(&[]), 0);
    assert_eq!(publisher.publish("news", b"3"), 4);
    drop(vanishes);
    eventually("the connection that ended is forgotten", || {
        publisher.publish("news", b"4") == 2
    });
    assert_eq!(publisher.subscribers(&["news", "chat", "none"]), [1, 1, 0]);
    drop(stays);
    eventually("nobody is left", || publisher.publish("news", b"5") == 0);
    assert_eq!(publisher.subscribers(&["news", "chat"]), [0, 0]);
    assert_eq!((publisher.channels("").len(), publisher.patterns()), (0, 0));
    // Two messages of the first publish, then one by the pattern.
    let got: Vec<_> = (0..3).map(|_| goes.message().payload).collect();
    assert_eq!(got, ["1", "1", "2"]);
    goes.nothing_came();
}

#[test]
fn what_ended_one_side_is_no_subscriber_any_more() {
    let node = node(1);
    let mut publisher = Client::connect(node.addresses().any_core);
    let mut subscriber = Client::connect(node.addresses().any_core);
    subscriber.subscribe(&["news"]);
    subscriber.raw.half_close();
    eventually("its subscription ends", || {
        publisher.publish("news", b"x") == 0
    });
}

#[test]
fn a_reused_socket_does_not_inherit_subscriptions() {
    let node = node(1);
    let mut publisher = Client::connect(node.addresses().any_core);
    for _ in 0..20 {
        let mut subscriber = Client::connect(node.addresses().any_core);
        subscriber.subscribe(&["news"]);
        drop(subscriber);
        let mut innocent = Client::connect(node.addresses().any_core);
        eventually("its subscription ends", || {
            publisher.publish("news", b"x") == 0
        });
        innocent.nothing_came();
    }
}

#[test]
fn introspection_covers_all_cores_and_lists_each_channel_once() {
    let node = node(2);
    let mut subscribers = one_on_each(&node);
    for (number, subscriber) in subscribers.iter_mut().enumerate() {
        let own: Vec<String> = (0..700)
            .map(|index| format!("own:{number}:{index}"))
            .collect();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        subscriber.subscribe(&own);
        subscriber.subscribe(&["all"]);
        subscriber.pattern_subscribe(&["*", &format!("{number}*")]);
    }
    let mut client = Client::connect(node.addresses().any_core);
    let all = client.channels("");
    assert_eq!(all.len(), 2 * 700 + 1);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(client.channels("own:1:*").len(), 700);
    assert_eq!(client.channels("al[l]"), ["all"]);
    assert_eq!(client.subscribers(&["all", "own:0:0", "own"]), [2, 1, 0]);
    assert_eq!(client.patterns(), 3, "a pattern on two cores is one");
}

#[test]
fn everything_of_a_request_beyond_the_limit_is_refused_and_the_rest_goes_on() {
    let config = Config {
        connection_subscriptions_max: 10,
        core_subscriptions_max: 15,
        ..config(1)
    };
    let node = Node::start(&config).unwrap();
    let address = node.addresses().any_core;
    let (mut first, mut second) = (Client::connect(address), Client::connect(address));
    let names: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let full = Status::TooManySubscriptions;
    assert_eq!(first.try_subscribe(&names), Err(full));
    assert_eq!(first.channels("").len(), 0, "none of them");
    assert_eq!(first.try_subscribe(&names[..10]), Ok(10));
    assert_eq!(first.try_subscribe(&names[..10]), Ok(10), "nothing new");
    assert_eq!(first.try_subscribe(&names[9..]), Err(full));
    assert_eq!(
        second.try_subscribe(&names[..6]),
        Err(full),
        "the core's limit"
    );
    assert_eq!(second.try_subscribe(&names[..5]), Ok(5));
    assert_eq!(first.unsubscribe(&["9"]), 9);
    assert_eq!(
        second.try_subscribe(&names[..6]),
        Ok(6),
        "room is given back"
    );
    let mut publisher = Client::connect(address);
    assert_eq!(publisher.publish("3", b"x"), 2);
}

#[test]
fn names_that_are_too_long_empty_or_the_nodes_own_are_refused() {
    let node = node(1);
    let mut client = Client::connect(node.addresses().any_core);
    let long = "c".repeat(limits::CHANNEL_BYTES_MAX);
    assert_eq!(client.subscribe(&[&long]), 1);
    assert_eq!(client.publish(&long, b"x"), 1);
    assert_eq!(client.message().channel, long);
    let reserved = [RESERVED_PREFIX, b"anything"].concat();
    let reply = client.raw.call(Request {
        key: &reserved,
        value: b"x",
        ..Request::new(Opcode::Publish)
    });
    assert_eq!(reply.status, Status::ReservedChannel);
    // Frames that the encoder would refuse to build.
    let too_long = format!("{long}c");
    for (opcode, name, status) in [
        (
            Opcode::Subscribe,
            too_long.as_str(),
            Status::ChannelTooLarge,
        ),
        (Opcode::Subscribe, "", Status::KeyEmpty),
        (
            Opcode::PatternSubscribe,
            &long[..257],
            Status::ChannelTooLarge,
        ),
        (Opcode::Publish, &too_long, Status::ChannelTooLarge),
        (Opcode::Publish, "", Status::KeyEmpty),
        (Opcode::Message, "", Status::UnknownOpcode),
    ] {
        assert_eq!(
            client.forged(opcode, name),
            status,
            "{opcode:?} {}",
            name.len()
        );
    }
    assert_eq!(
        client.publish("fine", b"x"),
        0,
        "the stream is still in step"
    );
}

#[test]
fn a_subscriber_may_go_on_with_everything_else() {
    let node = node(2);
    let mut client = Client::connect(node.addresses().cores[0]);
    client.subscribe(&["own"]);
    let mut other = Client::connect(node.addresses().cores[1]);
    for round in 0..50 {
        let key = format!("key {round}");
        let (put, get) = (round % 2 == 0, round % 3 == 0);
        if put {
            assert_eq!(client.publish("own", key.as_bytes()), 1);
        } else {
            assert_eq!(other.publish("own", key.as_bytes()), 1);
        }
        assert_eq!(client.put(key.as_bytes(), b"value").status, Status::Ok);
        if get {
            let reply = client.get(key.as_bytes());
            assert_eq!(reply.value, b"value");
        }
        let ping = Request {
            value: key.as_bytes(),
            ..Request::new(Opcode::Ping)
        };
        assert_eq!(client.call(ping).value, key.as_bytes());
        assert_eq!(client.message().payload, key);
    }
}
