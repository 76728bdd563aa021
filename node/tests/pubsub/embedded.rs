//! Subscribers and publishers in the node's own process.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jerboa::client::Error;
use jerboa::embedded::Ended;
use jerboa::node::Builder;
use jerboa::{Node, Subscriber};
use jerboa_wire::Status;
use jerboa_wire::event::{Event, EventKind, EventKinds, Happening};

use crate::client::{Client, Got};
use crate::common::{PARTITIONS, config, eventually, node};

/// Nothing that is waited for here takes longer, unless it hangs.
const LONG: Duration = Duration::from_secs(20);

fn unheard(cores: usize) -> Builder {
    Node::builder()
        .cores(cores.into())
        .memory(64 << 20)
        .partitions(PARTITIONS)
        .prefault(false)
}

fn next(subscriber: &mut Subscriber) -> (String, Option<String>, String) {
    let message = subscriber.next_blocking(LONG).unwrap().expect("a message");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let pattern = message.pattern().map(text);
    (text(message.channel()), pattern, text(message.payload()))
}

fn got(channel: &str, pattern: Option<&str>, payload: &str) -> (String, Option<String>, String) {
    let pattern = pattern.map(str::to_owned);
    (channel.to_owned(), pattern, payload.to_owned())
}

#[test]
fn both_doors_reach_the_subscribers_of_both() {
    let node = node(2);
    let here = node.embedded();
    // One on each core, and a connection on each.
    let mut inside = [node.subscriber(), node.subscriber()];
    let cores = &node.addresses().cores;
    let mut outside = [Client::connect(cores[0]), Client::connect(cores[1])];
    for subscriber in &mut inside {
        assert_eq!(subscriber.subscribe_blocking(["news", "chat"]).unwrap(), 2);
        assert_eq!(subscriber.subscribe_blocking(["news"]).unwrap(), 2);
        assert_eq!(subscriber.subscribe_patterns_blocking(["n*"]).unwrap(), 3);
    }
    for client in &mut outside {
        client.subscribe(&["news"]);
    }
    let face = here.channels_blocking();
    assert_eq!(face.subscribers(&["news"]).unwrap(), [4]);
    let mut channels = face.list("*").unwrap();
    channels.sort();
    assert_eq!(channels, [b"chat".to_vec(), b"news".to_vec()]);
    assert_eq!(face.subscribers(&["chat", "none"]).unwrap(), [2, 0]);
    assert_eq!(
        (face.list("c*").unwrap(), face.patterns().unwrap()),
        (vec![b"chat".to_vec()], 1)
    );
    assert_eq!(here.publish_blocking("news", "from inside").unwrap(), 6);
    assert_eq!(outside[0].publish("news", b"from outside"), 6);
    assert_eq!(here.publish_blocking("elsewhere", "x").unwrap(), 0);
    for subscriber in &mut inside {
        for payload in ["from inside", "from outside"] {
            assert_eq!(next(subscriber), got("news", None, payload));
            assert_eq!(next(subscriber), got("news", Some("n*"), payload));
        }
        let none: [&str; 0] = [];
        assert_eq!(subscriber.unsubscribe_patterns_blocking(none).unwrap(), 2);
        assert_eq!(subscriber.unsubscribe_blocking(["news"]).unwrap(), 1);
    }
    for client in &mut outside {
        assert_eq!(client.message(), Got::new("news", None, "from inside"));
        assert_eq!(client.message(), Got::new("news", None, "from outside"));
    }
    assert_eq!(here.publish_blocking("news", "x").unwrap(), 2);
    drop(inside);
    eventually("those that are dropped are forgotten", || {
        here.publish_blocking("chat", "x").unwrap() == 0
    });
    assert_eq!(face.subscribers(&["chat"]).unwrap(), [0]);
}

#[test]
fn messages_are_awaited_under_any_executor_and_arrive_in_order() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    fn block_on<F: Future>(future: F) -> F::Output {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut future = std::pin::pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            std::thread::park();
        }
    }
    const MESSAGES: usize = 5000;
    let node = unheard(2).start().unwrap();
    let mut subscriber = node.subscriber();
    block_on(subscriber.subscribe(["news"])).unwrap();
    std::thread::scope(|scope| {
        for who in 0..2 {
            let here = node.embedded();
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let payload = format!("{who} {number}");
                    assert_eq!(block_on(here.publish("news", payload)).unwrap(), 1);
                }
            });
        }
        let mut expected = [0; 2];
        for _ in 0..2 * MESSAGES {
            let message = block_on(subscriber.next()).unwrap();
            let text = str::from_utf8(message.payload()).unwrap();
            let (who, number) = text.split_once(' ').unwrap();
            let expected = &mut expected[who.parse::<usize>().unwrap()];
            assert_eq!(number.parse::<usize>().unwrap(), *expected);
            *expected += 1;
        }
        assert_eq!(subscriber.try_next(), Ok(None));
    });
}

