//! Fear: a client of Redis meets something else than Redis.
//!
//! What the replies to single commands are, byte by byte, is compared with Redis itself in
//! `resp_differential.rs`; here is what has to hold about connections.

#[path = "resp/commandstats.rs"]
mod commandstats;
mod common;
#[path = "resp/introspection.rs"]
mod introspection;
#[path = "resp/settings.rs"]
mod settings;
#[path = "resp/slow.rs"]
mod slow;
#[path = "resp/unblock.rs"]
mod unblock;

use common::resp::{RespRaw, command};
use common::{Raw, eventually, key_of_core, node};
use jerboa_wire::Status;

#[test]
fn a_plain_client_sees_one_server_whichever_core_owns_the_keys() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let keys: Vec<String> = (0..40)
        .map(|number| String::from_utf8(key_of_core((number % 2) as u16, 2, number)).unwrap())
        .collect();
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(client.call(&["SET", key, &number.to_string()]), "+OK\r\n");
    }
    for (number, key) in keys.iter().enumerate() {
        let expected = format!(":{}\r\n", number + 1);
        assert_eq!(client.call(&["INCR", key]), expected);
    }
    let mut all = vec!["MGET"];
    all.extend(keys.iter().map(String::as_str));
    all.push("absent");
    let reply = client.call(&all);
    assert!(
        reply.starts_with("*41\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        "{reply}"
    );
    assert!(reply.ends_with("$2\r\n40\r\n$-1\r\n"), "{reply}");
    all[0] = "EXISTS";
    assert_eq!(client.call(&all), ":40\r\n");
    all[0] = "DEL";
    assert_eq!(client.call(&all), ":40\r\n");
}

#[test]
fn both_protocols_see_the_same_entries_on_every_port() {
    let node = node(2);
    let mut ports = node.addresses().cores.clone();
    ports.push(node.addresses().any_core);
    for (number, port) in (0u32..).zip(&ports) {
        let key = key_of_core(0, 2, number);
        assert_eq!(Raw::connect(*port).put(&key, b"frame").status, Status::Ok);
        let mut client = RespRaw::connect(node.addresses().any_core);
        client.send(&command(&[b"GETSET", &key, b"resp"])).unwrap();
        assert_eq!(client.receive(), b"$5\r\nframe\r\n");
        assert_eq!(Raw::connect(*port).get(&key).value, b"resp");
    }
}

#[test]
fn replies_of_a_pipeline_come_in_the_order_of_its_commands() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    for number in 0..5_000u32 {
        let key = key_of_core((number % 2) as u16, 2, number % 50);
        let value = number.to_string();
        bytes.extend_from_slice(&command(&[b"SET", &key, value.as_bytes()]));
        bytes.extend_from_slice(&command(&[b"GET", &key]));
        bytes.extend_from_slice(&command(&[b"NOSUCH", &key]));
        bytes.extend_from_slice(format!("ECHO {number}\r\n").as_bytes());
        let echo = format!("${}\r\n{value}\r\n", value.len());
        let unknown = format!(
            "-ERR unknown command 'NOSUCH', with args beginning with: '{}' \r\n",
            key.escape_ascii()
        );
        expected.extend_from_slice(format!("+OK\r\n{echo}{unknown}{echo}").as_bytes());
    }
    let mut sender = client.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        std::io::Write::write_all(&mut sender, &bytes).unwrap();
    });
    for expected in expected.split_inclusive(|byte| *byte == b'\n') {
        let mut got = Vec::new();
        while got.len() < expected.len() {
            let mut byte = [0; 1];
            std::io::Read::read_exact(&mut client.stream, &mut byte).unwrap();
            got.push(byte[0]);
        }
        assert_eq!(
            got.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }
    writer.join().unwrap();
}

#[test]
fn a_command_cut_anywhere_is_executed_once_and_whole() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let bytes = command(&[b"APPEND", b"cut", b"0123456789"]);
    for cut in 1..bytes.len() {
        client.send(&bytes[..cut]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        client.send(&bytes[cut..]).unwrap();
        assert_eq!(client.receive(), format!(":{}\r\n", cut * 10).as_bytes());
    }
}

