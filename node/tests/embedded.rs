//! Fear: the door without a socket that behaves unlike the others: calls that hang when the node
//! stops, locks that stay with callers who are gone, a full queue that blocks or grows.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{PARTITIONS, eventually, key_of_core};
use jerboa::client::{Error, Expiry, LockOptions, Operation, Outcome};
use jerboa::node::Builder;
use jerboa::{BlockingDMap, DMap, Node};
use jerboa_wire::Status;
use jerboa_wire::value::Serde;

/// Nothing that is waited for here takes longer, unless it hangs.
const LONG: Duration = Duration::from_secs(20);

fn builder(cores: usize) -> Builder {
    Node::builder()
        .cores(cores.into())
        .memory(64 << 20)
        .partitions(PARTITIONS)
        .prefault(false)
}

fn node(cores: usize) -> Node {
    builder(cores)
        .start()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Counts how often it is told.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The smallest executor there is: a thread that parks.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}

fn get(map: &BlockingDMap, key: impl AsRef<[u8]>) -> Option<String> {
    map.get(key).unwrap()
}

fn is_shareable<T: Send + Sync + Clone>(_: &T) {}

#[test]
fn a_value_put_by_one_thread_is_read_by_another_on_every_core() {
    let node = node(2);
    let map = node.dmap("orders");
    is_shareable(&map);
    let blocking = map.blocking();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for core in 0..2 {
                for number in 0..50 {
                    let key = key_of_core(core, 2, number);
                    blocking.put(&key, format!("{core}:{number}")).unwrap();
                }
            }
        });
    });
    for core in 0..2 {
        for number in 0..50 {
            let key = key_of_core(core, 2, number);
            let expected = Some(format!("{core}:{number}"));
            assert_eq!(get(&blocking, &key), expected);
            assert_eq!(block_on(map.get::<String>(&key)).unwrap(), expected);
        }
    }
    assert_eq!(get(&node.dmap("others").blocking(), "0:0"), None);
}

#[test]
fn a_struct_comes_back_through_embedded_maps_and_clients() {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Order {
        customer: String,
        items: Vec<(u32, f64)>,
        paid: Option<bool>,
    }
    let order = Order {
        customer: "ada".to_owned(),
        items: vec![(7, 1.5), (8, -2.0)],
        paid: None,
    };
    let node = builder(2).port(0).start().unwrap();
    let seed = node.addresses().any_core.to_string();
    let client = jerboa::client::blocking::Client::connect([seed]).unwrap();
    let (inside, outside) = (node.dmap("orders"), client.dmap("orders"));
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let expected = Some(Serde(order.clone()));
        block_on(inside.put(&key, Serde(order.clone()))).unwrap();
        assert_eq!(outside.get::<Serde<Order>>(&key).unwrap(), expected);
        outside.put("back", Serde(order.clone())).unwrap();
        assert_eq!(block_on(inside.get("back")).unwrap(), expected);
        let wrong = inside.blocking().get::<Serde<u64>>(&key);
        assert!(matches!(wrong, Err(Error::WrongType(_))), "{wrong:?}");
    }
}

#[test]
fn without_a_listener_no_socket_is_bound() {
    let silent = node(1);
    assert_eq!(silent.addresses().any_core.port(), 0);
    assert!(silent.addresses().cores.is_empty());
    drop(silent);
    let heard = builder(1).port(0).start().unwrap();
    assert_ne!(heard.addresses().any_core.port(), 0);
    assert_eq!(heard.addresses().cores.len(), 1);
}

#[test]
fn both_doors_see_the_same_maps() {
    let node = builder(2).port(0).start().unwrap();
    let seed = node.addresses().any_core.to_string();
    let client = jerboa_wire::client::blocking::Client::connect([seed]).unwrap();
    let inside = node.dmap("shared").blocking();
    for number in 0..100 {
        let key = format!("k{number}");
        inside.put(&key, "inside").unwrap();
        assert_eq!(
            client
                .dmap("shared")
                .get::<String>(&key)
                .unwrap()
                .as_deref(),
            Some("inside")
        );
        client.dmap("shared").put(&key, "outside").unwrap();
        assert_eq!(get(&inside, &key).as_deref(), Some("outside"));
    }
}

