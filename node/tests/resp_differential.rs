//! Fear: a client meets an answer here that Redis would not have given.
//!
//! The same stream of random commands, right ones and broken ones, goes to Redis and to a node, and
//! the replies are compared byte by byte. What may differ, and why:
//!
//! * Times that count from now (TTL, PTTL, EXPIRETIME after EX …): by what passes between the two
//!   servers' clocks.
//! * The order of KEYS and SCAN, and which key RANDOMKEY draws: theirs is not promised either.
//! * Expiries beyond the year 2109 count as none: entries hold 42 bits of milliseconds.
//! * Shard channels are served by every core, so that SSUBSCRIBE takes those of several slots.
//! * MSETNX on keys of several cores is CROSSSLOT, as in a cluster, because one core has to decide;
//!   here they share a `{tag}`. It takes 16,384 keys at most: they are one frame.
//! * Patterns have at most 256 bytes, so that matching one key is bounded, and their ranges go from
//!   byte to byte as numbers without sign, where Redis takes those of the platform's `char`.
//! * FLUSHALL and FLUSHDB on a core's port empty the whole node: its cores are one server.
//! * What one command may ask for at a time is bounded: 64 MiB of keys by KEYS, 1,024 names in COMMAND
//!   INFO and DOCS, 128 settings in CONFIG GET and SET, 1,024 bytes of a client's name, an hour of
//!   CLIENT PAUSE. No command holds its core for long, or much memory.
//! * The empty key, keys above 65,535 bytes and values above the node's limit are refused.
//! * INCRBYFLOAT counts in 64 bits instead of 80 and answers the shortest text that reads back as the
//!   same number, instead of 17 decimals: sums that need more than 15 digits differ in the last ones,
//!   and 0.1 and 0.2 make 0.30000000000000004. It reads decimal text: no hexadecimal, and no plus
//!   sign before a stored one.
//! * What Redis 7.0 does not have yet (CLIENT SETINFO, SET … IFEQ) is not asked. What this project
//!   does not have, Redis is started without: both call it unknown, in the same words.
//! * What a server says of itself (INFO, CLIENT INFO, COMMAND …): of that the kind or the shape is
//!   compared, and of its commands what `documentation.rs` says. CLUSTER is answered on every port, READONLY and ASKING too: clients ask before they
//!   know what they speak to. CONFIG has other settings, and DEBUG is refused in other words.
//! * Keys that have expired are not counted (DBSIZE) or measured (MEMORY USAGE) until they are
//!   removed.
//! * Subcommands that the node lacks are listed in `refusals.rs`; a new one must be added there.
//! * Bytes that are no command. Where Redis waits for up to 64 KiB of a line that cannot become right
//!   any more (a length of 64 digits, a zero byte within a line), the node answers at once; where
//!   Redis does not look at the two bytes behind an argument, or at the line feed behind a length,
//!   the node refuses others; and more than 1,048,576 arguments.
//! * A connection that was told CLIENT REPLY OFF and then breaks, or quits: Redis leaves it open.
//!
//! Streams of bytes that went wrong are compared piece by piece: after each, the same replies have
//! come, and both connections are open or both closed. `scripts/resp-differential.sh` compares as
//! many as one has time for.
#![expect(clippy::unwrap_used, reason = "test harness")]

#[path = "resp_differential/administration.rs"]
mod administration;
#[path = "resp_differential/beside.rs"]
mod beside;
#[path = "resp_differential/broken.rs"]
mod broken;
#[path = "resp_differential/channels.rs"]
mod channels;
mod common;
#[path = "resp_differential/core_ports.rs"]
mod core_ports;
#[path = "resp_differential/documentation.rs"]
mod documentation;
#[path = "resp_differential/keyspace.rs"]
mod keyspace;
#[path = "resp_differential/numbers.rs"]
mod numbers;
#[path = "resp_differential/redis.rs"]
mod redis;
#[path = "resp_differential/refusals.rs"]
mod refusals;
#[path = "resp_differential/sides.rs"]
mod sides;
#[path = "resp_differential/stream.rs"]
mod stream;

use std::net::SocketAddr;

use beside::Beside;
use broken::{Broken, agreed};
use channels::Channels;
use common::resp::{RespRaw, command};
use common::{Random, node};
use redis::Redis;
use sides::Sides;
use stream::{Args, Compare, Stream};

