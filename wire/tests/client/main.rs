//! The client's drivers against a small server over real loopback sockets.
//!
//! Setup: a server built from the codec that stores, counts what arrives where, and misbehaves
//! on demand. What must hold, on threads and on both kinds of tokio runtime: every caller gets
//! the answer to its own question, by its deadline, and no write is done twice.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test harness"
)]

mod callers;
#[cfg(feature = "glommio")]
mod courier;
mod fake;
#[cfg(feature = "glommio")]
mod glommio;
mod runtimes;

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use callers::{Caller, DRIVERS, Driver, SINGLE_THREADS};
use fake::{Fake, Trick};
use jerboa_wire::Status;
use jerboa_wire::client::{
    Config, Error, Expiry, InvalidCall, Outcome, Pipeline, PutOptions, PutOutcome, Ttl,
};

/// Settings with a deadline that a busy machine meets; what has to time out brings its own.
fn settings(seeds: &[String]) -> Config {
    Config {
        call_timeout: Duration::from_secs(20),
        ..Config::new(seeds)
    }
}

fn connect(driver: Driver, fake: &Fake) -> Caller {
    let settings = settings(&[fake.seed()]);
    driver.connect(settings).expect("the server is there")
}

/// Waits for what a client does on its own.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("never came: {what}");
}

fn stored(outcome: Result<PutOutcome, Error>) -> bool {
    matches!(outcome, Ok(PutOutcome::Stored { .. }))
}

#[test]
fn every_operation_does_what_it_says() {
    for &driver in DRIVERS {
        let fake = Fake::start(2);
        let client = connect(driver, &fake);
        assert_eq!(client.get("m", "k"), Ok(None));
        assert!(stored(client.put_with(
            "m",
            "k",
            b"v",
            PutOptions::default()
        )));
        assert_eq!(client.get("m", "k"), Ok(Some(b"v".to_vec())));
        let absent = PutOptions::default().if_absent();
        assert_eq!(
            client.put_with("m", "k", b"w", absent),
            Ok(PutOutcome::Exists)
        );
        let present = PutOptions::default().if_present();
        assert_eq!(
            client.put_with("m", "other", b"w", present),
            Ok(PutOutcome::Missing)
        );
        assert_eq!(client.exists("m", "k"), Ok(true));
        assert_eq!(client.exists("m", "other"), Ok(false));
        let minute = Expiry::After(Duration::from_secs(60));
        assert_eq!(client.ttl("m", "k"), Ok(Ttl::Never));
        assert_eq!(client.expire("m", "k", minute), Ok(true));
        assert_eq!(client.expire("m", "other", minute), Ok(false));
        assert_eq!(client.ttl("m", "k"), Ok(Ttl::Left(Duration::from_secs(60))));
        let entry = client.get_entry("m", "k").unwrap().unwrap();
        assert_eq!(
            (entry.value, entry.expires_at_ms),
            (b"v".to_vec(), Some(60_000))
        );
        assert!(entry.version >= 100);
        assert_eq!(client.persist("m", "k"), Ok(true));
        assert_eq!(client.persist("m", "k"), Ok(false));
        assert_eq!(client.ttl("m", "other"), Ok(Ttl::Missing));
        assert_eq!(client.incr("m", "n", 40), Ok(40));
        assert_eq!(client.decr("m", "n", 50), Ok(-10));
        let error = client.incr("m", "k", 1).unwrap_err();
        assert_eq!(error.status(), Some(Status::NotANumber));
        assert_eq!(error.outcome(), Outcome::NothingDone);
        assert_eq!(client.delete("m", "k"), Ok(true));
        assert_eq!(client.delete("m", "k"), Ok(false));
        assert_eq!(client.stats().unwrap().total().gets, 12);
        assert_eq!(client.ping(b"jump"), Ok(b"jump".to_vec()));
        assert_eq!(client.noop(), Ok(()));
        assert_eq!(
            client.get("m", ""),
            Err(Error::Invalid(InvalidCall::KeyEmpty))
        );
        let large = vec![0; (1 << 20) + 1];
        let error = client.set("k", &large).unwrap_err();
        assert_eq!(
            error,
            Error::Invalid(InvalidCall::ValueTooLarge(large.len())),
            "{driver:?}"
        );
        assert!(
            stored(client.set("k", &large[1..])),
            "the limit itself is allowed"
        );
    }
}

