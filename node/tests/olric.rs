//! Olric's tests and defects, and what stands for them here.
//!
//! The names are those of its test suite at commit c49c44a, by group. For each that makes sense on
//! one node a place is named here that must exist, so that the list cannot outlive what it lists;
//! for the others it is said why they are left out. The same for its defects, of which each has a
//! test here with the opposite outcome.

mod common;
#[path = "olric/counterparts.rs"]
mod counterparts;
#[path = "olric/defects.rs"]
mod defects;
#[path = "olric/left_out.rs"]
mod left_out;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::resp::RespRaw;
use common::{Raw, node};
use counterparts::counterparts;
use defects::DEFECTS;
use jerboa::config::{Config, KEYS};
use jerboa_wire::{Opcode, Request, Status};
use left_out::LEFT_OUT;

/// Names in its suite: 435 tests and 3 benchmarks, of which two in different packages share one.
const NAMES: usize = 437;

/// Tests of Olric that something here stands for.
struct Counterpart {
    /// Their names, separated by blanks.
    olric: &'static str,
    /// Where: a file from the root, and the name of a test, or the fear of a row of its table.
    here: &'static [(&'static str, &'static str)],
}

/// Tests of Olric that nothing here stands for.
struct LeftOut {
    /// Their names, separated by blanks.
    olric: &'static str,
    why: &'static str,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whether a text has a test of this name that is run, or a row of a table with this fear.
fn has_place(text: &str, place: &str) -> bool {
    let row = format!("\"{place}");
    let function = format!("fn {place}(");
    let Some(at) = text.find(&function) else {
        return text.contains(&row);
    };
    let line = text[..at].rfind('\n').unwrap_or(0);
    let above = text[..line].lines().rev().map(str::trim_start);
    let attributes = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    let (mut is_test, mut is_ignored) = (false, false);
    attributes.for_each(|line| {
        is_test |= line.starts_with("#[test]");
        is_ignored |= line.starts_with("#[ignore");
    });
    is_test && !is_ignored
}

fn missing(places: &[(&str, &str)]) -> Vec<String> {
    places
        .iter()
        .filter(|(file, place)| {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            !has_place(&text, place)
        })
        .map(|(file, place)| format!("{file}: {place}"))
        .collect()
}

#[test]
fn a_place_is_a_test_that_is_run_or_a_row() {
    assert!(has_place("    /// Why.\n    #[test]\n    fn a() {", "a"));
    assert!(has_place("row(\n    \"a fear that goes on\",", "a fear"));
    assert!(!has_place("fn a() {}", "a"), "a helper");
    assert!(!has_place("#[test]\n#[ignore = \"slow\"]\nfn a() {", "a"));
    assert!(!has_place("// fn b(", "a"));
}

#[test]
fn every_counterpart_is_there() {
    let mut gone: Vec<String> = Vec::new();
    for Counterpart { here, .. } in counterparts() {
        assert!(!here.is_empty());
        gone.extend(missing(here));
    }
    for (_, here) in DEFECTS {
        gone.extend(missing(here));
    }
    assert!(gone.is_empty(), "{}", gone.join("\n"));
    let made_up = [("node/tests/locks.rs", "no_such_test")];
    assert_eq!(
        missing(&made_up).len(),
        1,
        "the check finds what is missing"
    );
}

#[test]
fn every_defect_that_one_node_can_have_is_listed() {
    let listed: BTreeSet<&str> = DEFECTS.iter().map(|(number, _)| *number).collect();
    let expected = [
        "W1", "W2", "W2b", "W2c", "W3", "W4", "W5", "W6", "W7", "W10", "W11", "W19", "W20", "W21",
    ];
    assert_eq!(listed, BTreeSet::from(expected));
    assert!(DEFECTS.iter().all(|(_, here)| !here.is_empty()));
}

#[test]
fn every_name_is_listed_once_and_every_omission_has_its_reason() {
    let listed = counterparts().map(|counterpart| counterpart.olric);
    let left_out = LEFT_OUT.iter().map(|left| left.olric);
    let mut seen = BTreeSet::new();
    for name in listed.chain(left_out).flat_map(str::split_whitespace) {
        assert!(seen.insert(name), "{name} is listed twice");
    }
    assert_eq!(seen.len(), NAMES, "the suite has more names, or fewer");
    assert!(LEFT_OUT.iter().all(|left| left.why.len() > 10));
}

/// Olric's documents name keys in a spelling or section that loads nothing, and nobody is told.
#[test]
fn doc_trap_a_key_in_another_spelling_or_section_is_never_ignored() {
    let path = Path::new("jerboa.toml");
    let camel = |name: &str| {
        let words = name.split('_').enumerate().map(|(number, word)| {
            let (first, rest) = word.split_at(1);
            match number {
                0 => word.to_owned(),
                _ => first.to_uppercase() + rest,
            }
        });
        words.collect::<String>()
    };
    for key in KEYS {
        let spellings = [
            key.name.to_uppercase(),
            camel(key.name),
            key.name.replace('_', "-"),
            format!("l{}", key.name),
        ];
        let wrong = spellings.iter().filter(|spelling| **spelling != key.name);
        for spelling in wrong {
            let error = Config::from_toml(&format!("{spelling} = 1\n"), path);
            let error = error.expect_err("ignored or taken for the key").to_string();
            assert!(error.contains(&format!("`{spelling}`")), "{error}");
        }
        let text = format!("[cache]\n{} = 1\n", key.name);
        let error = Config::from_toml(&text, path).expect_err("a section that is none");
        assert!(error.to_string().contains("cache"), "{error}");
    }
}

/// Olric's documents promise flags and keys that are not there.
#[test]
fn doc_trap_every_flag_that_the_documents_name_exists() {
    let binary = env!("CARGO_BIN_EXE_jerboa");
    let help = |arguments: &[&str]| {
        let output = std::process::Command::new(binary).args(arguments).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let known = help(&["serve", "--help"]);
    let documents = [
        "README.md",
        "scripts/jerboa.service",
        "scripts/smoke.sh",
        "scripts/soak.sh",
    ];
    let texts = documents.map(|name| fs::read_to_string(root().join(name)).unwrap());
    let text = texts.join("\n");
    let commands = text.lines().filter(|line| line.contains("jerboa serve"));
    let mut named = 0;
    for line in commands {
        let (_, arguments) = line.split_once("jerboa serve").unwrap();
        let arguments = arguments.split(['`', '#', '|']).next().unwrap_or_default();
        for flag in arguments
            .split_whitespace()
            .filter(|word| word.starts_with("--"))
        {
            let flag = flag.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let flag = flag.split('=').next().unwrap_or(flag);
            assert!(known.contains(flag), "{flag} in: {line}");
            named += 1;
        }
    }
    assert!(named > 0, "the documents show how to start a node");
}

/// A duration in a file, as text: Olric's loader hands it on as it is, to code that takes it for a
/// number and panics. Here it is refused by name, or means what it says.
#[test]
fn doc_trap_a_value_of_another_type_is_refused_by_name_or_means_what_it_says() {
    let path = Path::new("jerboa.toml");
    let durations = ["\"15m\"", "\"10s\"", "\"1h30m\"", "\"\"", "15.5", "-1"];
    for key in KEYS
        .iter()
        .filter(|key| key.name.ends_with("_ms") || key.name.ends_with("_us"))
    {
        for value in durations {
            let refused = Config::from_toml(&format!("{} = {value}\n", key.name), path);
            let error = refused.expect_err(value).to_string();
            assert!(error.contains(key.name), "{error}");
        }
    }
    let values = [
        "true",
        "7",
        "-7",
        "7.5",
        "nan",
        "\"7\"",
        "\"15 minutes\"",
        "\"\"",
        "[7]",
        "{ a = 7 }",
        "2026-08-20",
    ];
    let (mut refused, mut taken) = (0, 0);
    for key in KEYS {
        for value in values {
            match Config::from_toml(&format!("{} = {value}\n", key.name), path) {
                Err(error) => {
                    assert!(error.to_string().contains(key.name), "{error}");
                    refused += 1;
                }
                Ok(config) => {
                    let shown = key.show(&config);
                    let means = |text: &str| text.trim_matches('"').to_lowercase();
                    assert_eq!(means(&shown), means(value), "{}", key.name);
                    taken += 1;
                }
            }
        }
    }
    assert!(
        refused > 150 && taken > 10,
        "{refused} refused, {taken} taken"
    );
    for setting in ["ttl_ms", "idle_ms_max", "keys_max", "copies"] {
        for value in durations {
            let text = format!("[maps.orders]\n{setting} = {value}\n");
            let error = Config::from_toml(&text, path).expect_err(&text).to_string();
            assert!(error.contains(setting), "{error}");
        }
    }
    let binary = env!("CARGO_BIN_EXE_jerboa");
    let arguments = ["serve", "--port", "0", "--idle-timeout-ms", "15m"];
    let output = std::process::Command::new(binary)
        .args(arguments)
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        error.contains("idle_timeout_ms = 15m") && !error.contains("panicked"),
        "{error}"
    );
}

/// The same as an argument of a command, through every door that takes text.
#[test]
fn doc_trap_a_duration_as_text_is_no_argument_either() {
    let node = node(1);
    let address = node.addresses().any_core;
    let mut client = RespRaw::connect(address);
    let commands: &[&[&str]] = &[
        &["SET", "k", "v", "EX", "15m"],
        &["SET", "k", "v", "PX", "1s"],
        &["SETEX", "k", "10s", "v"],
        &["GETEX", "k", "EX", "10s"],
        &["EXPIRE", "k", "1h"],
        &["PEXPIREAT", "k", "2026-08-20"],
        &["DM.PUT", "m", "k", "v", "EX", "15m"],
        &["DM.PUT", "m", "k", "v", "PX", "1s"],
        &["DM.EXPIRE", "m", "k", "10s"],
        &["DM.PEXPIRE", "m", "k", "10s"],
        &["DM.LOCK", "m", "k", "10s"],
        &["DM.LOCK", "m", "k", "0", "EX", "10s"],
        &["DM.LOCKLEASE", "m", "k", "01", "10s"],
        &["DM.CAS", "m", "k", "", "v", "EX", "10s"],
    ];
    client.call(&["SET", "k", "there"]);
    for command in commands {
        let reply = client.call(command);
        assert!(
            reply.starts_with("-ERR value is not"),
            "{command:?}: {reply}"
        );
    }
    assert_eq!(client.call(&["GET", "k"]), "$5\r\nthere\r\n");
    assert_eq!(client.call(&["TTL", "k"]), ":-1\r\n");

    let mut raw = Raw::connect(address);
    for text in ["ttl_ms 15m", "ttl_ms \"15m\"", "idle_ms_max 10s"] {
        let reply = raw.call(Request {
            map: b"m",
            value: text.as_bytes(),
            ..Request::new(Opcode::SettingsSet)
        });
        assert_eq!(reply.status, Status::InvalidArgument, "{text}");
        assert!(!reply.value.is_empty(), "it says what is wrong");
    }
    let cli = std::process::Command::new(env!("CARGO_BIN_EXE_jerboa"))
        .args([
            "cli",
            "--addr",
            &address.to_string(),
            "put",
            "k",
            "v",
            "EX",
            "15m",
        ])
        .output()
        .unwrap();
    assert_eq!(cli.status.code(), Some(2), "{cli:?}");
    assert_eq!(client.call(&["GET", "k"]), "$5\r\nthere\r\n");
}