#[test]
fn calls_after_the_stop_are_refused_by_name_and_the_handles_are_harmless() {
    let node = node(2);
    let map = node.dmap("m");
    block_on(map.put("k", "v")).unwrap();
    drop(node);
    let closed = Error::Closed {
        outcome: Outcome::NothingDone,
    };
    assert_eq!(map.blocking().get::<String>("k"), Err(closed.clone()));
    assert_eq!(block_on(map.put("k", "w")), Err(closed.clone()));
    let many = block_on(map.multi_get::<String>(&["a", "b"]));
    assert_eq!(many, [Err(closed.clone()), Err(closed)]);
}

#[test]
fn calls_in_flight_when_the_node_stops_all_end() {
    for round in 0..8 {
        let node = node(2);
        let done = AtomicUsize::new(0);
        let map = node.dmap("m").blocking();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (map, done) = (map.clone(), &done);
                scope.spawn(move || {
                    for number in 0u64.. {
                        let key = format!("{thread}:{number}");
                        match map.put(&key, number) {
                            Ok(_) => done.fetch_add(1, Ordering::SeqCst),
                            Err(Error::Closed { .. }) => return,
                            Err(Error::Refused {
                                status: Status::ShuttingDown,
                                ..
                            }) => return,
                            Err(other) => panic!("{other}"),
                        };
                    }
                });
            }
            let waiting = map.clone();
            waiting.lock("held", LockOptions::default()).unwrap();
            scope.spawn(move || {
                let wait = LockOptions {
                    wait: Duration::from_secs(3600),
                    ..LockOptions::default()
                };
                let refused = waiting.lock("held", wait).unwrap_err();
                assert!(
                    matches!(refused, Error::Closed { .. })
                        || refused.status() == Some(Status::ShuttingDown),
                    "{refused}"
                );
            });
            eventually("calls are being answered", || {
                done.load(Ordering::SeqCst) > 100 * round
            });
            drop(node);
        });
    }
}

#[test]
fn a_dropped_wait_for_a_lock_leaves_the_line() {
    let node = node(2);
    let map = node.dmap("locks");
    let blocking = map.blocking();
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let token = blocking
            .lock(&key, LockOptions::default())
            .unwrap()
            .unwrap();
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let wait = LockOptions {
            wait: LONG,
            ..LockOptions::default()
        };
        let mut waits: Vec<_> = (0..10).map(|_| Box::pin(map.lock(&key, wait))).collect();
        for wait in &mut waits {
            assert!(
                wait.as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        let name = format!("core.{core}.lock_waiters");
        let waiters = || jerboa_wire::stats::number(&node.stats_text(), &name);
        eventually("all wait in line", || waiters() == Some(10));
        waits.truncate(1);
        eventually("those who went are out of the line", || {
            waiters() == Some(1)
        });
        assert!(blocking.unlock(&key, token).is_ok());
        let mut wait = waits.pop().unwrap();
        let mut granted = None;
        eventually("who stayed gets the lock", || {
            match wait.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(token) => granted = token.unwrap(),
                Poll::Pending => {}
            }
            granted.is_some()
        });
        assert!(bell.0.load(Ordering::SeqCst) > 0, "it was told");
        assert!(granted.unwrap().number() > token.number());
    }
}

