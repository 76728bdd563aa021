//! Olric's tests and defects, and what stands for them here.
//!
//! The names are those of its test suite at commit c49c44a, by group. For each that makes sense on
//! one node a place is named here that must exist, so that the list cannot outlive what it lists;
//! for the others it is said why they are left out. The same for its defects, of which each has a
//! test here with the opposite outcome.

#[path = "olric/counterparts.rs"]
mod counterparts;
#[path = "olric/left_out.rs"]
mod left_out;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use counterparts::{COUNTERPARTS, DEFECTS};
use jerboa::config::{Config, KEYS};
use left_out::LEFT_OUT;

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

fn missing(places: &[(&str, &str)]) -> Vec<String> {
    places
        .iter()
        .filter(|(file, place)| {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            let test = format!("fn {place}(");
            let row = format!("\"{place}");
            !text.contains(&test) && !text.contains(&row)
        })
        .map(|(file, place)| format!("{file}: {place}"))
        .collect()
}

#[test]
fn every_counterpart_is_there() {
    let mut gone: Vec<String> = Vec::new();
    for Counterpart { here, .. } in COUNTERPARTS {
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
fn every_name_is_listed_once_and_every_omission_has_its_reason() {
    let listed = COUNTERPARTS.iter().map(|counterpart| counterpart.olric);
    let left_out = LEFT_OUT.iter().map(|left| left.olric);
    let mut seen = BTreeSet::new();
    for name in listed.chain(left_out).flat_map(str::split_whitespace) {
        assert!(seen.insert(name), "{name} is listed twice");
    }
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
