//! Fear: who looks at, closes or pauses clients meets those of one core only, meets the wrong ones,
//! or stops the node for everybody.

mod common;

use std::time::Duration;

use common::resp::{RespRaw, command};
use common::{Raw, config, eventually, key_of_core, node};
use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::{Opcode, Request, Status};

/// Clients on the port of each core, so that every core has some.
fn everywhere(node: &Node) -> Vec<RespRaw> {
    let ports = node.addresses().cores.iter();
    ports.map(|port| RespRaw::connect(*port)).collect()
}

/// What a client calls itself, to be found by.
fn named(client: &mut RespRaw, name: &str) -> u64 {
    assert_eq!(client.call(&["CLIENT", "SETNAME", name]), "+OK\r\n");
    id(client)
}

fn id(client: &mut RespRaw) -> u64 {
    let reply = client.call(&["CLIENT", "ID"]);
    reply
        .trim_matches([':', '\r', '\n'])
        .parse()
        .expect("a number")
}

fn lines(client: &mut RespRaw, arguments: &[&str]) -> Vec<String> {
    let reply = client.call(&[&["CLIENT", "LIST"][..], arguments].concat());
    assert!(reply.starts_with('$'), "{reply}");
    let lines = reply.lines().skip(1).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

fn field<'l>(line: &'l str, name: &str) -> &'l str {
    let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
    let found = fields.find(|(key, _)| *key == name);
    found.unwrap_or_else(|| panic!("no {name} in {line}")).1
}

#[test]
fn every_client_of_every_core_is_listed_once_with_what_it_is() {
    let node = node(2);
    let mut clients = everywhere(&node);
    let mut asker = RespRaw::connect(node.addresses().any_core);
    let mut frames = Raw::connect(node.addresses().any_core);
    frames.put(b"k", b"v");
    let mut ids: Vec<u64> = (0..)
        .zip(&mut clients)
        .map(|(core, client)| named(client, &format!("of-core-{core}")))
        .collect();
    clients[1].call(&["HELLO", "3"]);
    clients[1].call(&["CLIENT", "SETINFO", "LIB-NAME", "mine"]);
    clients[1].call(&["CLIENT", "SETINFO", "lib-ver", "1.2"]);
    clients[0].call(&["CLIENT", "NO-EVICT", "ON"]);
    clients[0].call(&["CLIENT", "NO-TOUCH", "ON"]);
    ids.push(id(&mut asker));
    let all = lines(&mut asker, &[]);
    assert_eq!(all.len(), 4, "{all:#?}");
    let mut found: Vec<u64> = all
        .iter()
        .map(|line| field(line, "id").parse().unwrap())
        .collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 4, "an id is that of one client: {all:#?}");
    assert!(ids.iter().all(|id| found.contains(id)));
    let of = |name: &str| all.iter().find(|line| field(line, "name") == name).unwrap();
    let (first, second) = (of("of-core-0"), of("of-core-1"));
    assert_eq!(field(first, "flags"), "eT");
    assert_eq!(field(first, "cmd"), "client|no-touch");
    assert_eq!(field(second, "resp"), "3");
    assert_eq!(
        (field(second, "lib-name"), field(second, "lib-ver")),
        ("mine", "1.2")
    );
    for (line, client) in [(first, &clients[0]), (second, &clients[1])] {
        let (local, peer) = (client.stream.local_addr(), client.stream.peer_addr());
        assert_eq!(field(line, "addr"), local.unwrap().to_string());
        assert_eq!(field(line, "laddr"), peer.unwrap().to_string());
        assert!(field(line, "fd").parse::<i32>().unwrap() > 0);
        assert!(field(line, "tot-mem").parse::<u64>().unwrap() > 0);
    }
    let binary = lines(&mut asker, &["TYPE", "binary"]);
    assert_eq!(binary.len(), 1);
    assert_eq!(
        (field(&binary[0], "flags"), field(&binary[0], "resp")),
        ("J", "0")
    );
    let of_asker = all.iter().find(|line| field(line, "cmd") == "client|list");
    assert_eq!(field(of_asker.unwrap(), "id"), ids[2].to_string());
    let info = asker.call(&["CLIENT", "INFO"]);
    assert_eq!(
        field(info.lines().nth(1).unwrap(), "id"),
        ids[2].to_string()
    );
}