#[test]
fn each_request_goes_to_the_core_that_owns_its_key() {
    for &driver in DRIVERS {
        let fake = Fake::start(4);
        let client = connect(driver, &fake);
        for n in 0..400 {
            assert!(stored(client.set(&format!("key-{n}"), b"")));
        }
        assert_eq!(fake.counts().misrouted.load(SeqCst), 0, "{driver:?}");
        assert_eq!(
            fake.counts().connections.load(SeqCst),
            5,
            "one for each core and the seed"
        );
        assert_eq!(fake.counts().topologies.load(SeqCst), 1);
    }
}

#[test]
fn many_keys_are_asked_of_each_core_once_and_come_back_in_order() {
    for &driver in DRIVERS {
        let fake = Fake::start(4);
        let client = connect(driver, &fake);
        let keys: Vec<String> = (0..500).map(|n| format!("key-{n}")).collect();
        let half: Vec<_> = keys
            .iter()
            .step_by(2)
            .map(|key| (key.clone(), key.clone().into_bytes()))
            .collect();
        let versions = client.multi_put("", &half, Expiry::Never);
        assert!(versions.iter().all(Result::is_ok));
        assert_eq!(fake.counts().requests.load(SeqCst), 4, "{driver:?}");
        for (n, value) in client.multi_get("", &keys).into_iter().enumerate() {
            let expected = (n % 2 == 0).then(|| keys[n].clone().into_bytes());
            assert_eq!(value, Ok(expected));
        }
        assert_eq!(fake.counts().requests.load(SeqCst), 8, "{driver:?}");
        for (n, removed) in client.multi_delete("", &keys).into_iter().enumerate() {
            assert_eq!(removed, Ok(n % 2 == 0));
        }
        assert_eq!(fake.counts().misrouted.load(SeqCst), 0);
    }
}

#[test]
fn values_that_do_not_fit_one_reply_are_fetched_alone() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let client = connect(driver, &fake);
        let keys: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let large = vec![7; 300_000];
        let entries: Vec<_> = keys
            .iter()
            .map(|key| (key.clone(), large.clone()))
            .collect();
        assert!(
            client
                .multi_put("", &entries, Expiry::Never)
                .iter()
                .all(Result::is_ok)
        );
        for value in client.multi_get("", &keys) {
            assert_eq!(value.unwrap().as_deref(), Some(&large[..]), "{driver:?}");
        }
    }
}

#[test]
fn one_core_in_trouble_fails_its_own_keys_alone() {
    for &driver in DRIVERS {
        let fake = Fake::start(2);
        let client = connect(driver, &fake);
        let keys: Vec<String> = (0..20).map(|n| format!("key-{n}")).collect();
        fake.trick(1, [Trick::Refuse(Status::OutOfMemory)]);
        let entries: Vec<_> = keys.iter().map(|key| (key.clone(), Vec::new())).collect();
        let results = client.multi_put("", &entries, Expiry::Never);
        for (key, result) in keys.iter().zip(results) {
            match fake.core_of(key) {
                0 => assert!(result.is_ok(), "{key}"),
                _ => assert_eq!(result.unwrap_err().status(), Some(Status::OutOfMemory)),
            }
        }
    }
}

