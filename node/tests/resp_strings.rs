//! Fear: an option of a command on values does something else than in the server that brought it,
//! or the comparison is not made where the value is.
//!
//! Conditions on values are newer than the Redis that `resp_differential.rs` compares with: each
//! test here names the version whose replies it expects.

mod common;

use common::resp::RespRaw;
use common::{config, key_of_core, node};
use jerboa::Node;

/// Keys of both cores, to be asked on the port that all share: one of them is always forwarded.
fn keys(number: u32) -> [String; 2] {
    [0, 1].map(|core| key_of_core(core, 2, number).escape_ascii().to_string())
}

/// XXH3-64 of `hello`, as Redis 8.4 answers DIGEST.
const HELLO: &str = "9555e8555c62dcfd";
const NULL: &str = "$-1\r\n";
const OK: &str = "+OK\r\n";

/// As in Redis 8.4.
#[test]
fn a_value_is_replaced_only_where_the_condition_holds() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let upper = HELLO.to_ascii_uppercase();
    let no_digest = "z".repeat(16);
    // Options, whether a present `hello` is replaced, whether an absent one is made.
    let cases: [(&[&str], bool, bool); 12] = [
        (&["IFEQ", "hello"], true, false),
        (&["ifeq", "other"], false, false),
        (&["IFEQ", ""], false, false),
        (&["IFNE", "other"], true, true),
        (&["IfNe", "hello"], false, true),
        (&["IFDEQ", HELLO], true, false),
        (&["IFDEQ", &upper], true, false),
        (&["IFDEQ", "0000000000000000"], false, false),
        (&["IFDEQ", &no_digest], false, false),
        (&["IFDNE", "0000000000000000"], true, true),
        (&["IFDNE", HELLO], false, true),
        (&["IFDNE", &no_digest], true, true),
    ];
    for (number, (options, replaces, makes)) in (0..).zip(cases) {
        for key in keys(number) {
            for get in [false, true] {
                let mut set = vec!["SET", &key, "world"];
                set.extend(options);
                if get {
                    set.push("GET");
                }
                client.call(&["DEL", &key]);
                let done = |done: bool| if done { OK } else { NULL };
                let expected = if get { NULL } else { done(makes) };
                assert_eq!(client.call(&set), expected, "absent: {set:?}");
                let there = if makes { ":1\r\n" } else { ":0\r\n" };
                assert_eq!(client.call(&["EXISTS", &key]), there, "{set:?}");

                client.call(&["SET", &key, "hello"]);
                let expected = if get {
                    "$5\r\nhello\r\n"
                } else {
                    done(replaces)
                };
                assert_eq!(client.call(&set), expected, "present: {set:?}");
                let value = if replaces { "world" } else { "hello" };
                let value = format!("$5\r\n{value}\r\n");
                assert_eq!(client.call(&["GET", &key]), value, "{set:?}");
            }
        }
    }
}

/// As in Redis 8.4: what is wrong with a digest is looked at where there is a value.
#[test]
fn a_digest_of_another_length_is_refused_where_there_is_a_value() {
    const REFUSED: &str = "-ERR digest must be exactly 16 hexadecimal characters\r\n";
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for (number, short) in (0..).zip(["", &HELLO[1..], "09555e8555c62dcfd"]) {
        for key in keys(number) {
            for option in ["IFDEQ", "IFDNE"] {
                client.call(&["SET", &key, "hello"]);
                assert_eq!(client.call(&["SET", &key, "w", option, short]), REFUSED);
                let get = client.call(&["SET", &key, "w", "GET", option, short]);
                assert_eq!(get, REFUSED);
                assert_eq!(client.call(&["DELEX", &key, option, short]), REFUSED);
                assert_eq!(client.call(&["GET", &key]), "$5\r\nhello\r\n");
                client.call(&["DEL", &key]);
                assert_eq!(client.call(&["DELEX", &key, option, short]), ":0\r\n");
                let absent = client.call(&["SET", &key, "w", option, short]);
                assert_eq!(absent, if option == "IFDNE" { OK } else { NULL });
            }
        }
    }
}

