//! Fear: a client of Olric meets something else than Olric, or meets its mistakes.

mod common;

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::resp::{RespRaw, command};
use common::{Raw, eventually, key_of_core, node};
use jerboa_wire::{Opcode, Request};

const ABSENT: &str = "-KEYNOTFOUND key not found\r\n";

/// Text keys that two cores own in turn.
fn keys(count: u32) -> Vec<String> {
    (0..count)
        .map(|number| {
            let key = key_of_core((number % 2) as u16, 2, number);
            String::from_utf8(key).expect("keys of text")
        })
        .collect()
}

/// Requests that wait for locks, on either core.
fn waiting(raw: &mut Raw) -> u64 {
    let cores = ["core.0.lock_waiters", "core.1.lock_waiters"];
    cores.map(|name| raw.stat(name)).iter().sum()
}

fn text(reply: &str) -> &str {
    reply.split("\r\n").nth(1).expect("a bulk string")
}

#[test]
fn entries_of_maps_are_stored_read_and_refused_in_olrics_words() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for key in keys(4) {
        let mut call = |name: &str, rest: &[&str]| {
            let mut all = vec![name, "map", &key];
            all.extend(rest);
            client.call(&all)
        };
        assert_eq!(call("DM.GET", &[]), ABSENT);
        assert_eq!(call("DM.PUT", &["v", "XX"]), ABSENT);
        assert_eq!(call("dm.put", &["v", "nx", "ex", "0.5"]), "+OK\r\n");
        assert_eq!(call("DM.PUT", &["w", "NX"]), "-KEYFOUND key found\r\n");
        assert_eq!(call("DM.GET", &[]), "$1\r\nv\r\n");
        assert_eq!(call("DM.PUT", &["w", "XX", "PX", "1000000"]), "+OK\r\n");
        assert_eq!(call("DM.GET", &[]), "$1\r\nw\r\n");
        assert_eq!(call("DM.GETPUT", &["x"]), "$1\r\nw\r\n");
        assert_eq!(call("DM.DEL", &["absent"]), ":1\r\n");
        assert_eq!(call("DM.GETPUT", &["y"]), "$-1\r\n");
        assert_eq!(
            call("DM.INCR", &["2"]),
            "-ERR value is not an integer or out of range\r\n"
        );
        assert_eq!(
            call("DM.GET", &[]),
            "$1\r\ny\r\n",
            "a counter spares what is no number"
        );
        assert_eq!(call("DM.PUT", &["gone", "PXAT", "5"]), "+OK\r\n");
        assert_eq!(call("DM.GET", &[]), ABSENT);
        for none in ["EX", "PX", "EXAT", "PXAT"] {
            assert_eq!(call("DM.PUT", &["kept", none, "0"]), "+OK\r\n");
            for negative in ["-1", "-9223372036854775808"] {
                // Not acknowledged, and nothing is done.
                let told = call("DM.PUT", &["gone", none, negative]);
                assert_eq!(told, "-INVALIDARGUMENT invalid argument\r\n");
                let told = call("DM.CAS", &["kept", "gone", none, negative]);
                assert_eq!(told, "-INVALIDARGUMENT invalid argument\r\n");
            }
            assert_eq!(call("DM.GET", &[]), "$4\r\nkept\r\n");
        }
        let told = call("DM.PUT", &["gone", "EX", "-0.0001"]);
        assert_eq!(told, "-INVALIDARGUMENT invalid argument\r\n");
        assert_eq!(call("DM.DEL", &[]), ":1\r\n");
        assert_eq!(call("DM.INCR", &["40"]), ":40\r\n");
        assert_eq!(call("DM.DECR", &["-2"]), ":42\r\n");
        assert_eq!(call("DM.INCRBYFLOAT", &["0.5"]), "$4\r\n42.5\r\n");
    }
    assert_eq!(client.call(&["GET", &keys(1)[0]]), "$-1\r\n", "another map");
}

