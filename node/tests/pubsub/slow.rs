//! A subscriber that does not read.

use std::time::Duration;

use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::{Message, Status, stats};

use crate::client::Client;
use crate::common::{config, eventually};

fn number(node: &Node, name: &str) -> u64 {
    stats::number(&node.stats_text(), name).unwrap_or_else(|| panic!("no {name}"))
}

/// Sums a counter over the cores.
fn of_cores(node: &Node, name: &str) -> u64 {
    let cores = 0..node.addresses().cores.len();
    cores
        .map(|core| number(node, &format!("core.{core}.{name}")))
        .sum()
}

#[test]
fn it_is_cut_off_with_a_reason_while_others_get_everything() {
    let config = Config {
        subscriber_bytes_max: 256 << 10,
        ..config(2)
    };
    let node = Node::start(&config).unwrap();
    let cores = &node.addresses().cores;
    let mut slow = [Client::connect(cores[0]), Client::connect(cores[1])];
    let mut quick = [Client::connect(cores[0]), Client::connect(cores[1])];
    for client in slow.iter_mut().chain(&mut quick) {
        client.subscribe(&["news"]);
    }
    let mut publisher = Client::connect(node.addresses().any_core);
    let payload = |number: usize| {
        let mut payload = number.to_string().into_bytes();
        payload.resize(16 << 10, b' ');
        payload
    };
    let (mut published, mut handed) = (0, 0);
    // More than any socket buffers take.
    loop {
        let receivers = publisher.publish("news", &payload(published));
        published += 1;
        handed += receivers;
        for client in &mut quick {
            assert_eq!(client.payload().1, payload(published - 1));
        }
        assert!((2..=4).contains(&receivers));
        assert!(published < 4000, "nobody was cut off");
        if receivers == 2 {
            break;
        }
    }
    eventually("it is counted", || {
        of_cores(&node, "closed_slow_subscriber") == 2
    });
    assert_eq!(publisher.subscribers(&["news"]), [2]);
    // What was handed over before comes without a gap, then the reason, then the end.
    let mut got = 0;
    for mut client in slow {
        let frames = client.rest();
        let (last, messages) = frames.split_last().unwrap();
        assert_eq!(last.status, Status::SlowSubscriber);
        for (index, frame) in messages.iter().enumerate() {
            let message = Message::decode(&frame.value).unwrap();
            assert_eq!(message.payload, payload(index));
        }
        got += messages.len();
    }
    assert_eq!(got + 2 * published, handed as usize, "exact counts");
    assert_eq!(publisher.publish("news", b"after"), 2);
    for client in &mut quick {
        assert_eq!(client.payload().1, b"after");
    }
}

#[test]
fn one_that_never_reads_again_is_closed_and_its_memory_returned() {
    let config = Config {
        subscriber_bytes_max: 64 << 10,
        slow_client_timeout_ms: 200,
        ..config(1)
    };
    let node = Node::start(&config).unwrap();
    let mut slow = Client::connect(node.addresses().any_core);
    slow.subscribe(&["news"]);
    let mut publisher = Client::connect(node.addresses().any_core);
    let payload = vec![b'x'; 32 << 10];
    eventually("it is cut off", || publisher.publish("news", &payload) == 0);
    eventually("it is closed", || number(&node, "core.0.connections") == 1);
    assert_eq!(number(&node, "core.0.subscriptions"), 0);
}

#[test]
fn many_of_them_take_no_more_memory_than_the_core_allows() {
    const SLOW: usize = 40;
    let config = Config {
        value_bytes_max: 1 << 20,
        input_bytes_max: 2 << 20,
        buffer_bytes_max: 4 << 20,
        subscriber_bytes_max: 1 << 20,
        ..config(1)
    };
    let node = Node::start(&config).unwrap();
    let address = node.addresses().any_core;
    let mut slow: Vec<Client> = (0..SLOW).map(|_| Client::connect(address)).collect();
    for client in &mut slow {
        client.subscribe(&["news"]);
    }
    let mut quick = Client::connect(address);
    quick.subscribe(&["quick"]);
    let mut publisher = Client::connect(address);
    let before = number(&node, "process.resident_bytes");
    let payload = vec![b'x'; 512 << 10];
    let mut handed = 0;
    for _ in 0..100 {
        handed += publisher.publish("news", &payload);
        assert_eq!(publisher.publish("quick", b"still here"), 1);
        assert_eq!(quick.payload().1, b"still here");
    }
    assert!(handed > 0);
    eventually("all are cut off", || {
        publisher.publish("news", &payload) == 0
    });
    let grown = number(&node, "process.resident_bytes").saturating_sub(before);
    // Without a bound it would be 40 × 50 MiB and more.
    assert!(grown < 96 << 20, "{grown} bytes more");
    drop(slow);
    eventually("they are closed", || {
        number(&node, "core.0.connections") == 2
    });
    std::thread::sleep(Duration::from_millis(1));
    assert_eq!(of_cores(&node, "subscriptions"), 1);
}