#[test]
fn a_list_is_of_those_that_were_asked_for() {
    let node = node(2);
    let mut clients = everywhere(&node);
    let ids: Vec<u64> = clients.iter_mut().map(id).collect();
    let mut asker = RespRaw::connect(node.addresses().any_core);
    let mut listener = RespRaw::connect(node.addresses().cores[1]);
    listener.call(&["SUBSCRIBE", "a"]);
    listener.call(&["PSUBSCRIBE", "b*"]);
    let of_types = |asker: &mut RespRaw, kind| lines(asker, &["TYPE", kind]).len();
    for (kind, count) in [("normal", 3), ("PubSub", 1), ("master", 0), ("replica", 0)] {
        assert_eq!(of_types(&mut asker, kind), count, "{kind}");
    }
    let heard = lines(&mut asker, &["TYPE", "pubsub"]);
    let fields = ["flags", "sub", "psub", "ssub"].map(|name| field(&heard[0], name));
    assert_eq!(fields, ["P", "1", "1", "0"]);
    let both = [ids[1].to_string(), ids[0].to_string()];
    let some = lines(&mut asker, &["ID", &both[0], &both[1], "999999"]);
    assert_eq!(some.len(), 2);
    // As in Redis 7.2.
    for (arguments, refusal) in [
        (&["TYPE", "odd"][..], "-ERR Unknown client type 'odd'\r\n"),
        (&["ID", "x"], "-ERR Invalid client ID\r\n"),
        (&["ID"], "-ERR syntax error\r\n"),
        (&["TYPE"], "-ERR syntax error\r\n"),
        (&["NAME", "x"], "-ERR syntax error\r\n"),
    ] {
        let list = [&["CLIENT", "LIST"][..], arguments].concat();
        assert_eq!(asker.call(&list), refusal);
    }
}