#[test]
fn a_deletion_removes_and_counts_the_keys_of_every_owner() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let keys = keys(60);
    for key in &keys {
        assert_eq!(client.call(&["DM.PUT", "map", key, "v"]), "+OK\r\n");
    }
    let mut all = vec!["DM.DEL", "map", "absent"];
    all.extend(keys.iter().map(String::as_str));
    assert_eq!(client.call(&all), ":60\r\n");
    for key in &keys {
        assert_eq!(client.call(&["DM.GET", "map", key]), ABSENT);
    }
}

#[test]
fn an_expiry_keeps_the_value_and_makes_no_entry() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for key in keys(4) {
        assert_eq!(client.call(&["DM.EXPIRE", "map", &key, "10"]), ABSENT);
        assert_eq!(client.call(&["DM.GET", "map", &key]), ABSENT);
        assert_eq!(client.call(&["DM.PUT", "map", &key, "v"]), "+OK\r\n");
        assert_eq!(
            client.call(&["DM.EXPIRE", "map", &key, "1000.5"]),
            "+OK\r\n"
        );
        assert_eq!(client.call(&["DM.GET", "map", &key]), "$1\r\nv\r\n");
        let request = Request {
            map: b"map",
            key: key.as_bytes(),
            ..Request::new(Opcode::Ttl)
        };
        let left_ms = Raw::connect(node.addresses().any_core).call(request).arg;
        assert!((1..=1_000_500).contains(&left_ms), "{left_ms}");
        assert_eq!(client.call(&["DM.PEXPIRE", "map", &key, "1"]), "+OK\r\n");
        eventually("the entry expires", || {
            client.call(&["DM.GET", "map", &key]) == ABSENT
        });
    }
}

#[test]
#[expect(clippy::big_endian_bytes, reason = "the encoding is Olric's")]
fn entries_are_encoded_as_olrics_clients_decode_them() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let begun = SystemTime::now();
    for key in keys(2) {
        let put = ["DM.PUT", "map", &key, "value", "PXAT", "4102444800000"];
        assert_eq!(client.call(&put), "+OK\r\n");
        for get in [
            &[&b"DM.GET"[..], b"map", key.as_bytes(), b"RW"][..],
            &[b"DM.GETENTRY", b"map", key.as_bytes()],
        ] {
            client.send(&command(get)).unwrap();
            let reply = client.receive();
            let entry = reply.strip_prefix(b"$34\r\n").unwrap();
            assert_eq!(entry[0], 0, "the key is known");
            assert_eq!(entry[1..9], 4_102_444_800_000u64.to_be_bytes());
            let timestamp_ns = u64::from_be_bytes(entry[9..17].try_into().unwrap());
            let timestamp = UNIX_EPOCH + Duration::from_nanos(timestamp_ns);
            let times = begun - Duration::from_secs(1)..=SystemTime::now() + Duration::from_secs(1);
            assert!(times.contains(&timestamp), "{timestamp_ns}");
            assert_eq!(entry[25..29], 5u32.to_be_bytes());
            assert_eq!(&entry[29..], b"value\r\n");
        }
        assert_eq!(client.call(&["DM.GET", "map", "absent", "RW"]), ABSENT);
    }
}

#[test]
fn a_swap_is_done_by_the_owner_whoever_is_asked() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for key in keys(4) {
        let mut swap = |old: &str, new: &str| {
            let call: [&[u8]; 5] = [
                b"DM.CAS",
                b"map",
                key.as_bytes(),
                old.as_bytes(),
                new.as_bytes(),
            ];
            client.send(&command(&call)).unwrap();
            client.receive()
        };
        assert_eq!(swap("a", "b"), b"*2\r\n:0\r\n$-1\r\n");
        assert_eq!(swap("", "a"), b"*2\r\n:1\r\n$-1\r\n");
        let refused = swap("", "c");
        assert!(refused.starts_with(b"*2\r\n:0\r\n$30\r\n\0"), "{refused:?}");
        assert!(refused.ends_with(b"\0\0\0\x01a\r\n"), "{refused:?}");
        assert!(swap("x", "c").ends_with(b"\0\0\0\x01a\r\n"));
        assert_eq!(swap("a", "b"), b"*2\r\n:1\r\n$-1\r\n");
    }
}

