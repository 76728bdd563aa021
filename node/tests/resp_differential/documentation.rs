//! What COMMAND INFO and COMMAND DOCS say of the commands that Redis has too: names, kinds, words and
//! marks of arguments, flags, keys, categories and tips are Redis'; sentences are our own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::node;
use crate::common::resp::RespRaw;
use crate::redis::Redis;

/// What Redis' later versions tell of these, and 7.0 does not: arguments and arity.
const LATER: &[&str] = &["command|getkeys", "command|getkeysandflags"];
/// The version compared with: what came later is passed over.
const COMPARED: [u32; 3] = [7, 0, 15];

/// A reply, of which sets and maps have no order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Text(String),
    List(Vec<Self>),
    Set(BTreeSet<Self>),
    Map(BTreeMap<String, Self>),
}

impl Told {
    fn of(reply: &[u8]) -> Self {
        let mut rest = reply;
        let told = Self::read(&mut rest);
        assert!(rest.is_empty(), "one reply");
        told
    }

    fn read(rest: &mut &[u8]) -> Self {
        let line = take_line(rest);
        let (kind, text) = line.split_at(1);
        let items = || text.parse::<usize>().unwrap();
        match kind {
            "$" => {
                let (bytes, behind) = rest.split_at(items());
                *rest = &behind[2..];
                Self::Text(String::from_utf8(bytes.to_vec()).unwrap())
            }
            "*" => Self::List((0..items()).map(|_| Self::read(rest)).collect()),
            "~" => Self::Set((0..items()).map(|_| Self::read(rest)).collect()),
            "%" => {
                let pairs = (0..items()).map(|_| {
                    let name = Self::read(rest).text();
                    (name, Self::read(rest))
                });
                Self::Map(pairs.collect())
            }
            _ => Self::Text(text.to_owned()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => panic!("no text: {other:?}"),
        }
    }

    fn items(&self) -> Vec<Self> {
        match self {
            Self::List(items) => items.clone(),
            Self::Set(items) => items.iter().cloned().collect(),
            other => panic!("no list: {other:?}"),
        }
    }

    fn fields(&self) -> &BTreeMap<String, Self> {
        match self {
            Self::Map(fields) => fields,
            other => panic!("no map: {other:?}"),
        }
    }

    fn field(&self, name: &str) -> Option<&Self> {
        self.fields().get(name)
    }
}

fn take_line(rest: &mut &[u8]) -> String {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
    let line = std::str::from_utf8(&rest[..end]).unwrap().to_owned();
    *rest = &rest[end + 2..];
    line
}

fn ask(client: &mut RespRaw, words: &[&str]) -> Told {
    Told::of(client.call(words).as_bytes())
}

fn is_later(version: &Told) -> bool {
    let text = version.text();
    let numbers: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    numbers[..] > COMPARED[..]
}

/// Arguments without what came later or is for newer clients only.
fn compared(arguments: &Told) -> Told {
    let each = arguments.items().into_iter().filter_map(|argument| {
        if argument.field("since").is_some_and(is_later) {
            return None;
        }
        let mut fields = argument.fields().clone();
        fields.remove("display_text");
        if let Some(parts) = fields.get("arguments").map(compared) {
            fields.insert("arguments".to_owned(), parts);
        }
        Some(Told::Map(fields))
    });
    Told::List(each.collect())
}

/// The versions in which something changed.
fn versions(history: Option<&Told>) -> BTreeSet<Told> {
    let changes = history.map(Told::items).unwrap_or_default();
    let versions = changes.iter().map(|change| change.items()[0].clone());
    versions.filter(|version| !is_later(version)).collect()
}

/// What two servers tell apart from each other in the documentation of a command.
fn document_differences(name: &str, ours: &Told, theirs: &Told, found: &mut Vec<String>) {
    for field in ["since", "group", "doc_flags", "deprecated_since"] {
        if ours.field(field) != theirs.field(field) {
            let (ours, theirs) = (ours.field(field), theirs.field(field));
            found.push(format!("{name} {field}: {ours:?}, not {theirs:?}"));
        }
    }
    for field in ["summary", "complexity", "replaced_by"] {
        let (ours, theirs) = (ours.field(field), theirs.field(field));
        // Redis says of a few commands not what they cost.
        let is_more = ours.is_some() && theirs.is_none() && field != "complexity";
        if is_more || (ours.is_none() && theirs.is_some()) {
            found.push(format!("{name} {field}: {ours:?}, not {theirs:?}"));
        }
        if ours.is_some_and(|ours| ours.text().is_empty()) {
            found.push(format!("{name} {field} says nothing"));
        }
    }
    let (own, other) = (ours.field("history"), theirs.field("history"));
    if versions(own) != versions(other) {
        found.push(format!("{name} history: {own:?}, not {other:?}"));
    }
    let (own, other) = (ours.field("arguments"), theirs.field("arguments"));
    let (own, other) = (own.map(compared), other.map(compared));
    if own != other && !LATER.contains(&name) {
        found.push(format!("{name} arguments: {own:?}, not {other:?}"));
    }
    let none = BTreeMap::new();
    let subcommands = |told: &Told| told.field("subcommands").map(|all| all.fields().clone());
    let (ours, theirs) = (subcommands(ours), subcommands(theirs));
    let theirs = theirs.unwrap_or(none);
    for (name, own) in ours.unwrap_or_default() {
        if let Some(other) = theirs.get(&name) {
            document_differences(&name, &own, other, found);
        }
    }
}

#[test]
fn the_documentation_of_a_command_is_what_redis_tells_of_it_in_other_sentences() {
    let node = node(1);
    let Some(redis) = Redis::beside(node.addresses().any_core) else {
        return;
    };
    let [ours, theirs] = [node.addresses().any_core, redis.address].map(|address| {
        let mut client = RespRaw::connect(address);
        client.call(&["HELLO", "3"]);
        ask(&mut client, &["COMMAND", "DOCS"])
    });
    let mut found = Vec::new();
    let mut both = 0;
    for (name, own) in ours.fields() {
        if let Some(other) = theirs.field(name) {
            both += 1;
            document_differences(name, own, other, &mut found);
        }
    }
    assert!(both > 60, "{both} commands are in both");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

const FIELDS: [&str; 10] = [
    "name",
    "arity",
    "flags",
    "first key",
    "last key",
    "step",
    "categories",
    "tips",
    "keys",
    "subcommands",
];

fn info_differences(ours: &Told, theirs: &Told, found: &mut Vec<String>) {
    let (ours, theirs) = (ours.items(), theirs.items());
    let name = ours[0].text();
    for (place, field) in FIELDS.iter().enumerate().take(9) {
        let without_notes = |told: &Told| {
            let keys = told.items().into_iter().map(|key| match key {
                Told::Map(mut fields) => {
                    fields.remove("notes");
                    Told::Map(fields)
                }
                other => other,
            });
            Told::List(keys.collect())
        };
        let (mut own, mut other) = (ours[place].clone(), theirs[place].clone());
        if *field == "keys" {
            (own, other) = (without_notes(&own), without_notes(&other));
        }
        if own != other && !(*field == "arity" && LATER.contains(&name.as_str())) {
            found.push(format!("{name} {field}: {own:?}, not {other:?}"));
        }
    }
    let theirs = theirs[9].items();
    for own in ours[9].items() {
        let name = own.items()[0].clone();
        if let Some(other) = theirs.iter().find(|other| other.items()[0] == name) {
            info_differences(&own, other, found);
        }
    }
}

#[test]
fn what_clients_need_to_know_of_a_command_is_what_redis_says_of_it() {
    let node = node(1);
    let Some(redis) = Redis::beside(node.addresses().any_core) else {
        return;
    };
    let [ours, theirs] = [node.addresses().any_core, redis.address].map(|address| {
        let mut client = RespRaw::connect(address);
        client.call(&["HELLO", "3"]);
        ask(&mut client, &["COMMAND"]).items()
    });
    let mut found = Vec::new();
    let mut both = 0;
    for own in &ours {
        let name = &own.items()[0];
        if let Some(other) = theirs.iter().find(|other| other.items()[0] == *name) {
            both += 1;
            info_differences(own, other, &mut found);
        }
    }
    assert!(both > 60, "{both} commands are in both");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn redis_cli_helps_with_commands_that_redis_does_not_have() {
    let node = node(1);
    let port = node.addresses().any_core.port().to_string();
    let started = Command::new("redis-cli")
        .args(["-p", &port])
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut cli = match started {
        Ok(cli) => cli,
        Err(error) => return eprintln!("SKIPPED: no redis-cli: {error}"),
    };
    let mut input = cli.stdin.take().unwrap();
    input.write_all(b"help dm.lock\nhelp set\n").unwrap();
    drop(input);
    let output = cli.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    for line in [
        "map key wait-seconds [EX seconds|PX milliseconds]",
        "|IFEQ ifeq-value|",
        "Takes a lock, or waits for it.",
    ] {
        assert!(shown.contains(line), "no `{line}` in {shown}");
    }
}
