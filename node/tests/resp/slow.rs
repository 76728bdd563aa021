//! Fear: what took long is not found afterwards, or something else is blamed for it.

use jerboa::Node;

use crate::common::resp::{RespRaw, command};
use crate::common::{Raw, config, eventually, key_of_core, node};

#[test]
fn a_core_that_a_test_freezes_stops_no_other_core() {
    let node = stoppable(2);
    let cores = &node.addresses().cores;
    let (mut frozen, mut other) = (RespRaw::connect(cores[0]), RespRaw::connect(cores[1]));
    let key = String::from_utf8(key_of_core(1, 2, 1)).unwrap();
    assert_eq!(other.call(&["SET", &key, "1"]), "+OK\r\n");
    assert_eq!(
        frozen.call(&["DEBUG", "SLEEP", "x"]),
        "-ERR value is not a valid float\r\n"
    );
    assert_eq!(frozen.call(&["DEBUG", "sleep", "0"]), "+OK\r\n");
    assert_eq!(
        frozen.call(&["DEBUG", "SEGFAULT"]),
        "-ERR unknown subcommand 'SEGFAULT'. Try DEBUG HELP.\r\n"
    );
    let sleep = command(&[b"DEBUG", b"SLEEP", b"2"]);
    frozen.send(&sleep).unwrap();
    frozen.send(b"PING\r\n").unwrap();
    // Answers come while there is none of the core that sleeps.
    frozen.stream.set_nonblocking(true).unwrap();
    let mut answered = 0;
    let ended = loop {
        assert_eq!(other.call(&["GET", &key]), "$1\r\n1\r\n");
        match frozen.try_receive() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => answered += 1,
            ended => break ended,
        }
    };
    assert!(answered > 0, "the other core waited too");
    assert_eq!(ended.unwrap(), b"+OK\r\n");
    frozen.stream.set_nonblocking(false).unwrap();
    assert_eq!(frozen.receive(), b"+PONG\r\n");
}