/// As in Redis 8.4.
#[test]
fn a_conditional_put_sets_or_keeps_the_expiry_as_any_other() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for key in keys(0) {
        client.call(&["SET", &key, "a", "EX", "1000"]);
        assert_eq!(
            client.call(&["SET", &key, "b", "IFEQ", "x", "EX", "5"]),
            NULL
        );
        assert_eq!(client.call(&["TTL", &key]), ":1000\r\n");
        assert_eq!(client.call(&["SET", &key, "b", "KEEPTTL", "IFEQ", "a"]), OK);
        assert_eq!(client.call(&["TTL", &key]), ":1000\r\n");
        assert_eq!(
            client.call(&["SET", &key, "c", "IFNE", "x", "EX", "500"]),
            OK
        );
        assert_eq!(client.call(&["TTL", &key]), ":500\r\n");
        assert_eq!(client.call(&["SET", &key, "d", "IFEQ", "c"]), OK);
        assert_eq!(client.call(&["TTL", &key]), ":-1\r\n");
    }
    for conflict in [
        &["NX", "IFEQ", "a"][..],
        &["IFEQ", "a", "XX"],
        &["IFDEQ", HELLO, "NX"],
        &["IFEQ", "a", "IFNE", "b"],
        &["IFEQ"],
        &["IFEQ", "a", "EX", "1", "KEEPTTL"],
    ] {
        let mut set = vec!["SET", "k", "v"];
        set.extend(conflict);
        assert_eq!(client.call(&set), "-ERR syntax error\r\n", "{conflict:?}");
    }
    let bad = client.call(&["SET", "k", "v", "IFEQ", "a", "EX", "0"]);
    assert_eq!(bad, "-ERR invalid expire time in 'set' command\r\n");
}

/// DIGEST and DELEX as in Redis 8.4, DELIFEQ as in Valkey 9.0.
#[test]
fn a_key_is_removed_only_where_the_condition_holds() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let no_digest = "z".repeat(16);
    for (number, (options, removes)) in (0..).zip([
        (&[][..], true),
        (&["IFEQ", "hello"], true),
        (&["IFEQ", "other"], false),
        (&["ifne", "other"], true),
        (&["IFNE", "hello"], false),
        (&["IFDEQ", HELLO], true),
        (&["IFDEQ", &no_digest], false),
        (&["IFDNE", HELLO], false),
        (&["IFDNE", &no_digest], true),
    ]) {
        for key in keys(number) {
            let mut delete = vec!["DELEX", &key];
            delete.extend(options);
            assert_eq!(client.call(&delete), ":0\r\n", "absent: {delete:?}");
            client.call(&["SET", &key, "hello"]);
            let count = format!(":{}\r\n", u8::from(removes));
            assert_eq!(client.call(&delete), count, "{delete:?}");
            let left = format!(":{}\r\n", u8::from(!removes));
            assert_eq!(client.call(&["EXISTS", &key]), left, "{delete:?}");
        }
    }
    for key in keys(100) {
        assert_eq!(client.call(&["DELEX", &key, "FOO", "bar"]), ":0\r\n");
        assert_eq!(client.call(&["DIGEST", &key]), NULL);
        assert_eq!(client.call(&["DELIFEQ", &key, "hello"]), ":0\r\n");
        client.call(&["SET", &key, "hello"]);
        assert_eq!(
            client.call(&["DELEX", &key, "FOO", "bar"]),
            "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n"
        );
        for few in [&["IFEQ"][..], &["IFEQ", "hello", "extra"]] {
            let mut delete = vec!["DELEX", &key];
            delete.extend(few);
            let refused = "-ERR wrong number of arguments for 'delex' command\r\n";
            assert_eq!(client.call(&delete), refused);
        }
        assert_eq!(
            client.call(&["DIGEST", &key]),
            format!("$16\r\n{HELLO}\r\n")
        );
        assert_eq!(client.call(&["DELIFEQ", &key, "other"]), ":0\r\n");
        assert_eq!(client.call(&["DELIFEQ", &key, "hello"]), ":1\r\n");
    }
}

/// The digests are those that Redis 8.4 and its clients compute.
#[test]
fn digests_are_those_of_other_implementations_however_large_the_value() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let zeros = "v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytls2k\
                 wlj7626sd";
    for (value, digest) in [
        ("", "2d06800538d394c2"),
        ("123", "404a763b3f4c8c9a"),
        ("v8", "0cc76dbb41381419"),
        (zeros, "00006c38adf31777"),
    ] {
        client.call(&["SET", "d", value]);
        assert_eq!(
            client.call(&["DIGEST", "d"]),
            format!("$16\r\n{digest}\r\n")
        );
    }
    // One that lies in several segments.
    let large = "0123456789abcdef".repeat(500_000);
    let digest = redis::calculate_value_digest(&large);
    for key in keys(0) {
        client.call(&["SET", &key, &large]);
        assert_eq!(
            client.call(&["DIGEST", &key]),
            format!("$16\r\n{digest}\r\n")
        );
        assert_eq!(client.call(&["SET", &key, "small", "IFDEQ", &digest]), OK);
    }
}