#[test]
fn one_that_takes_nothing_is_cut_off_and_others_are_not() {
    let config = jerboa::config::Config {
        subscriber_bytes_max: 64 << 10,
        ..config(1)
    };
    let node = Node::start(&config).unwrap();
    let (mut slow, mut quick) = (node.subscriber(), node.subscriber());
    slow.subscribe_blocking(["news"]).unwrap();
    quick.subscribe_blocking(["news"]).unwrap();
    let payload = vec![b'x'; 1 << 10];
    let mut handed = 0;
    loop {
        let receivers = node.embedded().publish_blocking("news", &payload).unwrap();
        assert!(quick.next_blocking(LONG).unwrap().is_some());
        if receivers == 1 {
            break;
        }
        handed += 1;
        assert!(handed <= 64, "more waits than may");
    }
    let channels = node.embedded().channels_blocking();
    eventually("its subscription ends", || {
        channels.subscribers(&["news"]).unwrap() == [1]
    });
    for _ in 0..handed {
        assert!(
            slow.try_next().unwrap().is_some(),
            "what was counted is there"
        );
    }
    assert_eq!(slow.try_next(), Err(Ended::TooSlow));
    let refused = |asked: Result<u64, Error>| asked.unwrap_err().status();
    assert_eq!(
        refused(slow.subscribe_blocking(["news", "more"])),
        Some(Status::SlowSubscriber),
        "nothing would come of it"
    );
    assert_eq!(
        refused(slow.subscribe_patterns_blocking(["*"])),
        Some(Status::SlowSubscriber)
    );
    assert_eq!(channels.subscribers(&["news", "more"]).unwrap(), [1, 0]);
    assert_eq!(channels.patterns().unwrap(), 0);
}

#[test]
fn everybody_learns_that_the_node_stops() {
    let node = unheard(2).start().unwrap();
    let member = EventKinds::only(EventKind::Member);
    assert_eq!(node.embedded().switch_events(member, member), member);
    let (mut idle, mut subscribed) = (node.subscriber(), node.subscriber());
    subscribed
        .subscribe_blocking([EventKind::Member.channel()])
        .unwrap();
    let here = node.embedded().clone();
    std::thread::scope(|scope| {
        let waits = scope.spawn(move || idle.next_blocking(LONG));
        node.shutdown_blocking().unwrap();
        assert_eq!(waits.join().unwrap(), Err(Ended::Closed));
    });
    let last = subscribed.next_blocking(LONG).unwrap().unwrap();
    let event = Event::decode(last.payload()).unwrap();
    assert_eq!(event.happening, Happening::MemberStopping);
    assert_eq!(subscribed.next_blocking(LONG), Err(Ended::Closed));
    let late = here.subscriber().next_blocking(LONG);
    assert_eq!(late, Err(Ended::Closed));
    let closed = here.publish_blocking("news", "x");
    assert!(matches!(closed, Err(Error::Closed { .. })), "{closed:?}");
}

#[test]
fn what_may_not_be_is_refused_by_name() {
    let config = jerboa::config::Config {
        connection_subscriptions_max: 3,
        ..config(1)
    };
    let node = Node::start(&config).unwrap();
    let subscriber = node.subscriber();
    let status = |refused: Result<u64, Error>| refused.unwrap_err().status();
    let full = subscriber.subscribe_blocking(["a", "b", "c", "d"]);
    assert_eq!(status(full), Some(Status::TooManySubscriptions));
    let listed = node.embedded().channels_blocking().list("").unwrap();
    assert_eq!(listed, Vec::<Vec<u8>>::new());
    let reserved = node.embedded().publish_blocking("__jerboa__:x", "x");
    assert_eq!(status(reserved), Some(Status::ReservedChannel));
    let empty = node.embedded().publish_blocking("", "x");
    assert!(matches!(empty, Err(Error::Invalid(_))));
}

/// The fears: a subscriber whose core hears of it only by its request is not known there; a request
/// that nobody waited for begins behind the end of its subscriber and is never undone.
#[test]
fn subscribers_that_come_and_go_at_once_leave_nothing_behind() {
    let node = unheard(2).start().unwrap();
    let channels = node.embedded().channels_blocking();
    for round in 0..500 {
        let subscriber = node.subscriber();
        let mut asked = std::pin::pin!(subscriber.subscribe(["news"]));
        let polled = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if round % 3 == 0 {
            assert!(polled.is_pending() || polled == Poll::Ready(Ok(1)));
        } else if round % 3 == 1 {
            subscriber.subscribe_patterns_blocking(["*"]).unwrap();
        }
    }
    eventually("none is left", || {
        (
            channels.subscribers(&["news"]).unwrap(),
            channels.patterns().unwrap(),
        ) == (vec![0], 0)
    });
    assert_eq!(node.embedded().publish_blocking("news", "x").unwrap(), 0);
}