/// Calls `get` for every key at the same time.
fn get_all_at_once(client: &Caller, keys: &[String]) -> Vec<Result<Option<Vec<u8>>, Error>> {
    match client {
        Caller::Threads(client) => thread::scope(|scope| {
            let calls: Vec<_> = keys
                .iter()
                .map(|key| scope.spawn(move || client.dmap("").get(key)))
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        }),
        Caller::Tokio(runtime, client) => runtime.block_on(async {
            let calls: Vec<_> = keys
                .iter()
                .map(|key| {
                    let (client, key) = (client.clone(), key.clone());
                    tokio::spawn(async move { client.dmap("").get(key).await })
                })
                .collect();
            let mut results = Vec::new();
            for call in calls {
                results.push(call.await.unwrap());
            }
            results
        }),
        #[cfg(feature = "glommio")]
        Caller::Glommio(courier) => {
            let keys = keys.to_vec();
            courier.run(async move |client| {
                let call = |key| {
                    let map = client.dmap("");
                    ::glommio::spawn_local(async move { map.get(key).await })
                };
                let calls: Vec<_> = keys.into_iter().map(call).collect();
                let mut results = Vec::new();
                for call in calls {
                    results.push(call.await);
                }
                results
            })
        }
    }
}

#[test]
fn replies_out_of_order_reach_their_own_callers() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let client = connect(driver, &fake);
        let keys: Vec<String> = (0..24).map(|n| format!("key-{n}")).collect();
        for key in &keys {
            assert!(stored(client.set(key, key.as_bytes())));
        }
        // Every second one is answered after its successor.
        fake.trick(0, std::iter::repeat_n(Trick::Behind, 1));
        for round in 0..10 {
            for (key, value) in keys.iter().zip(get_all_at_once(&client, &keys)) {
                assert_eq!(
                    value,
                    Ok(Some(key.clone().into_bytes())),
                    "{driver:?} {round}"
                );
            }
            fake.trick(0, [Trick::Behind]);
        }
    }
}

#[test]
fn many_callers_of_one_client_never_see_each_others_answers() {
    for &driver in DRIVERS {
        let fake = Fake::start(3);
        let client = connect(driver, &fake);
        thread::scope(|scope| {
            for caller in 0..12 {
                let client = client.clone();
                scope.spawn(move || {
                    for n in 0..150 {
                        let key = format!("key-{caller}-{}", n % 7);
                        let value = format!("{caller} {n}");
                        assert!(stored(client.set(&key, value.as_bytes())));
                        assert_eq!(client.get("", &key), Ok(Some(value.into_bytes())));
                    }
                });
            }
        });
        assert_eq!(fake.counts().writes.load(SeqCst), 12 * 150, "{driver:?}");
    }
}

#[test]
fn what_concurrent_callers_ask_of_a_core_leaves_in_one_write() {
    for &driver in SINGLE_THREADS {
        let fake = Fake::start(1);
        let client = connect(driver, &fake);
        let keys: Vec<String> = (0..300).map(|n| format!("key-{n}")).collect();
        for result in get_all_at_once(&client, &keys) {
            assert_eq!(result, Ok(None));
        }
        assert_eq!(fake.counts().requests.load(SeqCst), 300);
        let reads = fake.counts().reads.load(SeqCst);
        assert!(reads <= 10, "{driver:?}: 300 requests in {reads} reads");
    }
}

#[test]
fn a_pipeline_arrives_at_each_owning_core_in_one_piece_and_each_command_has_its_result() {
    for &driver in DRIVERS {
        let fake = Fake::start(4);
        let client = connect(driver, &fake);
        let keys: Vec<String> = (0..400).map(|n| format!("key-{n}")).collect();
        // Brings every connection up.
        for key in &keys {
            assert_eq!(client.get("", key), Ok(None));
        }
        let (requests, reads) = (
            fake.counts().requests.load(SeqCst),
            fake.counts().reads.load(SeqCst),
        );
        let mut pipeline = Pipeline::new("");
        let queued: Vec<_> = keys
            .iter()
            .map(|key| {
                let text = pipeline.put(key, "text");
                (
                    text,
                    pipeline.incr(key, 1),
                    pipeline.delete(key),
                    pipeline.incr(key, 5),
                )
            })
            .collect();
        let mut answers = client.execute(pipeline);
        for (put, refused, removed, counted) in queued {
            assert!(answers.take(put).unwrap() >= 100);
            let refused = answers.take(refused).unwrap_err();
            assert_eq!(refused.status(), Some(Status::NotANumber));
            assert_eq!(answers.take(removed), Ok(true));
            assert_eq!(answers.take(counted), Ok(5), "{driver:?}");
        }
        assert_eq!(fake.counts().requests.load(SeqCst) - requests, 1600);
        assert_eq!(fake.counts().reads.load(SeqCst) - reads, 4, "{driver:?}");
    }
}

