//! Fear: an example that compiles and does not do what it says. Each is run as a reader would run
//! it, and what it prints is looked at.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test harness")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The examples that are run below.
const EXAMPLES: [&str; 5] = [
    "both_doors",
    "cache_aside",
    "fenced_lock",
    "rate_limiter",
    "tokio_service",
];

fn crate_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// When a file below a folder changed last.
fn changed(folder: &Path) -> SystemTime {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let times = entries.map(|entry| match entry.path().is_dir() {
        true => changed(&entry.path()),
        false => entry.metadata().unwrap().modified().unwrap(),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The example's binary. Testing the whole package builds it; a run of these tests alone has to.
fn binary(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().and_then(Path::parent).unwrap();
    let binary = profile.join("examples").join(name);
    let sources = ["src", "examples", "../wire/src", "../core-shard/src"];
    let newest = sources.map(|folder| changed(&crate_root().join(folder)));
    let built = fs::metadata(&binary).and_then(|metadata| metadata.modified());
    if !built.is_ok_and(|built| newest.iter().all(|newest| *newest <= built)) {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "jerboa", "--example", name])
            .args(profile.ends_with("release").then_some("--release"))
            .arg("--target-dir")
            .args(profile.parent())
            .current_dir(crate_root())
            .status();
        assert!(status.unwrap().success(), "{name} does not compile");
    }
    binary
}

/// What an example prints, line by line.
fn run(name: &str) -> Vec<String> {
    let mut child = Command::new(binary(name))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{name} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut text = String::new();
    child.stdout.unwrap().read_to_string(&mut text).unwrap();
    assert!(status.success(), "{name}: {status}\n{text}");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_example_is_run_here_and_named_in_the_readme() {
    let files = fs::read_dir(crate_root().join("examples")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<_> = names.collect();
    let here = EXAMPLES.map(|name| format!("{name}.rs"));
    assert_eq!(names, BTreeSet::from(here));
    let readme = fs::read_to_string(crate_root().join("../README.md")).unwrap();
    for name in names {
        assert!(readme.contains(&format!("node/examples/{name}")), "{name}");
    }
}

#[test]
fn the_cache_hands_out_each_customers_report() {
    let lines = run("cache_aside");
    let reports: Vec<_> = lines.iter().map(|line| &line[..20]).collect();
    let expected = ["alice", "bob", "alice", "alice", "bob"];
    let expected = expected.map(|name| format!("{:<20}", format!("report for {name}")));
    assert_eq!(reports, expected);
}

#[test]
fn the_limiter_lets_ten_requests_a_second_through() {
    let started = Instant::now();
    let lines = run("rate_limiter");
    let allowed = lines[0]
        .strip_suffix(" of 80 requests were allowed")
        .unwrap();
    let allowed: u64 = allowed.parse().unwrap();
    // The seconds of the clock that it can have touched.
    let seconds = started.elapsed().as_secs() + 2;
    assert!(
        (10..=10 * seconds).contains(&allowed),
        "{allowed} in {seconds} s"
    );
}

#[test]
fn the_stalled_holder_of_the_lock_is_fenced_off() {
    let expected = [
        "second: Ok(())",
        "first:  Err(\"written by the first: a later holder has been here\")",
        "resource holds: written by the second",
    ];
    let lines = run("fenced_lock");
    assert_eq!(lines[..3], expected);
    assert!(
        lines[3].starts_with("unlock by the first: Err("),
        "{}",
        lines[3]
    );
    assert!(lines[3].contains("NoSuchLock"), "{}", lines[3]);
}

#[test]
fn the_service_counts_the_lines_of_all_its_clients() {
    let lines = run("tokio_service");
    let of = |word: &str, who: &str| -> BTreeSet<String> {
        let begins = format!("{who}: {word} -> ");
        let told = lines.iter().filter_map(|line| line.strip_prefix(&begins));
        told.map(str::to_owned).collect()
    };
    let both = |word| {
        of(word, "alice")
            .union(&of(word, "bob"))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(both("hello"), ["1", "2", "3", "4"]);
    assert_eq!(both("world"), ["1", "2"]);
    assert_eq!((lines.len(), of("hello", "bob").len()), (6, 2));
}

#[test]
fn both_doors_book_the_same_seats() {
    let expected = [
        "inside,  12A for alice: true",
        "outside, 12A for bob:   false",
        "outside, 12B for bob:   true",
        "inside,  12B is for:    bob",
    ];
    assert_eq!(run("both_doors"), expected);
}