#[test]
fn hello_changes_the_version_from_its_own_reply_on() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    assert_eq!(client.call(&["GET", "none"]), "$-1\r\n");
    let hello = client.call(&["HELLO", "3", "SETNAME", "me"]);
    assert!(hello.starts_with("%7\r\n$6\r\nserver\r\n"), "{hello}");
    assert_eq!(client.call(&["GET", "none"]), "_\r\n");
    assert_eq!(client.call(&["CLIENT", "GETNAME"]), "$2\r\nme\r\n");
    assert_eq!(
        client.call(&["HELLO", "4"]),
        "-NOPROTO unsupported protocol version\r\n"
    );
    assert_eq!(client.call(&["RESET"]), "+RESET\r\n");
    assert_eq!(client.call(&["GET", "none"]), "$-1\r\n");
}

#[test]
fn a_client_that_wants_no_replies_gets_none_and_stays_in_step() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let keys = [key_of_core(0, 2, 1), key_of_core(1, 2, 1)];
    let mut bytes = command(&[b"CLIENT", b"REPLY", b"OFF"]);
    for key in &keys {
        bytes.extend_from_slice(&command(&[b"SET", key, b"unseen"]));
        bytes.extend_from_slice(&command(&[b"GET", key]));
    }
    bytes.extend_from_slice(&command(&[b"MGET", &keys[0], &keys[1]]));
    bytes.extend_from_slice(b"PING\r\nNOSUCH\r\n");
    bytes.extend_from_slice(&command(&[b"CLIENT", b"REPLY", b"ON"]));
    bytes.extend_from_slice(&command(&[b"CLIENT", b"REPLY", b"SKIP"]));
    bytes.extend_from_slice(&command(&[b"GET", &keys[0]]));
    bytes.extend_from_slice(&command(&[b"GET", &keys[1]]));
    client.send(&bytes).unwrap();
    assert_eq!(client.receive(), b"+OK\r\n");
    assert_eq!(client.receive(), b"$6\r\nunseen\r\n");
    assert_eq!(client.call(&["PING"]), "+PONG\r\n");
}

#[test]
fn a_publish_that_waits_for_the_next_turn_does_not_use_up_what_was_to_be_skipped() {
    const ROUNDS: usize = 60;
    const PATTERNS: usize = 91;
    let node = node(1);
    // Every publish is handed over many times, so that few of them are a turn's share. Whatever
    // that is, some turn ends between CLIENT REPLY SKIP and the publish behind it, because the
    // number of publishes before it differs from round to round.
    let heard = |round: usize| round * 7 % 11 % 4;
    let mut listener = RespRaw::connect(node.addresses().any_core);
    for number in 0..PATTERNS {
        let pattern = format!("[c{number}]");
        listener.call(&["PSUBSCRIBE", &pattern]);
    }
    let reader = std::thread::spawn(move || {
        let publishes: usize = (0..ROUNDS).map(|round| heard(round) + 1).sum();
        for _ in 0..publishes * PATTERNS {
            listener.receive();
        }
    });
    let mut client = RespRaw::connect(node.addresses().any_core);
    let publish = command(&[b"PUBLISH", b"c", b"m"]);
    let skip = command(&[b"CLIENT", b"REPLY", b"SKIP"]);
    // At once: what comes in small pieces is a turn each.
    let bytes: Vec<u8> = (0..ROUNDS)
        .flat_map(|round| {
            let echo = command(&[b"ECHO", round.to_string().as_bytes()]);
            [&publish.repeat(heard(round)), &skip, &publish, &echo]
                .map(Vec::as_slice)
                .concat()
        })
        .collect();
    let mut sender = client.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        std::io::Write::write_all(&mut sender, &bytes).unwrap();
    });
    for round in 0..ROUNDS {
        for _ in 0..heard(round) {
            let count = format!(":{PATTERNS}\r\n");
            assert_eq!(String::from_utf8(client.receive()).unwrap(), count);
        }
        let text = round.to_string();
        let echo = format!("${}\r\n{text}\r\n", text.len());
        assert_eq!(String::from_utf8(client.receive()).unwrap(), echo);
    }
    writer.join().unwrap();
    reader.join().unwrap();
}