#[test]
fn nobody_there_is_an_error_that_says_where_and_that_nothing_was_done() {
    let gone = { Fake::start(1).seed() };
    for &driver in DRIVERS {
        let error = driver
            .connect(settings(std::slice::from_ref(&gone)))
            .err()
            .expect("nobody is there");
        assert!(matches!(&error, Error::Unreachable { address, .. } if *address == gone));
        assert_eq!(error.outcome(), Outcome::NothingDone);
    }
}

#[test]
fn a_second_seed_is_tried_where_the_first_is_dead() {
    let gone = { Fake::start(1).seed() };
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let client = driver
            .connect(settings(&[gone.clone(), fake.seed()]))
            .unwrap();
        assert_eq!(client.noop(), Ok(()));
    }
}

#[test]
fn a_server_that_dies_and_comes_back_is_found_again() {
    for &driver in DRIVERS {
        let mut fake = Fake::start(2);
        let client = connect(driver, &fake);
        assert!(stored(client.set("a", b"1")));
        fake.stop();
        let error = client.get("", "a").unwrap_err();
        assert!(
            matches!(error, Error::Unreachable { .. } | Error::TimedOut { .. }),
            "{error:?}"
        );
        let error = client.set("a", b"2").unwrap_err();
        assert_eq!(
            error.outcome(),
            Outcome::NothingDone,
            "{driver:?} {error:?}"
        );
        fake.start_again();
        // The back-off may still run.
        let patient = client.with_timeout(Duration::from_secs(10));
        let value = (0..10).find_map(|_| patient.get("", "a").ok());
        assert_eq!(value, Some(Some(b"1".to_vec())), "{driver:?}");
        assert!(stored(patient.set("a", b"3")));
    }
}

#[test]
fn a_connection_that_the_server_closed_while_idle_costs_nothing() {
    for &driver in DRIVERS {
        let fake = Fake::start(2);
        let client = connect(driver, &fake);
        for round in 0..3 {
            assert!(stored(client.set("a", b"1")));
            fake.drop_connections();
            thread::sleep(Duration::from_millis(130));
            let outcome = client.set("a", b"2");
            assert!(stored(outcome.clone()), "{driver:?} {round} {outcome:?}");
        }
    }
}

#[test]
fn a_lost_reply_is_asked_for_again_by_reads_and_never_by_writes() {
    for &driver in DRIVERS {
        for trick in [Trick::Close, Trick::HalfReply, Trick::BadBit] {
            let fake = Fake::start(1);
            let client = connect(driver, &fake);
            assert!(stored(client.set("a", b"1")));
            fake.trick(0, [trick]);
            assert_eq!(
                client.get("", "a"),
                Ok(Some(b"1".to_vec())),
                "{driver:?} {trick:?}"
            );
            let before = fake.counts().writes.load(SeqCst);
            fake.trick(0, [trick]);
            let error = client.incr("", "n", 1).unwrap_err();
            assert_eq!(
                error.outcome(),
                Outcome::Unknown,
                "{driver:?} {trick:?} {error:?}"
            );
            match trick {
                Trick::BadBit => assert!(matches!(error, Error::Protocol { .. }), "{error:?}"),
                _ => assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}"),
            }
            assert_eq!(client.get("", "n"), Ok(Some(b"1".to_vec())), "done once");
            assert_eq!(
                fake.counts().writes.load(SeqCst),
                before + 1,
                "{driver:?} {trick:?}"
            );
        }
    }
}

