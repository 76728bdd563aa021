//! Fear: behind address translation clients are told where the node listens, not where they reach
//! it.
//!
//! A relay stands for the translation: other address, other ports. Nobody who follows what is
//! announced connects to the node itself.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::client::blocking::Client;
use jerboa_wire::routing::slot;
use redis::Commands;
use redis::cluster::ClusterClient;

use crate::common::resp::RespRaw;
use crate::common::{Random, config, eventually};
use crate::{text_key, total, url};

/// Elsewhere than where nodes of tests listen.
const OUTSIDE: [u8; 4] = [127, 0, 0, 2];

/// Ports outside, in a row: that of any core, then the cores'.
struct Outside {
    listeners: Vec<TcpListener>,
    first: u16,
    /// Connections that came, by port.
    came: Arc<Vec<AtomicU64>>,
}

impl Outside {
    fn new(ports: u16) -> Self {
        let mut random = Random::seeded();
        loop {
            let first = 10_000 + random.below(20_000) as u16;
            let bind = |port| TcpListener::bind((IpAddr::from(OUTSIDE), port));
            let listeners: Result<Vec<_>, _> = (first..first + ports).map(bind).collect();
            if let Ok(listeners) = listeners {
                let came = (0..ports).map(|_| AtomicU64::new(0)).collect();
                return Self {
                    listeners,
                    first,
                    came: Arc::new(came),
                };
            }
        }
    }

    fn address(&self, place: u16) -> SocketAddr {
        SocketAddr::new(OUTSIDE.into(), self.first + place)
    }

    /// Passes everything on to the node, until the process ends.
    fn lead_to(&mut self, node: &Node) {
        let addresses = node.addresses();
        let inside = std::iter::once(addresses.any_core).chain(addresses.cores.clone());
        for (place, (listener, inside)) in self.listeners.drain(..).zip(inside).enumerate() {
            let came = Arc::clone(&self.came);
            thread::spawn(move || {
                for outer in listener.incoming() {
                    let (outer, inner) = (outer.unwrap(), TcpStream::connect(inside).unwrap());
                    came[place].fetch_add(1, Ordering::SeqCst);
                    let (from, to) = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
                    thread::spawn(move || pass(from, to));
                    thread::spawn(move || pass(inner, outer));
                }
            });
        }
    }

    fn came(&self, place: usize) -> u64 {
        self.came[place].load(Ordering::SeqCst)
    }

    fn all(&self) -> u64 {
        (0..self.came.len()).map(|place| self.came(place)).sum()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 1 << 14];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // Either side may be gone already.
    let _ = to.shutdown(Shutdown::Write);
}

fn translated(host: &str) -> (Node, Outside) {
    let mut outside = Outside::new(3);
    let settings = Config {
        announce_host: Some(host.parse().unwrap()),
        announce_port: Some(outside.address(0).port()),
        announce_core_port: Some(outside.address(1).port()),
        ..config(2)
    };
    let node = Node::start(&settings).unwrap();
    outside.lead_to(&node);
    (node, outside)
}

#[test]
fn cluster_clients_reach_every_core_by_what_is_announced() {
    let (node, outside) = translated("127.0.0.2");
    let client = ClusterClient::new(vec![url(outside.address(0))]).unwrap();
    let mut connection = client.get_connection().unwrap();
    for number in 0..500 {
        let _: () = connection.set(format!("out:{number}"), number).unwrap();
        let value: u64 = connection.get(format!("out:{number}")).unwrap();
        assert_eq!(value, number);
    }
    assert!(outside.came(1) > 0 && outside.came(2) > 0);
    eventually("the requests are counted", || total(&node, "ops") >= 1_000);
    assert_eq!((total(&node, "forwarded"), total(&node, "moved")), (0, 0));
    assert_eq!(
        total(&node, "accepted"),
        outside.all(),
        "nobody came past the translation"
    );
}

#[test]
fn clients_of_the_own_protocol_reach_every_core_by_what_is_announced() {
    let (node, outside) = translated("127.0.0.2");
    let client = Client::connect([outside.address(0).to_string()]).unwrap();
    let map = client.dmap("out");
    for number in 0..500_u64 {
        map.put(number.to_string(), number).unwrap();
        assert_eq!(map.get(number.to_string()).unwrap(), Some(number));
    }
    assert!(outside.came(1) > 0 && outside.came(2) > 0);
    eventually("the requests are counted", || total(&node, "ops") >= 1_000);
    assert_eq!(
        total(&node, "accepted"),
        outside.all(),
        "nobody came past the translation"
    );
}

/// Whether a reply tells this port. Slots are such numbers too, but stand behind a length or another
/// slot; a port stands behind a text.
fn tells_port(told: &str, port: u16) -> bool {
    let lines: Vec<&str> = told.split("\r\n").collect();
    let port = format!(":{port}");
    lines
        .windows(2)
        .any(|pair| pair[1] == port && !pair[0].starts_with(['*', ':']))
}

#[test]
fn whatever_names_a_core_names_what_is_announced() {
    let (node, outside) = translated("cache.example");
    let [any, first, second] = [0, 1, 2].map(|place| outside.address(place).port());
    let key = text_key(1, 2, 1);
    let mut wrong = RespRaw::connect(node.addresses().cores[0]);
    let moved = format!("-MOVED {} cache.example:{second}\r\n", slot(key.as_bytes()));
    assert_eq!(wrong.call(&["GET", &key]), moved);
    let nodes = wrong.call(&["CLUSTER", "NODES"]);
    for port in [first, second] {
        let place = format!(" 127.0.0.1:{port}@{},cache.example ", port + 10_000);
        assert!(nodes.contains(&place), "{nodes}");
    }
    for question in ["SLOTS", "SHARDS"] {
        let told = wrong.call(&["CLUSTER", question]);
        for port in [first, second] {
            assert!(tells_port(&told, port), "{port}: {told}");
        }
        assert!(told.contains("\r\ncache.example\r\n"), "{told}");
        let inside = node.addresses().cores[0].port();
        assert!(!tells_port(&told, inside), "{inside}: {told}");
    }
    let olric = format!("cache.example:{any}");
    for question in ["CLUSTER.MEMBERS", "CLUSTER.ROUTINGTABLE"] {
        let told = wrong.call(&[question]);
        assert!(told.contains(&olric), "{told}");
    }
    let told = wrong.call(&["CONFIG", "GET", "announce_*"]);
    for text in ["cache.example", &any.to_string(), &first.to_string()] {
        assert!(told.contains(&format!("\r\n{text}\r\n")), "{told}");
    }
}
