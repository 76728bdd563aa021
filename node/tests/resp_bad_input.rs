//! Fear: bytes that are no command, or commands without measure, bring the node or another
//! connection down, or make it take memory without end.
//!
//! Setup: a node with two cores, a bystander working beside.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;
#[path = "resp_bad_input/crowds.rs"]
mod crowds;
#[path = "resp_bad_input/endless.rs"]
mod endless;

use std::io::{ErrorKind, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::bystander::Bystander;
use common::resp::{RespRaw, command};
use common::{Random, Raw, config, eventually};
use jerboa::Node;
use jerboa::config::Config;

/// What the process may grow by, for a test whose client sends or owes far more.
const GROWTH_BYTES_MAX: u64 = 512 << 20;

/// The memory of a process is measured by one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Scene {
    _alone: MutexGuard<'static, ()>,
    node: Node,
    bystander: Bystander,
    resident_bytes: u64,
}

impl Scene {
    fn set() -> Self {
        Self::with(&config(2))
    }

    fn with(settings: &Config) -> Self {
        let alone = alone();
        let node = Node::start(settings).unwrap();
        let bystander = Bystander::watch(node.addresses().any_core, 2);
        let mut raw = Raw::connect(node.addresses().any_core);
        let resident_bytes = raw.stat("process.resident_bytes");
        Self {
            _alone: alone,
            node,
            bystander,
            resident_bytes,
        }
    }

    fn client(&self) -> RespRaw {
        RespRaw::connect(self.node.addresses().any_core)
    }

    fn memory_is_bounded(&self) {
        let mut raw = Raw::connect(self.node.addresses().any_core);
        let now = raw.stat("process.resident_bytes");
        let grown = now.saturating_sub(self.resident_bytes);
        assert!(grown < GROWTH_BYTES_MAX, "grown by {grown} bytes");
    }

    fn strike(self, label: &str) {
        let mut client = self.client();
        assert_eq!(client.call(&["PING"]), "+PONG\r\n");
        drop(client);
        self.bystander.finish(label);
        let mut raw = Raw::connect(self.node.addresses().any_core);
        eventually("one connection is left", || {
            raw.stat("node.connections") == 1
        });
        self.node.request_stop();
        self.node.join().unwrap();
    }
}

#[test]
fn lengths_that_are_none_close_with_the_words_of_redis() {
    let scene = Scene::set();
    let cases: [(&[u8], &str); 12] = [
        (b"*-1\r\nQUIT\r\n", "+OK\r\n"),
        (
            b"*abc\r\n",
            "-ERR Protocol error: invalid multibulk length\r\n",
        ),
        (
            b"*3000000000\r\n",
            "-ERR Protocol error: invalid multibulk length\r\n",
        ),
        (
            b"*99999999999999999999999\r\n",
            "-ERR Protocol error: invalid multibulk length\r\n",
        ),
        (
            b"*1\r\n$-5\r\n",
            "-ERR Protocol error: invalid bulk length\r\n",
        ),
        (
            b"*1\r\n$abc\r\n",
            "-ERR Protocol error: invalid bulk length\r\n",
        ),
        (
            b"*2\r\n$3\r\nGET\r\n$2000000000\r\n",
            "-ERR Protocol error: invalid bulk length\r\n",
        ),
        (
            b"*2\r\n$3\r\nGET\r\n$99999999999\r\n",
            "-ERR Protocol error: invalid bulk length\r\n",
        ),
        (
            b"*1\r\nGET\r\n",
            "-ERR Protocol error: expected '$', got 'G'\r\n",
        ),
        (
            b"*1\r\n$4\r\nPINGxx",
            "-ERR Protocol error: expected a line end behind an argument\r\n",
        ),
        (
            &[b'*'; 200],
            "-ERR Protocol error: too big mbulk count string\r\n",
        ),
        (
            &[b'a'; 70_000],
            "-ERR Protocol error: too big inline request\r\n",
        ),
    ];
    for (bytes, expected) in cases {
        let mut client = scene.client();
        client.send(b"PING\r\n").unwrap();
        let _ = client.send(bytes);
        let all = client.until_closed();
        let expected = format!("+PONG\r\n{expected}");
        assert_eq!(
            String::from_utf8_lossy(&all),
            expected,
            "{}",
            bytes[..bytes.len().min(40)].escape_ascii()
        );
    }
    scene.memory_is_bounded();
    scene.strike("lengths");
}