#[test]
fn a_lock_given_to_a_caller_that_is_gone_comes_back() {
    let node = node(1);
    let map = node.dmap("locks");
    for round in 0..200 {
        let waker = Waker::noop();
        let mut lock = Box::pin(map.lock("l", LockOptions::default()));
        let asked = lock.as_mut().poll(&mut Context::from_waker(waker));
        if round % 3 == 0 {
            // Time for the answer to be there, untaken.
            std::thread::yield_now();
        }
        if let Poll::Ready(token) = asked {
            let token = token.unwrap().expect("a free lock");
            block_on(map.unlock("l", token)).unwrap();
        }
        drop(lock);
        let wait = LockOptions {
            wait: LONG,
            ..LockOptions::default()
        };
        let token = block_on(map.lock("l", wait)).unwrap();
        block_on(map.unlock("l", token.expect("free again"))).unwrap();
    }
}

#[test]
fn locks_among_many_calls_come_back_when_all_are_dropped() {
    let node = node(1);
    let map = node.dmap("locks");
    let wait = LockOptions {
        wait: LONG,
        ..LockOptions::default()
    };
    let held = block_on(map.lock("held", LockOptions::default())).unwrap();
    let ask = |key: &[u8]| Operation::lock(b"locks", key, wait).unwrap();
    let both = vec![ask(b"free"), ask(b"held")];
    let mut calls = Box::pin(node.embedded().call_all(both));
    let waker = Waker::noop();
    let mut poll = || calls.as_mut().poll(&mut Context::from_waker(waker));
    assert!(poll().is_pending());
    // The core answers in order, so the first lock is given, and seen to be so when polled.
    let other = block_on(map.lock("free", LockOptions::default())).unwrap();
    assert_eq!(other, None);
    assert!(poll().is_pending());
    drop(calls);
    let token = block_on(map.lock("free", wait)).unwrap();
    assert!(token.is_some(), "it belongs to nobody any more");
    block_on(map.unlock("held", held.unwrap())).unwrap();
    assert!(block_on(map.lock("held", wait)).unwrap().is_some());
}

#[test]
fn a_blocking_call_from_a_core_is_refused_and_an_awaited_one_goes_on() {
    struct Inside {
        map: DMap,
        seen: Mutex<Vec<Error>>,
    }
    impl Wake for Inside {
        fn wake(self: Arc<Self>) {
            // This runs on the thread of the core that answers.
            if let Err(error) = self.map.blocking().get::<String>("k") {
                self.seen.lock().unwrap().push(error);
            }
            let mut put = Box::pin(self.map.put("from-inside", 1));
            let waker = Waker::noop();
            let _ = put.as_mut().poll(&mut Context::from_waker(waker));
        }
    }
    let node = node(1);
    let map = node.dmap("m");
    let token = block_on(map.lock("l", LockOptions::default()))
        .unwrap()
        .unwrap();
    let inside = Arc::new(Inside {
        map: map.clone(),
        seen: Mutex::default(),
    });
    let wait = LockOptions {
        wait: LONG,
        ..LockOptions::default()
    };
    let waker = Waker::from(Arc::clone(&inside));
    let mut lock = Box::pin(map.lock("l", wait));
    assert!(
        lock.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    block_on(map.unlock("l", token)).unwrap();
    eventually("the core ran the waker", || {
        *inside.seen.lock().unwrap() == [Error::MustNotBlock]
    });
    eventually("the put from inside was executed", || {
        block_on(map.get::<u64>("from-inside")).unwrap() == Some(1)
    });
}

/// Keeps a core busy: a waker that blocks the core's thread until it is let go.
struct Gate {
    entered: mpsc::Sender<()>,
    go: Mutex<mpsc::Receiver<()>>,
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.entered.send(()).unwrap();
        // Ends with an error where the test failed: then the core goes on too.
        let _ = self.go.lock().unwrap().recv_timeout(LONG);
    }
}

/// Has the core of a node hang in a waker; what is sent lets it go on.
fn hang_core(map: &DMap) -> mpsc::Sender<()> {
    let (entered, hangs) = mpsc::channel();
    let (let_go, go) = mpsc::channel();
    let waker = Waker::from(Arc::new(Gate {
        entered,
        go: Mutex::new(go),
    }));
    let token = block_on(map.lock("gate", LockOptions::default())).unwrap();
    let wait = LockOptions {
        wait: LONG,
        ..LockOptions::default()
    };
    let mut lock = Box::pin(map.lock("gate", wait));
    let asked = lock.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(asked.is_pending());
    block_on(map.unlock("gate", token.unwrap())).unwrap();
    hangs.recv_timeout(LONG).unwrap();
    let_go
}