#[test]
fn malformed_commands_are_refused_and_leave_everybody_in_step() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let long_name = "m".repeat(256);
    let commands: &[&[&str]] = &[
        &["DM.PUT", "d", "k", "v", "EX"],
        &["DM.PUT", "d", "k", "v", "EX", "x"],
        &["DM.PUT", "d", "k", "v", "EX", "nan"],
        &["DM.PUT", "d", "k", "v", "EX", "inf"],
        &["DM.PUT", "d", "k", "v", "PX", "1.5"],
        &["DM.PUT", "d", "k", "v", "FOO"],
        &["DM.PUT", "d", "", "v"],
        &["DM.PUT", &long_name, "k", "v"],
        &["DM.PUT", "d", "k"],
        &["DM.SCAN", "0", "d", "0", "MATCH"],
        &["DM.SCAN", "0", "d", "0", "FOO"],
        &["DM.SCAN", "0", "d", "0", "MATCH", "a|b"],
        &["DM.SCAN", "0", "d", "0", "COUNT", "0"],
        &["DM.SCAN", "1", "d", "0"],
        &["DM.SCAN", "-1", "d", "0"],
        &["DM.SCAN", "0", "d", "77777777777777777777"],
        &["DM.SCAN", "0", "d", "18446744073709551615"],
        &["DM.GETENTRY", "d"],
        &["DM.GETENTRY", "d", "k", "RC"],
        &["DM.GET", "d", "k", "RX"],
        &["DM.LOCK", "d", "k", "1", "EX"],
        &["DM.LOCK", "d", "k", "1", "EXAT", "7"],
        &["DM.LOCK", "d", "k", "1", "PX", "-7"],
        &["DM.LOCK", "d", "k", "x"],
        &["DM.UNLOCK", "d", "k", "zz"],
        &["DM.UNLOCK", "d", "k", "+1"],
        &["DM.LOCKLEASE", "d", "k", "00", "0"],
        &["DM.INCR", "d", "k"],
        &["DM.INCR", "d", "k", "1.5"],
        &["DM.INCRBYFLOAT", "d", "k", "inf"],
        &["DM.CAS", "d", "k", "a", "b", "EX"],
        &["DM.DESTROY", "d", "XX"],
        &["STATS", "XX"],
        &["CLUSTER.MEMBERS", "x"],
    ];
    for arguments in commands {
        let reply = client.call(arguments);
        assert!(reply.starts_with('-'), "{arguments:?}: {reply}");
        assert_eq!(client.call(&["PING"]), "+PONG\r\n", "{arguments:?}");
    }
    assert_eq!(client.call(&["DM.GET", "d", "k"]), ABSENT);
}

#[test]
fn a_scan_finds_every_key_of_its_map_once_and_no_other() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for number in 0..300 {
        let (even, key) = (number % 2 == 0, format!("k:{number}"));
        let map = if even { "even" } else { "odd" };
        assert_eq!(client.call(&["DM.PUT", map, &key, "v"]), "+OK\r\n");
    }
    let mut walk = |options: &[&str]| {
        let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
        loop {
            let mut all = vec!["DM.SCAN", "0", "even", &cursor];
            all.extend(options);
            let reply = client.call(&all);
            let lines: Vec<&str> = reply.split("\r\n").collect();
            found.extend(
                lines
                    .iter()
                    .skip(5)
                    .step_by(2)
                    .filter(|line| !line.is_empty())
                    .map(|key| (*key).to_owned()),
            );
            cursor = lines[2].to_owned();
            if cursor == "0" {
                found.sort_unstable();
                return found;
            }
        }
    };
    let all = walk(&["COUNT", "20"]);
    assert_eq!(all.len(), 150);
    assert!(
        all.windows(2).all(|pair| pair[0] != pair[1]),
        "one came twice"
    );
    let tens = walk(&["MATCH", "^k:1.$", "COUNT", "1000"]);
    assert_eq!(tens, ["k:10", "k:12", "k:14", "k:16", "k:18"]);
    assert_eq!(client.call(&["DM.DESTROY", "even", "LC"]), "+OK\r\n");
    assert_eq!(client.call(&["DM.GET", "even", "k:10"]), ABSENT);
    assert_eq!(client.call(&["DM.GET", "odd", "k:11"]), "$1\r\nv\r\n");
}