#[test]
fn more_clients_than_one_step_looks_at_are_all_listed_and_all_closed() {
    const CLIENTS: usize = 700;
    let node = node(2);
    let mut clients: Vec<RespRaw> = (0..CLIENTS)
        .map(|_| RespRaw::connect(node.addresses().any_core))
        .collect();
    for client in &mut clients {
        assert_eq!(client.call(&["PING"]), "+PONG\r\n");
    }
    let mut asker = RespRaw::connect(node.addresses().any_core);
    let listed = lines(&mut asker, &[]);
    assert_eq!(listed.len(), CLIENTS + 1);
    let killed = asker.call(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert_eq!(killed, format!(":{CLIENTS}\r\n"));
    for client in &mut clients {
        assert_eq!(client.until_closed(), b"");
    }
    assert_eq!(lines(&mut asker, &[]).len(), 1, "who asks is spared");
}

#[test]
fn a_kill_closes_those_that_are_meant_and_nobody_else() {
    let node = node(2);
    let mut asker = RespRaw::connect(node.addresses().any_core);
    let kill = |asker: &mut RespRaw, filters: &[&str]| {
        asker.call(&[&["CLIENT", "KILL"][..], filters].concat())
    };
    for core in 0..2 {
        let connect = || RespRaw::connect(node.addresses().cores[core]);
        let (mut one, mut other) = (connect(), connect());
        let (one_id, _) = (id(&mut one), id(&mut other));
        let address = one.stream.local_addr().unwrap().to_string();
        let local = one.stream.peer_addr().unwrap().to_string();
        for (filters, count) in [
            (&["ID", "999999"][..], 0),
            (&["ID", &one_id.to_string(), "TYPE", "pubsub"], 0),
            (&["ADDR", "127.0.0.1:1"], 0),
            (&["ADDR", &address, "MAXAGE", "1000"], 0),
            (&["ADDR", &address, "LADDR", &local, "USER", "default"], 1),
            (&["ADDR", &address], 0),
        ] {
            assert_eq!(
                kill(&mut asker, filters),
                format!(":{count}\r\n"),
                "{filters:?}"
            );
        }
        assert_eq!(one.until_closed(), b"");
        assert_eq!(other.call(&["PING"]), "+PONG\r\n");
        let address = other.stream.local_addr().unwrap().to_string();
        assert_eq!(kill(&mut asker, &[&address]), "+OK\r\n");
        assert_eq!(other.until_closed(), b"");
        assert_eq!(kill(&mut asker, &[&address]), "-ERR No such client\r\n");
    }
    let mut frames = Raw::connect(node.addresses().cores[1]);
    assert_eq!(frames.put(b"k", b"v").status, Status::Ok);
    assert_eq!(kill(&mut asker, &["TYPE", "binary"]), ":1\r\n");
    assert!(frames.try_receive().is_err());
    // As in Redis 7.2, MAXAGE as in 7.4.
    for (filters, refusal) in [
        (
            &["ID", "0"][..],
            "-ERR client-id should be greater than 0\r\n",
        ),
        (&["ID", "x"], "-ERR client-id should be greater than 0\r\n"),
        (&["TYPE", "odd"], "-ERR Unknown client type 'odd'\r\n"),
        (&["USER", "nobody"], "-ERR No such user 'nobody'\r\n"),
        (&["SKIPME", "maybe"], "-ERR syntax error\r\n"),
        (
            &["MAXAGE", "x"],
            "-ERR maxage is not an integer or out of range\r\n",
        ),
        (&["MAXAGE", "0"], "-ERR maxage should be greater than 0\r\n"),
        (&["ID", "1", "ADDR"], "-ERR syntax error\r\n"),
        (&["ODD", "1"], "-ERR syntax error\r\n"),
    ] {
        assert_eq!(kill(&mut asker, filters), refusal, "{filters:?}");
    }
}

#[test]
fn who_closes_itself_is_answered_and_executes_nothing_more() {
    let node = node(2);
    let mut watcher = RespRaw::connect(node.addresses().any_core);
    for port in &node.addresses().cores {
        let mut client = RespRaw::connect(*port);
        let own = id(&mut client).to_string();
        let mut bytes = command(&[b"CLIENT", b"KILL", b"ID", own.as_bytes(), b"SKIPME", b"no"]);
        bytes.extend(command(&[b"PUBLISH", b"c", b"too late"]));
        bytes.extend(command(&[b"FLUSHALL"]));
        watcher.call(&["SET", "k", "v"]);
        client.send(&bytes).unwrap();
        assert_eq!(client.until_closed(), b":1\r\n");
        assert_eq!(watcher.call(&["EXISTS", "k"]), ":1\r\n");
        let mut client = RespRaw::connect(*port);
        let address = client.stream.local_addr().unwrap().to_string();
        client
            .send(&command(&[b"CLIENT", b"KILL", address.as_bytes()]))
            .unwrap();
        assert_eq!(client.until_closed(), b"+OK\r\n");
    }
}

#[test]
fn commands_behind_a_look_at_all_clients_wait_for_it() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for _ in 0..50 {
        let mut bytes = command(&[b"SET", b"k", b"1"]);
        bytes.extend(command(&[b"CLIENT", b"LIST"]));
        bytes.extend(command(&[b"INCR", b"k"]));
        bytes.extend(command(&[b"CLIENT", b"REPLY", b"SKIP"]));
        bytes.extend(command(&[b"CLIENT", b"LIST"]));
        bytes.extend(command(&[b"CLIENT", b"KILL", b"ID", b"999999"]));
        client.send(&bytes).unwrap();
        assert_eq!(client.receive(), b"+OK\r\n");
        assert!(client.receive().starts_with(b"$"));
        assert_eq!(client.receive(), b":2\r\n");
        assert_eq!(client.receive(), b":0\r\n");
    }
}

