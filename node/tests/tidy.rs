//! Fear: rules that everybody agreed on and nobody keeps. What no lint sees is checked here:
//! module docs, file sizes, which crate knows which, where requests meet the engine, and that
//! every dependency says why it is there.
//!
//! A rule is a function from a file to its violations, so that it can be shown to find one.

use std::fs;
use std::path::{Path, PathBuf};

/// No file is longer. Aim for 100 to 300 lines; think hard past 500.
const LINES_MAX: usize = 800;

const CRATES: [&str; 4] = ["wire", "core-shard", "node", "bench"];

/// Which of our packages each crate may depend on to build; tests may use more.
const EDGES: [(&str, &[&str]); 4] = [
    ("wire", &[]),
    ("core-shard", &[]),
    ("node", &["jerboa-wire", "jerboa-core-shard"]),
    ("bench", &["jerboa-wire", "jerboa"]),
];

/// Names that say nothing about what a file owns.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "types", "manager"];

/// What a request is made of.
const REQUEST_TYPES: [&str; 4] = ["Request", "Reply", "Opcode", "Status"];

/// What a shard call is made of.
const OPERATION_TYPES: [&str; 9] = [
    "Condition",
    "Counter",
    "Entry",
    "Expiry",
    "ExpiryOutcome",
    "Metadata",
    "PutOptions",
    "PutOutcome",
    "ShardError",
];

struct SourceFile {
    /// From the workspace root, with `/`.
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<SourceFile> {
    let mut found = Vec::new();
    for name in CRATES {
        collect(&root().join(name), name, &mut found);
    }
    assert!(
        found.len() > 20,
        "the tree was not found: {} files",
        found.len()
    );
    found
}

fn collect(folder: &Path, name: &str, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{name}/{file_name}");
        if entry.path().is_dir() {
            if file_name != "target" {
                collect(&entry.path(), &path, found);
            }
        } else if file_name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            found.push(SourceFile { path, text });
        }
    }
}

fn manifests() -> Vec<SourceFile> {
    CRATES
        .iter()
        .map(|name| {
            let path = format!("{name}/Cargo.toml");
            let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
            SourceFile { path, text }
        })
        .collect()
}

fn violations(files: &[SourceFile], rule: fn(&SourceFile) -> Option<String>) -> Vec<String> {
    files
        .iter()
        .filter_map(|file| rule(file).map(|what| format!("{}: {what}", file.path)))
        .collect()
}

fn lacks_module_doc(file: &SourceFile) -> Option<String> {
    (!file.text.starts_with("//! ")).then(|| "does not open with `//! `".to_owned())
}

fn is_too_long(file: &SourceFile) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > LINES_MAX).then(|| format!("{lines} lines, more than {LINES_MAX}"))
}

fn says_nothing_by_name(file: &SourceFile) -> Option<String> {
    let stem = Path::new(&file.path).file_stem()?.to_str()?;
    (file.path.contains("/src/") && EMPTY_NAMES.contains(&stem))
        .then(|| "is named after nothing it owns".to_owned())
}

/// Outside the place where a request becomes a shard call, a file of the node that reads requests
/// does not know the engine's operations. It may hold a shard, address keys and prefetch.
fn meets_engine_and_protocol(file: &SourceFile) -> Option<String> {
    let is_node = file.path.starts_with("node/src/");
    let is_meeting_place = file.path == "node/src/worker/execute.rs"
        || file.path.starts_with("node/src/worker/execute/");
    if !is_node || is_meeting_place {
        return None;
    }
    let request = names_from(file, "jerboa_wire::", &REQUEST_TYPES)?;
    let operation = names_from(file, "jerboa_core_shard::", &OPERATION_TYPES)?;
    Some(format!(
        "knows both {request} of the protocol and {operation} of the engine"
    ))
}

/// The first of `names` that `file` takes from the crate, wherever its path is written.
fn names_from(file: &SourceFile, crate_path: &str, names: &[&'static str]) -> Option<&'static str> {
    let code: Vec<&str> = file
        .text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    code.match_indices(crate_path).find_map(|(at, _)| {
        let taken = &code[at + crate_path.len()..];
        let line = taken.lines().next().unwrap_or_default();
        // A list over several lines goes on to its semicolon.
        let is_open = line.contains('{') && !line.contains('}');
        let end = if is_open {
            taken.find(';')
        } else {
            Some(line.len())
        };
        let end = end.unwrap_or(taken.len());
        taken[..end]
            .split(|c: char| !c.is_ascii_alphanumeric())
            .find_map(|word| names.iter().find(|name| **name == word).copied())
    })
}

/// The lines of all dependency tables, each with the name of its table.
fn dependency_lines(manifest: &str) -> Vec<(&str, &str)> {
    let mut table = "";
    let mut lines = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            table = line;
        } else if table.contains("dependencies") && !line.is_empty() && !line.starts_with('#') {
            lines.push((table, line));
        }
    }
    lines
}