#[test]
fn a_lock_has_one_holder_and_its_token_opens_it() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for key in keys(4) {
        let reply = client.call(&["DM.LOCK", "locks", &key, "0"]);
        let token = reply.trim_start_matches('+').trim_end().to_owned();
        assert_eq!(token.len(), 16, "{reply}");
        let taken = "-LOCKNOTACQUIRED lock not acquired\r\n";
        assert_eq!(client.call(&["DM.LOCK", "locks", &key, "0"]), taken);
        assert_eq!(
            client.call(&["DM.LOCK", "locks", &key, "0.05", "EX", "3"]),
            taken
        );
        let no_such = "-NOSUCHLOCK no such lock\r\n";
        for other in ["0123", "0", "0000000000000000"] {
            assert_eq!(client.call(&["DM.UNLOCK", "locks", &key, other]), no_such);
        }
        let lease = ["DM.LOCKLEASE", "locks", &key, &token, "100.5"];
        assert_eq!(client.call(&lease), "+OK\r\n");
        assert_eq!(
            client.call(&["DM.UNLOCK", "locks", &key, &token]),
            "+OK\r\n"
        );
        assert_eq!(client.call(&["DM.UNLOCK", "locks", &key, &token]), no_such);
        assert_eq!(client.call(&lease), no_such);
        let leased = client.call(&["DM.LOCK", "locks", &key, "0", "PX", "1"]);
        assert!(leased.starts_with('+'), "{leased}");
        let waited = client.call(&["DM.LOCK", "locks", &key, "20"]);
        assert!(waited.starts_with('+'), "{waited}");
    }
}

/// What a pipeline sends behind a lock has to be answered behind it, and done behind it.
#[test]
fn commands_behind_a_lock_that_is_waited_for_wait_with_it_and_nobody_else_does() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut holder = RespRaw::connect(address);
    for key in keys(4) {
        let token = holder.call(&["DM.LOCK", "locks", &key, "0"]);
        let token = token.trim_start_matches('+').trim_end().to_owned();
        let mut waiter = RespRaw::connect(address);
        let mut bytes = command(&[b"SET", b"before", b"1"]);
        bytes.extend(command(&[b"DM.LOCK", b"locks", key.as_bytes(), b"60"]));
        bytes.extend(command(&[b"INCR", key.as_bytes()]));
        bytes.extend(command(&[b"PING"]));
        waiter.send(&bytes).unwrap();
        assert_eq!(waiter.receive(), b"+OK\r\n");
        let mut raw = Raw::connect(address);
        eventually("the lock is waited for", || waiting(&mut raw) == 1);
        assert_eq!(
            holder.call(&["GET", &key]),
            "$-1\r\n",
            "it is not its turn yet"
        );
        assert_eq!(
            holder.call(&["DM.UNLOCK", "locks", &key, &token]),
            "+OK\r\n"
        );
        let granted = String::from_utf8(waiter.receive()).unwrap();
        assert!(granted.starts_with('+') && granted.len() == 19, "{granted}");
        assert_ne!(granted.trim_start_matches('+').trim_end(), token);
        assert_eq!(waiter.receive(), b":1\r\n");
        assert_eq!(waiter.receive(), b"+PONG\r\n");
        // Behind a wait that comes to nothing it goes on as well.
        let mut late = RespRaw::connect(address);
        let mut bytes = command(&[b"DM.LOCK", b"locks", key.as_bytes(), b"0.02"]);
        bytes.extend(command(&[b"DM.GET", b"map", b"absent"]));
        late.send(&bytes).unwrap();
        assert_eq!(late.receive(), b"-LOCKNOTACQUIRED lock not acquired\r\n");
        assert_eq!(late.receive(), ABSENT.as_bytes());
    }
}

