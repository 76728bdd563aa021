//! Fear: what the client's documentation says of an operation is not what `PROTOCOL.md` says, or is
//! not said at all.
//!
//! The sources are read as text: under "Effects" every operation has to say what the table of
//! effects says, and under "Errors" to name the statuses of its own, no fewer and no more.

use std::collections::{BTreeMap, BTreeSet};

use jerboa_wire::opcode::Parts;
use jerboa_wire::{Opcode, Status};

use super::table;

const OPERATIONS: [&str; 7] = [
    include_str!("../../src/client/operations/reads.rs"),
    include_str!("../../src/client/operations/writes.rs"),
    include_str!("../../src/client/operations/swaps.rs"),
    include_str!("../../src/client/operations/expiries.rs"),
    include_str!("../../src/client/operations/counters.rs"),
    include_str!("../../src/client/operations/locks.rs"),
    include_str!("../../src/client/operations/maps.rs"),
];
const MAPS: &str = include_str!("../../src/client/maps.rs");
const CHANNELS: &str = include_str!("../../src/client/channels.rs");
const LIST: &str = include_str!("../../src/client/operations.rs");
const FACES: [&str; 3] = [
    include_str!("../../src/client/dmap.rs"),
    include_str!("../../src/client/blocking/dmap.rs"),
    include_str!("../../src/client/pipeline.rs"),
];

/// Every method, its opcode, and the errors that its callers cannot meet, because the client has no
/// way to say what they refuse, or deals with them itself.
const METHODS: &[(&str, Opcode, &[Status])] = &[
    ("get", Opcode::Get, &[]),
    ("get_entry", Opcode::GetMeta, &[]),
    ("get_range", Opcode::GetRange, &[]),
    ("digest", Opcode::Digest, &[]),
    ("exists", Opcode::Exists, &[]),
    ("ttl", Opcode::Ttl, &[]),
    ("put", Opcode::Put, ARGUMENT),
    ("put_with", Opcode::Put, ARGUMENT),
    ("replace", Opcode::Put, ARGUMENT),
    ("get_and_put", Opcode::Put, ARGUMENT),
    ("append", Opcode::Append, &[]),
    ("set_range", Opcode::SetRange, &[]),
    ("delete", Opcode::Delete, &[]),
    ("get_and_delete", Opcode::GetDelete, &[]),
    ("put_all_if_absent", Opcode::MultiPut, ARGUMENT),
    ("put_if_absent", Opcode::CasValue, ARGUMENT),
    ("compare_and_swap", Opcode::CasValue, ARGUMENT),
    ("compare_and_swap_version", Opcode::Cas, ARGUMENT),
    ("put_if", Opcode::PutIf, ARGUMENT),
    ("replace_if", Opcode::PutIf, ARGUMENT),
    ("delete_if", Opcode::DeleteIf, &[]),
    ("expire", Opcode::Expire, ARGUMENT),
    ("expire_if", Opcode::Expire, ARGUMENT),
    ("get_and_expire", Opcode::GetExpire, ARGUMENT),
    ("persist", Opcode::Persist, &[]),
    ("incr", Opcode::Incr, &[]),
    ("decr", Opcode::Decr, &[]),
    ("incr_float", Opcode::IncrFloat, ARGUMENT),
    ("lock", Opcode::Lock, ARGUMENT),
    ("unlock", Opcode::Unlock, &[]),
    ("lease", Opcode::Lease, ARGUMENT),
    ("size", Opcode::Size, &[]),
    ("destroy", Opcode::Destroy, &[]),
    ("random_key", Opcode::RandomKey, &[]),
    ("settings", Opcode::SettingsGet, ARGUMENT),
    ("change_settings", Opcode::SettingsSet, &[]),
    ("scan_page", Opcode::Scan, &[]),
    ("multi_get", Opcode::MultiGet, &[Status::ReplyTooLarge]),
    (
        "multi_put",
        Opcode::MultiPut,
        &[Status::InvalidArgument, Status::ManyOwners],
    ),
    ("multi_delete", Opcode::MultiDelete, &[]),
    ("multi_exists", Opcode::MultiExists, &[]),
    ("publish", Opcode::Publish, &[]),
    ("list", Opcode::Channels, &[]),
    ("subscribers", Opcode::Subscribers, &[]),
    ("patterns", Opcode::Patterns, &[]),
];
const ARGUMENT: &[Status] = &[Status::InvalidArgument];

