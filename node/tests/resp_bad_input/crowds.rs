//! Many bad clients at once, and each way in which one can be owed without end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use jerboa::Node;

use crate::common::bystander::Bystander;
use crate::common::resp::{RespRaw, command};
use crate::common::{Raw, config, eventually};
use crate::{GROWTH_BYTES_MAX, Scene, alone};

/// Sends the same until the node closes, reading nothing; how many it took, in commands.
fn pipeline(address: SocketAddr, one: &[u8]) -> (usize, ErrorKind) {
    let mut client = RespRaw::connect(address);
    let many = one.repeat(1 + (64 << 10) / one.len());
    let commands = many.len() / one.len();
    let mut sent = 0;
    while sent < 10_000_000 {
        match client.stream.write_all(&many) {
            Ok(()) => sent += commands,
            Err(error) => return (sent, error.kind()),
        }
    }
    (sent, ErrorKind::Other)
}

#[test]
fn ten_million_commands_whose_replies_nobody_reads_are_not_taken_whatever_they_are() {
    let _alone = alone();
    let mut settings = config(2);
    settings.slow_client_timeout_ms = 1_000;
    let node = Node::start(&settings).unwrap();
    let address = node.addresses().any_core;
    let mut client = RespRaw::connect(address);
    for number in 0..2_000 {
        let key = format!("key:{number}");
        client
            .send(&command(&[b"SET", key.as_bytes(), &[b'v'; 100]]))
            .unwrap();
        assert_eq!(client.receive(), b"+OK\r\n");
    }
    drop(client);
    let bystander = Bystander::watch(address, 2);
    let mut raw = Raw::connect(address);
    let before = raw.stat("process.resident_bytes");
    // Small replies, large ones, ones of the other core, of all cores, errors, and what is far
    // longer than its question; each on a connection of its own, all at once.
    let commands: Vec<Vec<u8>> = [
        &[&b"PING"[..]][..],
        &[b"INCR", b"counter"],
        &[b"GET", b"key:1"],
        &[b"GET", b"key:2"],
        &[b"MGET", b"key:1", b"key:2", b"key:3", b"key:4"],
        &[b"NOSUCH", b"with", b"some", b"arguments"],
        &[b"KEYS", b"*"],
        &[b"SCAN", b"0", b"COUNT", b"1000"],
        &[b"COMMAND"],
        &[b"INFO", b"everything"],
        &[b"CLUSTER", b"SLOTS"],
        &[b"STATS"],
    ]
    .iter()
    .map(|words| command(words))
    .chain([b"\r\nPING\r\n".to_vec()])
    .collect();
    let clients: Vec<_> = commands
        .into_iter()
        .map(|one| thread::spawn(move || (pipeline(address, &one), one)))
        .collect();
    for client in clients {
        let ((sent, end), one) = client.join().unwrap();
        let closed = matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
        assert!(closed, "{}: {end:?} after {sent}", one.escape_ascii());
    }
    let grown = raw.stat("process.resident_bytes").saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "grown by {grown} bytes");
    bystander.finish("thirteen clients that do not read");
}

/// Whether the node still waits for the rest, instead of having refused what came.
fn was_kept(stream: &mut TcpStream) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    let waits = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
    matches!(stream.read(&mut [0; 64]), Err(error) if waits.contains(&error.kind()))
}

#[test]
fn gigabytes_that_many_send_at_once_are_not_all_kept() {
    let mut settings = config(2);
    settings.buffer_bytes_max = 96 << 20;
    let scene = Scene::with(&settings);
    let address = scene.node.addresses().any_core;
    let begin = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$67108864\r\n";
    let part = vec![b'v'; 1 << 20];
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let part = part.clone();
            thread::spawn(move || {
                let mut clients: Vec<RespRaw> =
                    (0..10).map(|_| RespRaw::connect(address)).collect();
                clients
                    .iter_mut()
                    .for_each(|client| client.send(begin).unwrap());
                // All but the last part of the value. One that was refused may still be listened
                // to for a while, so that its refusal reaches it.
                for _ in 0..60 {
                    clients.retain_mut(|client| client.send(&part).is_ok());
                }
                clients.retain_mut(|client| was_kept(&mut client.stream));
                clients.len()
            })
        })
        .collect();
    let kept: usize = senders
        .into_iter()
        .map(|sender| sender.join().unwrap())
        .sum();
    // Two cores have room for 1.5 such values each.
    assert!(kept <= 4, "{kept} of 40 were kept");
    scene.memory_is_bounded();
    scene.strike("2.4 GB of unfinished values");
}

#[test]
fn millions_of_arguments_that_are_only_announced_take_nothing() {
    let scene = Scene::set();
    let clients: Vec<RespRaw> = (0..200)
        .map(|number| {
            let mut client = scene.client();
            client.send(b"*1048576\r\n$4\r\nMGET\r\n").unwrap();
            // Half of them leave in the middle of it.
            if number % 2 == 0 {
                let _ = client.stream.shutdown(Shutdown::Write);
            }
            client
        })
        .collect();
    scene.memory_is_bounded();
    drop(clients);
    scene.strike("announced arguments");
}

#[test]
fn no_verb_of_http_gets_a_command_executed_behind_its_headers() {
    let scene = Scene::set();
    for verb in [
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "POST", "CONNECT",
    ] {
        let mut client = scene.client();
        let request = format!(
            "{verb} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\nSET hacked 1\r\n\
             *3\r\n$3\r\nSET\r\n$6\r\nhacked\r\n$1\r\n2\r\n"
        );
        client.send(request.as_bytes()).unwrap();
        // Closed without being asked to.
        let answer = client.until_closed();
        let lines = answer.split_inclusive(|byte| *byte == b'\n');
        for line in lines {
            assert!(line.starts_with(b"-ERR"), "{verb}: {}", line.escape_ascii());
        }
    }
    assert_eq!(scene.client().call(&["EXISTS", "hacked"]), ":0\r\n");
    eventually("their connections are gone", || {
        Raw::connect(scene.node.addresses().any_core).stat("node.connections") <= 3
    });
    scene.memory_is_bounded();
    scene.strike("verbs");
}