/// The reason stands behind the dependency or on the line above it.
fn gives_no_reason(file: &SourceFile) -> Option<String> {
    if let Some(table) = file
        .text
        .lines()
        .find(|line| line.contains("dependencies."))
    {
        return Some(format!(
            "`{table}`: write a dependency as one line with its reason"
        ));
    }
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let is_explained = |dependency: &str| {
        let at = lines.iter().position(|line| *line == dependency);
        let above = at.and_then(|at| lines.get(at.checked_sub(1)?));
        let behind = dependency.split_once(" # ").map(|(_, why)| why.trim());
        behind.is_some_and(|why| !why.is_empty())
            || above.is_some_and(|line| line.starts_with("# ") && line.len() > 2)
    };
    dependency_lines(&file.text)
        .into_iter()
        .find(|(_, line)| !is_explained(line))
        .map(|(_, line)| format!("no reason: {line}"))
}

fn depends_on_a_stranger(file: &SourceFile) -> Option<String> {
    let (_, allowed) = EDGES
        .iter()
        .find(|(name, _)| file.path == format!("{name}/Cargo.toml"))?;
    dependency_lines(&file.text)
        .into_iter()
        .filter(|(table, _)| *table == "[dependencies]")
        .filter_map(|(_, line)| line.split(['.', ' ', '=']).next())
        .find(|name| name.starts_with("jerboa") && !allowed.contains(name))
        .map(|name| format!("must not depend on {name}"))
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_owns() {
    assert_none(&violations(&sources(), lacks_module_doc));
}

#[test]
fn no_file_grows_past_the_ceiling() {
    assert_none(&violations(&sources(), is_too_long));
}

#[test]
fn no_file_is_named_after_nothing() {
    assert_none(&violations(&sources(), says_nothing_by_name));
}

#[test]
fn requests_meet_the_engine_in_one_place() {
    assert_none(&violations(&sources(), meets_engine_and_protocol));
}

#[test]
fn protocol_and_engine_do_not_know_each_other() {
    let manifests = manifests();
    assert!(manifests.iter().all(|file| !file.text.is_empty()));
    assert_none(&violations(&manifests, depends_on_a_stranger));
}

#[test]
fn every_dependency_says_why_it_is_there() {
    assert_none(&violations(&manifests(), gives_no_reason));
}

#[test]
fn each_rule_finds_what_it_forbids() {
    let file = |path: &str, text: &str| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    assert!(lacks_module_doc(&file("wire/src/a.rs", "use x;\n")).is_some());
    assert!(is_too_long(&file("wire/src/a.rs", &"x\n".repeat(801))).is_some());
    assert!(is_too_long(&file("wire/src/a.rs", &"x\n".repeat(800))).is_none());
    assert!(says_nothing_by_name(&file("wire/src/utils.rs", "")).is_some());

    let both = "use jerboa_wire::{Crc, Request};\nuse jerboa_core_shard::{\n    Expiry,\n};\n";
    assert!(meets_engine_and_protocol(&file("node/src/worker/turn.rs", both)).is_some());
    assert!(meets_engine_and_protocol(&file("node/src/worker/execute/get.rs", both)).is_none());
    let inline = "use jerboa_wire::Status;\nlet x = jerboa_core_shard::Expiry::Keep;\n";
    assert!(meets_engine_and_protocol(&file("node/src/worker/turn.rs", inline)).is_some());
    let mentioned = "use jerboa_wire::Request;\nuse jerboa_core_shard::Shard; // no Expiry\n";
    assert!(meets_engine_and_protocol(&file("node/src/worker/turn.rs", mentioned)).is_none());

    let engine = "[dependencies]\njerboa-wire.workspace = true # frames\n";
    assert!(depends_on_a_stranger(&file("core-shard/Cargo.toml", engine)).is_some());
    assert!(depends_on_a_stranger(&file("bench/Cargo.toml", engine)).is_none());
    let for_tests = "[dev-dependencies]\njerboa-wire = { path = \"../wire\" } # frames\n";
    assert!(depends_on_a_stranger(&file("core-shard/Cargo.toml", for_tests)).is_none());

    let bare = "[dependencies]\nlibc = \"0.2\"\n";
    assert!(gives_no_reason(&file("wire/Cargo.toml", bare)).is_some());
    let table = "[dependencies.libc]\nversion = \"0.2\" # errno\n";
    assert!(gives_no_reason(&file("wire/Cargo.toml", table)).is_some());
    let shared = "[dependencies]\n# errno\nlibc = \"0.2\"\nnix = \"0.30\"\n";
    assert!(gives_no_reason(&file("wire/Cargo.toml", shared)).is_some());
    for reasoned in [
        "libc = \"0.2\" # errno names",
        "# errno names\nlibc = \"0.2\"",
    ] {
        let manifest = format!("[dependencies]\n{reasoned}\n");
        assert!(gives_no_reason(&file("wire/Cargo.toml", &manifest)).is_none());
    }
}