/// What any request may be answered with.
const ANY: [Status; 5] = [
    Status::Busy,
    Status::NotOwner,
    Status::ShuttingDown,
    Status::Internal,
    Status::TooManyConnections,
];

/// Faults of a frame in itself, which a method names where a caller can commit them all the same.
const OF_FRAMES: [Status; 2] = [Status::InvalidOptions, Status::MalformedPayload];

/// Methods that ask nothing of a node by themselves, or put others together.
const OTHERS: [&str; 8] = [
    "new",
    "name",
    "transport",
    "with_timeout",
    "pipeline",
    "execute",
    "scan",
    "scan_from",
];

/// Each method of a source and its documentation, in one line.
fn documented(source: &str) -> Vec<(String, String)> {
    let (mut methods, mut doc) = (Vec::new(), String::new());
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push_str(text);
        } else if let Some(rest) = signature(line) {
            let end = rest.find(['<', '(']).unwrap_or(rest.len());
            methods.push((rest[..end].to_owned(), std::mem::take(&mut doc)));
        } else if !line.starts_with("#[") {
            doc.clear();
        }
    }
    methods
}

/// What follows `fn` where a line begins a method.
fn signature(line: &str) -> Option<&str> {
    let starts = ["fn ", "pub fn ", "pub const fn ", "pub $($async)? fn "];
    starts.iter().find_map(|start| line.strip_prefix(start))
}

fn methods() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let calls = |source: &'static str, begin| source.find(begin).map_or("", |at| &source[at..]);
    let sources = OPERATIONS.into_iter().chain([
        calls(MAPS, "macro_rules! map_calls"),
        calls(CHANNELS, "macro_rules! channel_calls"),
    ]);
    for (name, doc) in sources.flat_map(documented) {
        if name != "fmt" && !(name == "new" && all.contains_key("new")) {
            assert!(all.insert(name.clone(), doc).is_none(), "{name} twice");
        }
    }
    all
}

/// A section of a documentation, up to the next.
fn section<'d>(name: &str, doc: &'d str, title: &str) -> &'d str {
    let title = format!("# {title} ");
    let (_, section) = doc
        .split_once(&title)
        .or_else(|| doc.ends_with(title.trim_end()).then_some(("", "")))
        .unwrap_or_else(|| panic!("{name} has no section{title}"));
    section.split(" # ").next().unwrap_or_default().trim()
}

/// Operation by operation the cells of a table behind it.
fn by_operation(header: &str) -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    for row in table(header) {
        let row = row.strip_prefix('|').and_then(|row| row.strip_suffix('|'));
        let mut cells = row.unwrap().split('|').map(|cell| cell.trim().to_owned());
        let names = cells.next().unwrap();
        let cells: Vec<_> = cells.collect();
        for name in names.split(", ") {
            let before = rows.insert(name.to_owned(), cells.clone());
            assert!(before.is_none(), "{name} twice");
        }
    }
    rows
}

fn statuses(cell: &str) -> BTreeSet<&'static str> {
    let names = cell.split(", ").filter(|name| !name.is_empty());
    names
        .map(|name| {
            let known = Status::ALL.iter().find(|status| status.name() == name);
            known.unwrap_or_else(|| panic!("no status {name}")).name()
        })
        .collect()
}

/// The statuses that a text names.
fn named(text: &str) -> BTreeSet<&'static str> {
    let words: BTreeSet<_> = text.split('`').skip(1).step_by(2).collect();
    let all = Status::ALL.iter().map(|status| status.name());
    all.filter(|name| words.contains(name)).collect()
}

