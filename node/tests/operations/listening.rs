//! Fear: a message that the clients lose, double or take for a reply, and an end that nobody is
//! told of.

use std::thread;
use std::time::Duration;

use jerboa::Node;
use jerboa_wire::client::glommio::Client;
use jerboa_wire::client::{Command, Error, Message};

use crate::calls::{stop, tasks, threads};
use crate::common::node;
use crate::{local_executor, settings};

const PATIENCE: Duration = Duration::from_secs(20);

fn message(channel: &str, pattern: Option<&str>, payload: &str) -> Message {
    Message {
        channel: channel.into(),
        pattern: pattern.map(Into::into),
        payload: payload.into(),
    }
}

fn both(node: &Node, check: impl Fn(usize)) {
    let client = threads(settings(node));
    for round in 0..2 {
        check(round);
        assert_eq!(
            client.channels().patterns(),
            Ok(0),
            "what ended is not counted"
        );
    }
}

#[test]
fn every_message_comes_once_in_order_by_name_and_by_pattern() {
    let node = node(2);
    let client = threads(settings(&node));
    let (runtime, awaited) = tasks(settings(&node));
    let channels = client.channels();
    both(&node, |round| {
        let mut by_name = client.subscribe(&["news", "sport"]).unwrap();
        let subscribe = awaited.subscribe_patterns(&["n*", "x?"]);
        let mut by_pattern = runtime.block_on(subscribe).unwrap();
        assert_eq!(channels.subscribers(&["news", "none"]), Ok(vec![1, 0]));
        let mut listed = channels.list("").unwrap();
        listed.sort();
        assert_eq!(listed, [b"news".to_vec(), b"sport".to_vec()]);
        assert_eq!(channels.list("s*"), Ok(vec![b"sport".to_vec()]));
        assert_eq!(channels.patterns(), Ok(2));

        assert_eq!(by_name.receive_within(Duration::from_millis(30)), Ok(None));
        for n in 0..500 {
            let payload = format!("{round} {n}");
            assert_eq!(channels.publish("news", &payload), Ok(2));
        }
        assert_eq!(
            runtime.block_on(awaited.channels().publish("sport", "goal")),
            Ok(1)
        );
        assert_eq!(channels.publish("nobody", "x"), Ok(1), "by its pattern n*");
        assert_eq!(channels.publish("else", "x"), Ok(0));
        for n in 0..500 {
            let payload = format!("{round} {n}");
            let plain = message("news", None, &payload);
            assert_eq!(by_name.receive_within(PATIENCE), Ok(Some(plain)));
            let got = runtime.block_on(by_pattern.receive()).unwrap();
            assert_eq!(got, message("news", Some("n*"), &payload));
        }
        let goal = by_name.next().unwrap().unwrap();
        assert_eq!(goal.clone().read::<String>(), Ok("goal".to_owned()));
        assert!(goal.read::<i64>().is_err());

        // Messages that come while a reply is awaited are kept.
        let mut pipeline = client.dmap("").pipeline();
        let counts: Vec<_> = (0..100)
            .map(|n| pipeline.push(Command::publish("sport", n.to_string())))
            .collect();
        let mut answers = client.dmap("").execute(pipeline);
        assert_eq!(by_name.subscribe(&["more"]), Ok(3));
        assert_eq!(by_name.unsubscribe(&["news"]), Ok(2));
        for count in counts {
            assert_eq!(answers.take(count), Ok(1));
        }
        for n in 0..100 {
            let payload = n.to_string();
            let plain = message("sport", None, &payload);
            assert_eq!(by_name.receive_within(PATIENCE), Ok(Some(plain)));
        }
        assert_eq!(channels.publish("news", "after"), Ok(1));
        let none: [&str; 0] = [];
        assert_eq!(by_name.unsubscribe(&none), Ok(0));
        assert_eq!(by_name.receive_within(Duration::from_millis(30)), Ok(None));
        assert_eq!(
            runtime.block_on(by_pattern.unsubscribe_patterns(&none)),
            Ok(0)
        );
    });
    stop(node);
}

#[test]
fn the_end_of_the_node_is_the_last_thing_that_a_subscriber_hears() {
    let node = node(2);
    let client = threads(settings(&node));
    let (runtime, awaited) = tasks(settings(&node));
    let subscription = client.subscribe(&["news"]).unwrap();
    let mut other = runtime.block_on(awaited.subscribe(&["news"])).unwrap();
    let listener = thread::spawn(move || subscription.collect::<Vec<_>>());
    assert_eq!(client.channels().publish("news", "last words"), Ok(2));
    stop(node);
    let heard = listener.join().unwrap();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0], Ok(message("news", None, "last words")));
    assert!(
        matches!(heard[1], Err(Error::ConnectionLost { .. })),
        "{heard:?}"
    );
    assert!(runtime.block_on(other.next()).unwrap().is_ok());
    assert!(runtime.block_on(other.next()).unwrap().is_err());
    assert!(runtime.block_on(other.next()).is_none());
    assert!(client.subscribe(&["news"]).is_err(), "nobody is there");
}

#[test]
fn a_client_for_glommio_hears_what_is_published_and_the_end() {
    let node = node(2);
    let publisher = threads(settings(&node));
    let executor = local_executor();
    let mut subscription = executor.run(async {
        let client = Client::connect_with(settings(&node)).await.unwrap();
        let mut subscription = client.subscribe(&["news"]).await.unwrap();
        assert_eq!(subscription.subscribe_patterns(&["n*"]).await, Ok(2));
        assert_eq!(client.channels().publish("news", "hello").await, Ok(2));
        let plain = subscription.receive().await.unwrap();
        let matched = subscription.receive().await.unwrap();
        assert_eq!(plain, message("news", None, "hello"));
        assert_eq!(matched, message("news", Some("n*"), "hello"));
        assert_eq!(subscription.unsubscribe_patterns(&["n*"]).await, Ok(1));
        // It has a connection of its own and outlives the client.
        subscription
    });
    for n in 0..300 {
        assert_eq!(publisher.channels().publish("news", n.to_string()), Ok(1));
    }
    executor.run(async {
        for n in 0..300 {
            let got = subscription.receive().await.unwrap();
            assert_eq!(got, message("news", None, &n.to_string()));
        }
    });
    stop(node);
    executor.run(async {
        assert!(subscription.next().await.unwrap().is_err());
        assert!(subscription.next().await.is_none());
    });
}
