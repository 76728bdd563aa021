//! Fear: a node that cannot take a request answers what a client of a cluster takes for an end, or
//! loses the place of a reply, or did what it says it refused.
//!
//! A client pipelines faster than a core takes over from its neighbour, whose queue is short. Every
//! refusal is `TRYAGAIN`, by which a member of a cluster asks to be asked again in a moment.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;

use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::routing::slot;

use crate::common::resp::{RespRaw, command};
use crate::common::{config, eventually, key_of_core};
use crate::total;

const COUNT: usize = 3_000;
const REFUSED: &[u8] = b"-TRYAGAIN the node is overloaded, try again later\r\n";

fn node_with_short_queues() -> Node {
    Node::start(&Config {
        mailbox_capacity: 16,
        ..config(2)
    })
    .unwrap()
}

/// Sends `commands` over and over without waiting; what each of them was answered, in turns.
fn pipeline(address: SocketAddr, commands: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let mut client = RespRaw::connect(address);
    let mut writer = client.stream.try_clone().unwrap();
    let bytes = commands.concat().repeat(COUNT);
    let writing = thread::spawn(move || writer.write_all(&bytes).unwrap());
    let mut receive = || commands.iter().map(|_| client.receive()).collect();
    let replies = (0..COUNT).map(|_| receive()).collect();
    writing.join().unwrap();
    replies
}

#[test]
fn what_an_overloaded_node_refuses_is_to_be_tried_again_and_was_not_done() {
    let node = node_with_short_queues();
    let counters = [0, 1].map(|core| key_of_core(core, 2, 0));
    let commands = counters.each_ref().map(|key| command(&[b"INCR", key]));
    let mut counted = [0_usize; 2];
    let mut refused = 0;
    for replies in pipeline(node.addresses().any_core, &commands) {
        for (counted, reply) in counted.iter_mut().zip(replies) {
            if reply == REFUSED {
                refused += 1;
                continue;
            }
            *counted += 1;
            let number = format!(":{counted}\r\n");
            assert_eq!(String::from_utf8_lossy(&reply), number, "once and in order");
        }
    }
    println!("{refused} of {} refused", 2 * COUNT);
    assert!(refused > 0, "the queue was never full");
    assert!(counted.contains(&COUNT), "the own core is not busy");
    let mut client = RespRaw::connect(node.addresses().any_core);
    for (key, counted) in counters.iter().zip(counted) {
        client.send(&command(&[b"GET", key])).unwrap();
        let digits = counted.to_string();
        let expected = format!("${}\r\n{digits}\r\n", digits.len());
        assert_eq!(String::from_utf8_lossy(&client.receive()), expected);
    }
    eventually("every refusal is counted", || {
        total(&node, "busy") == refused
    });
    node.request_stop();
    node.join().unwrap();
}

#[test]
fn a_core_port_refuses_so_too_and_goes_on_with_what_is_its_own() {
    let node = node_with_short_queues();
    let own = key_of_core(0, 2, 0);
    // The neighbour is asked how many keys its slot has.
    let theirs = slot(&key_of_core(1, 2, 0)).to_string();
    let count = command(&[b"CLUSTER", b"COUNTKEYSINSLOT", theirs.as_bytes()]);
    let commands = [count, command(&[b"EXISTS", &own])];
    let (mut asked, mut refused) = (0, 0);
    // A neighbour that happens to be quick is asked again.
    while refused == 0 && asked < 50 * COUNT {
        for replies in pipeline(node.addresses().cores[0], &commands) {
            let [count, exists] = <[Vec<u8>; 2]>::try_from(replies).unwrap();
            if count == REFUSED {
                refused += 1;
            } else {
                assert_eq!(String::from_utf8_lossy(&count), ":0\r\n");
            }
            assert_eq!(exists, b":0\r\n");
        }
        asked += COUNT;
    }
    println!("{refused} of {asked} refused");
    assert!(refused > 0, "the queue was never full");
    assert!(refused < asked, "the queue was always full");
    node.request_stop();
    node.join().unwrap();
}