#[test]
fn the_document_says_of_every_operation_how_it_may_end() {
    let rows = by_operation("| operation | outcomes | errors |");
    let operations = Opcode::ALL
        .iter()
        .filter(|opcode| **opcode != Opcode::Unknown);
    let names: BTreeSet<_> = operations.map(|opcode| opcode.name().to_owned()).collect();
    assert_eq!(rows.keys().cloned().collect::<BTreeSet<_>>(), names);
    let is_error = |name: &&str| {
        let status = Status::ALL.iter().find(|status| status.name() == *name);
        status.unwrap().is_error()
    };
    for (name, cells) in &rows {
        assert!(!statuses(&cells[0]).iter().any(is_error), "{name}");
        assert!(statuses(&cells[1]).iter().all(is_error), "{name}");
    }
}

#[test]
fn every_method_of_the_client_says_what_the_operation_does_to_an_entry() {
    let effects = by_operation("| operation | value | expiry | version | use |");
    let methods = methods();
    for (name, opcode, _) in METHODS {
        let Some(cells) = effects.get(opcode.name()) else {
            continue;
        };
        let said = section(name, &methods[*name], "Effects");
        let use_ = if cells[3] == "yes" { "a use" } else { "no use" };
        let (value, expiry, version) = (&cells[0], &cells[1], &cells[2]);
        let expected = match value.as_str() {
            "gone" => "entry is gone.".to_owned(),
            _ => format!("Value {value}, expiry {expiry}, version {version}; {use_}."),
        };
        assert!(
            said.contains(&expected),
            "{name} says {said:?}, not {expected:?}"
        );
    }
}

#[test]
fn every_method_of_the_client_names_the_errors_of_its_operation() {
    let rows = by_operation("| operation | outcomes | errors |");
    let methods = methods();
    for (name, opcode, impossible) in METHODS {
        let mut expected = statuses(&rows[opcode.name()][1]);
        for status in *impossible {
            assert!(expected.remove(status.name()), "{name}: {status:?} is none");
        }
        let mut said = named(section(name, &methods[*name], "Errors"));
        for status in ANY.iter().chain(&OF_FRAMES) {
            said.remove(status.name());
        }
        assert_eq!(said, expected, "{name}");
    }
    let cas = section("", &methods["compare_and_swap_version"], "Errors");
    assert!(cas.contains("`InvalidOptions`"), "version 0 is refused");
}

#[test]
fn every_method_is_checked_and_every_operation_on_maps_has_one() {
    let methods = methods();
    let known: BTreeSet<_> = METHODS.iter().map(|(name, ..)| *name).collect();
    for name in methods.keys() {
        let known = known.contains(&**name) || OTHERS.contains(&&**name);
        assert!(known, "{name} is compared with nothing");
    }
    for name in ["execute", "scan", "scan_from"] {
        section(name, &methods[name], "Effects");
        section(name, &methods[name], "Errors");
    }
    // SlotKeys serves tools of the cluster, MapStats is asked of a client, not of a map.
    let elsewhere = [Opcode::Noop, Opcode::SlotKeys, Opcode::MapStats];
    for opcode in Opcode::ALL {
        let of_map = opcode.shape().parts.contains(Parts::MAP) && !elsewhere.contains(opcode);
        let has_method = METHODS.iter().any(|(_, of, _)| of == opcode);
        assert!(!of_map || has_method, "{opcode:?} has no method");
    }
}

#[test]
fn every_face_says_what_holds_for_every_call() {
    for face in FACES {
        let said = face.contains("$(#[$meta])*\n            #[doc = any_call!(");
        assert!(said, "a face that says nothing of every call");
    }
    let (_, any_call) = LIST.split_once("macro_rules! any_call").unwrap();
    let expected = ANY.iter().map(|status| status.name()).collect();
    assert_eq!(named(any_call), expected);
}