#[test]
fn a_lock_that_is_waited_for_is_not_lost_with_its_connection() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut holder = RespRaw::connect(address);
    for key in keys(2) {
        let token = holder.call(&["DM.LOCK", "locks", &key, "0"]);
        let token = token.trim_start_matches('+').trim_end().to_owned();
        let mut waiter = RespRaw::connect(address);
        let lock = command(&[b"DM.LOCK", b"locks", key.as_bytes(), b"60"]);
        waiter.send(&lock).unwrap();
        let mut raw = Raw::connect(address);
        eventually("the lock is waited for", || waiting(&mut raw) == 1);
        drop(waiter);
        eventually("the line is left", || waiting(&mut raw) == 0);
        assert_eq!(
            holder.call(&["DM.UNLOCK", "locks", &key, &token]),
            "+OK\r\n"
        );
        let free = holder.call(&["DM.LOCK", "locks", &key, "0"]);
        assert!(free.starts_with('+'), "{free}");
    }
}

#[test]
fn olrics_clients_are_led_to_the_port_that_serves_every_key() {
    let node = node(2);
    let address = node.addresses().any_core;
    for port in [address, node.addresses().cores[1]] {
        let mut client = RespRaw::connect(port);
        let table = client.call(&["CLUSTER.ROUTINGTABLE"]);
        let name = format!("${}\r\n{address}\r\n", address.to_string().len());
        assert_eq!(table, format!("*1\r\n*3\r\n:0\r\n*1\r\n{name}*0\r\n"));
        let members = client.call(&["CLUSTER.MEMBERS"]);
        assert!(
            members.starts_with(&format!("*1\r\n*3\r\n{name}:")),
            "{members}"
        );
        assert!(members.ends_with("$4\r\ntrue\r\n"), "{members}");
        assert_eq!(
            members,
            client.call(&["cluster.members"]),
            "a birth has one date"
        );
        client.call(&["DM.PUT", "map", "key", "value"]);
        thread::sleep(Duration::from_millis(1));
        let stats = client.call(&["STATS", "CR"]);
        let json = text(&stats);
        let depth = json.chars().fold(0, |depth: i32, sign| match sign {
            '{' | '[' => depth + 1,
            '}' | ']' => depth - 1,
            _ => depth,
        });
        assert!(depth == 0 && json.starts_with("{\"cmdline\":["), "{json}");
        for field in [
            "uptime_seconds",
            "cluster_coordinator",
            "entries_total",
            "commands_total",
            "num_cpu",
        ] {
            assert!(json.contains(&format!("\"{field}\":")), "{field}: {json}");
        }
        let plain = client.call(&["STATS"]);
        assert!(!plain.contains("num_cpu"), "{plain}");
    }
}

mod channels {
    //! Fear: a subscriber of Redis gets what is no message to it, or loses one.

    use super::{RespRaw, command, eventually, node};

    fn receive(client: &mut RespRaw) -> String {
        String::from_utf8(client.receive()).expect("text")
    }

    fn list(kind: char, items: &[&str]) -> String {
        let mut text = format!("{kind}{}\r\n", items.len());
        for item in items {
            match item.strip_prefix(':') {
                Some(number) => text.push_str(&format!(":{number}\r\n")),
                None if *item == "nil" => text.push_str("$-1\r\n"),
                None => text.push_str(&format!("${}\r\n{item}\r\n", item.len())),
            }
        }
        text
    }

    #[test]
    fn each_name_is_confirmed_with_the_count_of_subscriptions() {
        let node = node(2);
        let mut client = RespRaw::connect(node.addresses().any_core);
        let first = client.call(&["SUBSCRIBE", "a", "b", "a"]);
        assert_eq!(first, list('*', &["subscribe", "a", ":1"]));
        assert_eq!(receive(&mut client), list('*', &["subscribe", "b", ":2"]));
        assert_eq!(receive(&mut client), list('*', &["subscribe", "a", ":2"]));
        let pattern = client.call(&["PSUBSCRIBE", "n*"]);
        assert_eq!(pattern, list('*', &["psubscribe", "n*", ":3"]));
        let shard = client.call(&["SSUBSCRIBE", "a"]);
        assert_eq!(shard, list('*', &["ssubscribe", "a", ":1"]));
        let other = client.call(&["UNSUBSCRIBE", "other"]);
        assert_eq!(other, list('*', &["unsubscribe", "other", ":3"]));
        let all = client.call(&["UNSUBSCRIBE"]);
        assert_eq!(all, list('*', &["unsubscribe", "a", ":2"]));
        assert_eq!(receive(&mut client), list('*', &["unsubscribe", "b", ":1"]));
        let none = client.call(&["UNSUBSCRIBE"]);
        assert_eq!(none, list('*', &["unsubscribe", "nil", ":1"]));
        let patterns = client.call(&["PUNSUBSCRIBE"]);
        assert_eq!(patterns, list('*', &["punsubscribe", "n*", ":0"]));
        let shards = client.call(&["SUNSUBSCRIBE"]);
        assert_eq!(shards, list('*', &["sunsubscribe", "a", ":0"]));
        assert_eq!(
            client.call(&["PING"]),
            "+PONG\r\n",
            "an ordinary client again"
        );
    }