#[test]
fn gigabytes_that_are_only_announced_take_nothing() {
    let scene = Scene::set();
    // The largest value is 64 MiB: a thousand clients announce that much each, and send little.
    let clients: Vec<RespRaw> = (0..200)
        .map(|_| {
            let mut client = scene.client();
            client
                .send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$67108864\r\nabc")
                .unwrap();
            client
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    scene.memory_is_bounded();
    drop(clients);
    scene.strike("announced gigabytes");
}

#[test]
fn a_command_that_never_ends_is_cut_off_where_memory_for_it_ends() {
    let scene = Scene::set();
    let mut client = scene.client();
    // A million arguments of a kilobyte: far more than a connection may hold.
    client.send(b"*1000000\r\n$4\r\nMGET\r\n").unwrap();
    let mut bytes = Vec::new();
    for _ in 0..1000 {
        bytes.extend_from_slice(b"$1000\r\n");
        bytes.extend_from_slice(&[b'k'; 1000]);
        bytes.extend_from_slice(b"\r\n");
    }
    let mut sender = client.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        // Of what comes after the refusal some is thrown away; then the node closes.
        for _ in 0..300 {
            if sender.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = sender.shutdown(std::net::Shutdown::Write);
    });
    let answer = client.until_closed();
    assert_eq!(
        String::from_utf8_lossy(&answer),
        "-ERR Protocol error: the command is larger than a connection may hold\r\n"
    );
    writer.join().unwrap();
    drop(client);
    scene.memory_is_bounded();
    scene.strike("an endless command");
}

#[test]
fn a_million_arguments_are_a_command_like_any_other() {
    let scene = Scene::set();
    let mut client = scene.client();
    let mut arguments: Vec<&[u8]> = vec![b"k"; 1_000_000];
    for (name, reply) in [(&b"EXISTS"[..], ":0\r\n"), (b"DEL", ":0\r\n")] {
        arguments[0] = name;
        client.send(&command(&arguments)).unwrap();
        assert_eq!(client.receive(), reply.as_bytes());
    }
    // One that takes no such number, and one that is none.
    for name in [&b"GET"[..], b"NOSUCH"] {
        arguments[0] = name;
        client.send(&command(&arguments)).unwrap();
        assert_eq!(client.receive()[..4], *b"-ERR");
    }
    assert_eq!(client.call(&["PING"]), "+PONG\r\n");
    drop(client);
    scene.memory_is_bounded();
    scene.strike("a million arguments");
}

#[test]
fn many_keys_of_all_cores_come_back_in_order() {
    let scene = Scene::set();
    let mut client = scene.client();
    // More than a frame between cores has items.
    let keys: Vec<String> = (0..40_000).map(|number| format!("many:{number}")).collect();
    let mut words: Vec<&[u8]> = vec![b"MSET"];
    for key in &keys {
        words.extend([key.as_bytes(), key.as_bytes()]);
    }
    client.send(&command(&words)).unwrap();
    assert_eq!(client.receive(), b"+OK\r\n");
    let mut words: Vec<&[u8]> = vec![b"MGET"];
    words.extend(keys.iter().map(String::as_bytes));
    client.send(&command(&words)).unwrap();
    let expected: String = keys
        .iter()
        .map(|key| format!("${}\r\n{key}\r\n", key.len()))
        .collect();
    let reply = client.receive();
    assert!(reply == format!("*40000\r\n{expected}").as_bytes());
    words[0] = b"EXISTS";
    client.send(&command(&words)).unwrap();
    assert_eq!(client.receive(), b":40000\r\n");
    let all = client.call(&["KEYS", "many:*"]);
    assert!(all.starts_with("*40000\r\n"), "{}", &all[..20]);
    words[0] = b"UNLINK";
    client.send(&command(&words)).unwrap();
    assert_eq!(client.receive(), b":40000\r\n");
    drop(client);
    scene.strike("many keys");
}

#[test]
fn who_sends_millions_of_commands_and_reads_nothing_is_not_served_without_end() {
    let _alone = alone();
    let mut settings = config(2);
    settings.slow_client_timeout_ms = 1_000;
    let node = Node::start(&settings).unwrap();
    let bystander = Bystander::watch(node.addresses().any_core, 2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let before = raw.stat("process.resident_bytes");
    let mut client = RespRaw::connect(node.addresses().any_core);
    let set = command(&[b"SET", b"large", &vec![b'v'; 10_000]]);
    client.send(&set).unwrap();
    assert_eq!(client.receive(), b"+OK\r\n");
    let gets = command(&[b"GET", b"large"]).repeat(1000);
    // Ten million of them, if anybody took them: the node stops reading, and then closes.
    let mut sent = 0;
    let end = loop {
        match client.stream.write_all(&gets) {
            Ok(()) => sent += 1000,
            Err(error) => break error.kind(),
        }
        assert!(sent < 10_000_000, "all of them were taken");
    };
    let closed = matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    assert!(closed, "{end:?} after {sent}");
    let grown = raw.stat("process.resident_bytes").saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "grown by {grown} bytes");
    eventually("it was closed for not reading", || {
        raw.stat("core.0.closed_slow") + raw.stat("core.1.closed_slow") > 0
    });
    bystander.finish("a client that does not read");
}

#[test]
fn short_questions_do_not_become_gigabytes() {
    let scene = Scene::set();
    let mut client = scene.client();
    let mut words: Vec<&[u8]> = vec![b"*"; 1_000_000];
    for (question, refused) in [
        (
            [&b"COMMAND"[..], b"INFO"],
            "-ERR at most 1024 names at a time\r\n",
        ),
        (
            [b"COMMAND", b"DOCS"],
            "-ERR at most 1024 names at a time\r\n",
        ),
        (
            [b"LATENCY", b"HISTOGRAM"],
            "-ERR at most 1024 names at a time\r\n",
        ),
        (
            [b"LATENCY", b"RESET"],
            "-ERR at most 1024 names at a time\r\n",
        ),
        (
            [b"PUBSUB", b"NUMSUB"],
            "-ERR at most 1024 names at a time\r\n",
        ),
        (
            [b"PUBSUB", b"SHARDNUMSUB"],
            "-ERR at most 1024 names at a time\r\n",
        ),
        ([b"INFO", b"*"], "-ERR at most 1024 names at a time\r\n"),
        (
            [b"CLIENT", b"KILL"],
            "-ERR at most 1024 names at a time\r\n",
        ),
        ([b"COMMAND", b"LIST"], "-ERR syntax error\r\n"),
        (
            [b"CONFIG", b"GET"],
            "-ERR at most 128 settings at a time\r\n",
        ),
        (
            [b"CONFIG", b"SET"],
            "-ERR at most 128 settings at a time\r\n",
        ),
    ] {
        words[..2].copy_from_slice(&question);
        client.send(&command(&words)).unwrap();
        let answer = client.receive();
        assert_eq!(String::from_utf8_lossy(&answer), refused);
    }
    // As many as may be.
    for (question, most, kind) in [
        ([&b"COMMAND"[..], b"INFO"], 1024, b'*'),
        ([b"PUBSUB", b"NUMSUB"], 1024, b'*'),
        ([b"CONFIG", b"GET"], 128, b'*'),
    ] {
        let mut words: Vec<&[u8]> = question.to_vec();
        words.resize(2 + most, b"client");
        client.send(&command(&words)).unwrap();
        assert_eq!(client.receive()[0], kind);
        words.push(b"client");
        client.send(&command(&words)).unwrap();
        assert_eq!(client.receive()[0], b'-');
    }
    drop(client);
    scene.memory_is_bounded();
    scene.strike("short questions");
}

#[test]
fn what_clients_say_of_themselves_takes_no_memory_to_speak_of() {
    let scene = Scene::set();
    let (most, long) = ("n".repeat(1024), "n".repeat(1025));
    let refused = "-ERR what a client says of itself has at most 1024 bytes\r\n";
    let mut client = scene.client();
    for before in [
        &["CLIENT", "SETNAME"][..],
        &["CLIENT", "SETINFO", "lib-name"],
        &["CLIENT", "SETINFO", "lib-ver"],
        &["HELLO", "2", "SETNAME"],
    ] {
        let answer = client.call(&[before, &[most.as_str()]].concat());
        assert!(!answer.starts_with('-'), "{before:?}: {answer}");
        let answer = client.call(&[before, &[long.as_str()]].concat());
        assert_eq!(answer, refused, "{before:?}");
    }
    let huge = vec![b'n'; 60 << 20];
    client
        .send(&command(&[b"CLIENT", b"SETNAME", &huge]))
        .unwrap();
    assert_eq!(client.receive(), refused.as_bytes());
    let name = client.call(&["CLIENT", "GETNAME"]);
    assert_eq!(name, format!("$1024\r\n{most}\r\n"));
    drop(client);
    scene.memory_is_bounded();
    scene.strike("long names");
}

#[test]
fn who_wants_no_replies_gets_none_whatever_it_sends() {
    let scene = Scene::set();
    let mut client = scene.client();
    client
        .send(b"CLIENT REPLY OFF\r\nGET\r\nNOSUCH\r\n*abc\r\n")
        .unwrap();
    let all = client.until_closed();
    assert_eq!(String::from_utf8_lossy(&all), "");
    drop(client);
    scene.strike("silence");
}

#[test]
fn a_browser_is_shown_out_and_what_it_was_made_to_send_is_not_executed() {
    let scene = Scene::set();
    for request in [
        "POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET hacked 1\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET hacked 1\r\n",
    ] {
        let mut client = scene.client();
        client.send(request.as_bytes()).unwrap();
        client.until_closed();
    }
    assert_eq!(scene.client().call(&["EXISTS", "hacked"]), ":0\r\n");
    scene.strike("a browser");
}

#[test]
fn noise_is_answered_with_errors_or_the_end_and_changes_nothing() {
    let scene = Scene::set();
    let mut random = Random::seeded();
    let mut client = scene.client();
    assert_eq!(client.call(&["SET", "kept", "as it was"]), "+OK\r\n");
    for round in 0..300 {
        let mut bytes = random.bytes(1 + round * 10);
        // Not a frame; every other one the beginning of a command.
        bytes[0] = if round % 2 == 0 {
            b'*'
        } else {
            bytes[0] & 0x7F
        };
        let mut noise = scene.client();
        let _ = noise.send(&bytes);
        let _ = noise.stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = noise.stream.read_to_end(&mut answer);
        let lines = answer.split_inclusive(|byte| *byte == b'\n');
        for line in lines {
            assert!(line.starts_with(b"-ERR"), "{}", line.escape_ascii());
        }
    }
    assert_eq!(client.call(&["GET", "kept"]), "$9\r\nas it was\r\n");
    drop(client);
    scene.strike("noise");
}
