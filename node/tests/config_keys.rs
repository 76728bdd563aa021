//! Fear: a setting that exists in the struct but not on the command line, or in the file but not
//! in the struct. The three lists are compared, and with them the example file and the help text.

#![expect(clippy::unwrap_used, reason = "test harness")]

use std::path::Path;
use std::process::Command;

use jerboa::config::{Config, KEYS};

/// Names of the fields, read off the debug form: a field cannot hide from it.
fn fields() -> Vec<String> {
    let shown = format!("{:#?}", Config::default());
    shown
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.to_owned())
        // Tables of the file, which no flag can say.
        .filter(|name| name != "maps")
        .collect()
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_jerboa"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn sorted<T: Ord>(names: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut names: Vec<T> = names.into_iter().collect();
    names.sort();
    names
}

fn keys() -> Vec<String> {
    sorted(KEYS.iter().map(|key| key.name.to_owned()))
}

#[test]
fn every_field_has_a_key_and_every_key_a_field() {
    assert_eq!(sorted(fields()), keys());
}

#[test]
fn every_key_has_a_flag_and_every_flag_a_key() {
    let help = run(&["serve", "--help"]);
    let flags = help
        .lines()
        .filter_map(|line| line.strip_prefix("  --"))
        .filter_map(|line| line.split_whitespace().next())
        .map(|flag| flag.trim_end_matches(',').replace('-', "_"))
        .filter(|flag| flag != "help" && flag != "config");
    assert_eq!(sorted(flags), keys());
}

#[test]
fn flags_are_described_in_the_words_of_their_keys() {
    let help: Vec<String> = run(&["serve", "--help"])
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let help = help.join(" ");
    for key in KEYS {
        let entry = format!("--{} {}", key.name.replace('_', "-"), key.help);
        assert!(help.contains(&entry), "{entry}");
    }
}

#[test]
fn the_example_file_holds_every_key_at_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("jerboa.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let written = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.to_owned());
    assert_eq!(sorted(written), keys());
    assert_eq!(Config::from_file(&path).unwrap(), Config::default());
}

#[test]
fn check_config_prints_a_file_that_reads_back_to_the_same_configuration() {
    let path = std::env::temp_dir().join(format!("jerboa-keys-{}.toml", std::process::id()));
    let unusual = "bind = \"::1\"\nport = 1\ncore_port = 9\nannounce_host = \"cache.example\"\n\
                   announce_port = 2\nannounce_core_port = 3\ncores = \"5,2\"\nmemory = \"1.5g\"\n\
                   spin_us = 0\ngather_us = 7\npartitions = 16384\nconnections_max = 3\nprefault = false\n\
                   value_bytes_max = 1\ninput_bytes_max = \"1m\"\noutput_bytes_max = 70_001\n\
                   buffer_bytes_max = \"90MiB\"\n\
                   idle_timeout_ms = 1\nslow_client_timeout_ms = 2\ndrain_timeout_ms = 3\n\
                   mailbox_capacity = 4\nsubscriber_bytes_max = \"4k\"\n\
                   connection_subscriptions_max = 5\ncore_subscriptions_max = 6\n\
                   events = \"expired,lock-lost\"\nhuge_pages = \"off\"\nwhen_full = \"refuse\"\ninsecure = true\n\
                   log_level = \"trace\"\nlog_format = \"json\"\n";
    assert_eq!(
        unusual.lines().count(),
        KEYS.len(),
        "a key that this test forgot"
    );
    let tables = "[maps.defaults]\nttl_ms = 5\n[maps.\"a b\"]\nbytes_max = \"2GiB\"\n";
    std::fs::write(&path, format!("{unusual}{tables}")).unwrap();
    let printed = run(&["check-config", "--config", path.to_str().unwrap()]);
    let asked = Config::from_file(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        Config::from_toml(&printed, Path::new("printed")).unwrap(),
        asked
    );
    for key in KEYS {
        assert_ne!(
            key.show(&asked),
            key.show(&Config::default()),
            "{} was not changed",
            key.name
        );
    }
}
