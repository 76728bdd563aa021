//! Fear: a tool that watches or tunes Redis finds nothing here, or something that is not so.

use crate::common::resp::RespRaw;
use crate::common::{Raw, eventually, key_of_core, node};
use jerboa_wire::{Opcode, Request, Status};

/// The value of a field of INFO.
fn field(client: &mut RespRaw, section: &str, name: &str) -> String {
    let info = client.call(&["INFO", section]);
    let found = info
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found
        .unwrap_or_else(|| panic!("no {name} in {info}"))
        .to_owned()
}

fn number(client: &mut RespRaw, section: &str, name: &str) -> f64 {
    let text = field(client, section, name);
    text.trim_end_matches('%')
        .parse()
        .unwrap_or_else(|_| panic!("{name}: {text}"))
}

#[test]
fn what_exporters_and_consoles_ask_for_is_answered() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    client.call(&["SET", "key", "value"]);
    client.call(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]);
    client.call(&["SLOWLOG", "RESET"]);
    for (command, expected) in [
        (&["SLOWLOG", "GET"][..], "*0\r\n"),
        (&["SLOWLOG", "GET", "10"], "*0\r\n"),
        (&["SLOWLOG", "LEN"], ":0\r\n"),
        (&["SLOWLOG", "GET", "-1"], "*0\r\n"),
        (
            &["SLOWLOG", "GET", "x"],
            "-ERR count should be greater than or equal to -1\r\n",
        ),
        (
            &["SLOWLOG", "GET", "-2"],
            "-ERR count should be greater than or equal to -1\r\n",
        ),
        (
            &["SLOWLOG", "GET", "1", "2"],
            "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n",
        ),
        (&["COMMAND", "INFO", "nosuch"], "*1\r\n$-1\r\n"),
        (
            &["COMMAND", "GETKEYS", "MEMORY", "USAGE", "k"],
            "*1\r\n$1\r\nk\r\n",
        ),
        (
            &["COMMAND", "GETKEYS", "MEMORY", "NOSUCH", "k"],
            "-ERR Invalid command specified\r\n",
        ),
        (
            &["COMMAND", "GETKEYS", "MEMORY", "DOCTOR"],
            "-ERR The command has no key arguments\r\n",
        ),
        (
            &["COMMAND", "GETKEYS", "MEMORY", "USAGE"],
            "-ERR Invalid number of arguments specified for command\r\n",
        ),
        (&["CLIENT", "GETREDIR"], ":-1\r\n"),
        (&["CLIENT", "UNPAUSE"], "+OK\r\n"),
        (&["CLIENT", "TRACKING", "OFF"], "+OK\r\n"),
        (&["CLIENT", "TRACKING", "x"], "-ERR syntax error\r\n"),
        (
            &["CLIENT", "TRACKING", "ON"],
            "-ERR this node does not tell clients which keys change\r\n",
        ),
        (&["LATENCY", "LATEST"], "*0\r\n"),
        (&["LATENCY", "HISTOGRAM", "getex"], "*0\r\n"),
        (&["WAIT", "0", "10"], ":0\r\n"),
        (&["WAIT", "1", "-1"], "-ERR timeout is negative\r\n"),
        (
            &["DEBUG", "SLEEP", "1"],
            "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
             you can run it from a local connection, otherwise you need to set this option in the \
             configuration file, and then restart the server.\r\n",
        ),
        (&["ROLE"], "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
        (&["MEMORY", "USAGE", "absent"], "$-1\r\n"),
        (&["READONLY"], "+OK\r\n"),
        (&["ASKING"], "+OK\r\n"),
    ] {
        assert_eq!(client.call(command), expected, "{command:?}");
    }
}

