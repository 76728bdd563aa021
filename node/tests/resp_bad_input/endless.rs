//! Clients that go on sending after the node has told them of the end, and clients that send far
//! more than they read.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use jerboa::Node;

use crate::alone;
use crate::common::resp::RespRaw;
use crate::common::{Raw, config, eventually};

/// What ends a connection, of both protocols, and what is answered to it; nothing but the first bytes
/// of what is no reply in words.
const ENDS: &[(&[u8], &[u8])] = &[
    (
        b"*abc\r\n",
        b"-ERR Protocol error: invalid multibulk length\r\n",
    ),
    (b"QUIT\r\n", b"+OK\r\n"),
    (&[0xFF; 64], b""),
];

/// A node on which nothing but the bounds that are tested ends a connection.
fn patient_node() -> Node {
    let mut settings = config(1);
    settings.slow_client_timeout_ms = 3_600_000;
    settings.value_bytes_max = 4 << 20;
    Node::start(&settings).unwrap()
}

fn is_closed(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Received bytes are counted when they are thrown away, too.
#[test]
fn of_what_comes_without_end_behind_the_end_little_is_read() {
    /// What is read of it, and what one core may have received before it stops.
    const READ_BYTES_MAX: u64 = (1 << 20) + (24 << 20);
    const SENT_BYTES_MAX: usize = 256 << 20;
    let _alone = alone();
    let node = patient_node();
    let address = node.addresses().any_core;
    for (end, answer) in ENDS {
        let mut raw = Raw::connect(address);
        let before = raw.stat("core.0.bytes_in");
        let mut client = RespRaw::connect(address);
        client.send(end).unwrap();
        let (part, mut sent) = (vec![b'x'; 1 << 20], 0);
        let error = loop {
            match client.stream.write(&part) {
                Ok(bytes) => sent += bytes,
                Err(error) => break error.kind(),
            }
            assert!(sent < SENT_BYTES_MAX, "{sent} bytes were taken");
        };
        assert!(is_closed(error), "{error:?} after {sent} bytes");
        let read = raw.stat("core.0.bytes_in") - before;
        assert!(read < READ_BYTES_MAX, "{read} bytes were read");
        // The reset has not taken the answer from the client.
        let told = client.until_closed();
        assert!(told.starts_with(answer), "{}", told.escape_ascii());
        eventually("it is gone", || raw.stat("node.connections") == 1);
    }
}

#[test]
fn who_sends_a_little_behind_the_end_again_and_again_is_not_listened_to_for_ever() {
    let _alone = alone();
    let node = patient_node();
    let address = node.addresses().any_core;
    let mut raw = Raw::connect(address);
    // Who speaks in frames may be in the middle of a large one: it has the time of a slow client.
    for (end, answer) in &ENDS[..2] {
        let mut client = RespRaw::connect(address);
        client.send(end).unwrap();
        let mut sender = client.stream.try_clone().unwrap();
        // It is never silent for as long as closes a connection that has everything.
        let trickle = thread::spawn(move || {
            let mut sent = 0;
            while sent < 10_000 && sender.write_all(b"x").is_ok() {
                sent += 1;
                thread::sleep(Duration::from_millis(10));
            }
            sent
        });
        eventually("it is gone", || raw.stat("node.connections") == 1);
        let told = client.until_closed();
        assert!(told.starts_with(answer), "{}", told.escape_ascii());
        assert!(trickle.join().unwrap() < 10_000);
    }
}

/// Until somebody reads, the node holds what it may hold for a connection, and executes no more.
#[test]
fn who_reads_late_gets_the_replies_to_all_it_sent_and_no_more() {
    // A hundred megabytes each way: more than the kernel keeps for a connection.
    const COMMANDS: usize = 1_000_000;
    const DIGITS: usize = 100;
    let _alone = alone();
    let mut settings = config(2);
    settings.slow_client_timeout_ms = 3_600_000;
    let node = Node::start(&settings).unwrap();
    let address = node.addresses().any_core;
    let mut raw = Raw::connect(address);
    let before = raw.stat("process.resident_bytes");
    let mut client = RespRaw::connect(address);
    let mut sender = client.stream.try_clone().unwrap();
    sender.set_write_timeout(None).unwrap();
    let writer = thread::spawn(move || {
        let mut many = Vec::new();
        for number in 0..COMMANDS {
            write!(many, "ECHO {number:0DIGITS$}\r\n").unwrap();
            if many.len() > 1 << 16 {
                sender.write_all(&many).unwrap();
                many.clear();
            }
        }
        sender.write_all(&many).unwrap();
    });
    let mut last = 0;
    eventually("the node stops reading", || {
        thread::sleep(Duration::from_millis(200));
        let now = raw.stat("core.0.bytes_in") + raw.stat("core.1.bytes_in");
        // The questions themselves are received, too.
        now > 100_000 && now - std::mem::replace(&mut last, now) < 4096
    });
    assert!(!writer.is_finished(), "all of it was taken");
    let grown = raw.stat("process.resident_bytes").saturating_sub(before);
    assert!(grown < 128 << 20, "grown by {grown} bytes");
    let (mut reply, mut expected) = (vec![0; 6 + DIGITS + 2], Vec::new());
    let mut replies = BufReader::with_capacity(1 << 16, &mut client.stream);
    for number in 0..COMMANDS {
        replies.read_exact(&mut reply).unwrap();
        expected.clear();
        write!(expected, "${DIGITS}\r\n{number:0DIGITS$}\r\n").unwrap();
        assert!(reply == expected, "{number}: {}", reply.escape_ascii());
    }
    writer.join().unwrap();
    drop(replies);
    assert_eq!(client.call(&["PING"]), "+PONG\r\n");
}
