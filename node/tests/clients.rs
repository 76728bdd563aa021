//! The clients of `jerboa-wire` against a node over real sockets.
//!
//! Setup: a node with several cores in this process; clients on threads, on a current-thread and
//! on a multi-thread tokio runtime. What must hold: each sees the same outcomes, every request
//! goes straight to the core that owns its key, and a node that goes away is found again.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test harness"
)]

mod common;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use common::{config, eventually, node};
use jerboa::Node;
use jerboa::config::Config as NodeConfig;
use jerboa_wire::client::{
    Config, Entry, Error, Expiry, InvalidCall, Outcome, PutOptions, PutOutcome, Ttl, blocking,
    tokio as asynchronous,
};
use jerboa_wire::{Status, stats};
use tokio::runtime::{Builder, Runtime};

#[derive(Clone)]
enum Client {
    Threads(blocking::Client),
    Tokio(Arc<Runtime>, asynchronous::Client),
}

#[derive(Clone, Copy, Debug)]
enum Driver {
    Threads,
    CurrentThread,
    MultiThread,
}

const DRIVERS: [Driver; 3] = [Driver::Threads, Driver::CurrentThread, Driver::MultiThread];

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)+) => {
        impl Client {
            $(fn $name(&self, $($arg: $type),*) -> $result {
                match self {
                    Self::Threads(client) => client.$name($($arg),*),
                    Self::Tokio(runtime, client) => runtime.block_on(client.$name($($arg),*)),
                }
            })+
        }
    };
}

forward! {
    ping(payload: &[u8]) -> Result<Vec<u8>, Error>;
    noop() -> Result<(), Error>;
}

/// The operations on a map.
macro_rules! forward_to_map {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)+) => {
        impl Client {
            $(fn $name(&self, map: &str, $($arg: $type),*) -> $result {
                match self {
                    Self::Threads(client) => client.dmap(map).$name($($arg),*),
                    Self::Tokio(runtime, client) => {
                        runtime.block_on(client.dmap(map).$name($($arg),*))
                    }
                }
            })+
        }
    };
}

forward_to_map! {
    get(key: &str) -> Result<Option<Vec<u8>>, Error>;
    get_entry(key: &str) -> Result<Option<Entry>, Error>;
    put_with(key: &str, value: &[u8], options: PutOptions) -> Result<PutOutcome, Error>;
    delete(key: &str) -> Result<bool, Error>;
    exists(key: &str) -> Result<bool, Error>;
    expire(key: &str, when: Expiry) -> Result<bool, Error>;
    persist(key: &str) -> Result<bool, Error>;
    ttl(key: &str) -> Result<Ttl, Error>;
    incr(key: &str, delta: i64) -> Result<i64, Error>;
    decr(key: &str, delta: i64) -> Result<i64, Error>;
    multi_get(keys: &[String]) -> Vec<Result<Option<Vec<u8>>, Error>>;
    multi_put(entries: &[(String, Vec<u8>)], expiry: Expiry) -> Vec<Result<u64, Error>>;
    multi_delete(keys: &[String]) -> Vec<Result<bool, Error>>;
}