#[test]
fn of_many_who_replace_the_same_value_one_succeeds() {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 200;
    let node = node(2);
    for key in keys(0) {
        let mut first = RespRaw::connect(node.addresses().any_core);
        first.call(&["SET", &key, "0"]);
        let successes: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..CLIENTS)
                .map(|worker| {
                    let (key, address) = (&key, node.addresses().any_core);
                    scope.spawn(move || {
                        let mut client = RespRaw::connect(address);
                        let swap = |client: &mut RespRaw, round: usize| {
                            let (old, new) = (round.to_string(), (round + 1).to_string());
                            let options: &[&str] = if worker % 2 == 0 {
                                &["IFEQ", &old]
                            } else {
                                &["IFDEQ", &redis::calculate_value_digest(&old)]
                            };
                            client.call(&[&["SET", key, &new][..], options].concat()) == OK
                        };
                        (0..ROUNDS)
                            .filter(|round| swap(&mut client, *round))
                            .count()
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .sum()
        });
        let value = first.call(&["GET", &key]);
        let reached: usize = value.lines().nth(1).unwrap().parse().unwrap();
        assert_eq!(successes, reached, "each step was made by one client");
    }
}

#[test]
fn many_keys_are_stored_together_by_one_owner_only() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let [here, there] = keys(0);
    let both = client.call(&["MSETNX", &here, "1", &there, "2"]);
    assert!(both.starts_with("-CROSSSLOT "), "{both}");
    assert_eq!(client.call(&["EXISTS", &here, &there]), ":0\r\n");
    for key in [&here, &there] {
        let (one, other) = (format!("{{{key}}}1"), format!("{{{key}}}2"));
        let set = ["MSETNX", &one, "1", &other, "2"];
        assert_eq!(client.call(&set), ":1\r\n");
        client.call(&["DEL", &one]);
        assert_eq!(client.call(&set), ":0\r\n");
        assert_eq!(client.call(&["EXISTS", &one]), ":0\r\n");
    }
}

/// As in Redis 7.2.
#[test]
fn options_that_exclude_each_other_are_refused_and_change_nothing() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for key in keys(0) {
        client.call(&["SET", &key, "v", "EX", "1000"]);
        for getex in [
            &["EX", "5", "PX", "5"][..],
            &["PERSIST", "EX", "5"],
            &["EXAT", "5", "PERSIST"],
            &["EX"],
            &["KEEPTTL"],
        ] {
            let getex = [&["GETEX", &key][..], getex].concat();
            assert_eq!(client.call(&getex), "-ERR syntax error\r\n", "{getex:?}");
        }
        for (conditions, refusal) in [
            (
                &["NX", "XX"][..],
                "NX and XX, GT or LT options at the same time are not compatible",
            ),
            (
                &["NX", "GT"],
                "NX and XX, GT or LT options at the same time are not compatible",
            ),
            (
                &["GT", "LT"],
                "GT and LT options at the same time are not compatible",
            ),
            (&["ODD"], "Unsupported option ODD"),
        ] {
            let expire = [&["EXPIRE", &key, "5"][..], conditions].concat();
            assert_eq!(
                client.call(&expire),
                format!("-ERR {refusal}\r\n"),
                "{expire:?}"
            );
        }
        assert_eq!(client.call(&["TTL", &key]), ":1000\r\n");
        assert_eq!(client.call(&["EXPIRE", &key, "5", "XX", "GT"]), ":0\r\n");
        assert_eq!(client.call(&["EXPIRE", &key, "2000", "XX", "GT"]), ":1\r\n");
    }
}

#[test]
fn a_node_is_emptied_and_drawn_from_whatever_port_is_asked() {
    let node = node(2);
    let mut ports = node.addresses().cores.clone();
    ports.push(node.addresses().any_core);
    for port in ports {
        let mut client = RespRaw::connect(port);
        for word in ["READONLY", "READWRITE", "ASKING"] {
            assert_eq!(client.call(&[word]), OK);
        }
        for how in [
            &["FLUSHALL"][..],
            &["FLUSHALL", "ASYNC"],
            &["FLUSHDB", "SYNC"],
        ] {
            let mut anywhere = RespRaw::connect(node.addresses().any_core);
            for key in keys(0) {
                anywhere.call(&["SET", &key, "v"]);
            }
            let drawn = client.call(&["RANDOMKEY"]);
            assert!(keys(0).iter().any(|key| drawn.contains(key)), "{drawn}");
            assert_eq!(client.call(how), OK);
            assert_eq!(client.call(&["RANDOMKEY"]), NULL);
            assert_eq!(anywhere.call(&["DBSIZE"]), ":0\r\n");
        }
        assert_eq!(client.call(&["FLUSHALL", "NOW"]), "-ERR syntax error\r\n");
    }
}

