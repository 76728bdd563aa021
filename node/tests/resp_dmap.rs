//! Fear: a client of Olric meets something else than Olric, or meets its mistakes.

#[path = "resp_dmap/channels.rs"]
mod channels;
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