impl Driver {
    fn connect(self, config: Config) -> Result<Client, Error> {
        let mut builder = match self {
            Self::Threads => return blocking::Client::connect_with(config).map(Client::Threads),
            Self::CurrentThread => Builder::new_current_thread(),
            Self::MultiThread => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        let client = runtime.block_on(asynchronous::Client::connect_with(config))?;
        Ok(Client::Tokio(Arc::new(runtime), client))
    }
}

/// Settings with a deadline that a busy machine meets.
fn settings(node: &Node) -> Config {
    Config {
        call_timeout: Duration::from_secs(20),
        ..Config::new([node.addresses().any_core.to_string()])
    }
}

fn connect(driver: Driver, node: &Node) -> Client {
    driver.connect(settings(node)).expect("the node serves")
}

fn stop(node: Node) {
    node.request_stop();
    node.join().unwrap();
}

fn version(outcome: Result<PutOutcome, Error>) -> u64 {
    match outcome {
        Ok(PutOutcome::Stored { version }) => version,
        other => panic!("not stored: {other:?}"),
    }
}

#[test]
fn every_operation_has_the_same_outcome_through_every_driver() {
    let node = node(2);
    for driver in DRIVERS {
        let client = connect(driver, &node);
        for key in (0..8).map(|n| format!("{driver:?}-{n}")) {
            values(&client, &key);
            expiries(&client, &key);
            counters(&client, &key);
        }
        assert_eq!(client.ping(b"jump"), Ok(b"jump".to_vec()));
        assert_eq!(client.noop(), Ok(()));
    }
    stop(node);
}

fn values(client: &Client, key: &str) {
    let map = "values";
    assert_eq!(client.get(map, key), Ok(None));
    assert_eq!(client.exists(map, key), Ok(false));
    let always = PutOptions::default();
    let missing = client.put_with(map, key, b"0", always.if_present());
    assert_eq!(missing, Ok(PutOutcome::Missing));
    let first = version(client.put_with(map, key, b"1", always.if_absent()));
    let exists = client.put_with(map, key, b"2", always.if_absent());
    assert_eq!(exists, Ok(PutOutcome::Exists));
    assert_eq!(client.get(map, key), Ok(Some(b"1".to_vec())));
    let second = version(client.put_with(map, key, b"3", always.if_present()));
    assert!(second > first, "versions grow with every write");
    let entry = client.get_entry(map, key).unwrap().unwrap();
    assert_eq!((&entry.value[..], entry.version), (&b"3"[..], second));
    let age = SystemTime::now().duration_since(entry.written_at());
    assert!(age.unwrap_or_default() < Duration::from_secs(60));
    assert_eq!(client.get("another map", key), Ok(None));
    assert_eq!(client.get("", key), Ok(None));
    version(client.put_with(map, key, b"", always));
    assert_eq!(
        client.get(map, key),
        Ok(Some(Vec::new())),
        "an empty value is a value"
    );
    assert_eq!(client.delete(map, key), Ok(true));
    assert_eq!(client.delete(map, key), Ok(false));
    assert_eq!(client.get(map, ""), Err(InvalidCall::KeyEmpty.into()));
}

fn expiries(client: &Client, key: &str) {
    let map = "expiries";
    let hour = Duration::from_secs(3600);
    let left = || match client.ttl(map, key) {
        Ok(Ttl::Left(left)) => left,
        other => panic!("no time left: {other:?}"),
    };
    assert_eq!(client.ttl(map, key), Ok(Ttl::Missing));
    assert_eq!(client.expire(map, key, Expiry::After(hour)), Ok(false));
    assert_eq!(client.persist(map, key), Ok(false));
    version(client.put_with(map, key, b"1", PutOptions::expire_after(hour)));
    assert!(left() <= hour && left() > hour / 2);
    let keep = PutOptions {
        expiry: Expiry::Keep,
        ..PutOptions::default()
    };
    version(client.put_with(map, key, b"2", keep));
    assert!(left() > hour / 2, "kept");
    assert_eq!(client.persist(map, key), Ok(true));
    assert_eq!(client.ttl(map, key), Ok(Ttl::Never));
    let at = SystemTime::now() + 2 * hour;
    assert_eq!(client.expire(map, key, Expiry::At(at)), Ok(true));
    assert!(left() > hour);
    let entry = client.get_entry(map, key).unwrap().unwrap();
    let at_ms = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let found_ms = u128::from(entry.expires_at_ms.expect("an expiry"));
    assert!(found_ms.abs_diff(at_ms) <= 1, "{found_ms} for {at_ms}");
    version(client.put_with(map, key, b"3", PutOptions::default()));
    assert_eq!(
        client.ttl(map, key),
        Ok(Ttl::Never),
        "a plain put clears it"
    );
    assert_eq!(
        client.expire(map, key, Expiry::After(Duration::ZERO)),
        Ok(true)
    );
    assert_eq!(client.get(map, key), Ok(None), "expired at once");
    let past = Expiry::At(SystemTime::now() - hour);
    let born_dead = PutOptions {
        expiry: past,
        ..PutOptions::default()
    };
    version(client.put_with(map, key, b"5", PutOptions::default()));
    version(client.put_with(map, key, b"4", born_dead));
    assert_eq!(client.get(map, key), Ok(None), "replaced, and gone at once");
    let soon = Duration::from_millis(20);
    version(client.put_with(map, key, b"4", PutOptions::expire_after(soon)));
    thread::sleep(2 * soon);
    assert_eq!(client.get(map, key), Ok(None), "gone after its time");
}

fn counters(client: &Client, key: &str) {
    let map = "counters";
    assert_eq!(client.incr(map, key, 40), Ok(40));
    assert_eq!(client.decr(map, key, 50), Ok(-10));
    assert_eq!(client.get(map, key), Ok(Some(b"-10".to_vec())));
    assert_eq!(client.incr(map, key, i64::MAX), Ok(i64::MAX - 10));
    let refused = client.incr(map, key, 11).unwrap_err();
    assert_eq!(refused.status(), Some(Status::Overflow));
    assert_eq!(refused.outcome(), Outcome::NothingDone);
    assert_eq!(client.incr(map, key, 0), Ok(i64::MAX - 10), "unchanged");
    version(client.put_with(map, key, b"ten", PutOptions::default()));
    let refused = client.incr(map, key, 1).unwrap_err();
    assert_eq!(refused.status(), Some(Status::NotANumber));
    assert_eq!(client.delete(map, key), Ok(true));
}

#[test]
fn many_keys_at_once_come_back_each_with_its_own_result() {
    let node = node(2);
    for driver in DRIVERS {
        let client = connect(driver, &node);
        let keys: Vec<String> = (0..3000).map(|n| format!("{driver:?}-{n}")).collect();
        let third = keys.iter().step_by(3);
        let entries: Vec<_> = third
            .map(|key| (key.clone(), key.clone().into_bytes()))
            .collect();
        let versions = client.multi_put("m", &entries, Expiry::After(Duration::from_secs(3600)));
        assert!(
            versions
                .iter()
                .all(|version| version.as_ref().is_ok_and(|v| *v > 0))
        );
        assert!(matches!(client.ttl("m", &keys[0]), Ok(Ttl::Left(_))));
        for (n, value) in client.multi_get("m", &keys).into_iter().enumerate() {
            let expected = (n % 3 == 0).then(|| keys[n].clone().into_bytes());
            assert_eq!(value, Ok(expected), "{driver:?} {n}");
        }
        for (n, removed) in client.multi_delete("m", &keys).into_iter().enumerate() {
            assert_eq!(removed, Ok(n % 3 == 0), "{driver:?} {n}");
        }
    }
    stop(node);
}

#[test]
fn values_of_every_size_come_back_whole() {
    let node = node(2);
    for driver in DRIVERS {
        let client = connect(driver, &node);
        let value = |bytes: usize| (0..bytes).map(|n| (n % 251) as u8).collect::<Vec<_>>();
        for bytes in [0, 1, 100, 4096, 65_535, 65_536, 1_000_000, 5_000_000] {
            let key = format!("{driver:?}");
            version(client.put_with("", &key, &value(bytes), PutOptions::default()));
            let found = client.get("", &key).unwrap().expect("just put");
            assert!(
                found == value(bytes),
                "{bytes} bytes came back as {}",
                found.len()
            );
        }
        let keys: Vec<String> = (0..4).map(|n| format!("{driver:?}-{n}")).collect();
        let entries: Vec<_> = keys
            .iter()
            .map(|key| (key.clone(), value(2_000_000)))
            .collect();
        let put = client.multi_put("", &entries, Expiry::Never);
        assert!(put.iter().all(Result::is_ok), "{put:?}");
        for found in client.multi_get("", &keys) {
            assert!(found.unwrap().expect("just put") == value(2_000_000));
        }
        assert!(
            client
                .multi_delete("", &keys)
                .iter()
                .all(|removed| *removed == Ok(true))
        );
    }
    stop(node);
}

#[test]
fn requests_reach_the_owning_core_without_being_forwarded() {
    let node = node(2);
    for driver in DRIVERS {
        let client = connect(driver, &node);
        let count = |name: &str| stats::number(&node.stats_text(), name).expect("a count");
        let gets = |core: u16| count(&format!("core.{core}.gets"));
        let before = (gets(0), gets(1));
        for n in 0..400 {
            version(client.put_with("", &format!("key-{n}"), b"value", PutOptions::default()));
        }
        let keys: Vec<String> = (0..400).map(|n| format!("key-{n}")).collect();
        assert!(
            client
                .multi_get("", &keys)
                .iter()
                .all(|value| matches!(value, Ok(Some(_))))
        );
        // Counts of other cores are published within a tick.
        let patience = Instant::now() + Duration::from_secs(20);
        while gets(0) + gets(1) < before.0 + before.1 + 400 {
            assert!(Instant::now() < patience, "{}", node.stats_text());
            thread::sleep(Duration::from_millis(10));
        }
        assert!(
            gets(0) > before.0 + 40,
            "core 0 served too few: {}",
            node.stats_text()
        );
        assert!(
            gets(1) > before.1 + 40,
            "core 1 served too few: {}",
            node.stats_text()
        );
        assert_eq!(count("node.forwarded"), 0, "{driver:?}");
    }
    stop(node);
}

#[test]
fn callers_who_share_a_client_count_exactly_and_read_their_own_writes() {
    let node = node(2);
    for driver in DRIVERS {
        let client = connect(driver, &node);
        let counter = format!("{driver:?}");
        thread::scope(|scope| {
            for caller in 0..8 {
                let (client, counter) = (client.clone(), &counter);
                scope.spawn(move || {
                    for n in 0..250 {
                        let key = format!("{counter}-{caller}-{}", n % 5);
                        let value = format!("{caller} {n}").into_bytes();
                        version(client.put_with("", &key, &value, PutOptions::default()));
                        assert_eq!(client.get("", &key), Ok(Some(value)));
                        client.incr("", counter, 3).unwrap();
                        client.decr("", counter, 2).unwrap();
                    }
                });
            }
        });
        assert_eq!(client.incr("", &counter, 0), Ok(8 * 250), "{driver:?}");
    }
    stop(node);
}

#[test]
fn checksums_can_be_left_out() {
    let node = node(2);
    for driver in DRIVERS {
        let without = Config {
            without_crc: true,
            ..settings(&node)
        };
        let client = driver.connect(without).unwrap();
        for n in 0..50 {
            let key = format!("key-{n}");
            version(client.put_with("", &key, key.as_bytes(), PutOptions::default()));
            assert_eq!(client.get("", &key), Ok(Some(key.into_bytes())));
        }
    }
    stop(node);
}

#[test]
fn a_connection_that_the_node_closed_while_idle_costs_nothing() {
    let idle = NodeConfig {
        idle_timeout_ms: 200,
        ..config(2)
    };
    let node = Node::start(&idle).unwrap_or_else(|error| panic!("{error}"));
    for driver in DRIVERS {
        let client = connect(driver, &node);
        version(client.put_with("", "a", b"1", PutOptions::default()));
        // Until they are closed; a while more for the client to be told.
        eventually("the node closes idle connections", || {
            stats::number(&node.stats_text(), "node.connections") == Some(0)
        });
        thread::sleep(Duration::from_millis(300));
        version(client.put_with("", "a", b"2", PutOptions::default()));
        assert_eq!(client.get("", "a"), Ok(Some(b"2".to_vec())), "{driver:?}");
    }
    stop(node);
}

#[test]
fn a_node_that_restarts_on_its_ports_is_found_again() {
    let mut node = node(2);
    // A node with the ports that this one was given, once it is gone.
    let again = NodeConfig {
        port: node.addresses().any_core.port(),
        ..config(2)
    };
    let first_core_port = node.addresses().cores[0].port();
    let clients = DRIVERS.map(|driver| connect(driver, &node));
    for (client, key) in clients.iter().zip(["a", "b", "c"]) {
        version(client.put_with("", key, b"1", PutOptions::default()));
    }
    stop(node);
    for (client, key) in clients.iter().zip(["a", "b", "c"]) {
        let error = client.incr("", key, 1).unwrap_err();
        assert_eq!(error.outcome(), Outcome::NothingDone, "{error:?}");
    }
    node = Node::start(&again).unwrap_or_else(|error| panic!("{error}"));
    let moved = node.addresses().cores[0].port() != first_core_port;
    for (client, key) in clients.iter().zip(["a", "b", "c"]) {
        let found = (0..20).find_map(|_| client.get("", key).ok());
        assert_eq!(
            found,
            Some(None),
            "the new node has nothing (ports moved: {moved})"
        );
        version(client.put_with("", key, b"2", PutOptions::default()));
    }
    stop(node);
}