/// As Redis 7.0.15, which is at the end of an iteration, or near it, where a number leads that it
/// never gave out.
#[test]
fn a_cursor_that_no_scan_gave_out_ends_the_iteration_and_a_text_is_refused() {
    let node = node(2);
    let addresses = node.addresses();
    for address in [addresses.any_core, addresses.cores[0], addresses.cores[1]] {
        let mut client = RespRaw::connect(address);
        for number in ["-1", "18446744073709551615", "4611686018427387904"] {
            for options in [&[][..], &["MATCH", ""], &["TYPE", "list"]] {
                let told = client.call(&[&["SCAN", number], options].concat());
                assert_eq!(told, "*2\r\n$1\r\n0\r\n*0\r\n", "{number}");
            }
        }
        for none in ["abc", " 5", "5 ", "1e3", "18446744073709551616"] {
            let told = client.call(&["SCAN", none]);
            assert_eq!(told, "-ERR invalid cursor\r\n");
        }
    }
}

/// As Redis 7.0.15. The regular expression of Olric that is empty is found in every key.
#[test]
fn an_empty_pattern_is_that_of_no_key() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    for key in keys(1) {
        assert_eq!(client.call(&["SET", &key, "v"]), OK);
    }
    assert_eq!(client.call(&["KEYS", ""]), "*0\r\n");
    let (mut cursor, mut pages) = ("0".to_owned(), 0);
    while pages == 0 || cursor != "0" {
        let page = client.call(&["SCAN", &cursor, "MATCH", ""]);
        assert!(page.ends_with("*0\r\n"), "{page}");
        cursor = page.split("\r\n").nth(2).unwrap().to_owned();
        pages += 1;
    }
    let (mut cursor, mut found) = ("0".to_owned(), 0);
    while found == 0 || cursor != "0" {
        let page = client.call(&["DM.SCAN", "0", "", &cursor, "MATCH", "", "COUNT", "1000"]);
        let mut lines = page.split("\r\n").skip(2);
        cursor = lines.next().unwrap().to_owned();
        found += lines.next().unwrap()[1..].parse::<usize>().unwrap();
    }
    assert_eq!(found, 2);
}

/// As Redis 7.0.15 with such a `proto-max-bulk-len`.
#[test]
fn a_value_grows_up_to_the_limit_and_not_a_byte_beyond() {
    const LIMIT: usize = 100_000;
    const BEYOND: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
    let mut settings = config(2);
    settings.value_bytes_max = LIMIT as u32;
    let node = Node::start(&settings).unwrap();
    let mut client = RespRaw::connect(node.addresses().any_core);
    let (most, beyond) = ("v".repeat(LIMIT), "v".repeat(LIMIT + 1));
    let last = (LIMIT - 1).to_string();
    let end = LIMIT.to_string();
    let whole = format!(":{LIMIT}\r\n");
    for key in keys(1) {
        let mut call = |words: &[&str]| client.call(&[&[words[0], &*key], &words[1..]].concat());
        assert_eq!(call(&["SET", &most[2..]]), OK);
        assert_eq!(call(&["APPEND", "12"]), whole);
        assert_eq!(call(&["APPEND", "3"]), BEYOND);
        assert_eq!(call(&["APPEND", &most]), BEYOND);
        assert_eq!(call(&["APPEND", ""]), whole);
        assert_eq!(call(&["SETRANGE", &last, "x"]), whole);
        assert_eq!(call(&["SETRANGE", &last, "xy"]), BEYOND);
        assert_eq!(call(&["SETRANGE", &end, "x"]), BEYOND);
        assert_eq!(call(&["SETRANGE", "9223372036854775807", "x"]), BEYOND);
        assert_eq!(call(&["SETRANGE", &end, ""]), whole);
        assert_eq!(call(&["GETRANGE", "-3", "-1"]), "$3\r\nv1x\r\n");
        assert_eq!(call(&["STRLEN"]), whole);
        // The same where there is no entry: one that is refused makes none.
        assert_eq!(call(&["DEL"]), ":1\r\n");
        assert_eq!(call(&["SETRANGE", &end, "x"]), BEYOND);
        assert_eq!(call(&["SETRANGE", "0", &beyond]), BEYOND);
        assert_eq!(call(&["APPEND", &beyond]), BEYOND);
        assert_eq!(call(&["EXISTS"]), ":0\r\n");
        assert_eq!(call(&["APPEND", &most]), whole);
        assert_eq!(call(&["DEL"]), ":1\r\n");
        assert_eq!(call(&["SETRANGE", &last, "x"]), whole);
        assert_eq!(call(&["GETRANGE", "-2", "-1"]), "$2\r\n\0x\r\n");
    }
}