#[test]
fn a_paused_client_waits_in_order_and_others_of_the_node_with_it() {
    let node = node(2);
    let mut asker = RespRaw::connect(node.addresses().any_core);
    let mut frames = Raw::connect(node.addresses().any_core);
    for mode in [&["WRITE"][..], &["ALL"], &[]] {
        let pause = [&["CLIENT", "PAUSE", "600000"][..], mode].concat();
        assert_eq!(asker.call(&pause), "+OK\r\n");
        let mut clients = everywhere(&node);
        let keys = [0, 1].map(|core| key_of_core(core, 2, 0));
        for (client, key) in clients.iter_mut().zip(&keys) {
            let mut bytes = Vec::new();
            if mode == ["WRITE"] {
                bytes.extend(b"PING\r\n");
            }
            bytes.extend(command(&[b"SET", key, b"1"]));
            bytes.extend(command(&[b"INCR", key]));
            bytes.extend(b"PING\r\n");
            client.send(&bytes).unwrap();
        }
        // The node serves meanwhile: frames are not paused, and the paused are listed.
        for key in &keys {
            assert_eq!(
                frames
                    .call(Request {
                        key,
                        ..Request::new(Opcode::Delete)
                    })
                    .arg,
                0
            );
        }
        eventually("both clients wait", || {
            let all = lines(&mut asker, &[]);
            all.iter()
                .filter(|line| field(line, "flags") == "b")
                .count()
                == 2
        });
        for client in &mut clients {
            if mode == ["WRITE"] {
                assert_eq!(client.receive(), b"+PONG\r\n");
            }
            let brief = Some(Duration::from_millis(50));
            client.stream.set_read_timeout(brief).unwrap();
            assert!(client.try_receive().is_err(), "it was to wait");
            client
                .stream
                .set_read_timeout(Some(common::PATIENCE))
                .unwrap();
        }
        assert_eq!(asker.call(&["CLIENT", "UNPAUSE"]), "+OK\r\n");
        for (client, key) in clients.iter_mut().zip(&keys) {
            assert_eq!(client.receive(), b"+OK\r\n");
            assert_eq!(client.receive(), b":2\r\n");
            assert_eq!(client.receive(), b"+PONG\r\n");
            frames.call(Request {
                key,
                ..Request::new(Opcode::Delete)
            });
        }
    }
}

#[test]
fn a_pause_ends_by_itself_and_with_the_node() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    assert_eq!(client.call(&["CLIENT", "PAUSE", "300"]), "+OK\r\n");
    assert_eq!(client.call(&["PING"]), "+PONG\r\n");
    for (arguments, refusal) in [
        (
            &["x"][..],
            "-ERR timeout is not an integer or out of range\r\n",
        ),
        (&["-1"], "-ERR timeout is negative\r\n"),
        (
            &["3600001"],
            "-ERR timeout is not an integer or out of range\r\n",
        ),
        (
            &["1", "READ"],
            "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n",
        ),
    ] {
        let pause = [&["CLIENT", "PAUSE"][..], arguments].concat();
        assert_eq!(client.call(&pause), refusal);
    }
    assert_eq!(client.call(&["CLIENT", "PAUSE", "600000"]), "+OK\r\n");
    client.send(&command(&[b"SET", b"k", b"v"])).unwrap();
    let mut other = RespRaw::connect(node.addresses().any_core);
    eventually("the client waits", || {
        lines(&mut other, &[])
            .iter()
            .any(|line| field(line, "flags") == "b")
    });
    node.shutdown_blocking().unwrap();
    let rest = client.until_closed();
    assert!(
        rest == b"+OK\r\n" || rest.is_empty(),
        "{}",
        rest.escape_ascii()
    );
}