#[test]
fn reads_give_up_after_their_attempts() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let client = connect(driver, &fake);
        let before = fake.counts().requests.load(SeqCst);
        fake.trick(0, [Trick::Close; 9]);
        let error = client.get("", "a").unwrap_err();
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
        assert_eq!(error.outcome(), Outcome::NothingDone);
        assert_eq!(
            fake.counts().requests.load(SeqCst) - before,
            3,
            "{driver:?}"
        );
    }
}

#[test]
fn a_busy_core_is_asked_again_even_for_writes() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let client = connect(driver, &fake);
        fake.trick(0, [Trick::Refuse(Status::Busy); 2]);
        assert_eq!(client.incr("", "n", 5), Ok(5), "{driver:?}");
        fake.trick(0, [Trick::Refuse(Status::Busy); 3]);
        let error = client.incr("", "n", 5).unwrap_err();
        assert_eq!(error.status(), Some(Status::Busy));
        assert_eq!(error.outcome(), Outcome::NothingDone);
        assert_eq!(fake.value_of("n"), Some(b"5".to_vec()));
        fake.trick(0, [Trick::Refuse(Status::OutOfMemory)]);
        let error = client.incr("", "n", 5).unwrap_err();
        assert_eq!(
            error.status(),
            Some(Status::OutOfMemory),
            "not worth another attempt"
        );
    }
}

#[test]
fn a_slow_answer_ends_at_the_deadline_and_is_never_taken_for_the_next() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let client = connect(driver, &fake);
        assert!(stored(client.set("a", b"1")));
        assert!(stored(client.set("b", b"2")));
        let hasty = client.with_timeout(Duration::from_millis(200));
        fake.trick(0, [Trick::Late(Duration::from_millis(900))]);
        let began = Instant::now();
        let error = hasty.get("", "a").unwrap_err();
        assert_eq!(
            error,
            Error::TimedOut {
                outcome: Outcome::NothingDone
            },
            "{driver:?}"
        );
        assert!(began.elapsed() >= Duration::from_millis(200), "never early");
        assert_eq!(client.get("", "b"), Ok(Some(b"2".to_vec())));
        fake.trick(0, [Trick::Silence]);
        let error = hasty.incr("", "n", 1).unwrap_err();
        assert_eq!(
            error,
            Error::TimedOut {
                outcome: Outcome::Unknown
            }
        );
        assert_eq!(client.incr("", "n", 1), Ok(2), "the first was done, once");
    }
}

#[test]
fn a_silent_connection_is_given_up_and_replaced() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let stall = Duration::from_millis(100);
        let config = Config {
            stall,
            ..settings(&[fake.seed()])
        };
        let client = driver.connect(config).unwrap();
        let before = fake.counts().connections.load(SeqCst);
        fake.trick(0, [Trick::Silence; 2]);
        let hasty = client.with_timeout(Duration::from_millis(150));
        assert!(matches!(hasty.get("", "a"), Err(Error::TimedOut { .. })));
        fake.trick(0, []);
        let _ = hasty.get("", "a");
        assert_eq!(client.get("", "a"), Ok(None), "{driver:?}");
        assert!(
            fake.counts().connections.load(SeqCst) > before,
            "{driver:?}"
        );
    }
}

#[test]
fn a_stale_topology_is_noticed_and_fetched_once() {
    for &driver in DRIVERS {
        let fake = Fake::start(4);
        fake.change_topology(1, 2);
        let client = connect(driver, &fake);
        for n in 0..100 {
            assert!(stored(client.set(&format!("key-{n}"), b"1")));
        }
        assert_eq!(client.epoch(), 1);
        assert_eq!(fake.counts().misrouted.load(SeqCst), 0);
        fake.change_topology(2, 4);
        for n in 0..100 {
            assert_eq!(client.get("", &format!("key-{n}")), Ok(Some(b"1".to_vec())));
        }
        // The answer to the fetch may come after the answers to the calls.
        eventually("the new topology", || {
            client.noop().is_ok() && client.epoch() == 2
        });
        let misrouted = fake.counts().misrouted.load(SeqCst);
        assert!(misrouted > 0, "nothing told the client");
        for key in (0..4).flat_map(|core| fake.keys_of(core).take(5).collect::<Vec<_>>()) {
            assert!(client.get("", &key).is_ok());
        }
        assert_eq!(
            fake.counts().misrouted.load(SeqCst),
            misrouted,
            "{driver:?}"
        );
        assert_eq!(fake.counts().topologies.load(SeqCst), 2, "{driver:?}");
    }
}