/// A node on which tests may stop a core.
fn stoppable(cores: usize) -> Node {
    let builder = Node::builder().config(config(cores)).listen();
    let started = builder.debug_commands(true).start();
    started.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_command_that_stops_its_core_is_in_the_slow_log_of_the_node() {
    let node = stoppable(2);
    let cores = node.addresses().cores.clone();
    let mut client = RespRaw::connect(cores[0]);
    client.call(&["CLIENT", "SETNAME", "sleeper"]);
    let set = [
        "CONFIG",
        "SET",
        "slowlog-log-slower-than",
        "300000",
        "latency-monitor-threshold",
        "300",
    ];
    assert_eq!(client.call(&set), "+OK\r\n");
    assert_eq!(client.call(&["DEBUG", "SLEEP", "0.4"]), "+OK\r\n");
    // Asked on another core.
    let mut other = RespRaw::connect(cores[1]);
    let log = other.call(&["SLOWLOG", "GET", "-1"]);
    let entry = "*3\r\n$5\r\nDEBUG\r\n$5\r\nSLEEP\r\n$3\r\n0.4\r\n";
    let at = log.find(entry).unwrap_or_else(|| panic!("{log}"));
    let took_us: u64 = log[..at]
        .trim_end()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(took_us >= 400_000, "{log}");
    let address = client.stream.local_addr().unwrap().to_string();
    let whose = format!("${}\r\n{address}\r\n$7\r\nsleeper\r\n", address.len());
    assert!(log[at + entry.len()..].starts_with(&whose), "{log}");
    let latest = other.call(&["LATENCY", "LATEST"]);
    assert!(latest.contains("$7\r\ncommand\r\n:"), "{latest}");
    let history = other.call(&["LATENCY", "HISTORY", "command"]);
    let longest: u64 = history
        .trim_end()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(longest >= 400, "{history}");
    assert!(
        other
            .call(&["LATENCY", "GRAPH", "command"])
            .contains("command - high")
    );
    assert!(
        other
            .call(&["LATENCY", "DOCTOR"])
            .contains("command: pauses in")
    );
    assert_eq!(
        other.call(&["LATENCY", "GRAPH", "nosuch"]),
        "-ERR No samples available for event 'nosuch'\r\n"
    );
    assert_eq!(other.call(&["LATENCY", "HISTORY", "nosuch"]), "*0\r\n");
    assert_eq!(other.call(&["LATENCY", "RESET", "nosuch"]), ":0\r\n");
    assert_ne!(other.call(&["LATENCY", "RESET"]), ":0\r\n");
    assert_eq!(other.call(&["LATENCY", "LATEST"]), "*0\r\n");
}

#[test]
fn every_command_is_logged_when_all_are_to_be_and_the_log_stays_short() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().cores[0]);
    let own = |number| String::from_utf8(key_of_core(0, 2, number)).unwrap();
    let (key, long) = (own(1), "x".repeat(200));
    let set = [
        "CONFIG",
        "SET",
        "slowlog-log-slower-than",
        "0",
        "slowlog-max-len",
        "5",
    ];
    assert_eq!(client.call(&set), "+OK\r\n");
    client.call(&["SLOWLOG", "RESET"]);
    // In one batch, alone, in a line of text, and not by a command of the engine at all.
    let mut bytes = command(&[b"SET", key.as_bytes(), long.as_bytes()]);
    bytes.extend_from_slice(&command(&[b"get", key.as_bytes()]));
    bytes.extend_from_slice(format!("STRLEN \"{key}\"\r\n").as_bytes());
    bytes.extend_from_slice(&command(&[b"EXISTS", key.as_bytes(), key.as_bytes()]));
    bytes.extend_from_slice(b"PING\r\n");
    client.send(&bytes).unwrap();
    for _ in 0..5 {
        client.receive();
    }
    let log = client.call(&["SLOWLOG", "GET"]);
    let cut = format!("{}... (72 more bytes)", "x".repeat(128));
    let expected: [&[&str]; 5] = [
        &["PING"],
        &["EXISTS", &key, &key],
        &["STRLEN", &key],
        &["get", &key],
        &["SET", &key, &cut],
    ];
    let mut rest = log.as_str();
    for arguments in expected {
        let text: Vec<&[u8]> = arguments.iter().map(|text| text.as_bytes()).collect();
        let text = String::from_utf8(command(&text)).unwrap();
        let at = rest
            .find(&text)
            .unwrap_or_else(|| panic!("{arguments:?} in {rest}"));
        rest = &rest[at + text.len()..];
    }
    assert_eq!(client.call(&["SLOWLOG", "LEN"]), ":5\r\n");
    assert!(
        client
            .call(&["SLOWLOG", "GET", "2"])
            .starts_with("*2\r\n*6\r\n")
    );
    // A frame is logged by the name of its operation.
    let mut raw = Raw::connect(node.addresses().cores[0]);
    raw.get(key.as_bytes());
    let log = client.call(&["SLOWLOG", "GET", "1"]);
    assert!(
        log.contains(&format!(
            "*2\r\n$3\r\nGet\r\n${}\r\n{key}\r\n$3\r\n?:0",
            key.len()
        )),
        "{log}"
    );
    assert_eq!(
        client.call(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]),
        "+OK\r\n"
    );
    client.call(&["SLOWLOG", "RESET"]);
    client.call(&["GET", &key]);
    assert_eq!(client.call(&["SLOWLOG", "LEN"]), ":0\r\n");
}

#[test]
fn a_large_request_that_another_core_executed_is_logged_by_that_core() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    assert_eq!(
        client.call(&["CONFIG", "SET", "slowlog-log-slower-than", "1"]),
        "+OK\r\n"
    );
    let value = "v".repeat(4 << 20);
    for core in 0..2 {
        let key = String::from_utf8(key_of_core(core, 2, 1)).unwrap();
        assert_eq!(client.call(&["SET", &key, &value]), "+OK\r\n");
    }
    eventually("both cores have told what they took long for", || {
        let log = client.call(&["SLOWLOG", "GET", "-1"]);
        let forwarded = log.contains("\r\n$3\r\nPut\r\n") && log.contains("$6\r\ncore-");
        forwarded && log.contains("\r\n$3\r\nSET\r\n")
    });
}