/// Fear: an operator adds up what keys take and finds another sum than the node's.
#[test]
fn what_keys_take_adds_up_to_what_the_node_says_that_entries_take() {
    const SLOT_BYTES: u64 = 8;
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let large = "v".repeat(1 << 20);
    let values = ["", "value", &large[..2_000], &large[..300_000], &large];
    let mut sum = 0;
    for (number, value) in values.iter().enumerate() {
        for core in 0..2 {
            let key = key_of_core(core, 2, number as u32);
            let key = String::from_utf8(key).unwrap();
            assert_eq!(client.call(&["SET", &key, value]), "+OK\r\n");
            if number == 1 {
                client.call(&["EXPIRE", &key, "10000000"]);
            }
            let usage = client.call(&["MEMORY", "USAGE", &key, "SAMPLES", "0"]);
            let usage: u64 = usage[1..].trim().parse().unwrap();
            assert!(
                usage >= (key.len() + value.len()) as u64 + SLOT_BYTES,
                "{usage}"
            );
            sum += usage - SLOT_BYTES;
        }
    }
    eventually("the books are told", || {
        let info = client.call(&["INFO", "memory"]);
        let dataset = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory_dataset:"));
        dataset.unwrap().parse::<u64>().unwrap() == sum
    });
    let mut raw = Raw::connect(node.addresses().any_core);
    let unknown = raw.call(Request {
        key: b"key",
        arg: 2,
        ..Request::new(Opcode::Exists)
    });
    assert_eq!(unknown.status, Status::InvalidArgument);
}

#[test]
fn consoles_find_help_and_figures_and_no_unknown_word_ends_the_connection() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for container in [
        "CONFIG", "SLOWLOG", "LATENCY", "MEMORY", "CLUSTER", "CLIENT", "COMMAND",
    ] {
        let help = client.call(&[container, "HELP"]);
        let mut lines = help.split("\r\n").skip(1);
        let begin =
            format!("+{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
        assert_eq!(lines.next(), Some(&*begin));
        assert!(lines.any(|line| line == "+HELP"), "{container}: {help}");
        let unknown = client.call(&[container, "NOSUCH"]);
        assert!(unknown.starts_with("-ERR unknown subcommand"), "{unknown}");
    }
    let info = client.call(&["INFO"]);
    for field in [
        "cluster_enabled:0",
        "loading:0",
        "maxmemory:67108864",
        "used_cpu_user:",
    ] {
        assert!(info.contains(field), "{field} in {info}");
    }
    assert!(
        !info.contains("core.0.ops"),
        "our own counters only if asked for"
    );
    assert!(
        client
            .call(&["INFO", "jerboa"])
            .contains("core.1.moved:0\r\n")
    );
    let mut core = RespRaw::connect(node.addresses().cores[0]);
    assert!(
        core.call(&["INFO", "cluster"])
            .contains("cluster_enabled:1")
    );
    for (client, mode) in [(&mut core, "cluster"), (&mut client, "standalone")] {
        let hello = client.call(&["HELLO"]);
        let mode = format!("$4\r\nmode\r\n${}\r\n{mode}\r\n", mode.len());
        assert!(hello.contains(&mode), "{hello}");
    }
}

fn memory_is_told(client: &mut RespRaw) {
    let used = number(client, "memory", "used_memory");
    assert!(used > 0.0 && used < 67_108_864.0, "{used}");
    assert!(number(client, "memory", "used_memory_peak") >= used);
    assert!(number(client, "memory", "used_memory_dataset") > 21.0 * 9.0);
    assert!(number(client, "memory", "total_system_memory") > used);
    assert_eq!(field(client, "memory", "maxmemory_policy"), "allkeys-lru");
}