#[test]
fn not_the_owner_means_ask_for_the_topology_and_try_again() {
    for &driver in DRIVERS {
        let fake = Fake::start(2);
        let client = connect(driver, &fake);
        fake.change_topology(5, 2);
        let key = fake.keys_of(0).next().unwrap();
        fake.trick(0, [Trick::Refuse(Status::NotOwner)]);
        assert_eq!(client.incr("", &key, 1), Ok(1), "{driver:?}");
        eventually("the new topology", || {
            client.noop().is_ok() && client.epoch() == 5
        });
        fake.trick(0, [Trick::Refuse(Status::ShuttingDown)]);
        assert_eq!(client.incr("", &key, 1), Ok(2), "{driver:?}");
    }
}

#[test]
fn too_many_connections_is_told_as_such() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        fake.refuse_connections(true);
        let error = driver
            .connect(settings(&[fake.seed()]))
            .err()
            .expect("refused");
        assert_eq!(
            error.status(),
            Some(Status::TooManyConnections),
            "{driver:?} {error:?}"
        );
        fake.refuse_connections(false);
        assert_eq!(connect(driver, &fake).noop(), Ok(()));
    }
}

#[test]
fn checksums_are_left_out_where_both_sides_want_it() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let with = connect(driver, &fake);
        assert!(stored(with.set("a", b"1")));
        assert_eq!(fake.counts().without_crc.load(SeqCst), 0);
        let config = Config {
            without_crc: true,
            ..settings(&[fake.seed()])
        };
        let without = driver.connect(config).unwrap();
        assert!(stored(without.set("a", b"2")));
        assert_eq!(without.get("", "a"), Ok(Some(b"2".to_vec())));
        assert!(fake.counts().without_crc.load(SeqCst) >= 2, "{driver:?}");
    }
}

#[test]
fn more_calls_than_allowed_are_refused_at_once() {
    for &driver in SINGLE_THREADS {
        let fake = Fake::start(1);
        let config = Config {
            calls_max: 4,
            ..settings(&[fake.seed()])
        };
        let client = driver.connect(config).unwrap();
        let hasty = client.with_timeout(Duration::from_millis(100));
        fake.trick(0, [Trick::Silence; 4]);
        let mut overloaded = 0;
        for result in get_all_at_once(&hasty, &vec!["a".to_owned(); 9]) {
            match result {
                Err(Error::Overloaded) => overloaded += 1,
                Err(Error::TimedOut { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(overloaded, 5, "{driver:?}");
        assert_eq!(client.exists("", "a"), Ok(false), "room again");
    }
}

#[test]
fn a_closed_client_fails_its_calls_and_says_so() {
    for &driver in DRIVERS {
        let fake = Fake::start(1);
        let client = connect(driver, &fake);
        fake.trick(0, [Trick::Silence]);
        let waiting = client.clone();
        let call = thread::spawn(move || waiting.incr("", "n", 1));
        while fake.counts().requests.load(SeqCst) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        client.close();
        let unknown = Error::Closed {
            outcome: Outcome::Unknown,
        };
        assert_eq!(call.join().unwrap(), Err(unknown), "{driver:?}");
        let nothing = Error::Closed {
            outcome: Outcome::NothingDone,
        };
        assert_eq!(client.get("", "a"), Err(nothing), "{driver:?}");
    }
}