#[test]
fn quit_is_answered_and_nothing_behind_it_is_executed() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    client.send(b"SET a 1\r\nQUIT\r\nSET a 2\r\n").unwrap();
    assert_eq!(client.until_closed(), b"+OK\r\n+OK\r\n");
    let mut client = RespRaw::connect(node.addresses().any_core);
    assert_eq!(client.call(&["GET", "a"]), "$1\r\n1\r\n");
}

#[test]
fn replies_of_every_kind_are_in_step_on_the_port_of_a_core() {
    let node = node(2);
    let addresses = node.addresses();
    let mut client = RespRaw::connect(addresses.cores[0]);
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    for number in 0..3_000u32 {
        let (own, other) = (
            key_of_core(0, 2, number % 50),
            key_of_core(1, 2, number % 50),
        );
        let value = number.to_string();
        let echo = format!("${}\r\n{value}\r\n", value.len());
        let slot = jerboa_wire::routing::slot(&other);
        let moved = format!("-MOVED {slot} {}\r\n", addresses.cores[1]);
        let crossed = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
        let arity = "-ERR wrong number of arguments for 'get' command\r\n";
        let unknown = format!(
            "-ERR unknown command 'NOSUCH', with args beginning with: '{}' \r\n",
            own.escape_ascii()
        );
        let commands: [(&[&[u8]], &str); 10] = [
            (&[b"SET", &own, value.as_bytes()], "+OK\r\n"),
            (&[b"GET", &other], &moved),
            (&[b"GET", &own], &echo),
            (&[b"MGET", &own, &other], crossed),
            (&[b"GET"], arity),
            (&[b"MGET", &other, &other], &moved),
            (&[b"NOSUCH", &own], &unknown),
            (
                &[b"SET", &own, b"v", b"EX", b"x"],
                "-ERR value is not an integer or out of range\r\n",
            ),
            (&[b"SET", &other, b"v", b"EX", b"x"], &moved),
            (&[b"ECHO", value.as_bytes()], &echo),
        ];
        // In another order each time.
        for at in 0..commands.len() {
            let (words, reply) = commands[(at * 7 + number as usize) % commands.len()];
            // What GET finds depends on the order.
            if words[0] == b"GET" && words.get(1) == Some(&&own[..]) {
                continue;
            }
            bytes.extend_from_slice(&command(words));
            expected.extend_from_slice(reply.as_bytes());
        }
        bytes.extend_from_slice(&command(commands[2].0));
        expected.extend_from_slice(echo.as_bytes());
    }
    let mut sender = client.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        std::io::Write::write_all(&mut sender, &bytes).unwrap();
    });
    for expected in expected.split_inclusive(|byte| *byte == b'\n') {
        if expected.starts_with(b"$") {
            continue;
        }
        let reply = client.receive();
        let line = reply.split_inclusive(|byte| *byte == b'\n').next_back();
        assert_eq!(
            line.unwrap().escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }
    writer.join().unwrap();
    assert_eq!(client.call(&["PING"]), "+PONG\r\n");
}

#[test]
fn what_a_client_reads_without_touching_it_falls_idle_on_every_core() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut client = RespRaw::connect(address);
    let keys = [0, 1].map(|core| key_of_core(core, 2, 1).escape_ascii().to_string());
    for key in &keys {
        assert_eq!(client.call(&["SET", key, "v"]), "+OK\r\n");
    }
    assert_eq!(client.call(&["CLIENT", "NO-TOUCH", "ON"]), "+OK\r\n");
    let [one, other] = keys.each_ref().map(String::as_str);
    let mut read = |key: &str| {
        let replies = [
            client.call(&["GET", key]),
            client.call(&["GETRANGE", key, "0", "0"]),
            client.call(&["DM.GET", "", key]),
            client.call(&["DM.GET", "", key, "RW"]),
            client.call(&["DIGEST", key]),
            client.call(&["MGET", key]),
            client.call(&["MGET", one, other]),
        ];
        replies[0] == "$1\r\nv\r\n"
    };
    assert!(read(one) && read(other));
    let mut tuner = RespRaw::connect(address);
    let set = ["CONFIG", "SET", "maps.\"\".idle_ms_max", "500"];
    assert_eq!(tuner.call(&set), "+OK\r\n");
    // They would never go, were they used that often.
    eventually("they are gone", || {
        ![one, other].map(&mut read).contains(&true)
    });
}