    #[test]
    fn a_message_reaches_every_subscriber_on_every_core_in_its_own_version() {
        let node = node(2);
        let ports = node.addresses().cores.clone();
        let mut clients = Vec::new();
        for (number, port) in ports.iter().chain(&ports).enumerate() {
            let mut client = RespRaw::connect(*port);
            let sign = if number % 2 == 0 { '*' } else { '>' };
            if sign == '>' {
                client.call(&["HELLO", "3"]);
            }
            let reply = client.call(&["SUBSCRIBE", "news"]);
            assert_eq!(reply, list(sign, &["subscribe", "news", ":1"]));
            client.call(&["PSUBSCRIBE", "n?ws"]);
            client.call(&["SSUBSCRIBE", "news"]);
            clients.push((client, sign));
        }
        let mut publisher = RespRaw::connect(node.addresses().any_core);
        for _ in 0..20 {
            assert_eq!(publisher.call(&["PUBLISH", "news", "hello"]), ":8\r\n");
            assert_eq!(publisher.call(&["SPUBLISH", "news", "shard"]), ":4\r\n");
            assert_eq!(publisher.call(&["PUBLISH", "nobody", "x"]), ":0\r\n");
            for (client, sign) in &mut clients {
                let message = list(*sign, &["message", "news", "hello"]);
                assert_eq!(receive(client), message);
                let message = list(*sign, &["pmessage", "n?ws", "news", "hello"]);
                assert_eq!(receive(client), message);
                let message = list(*sign, &["smessage", "news", "shard"]);
                assert_eq!(receive(client), message);
            }
        }
        let numbers = publisher.call(&["PUBSUB", "NUMSUB", "news", "nobody"]);
        assert_eq!(numbers, list('*', &["news", ":4", "nobody", ":0"]));
        let numbers = publisher.call(&["PUBSUB", "SHARDNUMSUB", "news"]);
        assert_eq!(numbers, list('*', &["news", ":4"]));
        assert_eq!(publisher.call(&["PUBSUB", "NUMPAT"]), ":1\r\n");
        let channels = publisher.call(&["PUBSUB", "CHANNELS"]);
        assert_eq!(channels, list('*', &["news"]));
        assert_eq!(publisher.call(&["PUBSUB", "CHANNELS", "x*"]), "*0\r\n");
        let channels = publisher.call(&["PUBSUB", "SHARDCHANNELS", "n*"]);
        assert_eq!(channels, list('*', &["news"]));
        drop(clients);
        eventually("those who are gone are subscribed no more", || {
            publisher.call(&["PUBSUB", "CHANNELS"]) == "*0\r\n"
                && publisher.call(&["PUBSUB", "SHARDCHANNELS"]) == "*0\r\n"
        });
    }