#[test]
fn what_a_paused_client_sends_is_not_taken_in_without_end() {
    let node = node(1);
    let mut asker = RespRaw::connect(node.addresses().any_core);
    asker.call(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    let client = RespRaw::connect(node.addresses().any_core);
    client.stream.set_nonblocking(true).unwrap();
    let bytes = command(&[b"SET", b"k", &[b'v'; 10_000]]).repeat(100);
    let mut sent = 0;
    let mut stuck = 0;
    // More than the kernel's buffers of both ends hold, and far less than 256 MiB.
    while stuck < 20 && sent < 256 << 20 {
        match std::io::Write::write(&mut &client.stream, &bytes) {
            Ok(count) => (sent, stuck) = (sent + count, 0),
            Err(_) => {
                stuck += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
    assert_eq!(stuck, 20, "{sent} bytes were taken");
    let held = lines(&mut asker, &[]);
    let waiting = held
        .iter()
        .find(|line| field(line, "flags") == "b")
        .unwrap();
    let held_bytes: usize = field(waiting, "qbuf").parse().unwrap();
    assert!(held_bytes < 8 << 20, "{waiting}");
}

/// As in Redis 7.2, but for tracking, which is refused by a sentence of its own.
#[test]
fn what_is_not_tracked_is_said_so() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let info =
        "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n";
    assert_eq!(client.call(&["CLIENT", "TRACKINGINFO"]), info);
    assert_eq!(client.call(&["CLIENT", "GETREDIR"]), ":-1\r\n");
    assert_eq!(client.call(&["CLIENT", "TRACKING", "OFF"]), "+OK\r\n");
    assert!(
        client
            .call(&["CLIENT", "TRACKING", "ON"])
            .starts_with("-ERR ")
    );
    assert_eq!(
        client.call(&["CLIENT", "CACHING", "YES"]),
        "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled\r\n"
    );
    assert_eq!(client.call(&["CLIENT", "UNBLOCK", "7"]), ":0\r\n");
    assert_eq!(client.call(&["CLIENT", "UNBLOCK", "7", "ERROR"]), ":0\r\n");
    assert_eq!(
        client.call(&["CLIENT", "UNBLOCK", "7", "NOW"]),
        "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n"
    );
    assert_eq!(
        client.call(&["CLIENT", "UNBLOCK", "x"]),
        "-ERR value is not an integer or out of range\r\n"
    );
    assert!(
        client
            .call(&["CLIENT", "ODD"])
            .starts_with("-ERR unknown subcommand 'ODD'")
    );
    assert_eq!(
        client.call(&["CLIENT", "SETNAME", "a b"]),
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"
    );
    assert_eq!(client.call(&["CLIENT", "SETNAME", ""]), "+OK\r\n");
    assert_eq!(client.call(&["CLIENT", "GETNAME"]), "$-1\r\n");
    assert_eq!(
        client.call(&["CLIENT", "SETINFO", "LIB-ODD", "x"]),
        "-ERR Unrecognized option 'LIB-ODD'\r\n"
    );
    assert_eq!(
        client.call(&["CLIENT", "SETINFO", "lib-name", "a b"]),
        "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n"
    );
}

#[test]
fn who_finds_no_place_is_refused_in_words_that_it_understands() {
    let node = Node::start(&Config {
        connections_max: Some(2),
        ..config(2)
    })
    .unwrap();
    let address = node.addresses().any_core;
    let mut served: Vec<_> = (0..2).map(|_| RespRaw::connect(address)).collect();
    for client in &mut served {
        assert_eq!(client.call(&["PING"]), "+PONG\r\n");
    }
    for _ in 0..5 {
        let mut late = RespRaw::connect(address);
        let mut frames = Raw::connect(address);
        // Both are accepted, and have said nothing.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(
            late.call(&["PING"]),
            "-ERR max number of clients reached\r\n"
        );
        assert_eq!(late.until_closed(), b"");
        frames.send(Request::new(Opcode::Noop));
        assert_eq!(frames.receive().status, Status::TooManyConnections);
    }
    for client in &mut served {
        assert_eq!(client.call(&["PING"]), "+PONG\r\n");
    }
}
