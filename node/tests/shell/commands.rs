//! The shell as a process: every command, what a program reads of it, and its exit status.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use jerboa::Node;
use serde_json::Value;

use super::common::node;

/// Runs `jerboa cli` against a node.
fn cli(node: &Node, flags: &[&str], command: &[&str], input: &[u8]) -> Output {
    let address = node.addresses().any_core.to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_jerboa"))
        .args(["cli", "--addr", &address])
        .args(flags)
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails at once may not read it.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Runs lines in one process; each answer for programs.
fn lines(node: &Node, flags: &[&str], input: &str) -> (Vec<Value>, i32) {
    let flags = [&["--json"], flags].concat();
    let output = cli(node, &flags, &[], input.as_bytes());
    let text = String::from_utf8(output.stdout).unwrap();
    let values = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")));
    (values.collect(), output.status.code().unwrap())
}

/// A field by its path, `a.0.b`.
fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.')
        .filter(|step| !step.is_empty())
        .fold(value, |value, step| match step.parse::<usize>() {
            Ok(index) => &value[index],
            Err(_) => &value[step],
        })
}

/// A line, its exit status when it stands alone, a path in its JSON, and what stands there or is part
/// of it.
type Row = (&'static str, i32, &'static str, &'static str);

const ROWS: &[Row] = &[
    ("get k", 1, "reason", r#""NotFound""#),
    ("put k v", 0, "ok", "true"),
    ("get k", 0, "value", r#""v""#),
    ("GET k", 0, "value", r#""v""#),
    ("set k w XX GET", 0, "old", r#""v""#),
    ("put k x NX", 1, "reason", r#""Exists""#),
    ("put none x XX", 1, "reason", r#""NotFound""#),
    ("meta k", 0, "value", r#""w""#),
    ("meta k", 0, "expires_at_ms", "null"),
    ("put t v PX 60000", 0, "ok", "true"),
    ("put t v EXAT 4102444800", 0, "ok", "true"),
    ("meta t", 0, "expires_at_ms", "4102444800000"),
    ("put t w KEEPTTL", 0, "ok", "true"),
    ("meta t", 0, "expires_at_ms", "4102444800000"),
    ("persist t", 0, "had_expiry", "true"),
    ("ttl t", 0, "left_ms", "null"),
    (
        "expire t PXAT 4102444800001",
        0,
        "expires_at_ms",
        "4102444800001",
    ),
    ("expire t 0", 0, "removed", "true"),
    ("expire t 10", 1, "reason", r#""NotFound""#),
    ("ttl t", 1, "reason", r#""NotFound""#),
    ("exists k", 0, "ok", "true"),
    ("exists t", 1, "ok", "false"),
    ("append k yz", 0, "bytes", "3"),
    ("getdel k", 0, "value", r#""wyz""#),
    ("getdel k", 1, "reason", r#""NotFound""#),
    ("cas c absent one", 0, "ok", "true"),
    ("cas c absent two", 1, "reason", r#""Exists""#),
    ("cas c 1 two", 1, "reason", r#""Mismatch""#),
    ("casvalue c one two", 0, "ok", "true"),
    ("casvalue c one three", 1, "value", r#""two""#),
    ("casvalue d \"\" new NX", 0, "ok", "true"),
    ("putif c 2 IFEQ one", 1, "reason", r#""Mismatch""#),
    ("putif c one IFEQ two EX 60", 0, "ok", "true"),
    ("digest c", 0, "digest", r#"""#),
    ("digest none", 1, "reason", r#""NotFound""#),
    ("delif c IFEQ two", 1, "reason", r#""Mismatch""#),
    ("delif c", 2, "error.code", r#""Usage""#),
    ("putif c two IFNE other", 0, "ok", "true"),
    ("delif d IFNE other", 0, "ok", "true"),
    ("incr n", 0, "value", "1"),
    ("incr n -43", 0, "value", "-42"),
    ("decr n 8", 0, "value", "-50"),
    ("incrfloat n 0.5", 0, "value", "-49.5"),
    ("incr c", 3, "error.code", r#""NotANumber""#),
    ("mput a 1 b 2", 0, "entries.1.status", r#""Ok""#),
    ("mget a z b", 0, "entries.1.value", "null"),
    ("mget a z b", 0, "entries.2.value", r#""2""#),
    ("mdel a z", 0, "entries.1.status", r#""NotFound""#),
    ("del b z", 0, "removed", "1"),
    ("del b z", 1, "reason", r#""NotFound""#),
    ("del b", 1, "reason", r#""NotFound""#),
    ("put r 0123456789 PX 60000", 0, "ok", "true"),
    ("getrange r -3 -1", 0, "value", r#""789""#),
    ("setrange r 2 xx", 0, "bytes", "10"),
    ("getex r", 0, "value", r#""01xx456789""#),
    ("ttl r", 0, "left_ms", "null"),
    ("expire r 60 XX", 1, "reason", r#""Mismatch""#),
    ("expire r 60 NX", 0, "ok", "true"),
    ("expire r 60 NX XX", 2, "error.code", r#""Usage""#),
    ("mexists r none", 0, "entries.1.status", r#""NotFound""#),
    ("mputnx {g}1 a {g}2 b", 0, "entries.1.status", r#""Ok""#),
    ("mputnx {g}2 a {g}3 b", 1, "reason", r#""Exists""#),
    ("lock l PX 60000", 0, "ok", "true"),
    ("lock l WAIT 1", 1, "reason", r#""LockNotAcquired""#),
    ("unlock l 1", 3, "error.code", r#""NoSuchLock""#),
    ("lease l 1 EX 5", 3, "error.code", r#""NoSuchLock""#),
    ("del l", 0, "removed", "1"),
    ("map m", 0, "map", r#""m""#),
    ("size", 0, "keys", "0"),
    ("randomkey", 1, "reason", r#""NotFound""#),
    ("slotkeys 0", 0, "keys", "[]"),
    ("slotkeys 16384", 3, "error.code", r#""InvalidArgument""#),
    (
        "mput key1 1 key2 2 other 3",
        0,
        "entries.0.status",
        r#""Ok""#,
    ),
    ("size", 0, "keys", "3"),
    ("randomkey", 0, "ok", "true"),
    ("scan key? LIMIT 0", 0, "keys.1.key", r#""key"#),
    ("scan none*", 0, "keys", "[]"),
    ("destroy", 2, "error.code", r#""Usage""#),
    ("destroy m YES", 0, "removed", "3"),
    ("size", 0, "keys", "0"),
    (
        "settings ttl_ms 60000",
        0,
        "settings",
        r#"{"origin":"own","setting":"ttl_ms","value":"60000"}"#,
    ),
    ("settings", 0, "settings", r#""value":"60000""#),
    ("put forever v NEVER", 0, "ok", "true"),
    ("meta forever", 0, "expires_at_ms", "null"),
    ("cas forever 1 w NEVER", 1, "reason", r#""Mismatch""#),
    ("expire forever NEVER", 2, "error.code", r#""Usage""#),
    ("getex forever NEVER", 0, "value", r#""v""#),
    ("ttl forever", 0, "left_ms", "null"),
    ("del forever", 0, "removed", "1"),
    (
        "settings defaults",
        0,
        "settings",
        r#""setting":"keys_max""#,
    ),
    (
        "settings weather fine",
        3,
        "error.code",
        r#""InvalidArgument""#,
    ),
    ("settings ttl_ms", 2, "error.code", r#""Usage""#),
    ("map \"\"", 0, "map", r#""""#),
    ("maps", 0, "maps.0.map", r#""""#),
    ("mapstats never", 1, "reason", r#""NotFound""#),
    ("maplatency never", 1, "reason", r#""NotFound""#),
    ("maplatency", 0, "ok", "true"),
    ("publish news hello", 0, "receivers", "0"),
    ("subscribe news WITHIN 1", 0, "messages", "0"),
    ("psubscribe n* FOR 0", 0, "messages", "0"),
    ("channels", 0, "channels", "[]"),
    ("numsub news sport", 0, "channels.1.subscribers", "0"),
    ("numpat", 0, "patterns", "0"),
    ("events expired ON", 0, "events.2.on", "true"),
    ("events all OFF", 0, "events.2.on", "false"),
    ("events weather ON", 2, "error.code", r#""Usage""#),
    ("ping", 0, "value", r#""pong""#),
    ("ping \"a b\"", 0, "value", r#""a b""#),
    ("noop", 0, "ok", "true"),
    ("info", 0, "cores", "2"),
    ("stats node.cores", 0, "stats.0.value", "2"),
    ("latency", 0, "ok", "true"),
    ("hotkeys 3", 0, "ok", "true"),
    ("topology", 0, "members.0.cores", "2"),
    ("verify", 0, "counted", "in order"),
    ("help", 0, "help", "Values"),
    ("help put", 0, "help", "NX|XX"),
    ("help nonsense", 2, "error.code", r#""UnknownCommand""#),
    ("json on", 0, "json", "true"),
    ("gte k", 2, "error.advice", "did you mean get"),
    ("get", 2, "error.message", "KEY is missing"),
    ("get a b", 2, "error.message", "too many"),
    ("get 'a", 2, "error.code", r#""BadLine""#),
    ("put k v EX soon", 2, "error.message", "no number"),
    ("put k v EX 1 PX 1", 2, "error.message", "one time"),
    ("put k v NX XX", 2, "error.code", r#""Usage""#),
    ("put k v EX 9999999999999999", 2, "error.code", r#""Usage""#),
    ("incrfloat n inf", 2, "error.code", r#""Usage""#),
    ("", 0, "", ""),
    ("# nothing", 0, "", ""),
    ("exit", 0, "ok", "true"),
];

#[test]
fn every_command_answers_as_it_says() {
    let node = node(2);
    let input: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
    let (answers, status) = lines(&node, &[], &(input.join("\n") + "\nget after exit\n"));
    let asked = ROWS.iter().filter(|row| !row.2.is_empty());
    assert_eq!(answers.len(), asked.clone().count(), "one line each");
    assert_eq!(status, 3, "the largest of all");
    for ((line, exit, path, expected), answer) in asked.zip(&answers) {
        let found = at(answer, path).to_string();
        assert!(
            found == *expected || (found != "null" && found.contains(expected)),
            "{line}: {path} is {found}, not {expected}: {answer}"
        );
        assert_eq!(answer["ok"] == true, *exit == 0, "{line}: {answer}");
    }
    // The exit status of each kind, of a process of its own.
    let mut seen = Vec::new();
    for (line, exit, path, _) in ROWS {
        if !path.is_empty() && !seen.contains(exit) {
            seen.push(*exit);
            let output = cli(&node, &[], &[], line.as_bytes());
            if *exit == 2 {
                assert_eq!(output.status.code(), Some(2), "{line}");
            }
        }
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// The commands that `help` lists.
fn listed(node: &Node) -> Vec<String> {
    let (answers, _) = lines(node, &[], "help");
    let text = answers[0]["help"].as_str().unwrap().to_owned();
    let names = text.lines().filter_map(|line| line.strip_prefix("  "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_command_that_is_listed_is_tried_above_and_explains_itself() {
    let node = node(1);
    let listed = listed(&node);
    assert!(listed.len() > 45, "{listed:?}");
    let words = ROWS.iter().filter_map(|row| row.0.split(' ').next());
    let tried: BTreeSet<String> = words.map(str::to_lowercase).collect();
    let untried: Vec<_> = listed
        .iter()
        .filter(|name| !tried.contains(*name))
        .collect();
    assert!(untried.is_empty(), "no row for {untried:?}");
    let asked: Vec<_> = listed.iter().map(|name| format!("help {name}")).collect();
    let (answers, status) = lines(&node, &[], &asked.join("\n"));
    assert_eq!((answers.len(), status), (listed.len(), 0));
    for (name, answer) in listed.iter().zip(answers) {
        let help = answer["help"].as_str().unwrap();
        assert!(
            help.starts_with(&name[..]) && help.lines().count() > 1,
            "{help}"
        );
    }
}

/// A program that gets no JSON for one of many commands cannot go on: whatever is wrong, each answer
/// is one line of it.
#[test]
fn every_command_answers_programs_in_json_however_it_is_given() {
    let node = node(1);
    let mut asked = Vec::new();
    for name in listed(&node) {
        // These end the shell, or turn the JSON off.
        if ["exit", "json"].contains(&&name[..]) {
            continue;
        }
        for words in [
            "",
            " k",
            " k 1",
            " a b c d e f g h i j k l",
            " 'open",
            " \"\\xff\" -1",
        ] {
            // Without bound it would listen for ever.
            let bound = if name.ends_with("subscribe") {
                " WITHIN 1"
            } else {
                ""
            };
            asked.push(format!("{name}{words}{bound}"));
        }
    }
    let (answers, status) = lines(&node, &[], &(asked.join("\n") + "\n"));
    assert!(status <= 3, "{status}");
    let quiet = answers.iter().filter(|answer| answer["ok"].is_null());
    println!("{} without `ok`", quiet.count());
    assert!(
        answers.len() >= asked.len(),
        "{} for {}",
        answers.len(),
        asked.len()
    );
}

#[test]
fn one_command_of_the_command_line_ends_with_its_status() {
    let node = node(1);
    let run = |command: &[&str]| {
        let output = cli(&node, &[], command, b"");
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text, error)
    };
    assert_eq!(run(&["put", "k", "-1 and --json"]).0, 0);
    let (status, text, error) = run(&["get", "k"]);
    assert_eq!((status, &text[..], &error[..]), (0, "-1 and --json\n", ""));
    let (status, text, _) = run(&["get", "absent"]);
    assert_eq!((status, &text[..]), (1, "no: not found\n"));
    let (status, text, error) = run(&["pu", "k", "v"]);
    assert_eq!((status, &text[..]), (2, ""));
    assert!(error.contains("did you mean put"), "{error}");
    let (status, _, error) = run(&["incr", "k"]);
    assert_eq!(status, 3);
    assert!(error.contains("`get` shows"), "{error}");
    let (status, text, _) = run(&["maps"]);
    assert_eq!(status, 0);
    assert!(text.starts_with("map"), "a table with a header: {text}");
}

#[test]
fn a_node_that_is_not_there_is_named_with_what_to_do() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let output = Command::new(env!("CARGO_BIN_EXE_jerboa"))
        .args(["cli", "--addr", &address, "get", "k"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains(&address) && error.contains("--addr"),
        "{error}"
    );
}

#[test]
fn bytes_that_are_no_text_come_back_as_they_went_in() {
    let node = node(2);
    let value: Vec<u8> = (0..=255).chain([b'\n', 0, 0xff]).collect();
    let put = cli(&node, &["--escapes", "-x"], &["put", r"k\x00\xff"], &value);
    assert_eq!(put.status.code(), Some(0), "{put:?}");
    let got = cli(&node, &["--escapes"], &["get", r"k\x00\xff"], b"");
    assert_eq!(got.stdout, [&value[..], b"\n"].concat());

    // A word of the command line is one already: quotes in it are bytes, escaped or not.
    for (word, meant) in [(r#"a\" b\""#, r#"a" b""#), (r#""a" \\"#, r#""a" \"#)] {
        let put = cli(&node, &["--escapes"], &["put", "quotes", word], b"");
        assert_eq!(put.status.code(), Some(0), "{put:?}");
        let got = cli(&node, &[], &["get", "quotes"], b"");
        assert_eq!(got.stdout, format!("{meant}\n").as_bytes());
    }
    let put = cli(&node, &["--escapes"], &["put", "quotes", "a\\"], b"");
    assert_eq!(put.status.code(), Some(2), "{put:?}");
    cli(&node, &[], &["delete", "quotes"], b"");

    let (answers, _) = lines(&node, &[], r#"get "k\x00\xff""#);
    let base64 = answers[0]["value_base64"].as_str().unwrap();
    assert!(base64.starts_with("AAECAwQF"), "{base64}");
    let (answers, _) = lines(&node, &[], "scan");
    assert_eq!(answers[0]["keys"][0]["key_base64"], "awD/");

    // What a person reads can be typed again, and stays on its line.
    let shown = cli(&node, &[], &["scan"], b"");
    assert_eq!(shown.stdout, b"key\n\"k\\x00\\xff\"\n");
}

#[test]
fn commands_from_the_standard_input_share_a_map_and_a_session() {
    let node = node(2);
    let (answers, status) = lines(
        &node,
        &["--map", "first"],
        "put k 1\nmap second\nget k\nmap first\nget k",
    );
    assert_eq!(status, 1);
    assert_eq!(answers[2]["reason"], "NotFound");
    assert_eq!(answers[4]["value"], "1");
    let (answers, status) = lines(&node, &["--stop-on-error"], "get none\nnonsense\nping");
    assert_eq!((answers.len(), status), (2, 2), "a no is no error");
}

#[test]
fn a_listener_shows_messages_as_they_come() {
    let node = node(2);
    let address = node.addresses().any_core.to_string();
    let listener = Command::new(env!("CARGO_BIN_EXE_jerboa"))
        .args(["cli", "--addr", &address, "--json"])
        .args(["psubscribe", "news.*", "FOR", "2"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    super::common::eventually("it listens", || {
        lines(&node, &[], "numpat").0[0]["patterns"] == 1
    });
    let (answers, _) = lines(&node, &[], "publish news.a one\npublish news.b \"\\xff\"");
    assert_eq!(answers[0]["receivers"], 1);
    let output = listener.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told[0]["message"], "one");
    assert_eq!(told[0]["pattern"], "news.*");
    assert_eq!(told[1]["message_base64"], "/w==");
    assert_eq!(told[2]["messages"], 2);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_recount_may_take_the_longest_time_that_there_is() {
    let node = node(2);
    let output = Command::new(env!("CARGO_BIN_EXE_jerboa"))
        .args(["verify", "--timeout-s", &u64::MAX.to_string()])
        .args(["--addr", &node.addresses().any_core.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