    #[test]
    fn a_listener_of_version_two_is_refused_what_it_could_not_tell_from_a_message() {
        let node = node(1);
        let mut client = RespRaw::connect(node.addresses().any_core);
        client.call(&["SSUBSCRIBE", "news"]);
        for (arguments, name) in [
            (&["GET", "key"][..], "get"),
            (&["PUBLISH", "news", "x"], "publish"),
            (&["SPUBLISH", "news", "x"], "spublish"),
            (&["CLIENT", "ID"], "client|id"),
            (&["DM.LOCK", "m", "k", "1"], "dm.lock"),
        ] {
            let expected = format!(
                "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / \
                 QUIT / RESET are allowed in this context\r\n"
            );
            assert_eq!(client.call(arguments), expected);
        }
        assert_eq!(client.call(&["PING"]), list('*', &["pong", ""]));
        assert_eq!(client.call(&["PING", "hi"]), list('*', &["pong", "hi"]));
        assert_eq!(client.call(&["RESET"]), "+RESET\r\n");
        assert_eq!(client.call(&["PING"]), "+PONG\r\n");
        assert_eq!(
            client.call(&["SPUBLISH", "news", "x"]),
            ":0\r\n",
            "it has left"
        );

        let mut modern = RespRaw::connect(node.addresses().any_core);
        modern.call(&["HELLO", "3"]);
        modern.call(&["SUBSCRIBE", "news"]);
        assert_eq!(modern.call(&["SET", "key", "value"]), "+OK\r\n");
        assert_eq!(modern.call(&["PING"]), "+PONG\r\n");
        let both = modern.call(&["PUBLISH", "news", "own"]);
        let other = receive(&mut modern);
        let mut both = [both, other];
        both.sort_unstable();
        assert_eq!(
            both,
            [":1\r\n".to_owned(), list('>', &["message", "news", "own"])]
        );
    }

    #[test]
    fn names_that_cannot_be_are_refused_one_by_one() {
        let node = node(1);
        let mut client = RespRaw::connect(node.addresses().any_core);
        let long = "c".repeat(1025);
        let mut bytes = command(&[b"SUBSCRIBE", b"", long.as_bytes(), b"__shard__:a", b"fine"]);
        bytes.extend(command(&[b"PSUBSCRIBE", long.as_bytes()]));
        bytes.extend(command(&[b"SSUBSCRIBE", b""]));
        client.send(&bytes).unwrap();
        for _ in 0..3 {
            assert!(receive(&mut client).starts_with("-ERR "));
        }
        assert_eq!(
            receive(&mut client),
            list('*', &["subscribe", "fine", ":1"])
        );
        for _ in 0..2 {
            assert!(receive(&mut client).starts_with("-ERR "));
        }
        let mut publisher = RespRaw::connect(node.addresses().any_core);
        for channel in ["", long.as_str(), "__shard__:a", "__jerboa__:member"] {
            let reply = publisher.call(&["PUBLISH", channel, "x"]);
            assert!(reply.starts_with("-ERR "), "{channel}: {reply}");
        }
        for arguments in [
            &["PUBSUB"][..],
            &["PUBSUB", "NOSUCH"],
            &["PUBSUB", "CHANNELS", "a", "b"],
        ] {
            assert!(
                publisher.call(arguments).starts_with("-ERR "),
                "{arguments:?}"
            );
        }
        let help = publisher.call(&["PUBSUB", "HELP"]);
        assert!(help.starts_with("*13\r\n+PUBSUB "), "{help}");
        assert_eq!(publisher.call(&["PUBSUB", "CHANNELS", ""]), "*0\r\n");
    }

    #[test]
    fn clients_of_both_protocols_hear_each_other() {
        use jerboa_wire::{Message, Opcode, Request, multi};
        let node = node(2);
        let mut frames = super::Raw::connect(node.addresses().cores[0]);
        let mut section = Vec::new();
        assert!(multi::push_key(&mut section, b"news"));
        let subscribe = Request {
            value: &section,
            count: 1,
            ..Request::new(Opcode::Subscribe)
        };
        assert_eq!(frames.call(subscribe).arg, 1);
        let mut client = RespRaw::connect(node.addresses().cores[1]);
        client.call(&["SUBSCRIBE", "news"]);
        let mut publisher = RespRaw::connect(node.addresses().any_core);
        assert_eq!(publisher.call(&["PUBLISH", "news", "text"]), ":2\r\n");
        assert_eq!(
            receive(&mut client),
            list('*', &["message", "news", "text"])
        );
        let frame = frames.receive();
        let message = Message::decode(&frame.value).unwrap();
        assert_eq!(
            (message.channel, message.payload),
            (&b"news"[..], &b"text"[..])
        );
    }
}