fn shown(arguments: &Args) -> String {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| format!("{:?}", word.escape_ascii().to_string()))
        .collect();
    words.join(" ")
}

/// How many of something are compared: what the environment says, else `usual`.
fn count(name: &str, usual: usize) -> usize {
    let given = std::env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Commands in all; with `JERBOA_DIFFERENTIAL` as many as it says.
fn commands() -> usize {
    count("JERBOA_DIFFERENTIAL", 20_000)
}

#[test]
fn the_same_stream_of_commands_is_answered_as_by_redis() {
    let node = node(2);
    let Some(redis) = Redis::beside(node.addresses().any_core) else {
        return;
    };
    let mut random = Random::seeded();
    for version in ["2", "3"] {
        let mut sides = Sides::connect(node.addresses().any_core, redis.address, version);
        sides.both(&["FLUSHALL"]);
        let mut done = 0;
        while done < commands() / 2 && !sides.differs() {
            let mut stream = Stream::new(&mut random);
            let batch: Vec<_> = (0..=stream.below(40)).map(|_| stream.next()).collect();
            sides.batch(&batch);
            done += batch.len();
            if random.below(4) == 0 {
                keyspace::look(&mut sides, &mut random);
            }
        }
        let differences = &sides.differences;
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

#[test]
fn what_is_asked_of_the_server_itself_is_answered_or_refused_as_by_redis() {
    let node = node(2);
    let Some(redis) = Redis::beside(node.addresses().any_core) else {
        return;
    };
    same_answers(
        node.addresses().any_core,
        redis.address,
        administration::questions(),
    );
}

/// A node with one core is a cluster of one, as this Redis is.
#[test]
fn what_cluster_clients_ask_is_answered_or_refused_as_by_redis() {
    let node = node(1);
    let core = node.addresses().cores[0];
    let Some(redis) = Redis::cluster_beside(core) else {
        return;
    };
    same_answers(core, redis.address, administration::cluster_questions());
}

/// Each question on connections of its own: what it sets is gone with them.
fn same_answers(
    node: SocketAddr,
    redis: SocketAddr,
    questions: impl Iterator<Item = (Args, Compare)> + Clone,
) {
    let mut differences: Vec<String> = Vec::new();
    for version in ["2", "3"] {
        for (words, compare) in questions.clone() {
            let [ours, theirs] = [node, redis].map(|address| {
                let mut client = RespRaw::connect(address);
                client.call(&["HELLO", version]);
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                client.send(&command(&words)).unwrap();
                client.receive()
            });
            if !compare.holds(&ours, &theirs) {
                let short = |reply: &[u8]| reply[..reply.len().min(300)].escape_ascii().to_string();
                differences.push(format!(
                    "RESP{version} {} ({compare:?})\n  node:  {}\n  redis: {}",
                    shown(&words),
                    short(&ours),
                    short(&theirs)
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_command_with_too_few_or_too_many_arguments_is_refused_in_the_same_words() {
    let node = node(2);
    let any_core = node.addresses().any_core;
    let Some(redis) = Redis::beside(any_core) else {
        return;
    };
    let mut random = Random::seeded();
    let mut differences: Vec<String> = Vec::new();
    for words in refusals::all(&mut random, any_core, redis.address) {
        let [ours, theirs] =
            [any_core, redis.address].map(|address| refusals::answer(address, &words));
        if ours != theirs || ours[0] != b'-' {
            let (ours, theirs) = (ours.escape_ascii(), theirs.escape_ascii());
            differences.push(format!(
                "{}\n  node:  {ours}\n  redis: {theirs}",
                shown(&words)
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn everybody_hears_of_channels_what_they_would_hear_from_redis() {
    let node = node(2);
    let any_core = node.addresses().any_core;
    let Some(redis) = Redis::beside(any_core) else {
        return;
    };
    let mut random = Random::seeded();
    let mut channels = Channels::new(&mut random, any_core, redis.address);
    let mut history: Vec<String> = Vec::new();
    for _ in 0..count("JERBOA_DIFFERENTIAL_CHANNELS", 4_000) {
        let (step, difference) = channels.step();
        history.push(step);
        if let Some(difference) = difference {
            let from = history.len().saturating_sub(30);
            panic!("{:#?}\n{difference}", &history[from..]);
        }
    }
}

/// What each of them answers until it closes; it is closed for them if they do not.
fn answers(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut client = RespRaw::connect(address);
    let _ = client.send(bytes);
    let _ = client.stream.shutdown(std::net::Shutdown::Write);
    client.until_closed()
}

#[test]
fn bytes_that_are_no_command_are_refused_in_the_same_words() {
    let node = node(2);
    let Some(redis) = Redis::beside(node.addresses().any_core) else {
        return;
    };
    let long_line = [b"GET ".to_vec(), vec![b'a'; 70_000]].concat();
    let cases: Vec<Vec<u8>> = [
        &b"*x\r\n"[..],
        b"*\r\n",
        b"*-10\r\nPING\r\n",
        b"*0\r\nPING\r\n",
        b"\r\n\r\nPING\r\n",
        b"   \r\nPING\r\n",
        b"*2147483648\r\n",
        b"*99999999999999999999\r\n",
        b"*1\r\n$-1\r\nPING\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$\r\n",
        b"*1\r\n$99999999999999\r\n",
        b"*1\r\n$4\r\nPING\r\n*1\r\nPING\r\n",
        b"*1\r\n:4\r\n",
        b"*2\r\n$3\r\nGET\r\n+k\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$01\r\nb\r\n",
        b"PING\r\n",
        b"ping\n",
        b"GET\r\n",
        b"SET \"a b\" 'c d'\r\nGET \"a b\"\r\n",
        b"ECHO \"\\x41\\n\"\r\n",
        b"ECHO \"unbalanced\r\nPING\r\n",
        b"ECHO 'unbalanced\r\nPING\r\n",
        b"ECHO \"a\"b\r\nPING\r\n",
        b"QUIT\r\nPING\r\n",
        b"*1\r\n$4\r\nPI",
        b"*3\r\n$3\r\nSET\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nPING\r\n",
        b"PING\r\nHost: x\r\nPING\r\n",
    ]
    .iter()
    .map(|bytes| bytes.to_vec())
    .chain([long_line])
    .collect();
    for case in cases {
        let ours = answers(node.addresses().any_core, &case);
        let theirs = answers(redis.address, &case);
        if case.windows(5).any(|word| word == b"Host:") || case.starts_with(b"POST") {
            // Redis drops what it has answered so far as well.
            assert!(theirs.is_empty(), "{}", theirs.escape_ascii());
            // Ours comes, and nothing behind the line of HTTP is served.
            let expected: &[u8] = match &case[..4] {
                b"PING" => b"+PONG\r\n",
                b"GET " => b"-ERR wrong number of arguments for 'get' command\r\n",
                _ => b"",
            };
            assert_eq!(
                ours.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "for {}",
                case.escape_ascii()
            );
            continue;
        }
        assert_eq!(
            ours.escape_ascii().to_string(),
            theirs.escape_ascii().to_string(),
            "for {}",
            case[..case.len().min(100)].escape_ascii()
        );
    }
}

/// `JERBOA_DIFFERENTIAL_STREAMS` says how many; each begins with nothing stored, so that one alone
/// shows what it showed in the row.
#[test]
fn streams_that_break_off_or_go_wrong_are_answered_and_closed_as_by_redis() {
    let node = node(2);
    let any_core = node.addresses().any_core;
    let Some(redis) = Redis::beside(any_core) else {
        return;
    };
    let mut beside = Beside::new(redis.address, any_core, &node.addresses().cores);
    let mut random = Random::seeded();
    let mut broken = Broken {
        random: &mut random,
    };
    let streams = count("JERBOA_DIFFERENTIAL_STREAMS", 1_500);
    let (mut cut, mut differences) = (0, Vec::new());
    for _ in 0..streams {
        let bytes = broken.stream();
        let version = ["2", "3"][broken.random.below(2)];
        let agreed = agreed(&bytes);
        if agreed < bytes.len() {
            cut += 1;
            beside.node_survives(version, &bytes);
        }
        beside.empty();
        let pieces = broken.pieces(&bytes[..agreed]);
        if let Some(difference) = beside.exchange(version, &pieces) {
            let shown: Vec<_> = pieces
                .iter()
                .map(|piece| piece.escape_ascii().to_string())
                .collect();
            differences.push(format!("RESP{version} {shown:#?}\n{difference}"));
            if differences.len() >= 8 {
                break;
            }
        }
    }
    println!("{streams} streams, {cut} of them compared up to where both may part");
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    // What is excepted stays an exception.
    assert!(cut * 2 < streams, "{cut} of {streams} were cut");
}