#[test]
fn a_full_queue_answers_busy_and_what_it_took_is_served_later() {
    let node = builder(1).mailbox_capacity(4).start().unwrap();
    let map = node.dmap("m");
    let let_go = hang_core(&map);
    let waker = Waker::noop();
    let mut puts: Vec<_> = (0..10)
        .map(|n| Box::pin(map.put(format!("k{n}"), n)))
        .collect();
    let mut answers: Vec<_> = puts
        .iter_mut()
        .map(|put| put.as_mut().poll(&mut Context::from_waker(waker)))
        .collect();
    for answer in answers.drain(4..) {
        let Poll::Ready(Err(error)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(error.status(), Some(Status::Busy));
        assert_eq!(error.outcome(), Outcome::NothingDone);
    }
    assert!(answers.iter().all(Poll::is_pending));
    let_go.send(()).unwrap();
    for put in puts.drain(..4) {
        block_on(put).unwrap();
    }
    let stored = (0..10).map(|n| block_on(map.get::<i32>(format!("k{n}"))).unwrap());
    let stored: Vec<_> = stored.flatten().collect();
    assert_eq!(stored, [0, 1, 2, 3]);
}

#[test]
fn a_publish_that_one_core_has_no_room_for_reaches_nobody() {
    let node = builder(2).mailbox_capacity(4).start().unwrap();
    let mut subscribers = [node.subscriber(), node.subscriber()];
    for subscriber in &mut subscribers {
        subscriber.subscribe_blocking(["news"]).unwrap();
    }
    let publish = |text: &str| block_on(node.embedded().publish("news", text));
    assert_eq!(publish("both cores have room").unwrap(), 2);
    let map = node.dmap("m");
    let let_go = hang_core(&map);
    // The core that hangs takes four of these, the other answers all of its own.
    let mut puts: Vec<_> = (0..40)
        .map(|n| Box::pin(map.put(format!("k{n}"), n)))
        .collect();
    let mut refused = 0;
    puts.retain_mut(|put| {
        let answer = put.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Err(error)) = &answer {
            assert_eq!(error.status(), Some(Status::Busy));
            refused += 1;
        }
        answer.is_pending()
    });
    assert!(refused > 0);
    let error = publish("one has none").unwrap_err();
    assert_eq!(error.status(), Some(Status::Busy));
    // Nor is room lost by that: the other core still takes what is its own.
    for _ in 0..100 {
        publish("again").unwrap_err();
    }
    let_go.send(()).unwrap();
    for put in puts {
        block_on(put).unwrap();
    }
    assert_eq!(publish("both have room again").unwrap(), 2);
    for subscriber in &mut subscribers {
        for expected in ["both cores have room", "both have room again"] {
            let message = subscriber.next_blocking(LONG).unwrap().unwrap();
            assert_eq!(message.payload(), expected.as_bytes());
        }
    }
}

#[test]
fn a_blocking_call_ends_in_its_time_and_says_what_it_may_have_done() {
    let node = node(1);
    let map = node.dmap("m");
    let let_go = hang_core(&map);
    let hasty = map.blocking().with_timeout(Duration::from_millis(20));
    let outcome = |outcome| Error::TimedOut { outcome };
    let read = hasty.get::<i32>("k").unwrap_err();
    assert_eq!(read, outcome(Outcome::NothingDone));
    let written = hasty.put("k", 1).unwrap_err();
    assert_eq!(written, outcome(Outcome::Unknown));
    let many = hasty.multi_delete(&["a", "b"]);
    assert_eq!(
        many,
        [
            Err(outcome(Outcome::Unknown)),
            Err(outcome(Outcome::Unknown))
        ]
    );
    let_go.send(()).unwrap();
    assert_eq!(
        block_on(map.get::<i32>("k")).unwrap(),
        Some(1),
        "it was done"
    );
}