#[test]
fn figures_agree_with_what_was_done_and_can_be_counted_from_now_on() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for number in 0..20 {
        client.call(&["SET", &format!("key:{number}"), "value"]);
        client.call(&["GET", &format!("key:{number}")]);
        client.call(&["GET", &format!("none:{number}")]);
    }
    client.call(&["SET", "ends", "value", "EX", "1000"]);
    client.call(&["NOSUCH"]);
    eventually("the cores have told what they did", || {
        client
            .call(&["INFO", "keyspace"])
            .contains("db0:keys=21,expires=1,")
    });
    eventually("reads are counted", || {
        let hits = number(&mut client, "stats", "keyspace_hits");
        hits == 20.0 && number(&mut client, "stats", "keyspace_misses") == 20.0
    });
    let percentiles = field(&mut client, "latencystats", "latency_percentiles_usec_get");
    let most: Vec<f64> = percentiles
        .split(',')
        .map(|part| part.split_once('=').unwrap().1.parse().unwrap())
        .collect();
    assert!(
        most.len() == 3 && most[0] > 0.0 && most.is_sorted(),
        "{percentiles}"
    );
    assert!(number(&mut client, "stats", "total_commands_processed") >= 62.0);
    // Each core tells what it counted at a time of its own.
    eventually("the error is counted", || {
        number(&mut client, "stats", "total_error_replies") >= 1.0
    });
    assert!(number(&mut client, "cpu", "used_cpu_user") > 0.0);
    memory_is_told(&mut client);
    let port = node.addresses().any_core.port();
    assert_eq!(field(&mut client, "server", "tcp_port"), port.to_string());
    assert_eq!(field(&mut client, "server", "run_id").len(), 40);
    assert_eq!(
        client.call(&["SUBSCRIBE", "news"]),
        "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
    );
    let mut other = RespRaw::connect(node.addresses().cores[0]);
    assert_eq!(number(&mut other, "stats", "pubsub_channels"), 1.0);
    eventually("both connections are counted", || {
        number(&mut other, "clients", "connected_clients") == 2.0
    });
    let core_port = node.addresses().cores[0].port();
    assert_eq!(
        field(&mut other, "server", "tcp_port"),
        core_port.to_string()
    );

    assert_eq!(other.call(&["CONFIG", "RESETSTAT"]), "+OK\r\n");
    assert_eq!(number(&mut other, "stats", "keyspace_hits"), 0.0);
    assert!(number(&mut other, "stats", "total_commands_processed") < 20.0);
    assert!(
        other
            .call(&["INFO", "keyspace"])
            .contains("keys=21,expires=1,")
    );
    other.call(&["GET", &String::from_utf8_lossy(&key_of_core(0, 2, 1))]);
    eventually("a miss is counted anew", || {
        number(&mut other, "stats", "keyspace_misses") == 1.0
    });
    assert!(
        node.stats().total().hits == 20,
        "the node's own counters only grow"
    );
}

#[test]
fn sections_are_told_by_name_and_by_the_words_for_many() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let mut titles = |words: &[&str]| {
        let words: Vec<&str> = ["INFO"].iter().chain(words).copied().collect();
        let info = client.call(&words);
        let titles = info.lines().filter_map(|line| line.strip_prefix("# "));
        titles.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(titles(&["CPU", "server"]), ["Server", "CPU"]);
    assert!(titles(&["nosuch"]).is_empty());
    let default = titles(&[]);
    assert_eq!(
        titles(&["latencystats", "commandstats"]),
        ["Commandstats", "Latencystats"]
    );
    assert_eq!(titles(&["default"]), default);
    assert!(
        default.len() >= 9 && !default.contains(&"Jerboa".to_owned()),
        "{default:?}"
    );
    let all = titles(&["everything"]);
    assert!(default.iter().all(|title| all.contains(title)) && all.contains(&"Jerboa".to_owned()));
    assert_eq!(titles(&["all"]), all);
    let mut more = titles(&["default", "jerboa"]);
    more.retain(|title| title != "Jerboa");
    assert_eq!(more, default);
}

#[test]
fn tools_learn_what_a_command_does_to_which_keys() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for (command, keys, done) in [
        (&["set", "a", "b"][..], &["a"][..], &["OW", "update"][..]),
        (
            &["SET", "a", "b", "GET"],
            &["a"],
            &["RW", "access", "update"],
        ),
        (
            &["mset", "a", "1", "b", "2"],
            &["a", "b"],
            &["OW", "update"],
        ),
        (&["del", "a", "b"], &["a", "b"], &["RM", "delete"]),
        (&["get", "a"], &["a"], &["RO", "access"]),
        (&["touch", "a"], &["a"], &["RO"]),
        (&["append", "a", "b"], &["a"], &["RW", "insert"]),
        (&["getdel", "a"], &["a"], &["RW", "access", "delete"]),
        (&["persist", "a"], &["a"], &["RW", "update"]),
        (&["memory", "usage", "k"], &["k"], &["RO"]),
    ] {
        let mut asked = vec!["COMMAND", "GETKEYSANDFLAGS"];
        asked.extend(command);
        let mut flags = format!("*{}\r\n", done.len());
        for word in done {
            flags.push_str(&format!("+{word}\r\n"));
        }
        let mut expected = format!("*{}\r\n", keys.len());
        for key in keys {
            expected.push_str(&format!("*2\r\n${}\r\n{key}\r\n{flags}", key.len()));
        }
        assert_eq!(client.call(&asked), expected, "{command:?}");
    }
}