#[test]
fn futures_that_wait_when_the_node_goes_are_told() {
    let node = node(1);
    let map = node.dmap("m");
    block_on(map.lock("l", LockOptions::default())).unwrap();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let wait = LockOptions {
        wait: LONG,
        ..LockOptions::default()
    };
    let mut lock = Box::pin(map.lock("l", wait));
    let asked = lock.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(asked.is_pending());
    block_on(node.shutdown()).unwrap();
    assert!(bell.0.load(Ordering::SeqCst) > 0, "it was told");
    let ended = lock.as_mut().poll(&mut Context::from_waker(&waker));
    let Poll::Ready(Err(error)) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(error.status(), Some(Status::ShuttingDown));
}

#[test]
fn wakers_that_panic_or_drop_the_node_take_no_core_with_them() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's own fault, and part of this test");
        }
    }
    struct Drops(Mutex<Option<Node>>);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            // On the core's thread, which the drop of a node would otherwise wait for.
            drop(self.0.lock().unwrap().take());
        }
    }
    let node = node(1);
    let map = node.dmap("m");
    let drops = Arc::new(Drops(Mutex::new(Some(node))));
    for waker in [Waker::from(Arc::new(Panics)), Waker::from(drops)] {
        let token = block_on(map.lock("l", LockOptions::default())).unwrap();
        let wait = LockOptions {
            wait: LONG,
            ..LockOptions::default()
        };
        let mut lock = Box::pin(map.lock("l", wait));
        let asked = lock.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(asked.is_pending());
        block_on(map.unlock("l", token.unwrap())).unwrap();
        let token = block_on(lock).unwrap().unwrap();
        // Refused by the second one's node, which is on its way out.
        let _ = block_on(map.unlock("l", token));
    }
    eventually("the node is gone", || {
        matches!(block_on(map.get::<i32>("k")), Err(Error::Closed { .. }))
    });
}

#[test]
fn a_put_of_all_or_none_is_for_one_core_and_says_so() {
    let node = node(2);
    let map = node.dmap("m").blocking();
    let spread = [(key_of_core(0, 2, 0), 1), (key_of_core(1, 2, 0), 2)];
    let refused = map.put_all_if_absent(&spread, Expiry::Never).unwrap_err();
    assert_eq!(refused.status(), Some(Status::ManyOwners));
    for (key, _) in &spread {
        assert!(!map.exists(key).unwrap());
    }
    for core in 0..2 {
        let together = [(key_of_core(core, 2, 1), 1), (key_of_core(core, 2, 2), 2)];
        map.put_all_if_absent(&together, Expiry::Never).unwrap();
        assert!(together.iter().all(|(key, _)| map.exists(key).unwrap()));
    }
}

#[test]
fn many_operations_at_once_come_back_in_their_places() {
    let node = node(2);
    let map = node.dmap("m");
    let entries: Vec<(String, u64)> = (0..3000).map(|n| (format!("k{n}"), n)).collect();
    for stored in block_on(map.multi_put(&entries, Expiry::Never)) {
        stored.unwrap();
    }
    let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    let values = map.blocking().multi_get::<u64>(&keys);
    for ((key, value), found) in entries.iter().zip(values) {
        assert_eq!(found.unwrap(), Some(*value), "{key}");
    }
    let mut pipeline = map.pipeline();
    let queued: Vec<_> = (0..1000)
        .map(|n| {
            (
                pipeline.incr("counter", 1),
                pipeline.get::<u64>(format!("k{n}")),
            )
        })
        .collect();
    let mut answers = map.blocking().execute(pipeline);
    for (n, (count, value)) in (0u64..).zip(queued) {
        assert_eq!(answers.take(count).unwrap(), n as i64 + 1, "in their order");
        assert_eq!(answers.take(value).unwrap(), Some(n));
    }
}
