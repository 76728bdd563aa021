//! Fear: two options of which one is silently dropped, or that are refused by another name than the
//! document's. Every set of flags is sent with every operation that knows any, over absent entries
//! and present ones, and must come to what the document's tables say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use jerboa_wire::{
    Comparison, Conditional, Opcode, Request, RequestFlags as Flags, Status, ValueCondition, multi,
};

use super::common::{OwnedReply, Raw, key_of_core, node, seal};
use super::{DOCUMENT, State, state};

const AFTER_MS: u64 = 1_000_000;
/// Before what `AFTER_MS` from now is, and behind it.
const SOONER_MS: u64 = 500_000;
const LATER_MS: u64 = 9_000_000;
/// The end of the year 2099.
const AT_MS: u64 = 4_102_444_800_000;

/// The cells of the rows below a header.
fn rows(header: &str) -> Vec<Vec<&'static str>> {
    let lines = DOCUMENT
        .lines()
        .skip_while(|line| !line.starts_with(header));
    let lines = lines.take_while(|line| line.starts_with('|'));
    lines
        .filter(|line| !line.starts_with("|--"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// What the document says of two options, by their names.
struct Document {
    together: BTreeMap<(String, String), String>,
    known: BTreeMap<String, BTreeSet<String>>,
}

impl Document {
    fn read() -> Self {
        let table = rows("| option | IF_PRESENT |");
        let mut together = BTreeMap::new();
        for row in &table[1..] {
            for (other, cell) in table[0].iter().zip(row).skip(1) {
                if !cell.is_empty() {
                    together.insert((row[0].to_owned(), (*other).to_owned()), (*cell).to_owned());
                }
            }
        }
        let known = rows("| number | name | served by |");
        let known = known[1..].iter().map(|row| {
            let flags = row[4].split(", ").filter(|name| !name.is_empty());
            (row[1].to_owned(), flags.map(str::to_owned).collect())
        });
        Self {
            together,
            known: known.collect(),
        }
    }

    fn of(&self, one: &str, other: &str) -> &str {
        let cell = |a: &str, b: &str| self.together.get(&(a.to_owned(), b.to_owned()));
        let found = cell(one, other).or_else(|| cell(other, one));
        found.unwrap_or_else(|| panic!("the table says nothing of {one} and {other}"))
    }

    /// Whether the operation knows all of these flags.
    fn knows(&self, opcode: Opcode, names: &[&str]) -> bool {
        let known = &self.known[opcode.name()];
        names.iter().all(|name| known.contains(*name))
    }

    fn is_excluded(&self, names: &[&str]) -> bool {
        names.iter().enumerate().any(|(place, one)| {
            let others = &names[place + 1..];
            others
                .iter()
                .any(|other| self.of(one, other) == "InvalidOptions")
        })
    }
}

fn names(flags: Flags) -> Vec<&'static str> {
    let set = Flags::NAMES
        .iter()
        .filter(|(flag, _)| flags.contains(*flag));
    set.map(|(_, name)| *name).collect()
}

/// Operations with options beside `THIS_CORE`.
fn optioned() -> impl Iterator<Item = Opcode> {
    let all = Opcode::ALL.iter().copied();
    all.filter(|opcode| {
        let flags = opcode.shape().flags;
        !flags.is_empty() && flags != Flags::THIS_CORE
    })
}

#[test]
fn the_table_of_options_has_every_pair_and_says_unknown_where_no_operation_knows_both() {
    let document = Document::read();
    let options: Vec<_> = names(Flags::ALL)
        .into_iter()
        .filter(|name| *name != "THIS_CORE")
        .collect();
    for (place, one) in options.iter().enumerate() {
        for other in &options[place + 1..] {
            let is_known = optioned().any(|opcode| document.knows(opcode, &[one, other]));
            let cell = document.of(one, other);
            assert_eq!(cell != "UnknownFlags", is_known, "{one}, {other}: {cell}");
            assert!(["both", "InvalidOptions", "UnknownFlags"].contains(&cell));
        }
        for (expected, opcode) in [("version", Opcode::Cas), ("expected", Opcode::CasValue)] {
            let is_known = document.knows(opcode, &[one]);
            let cell = document.of(one, expected);
            assert_eq!(
                cell != "UnknownFlags",
                is_known,
                "{one}, {expected}: {cell}"
            );
        }
    }
}

/// What stands at the key before.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Before {
    Absent,
    Endless,
    Sooner,
    Later,
}

/// What a comparing operation expects.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Expected {
    Nothing,
    Right,
    Wrong,
}

/// What stands there afterwards.
#[derive(Clone, Copy, PartialEq, Debug)]
enum After {
    AsBefore,
    /// A value, and when it expires.
    Stored(&'static [u8], Until),
    /// Some value that the operation makes.
    Held(Until),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Until {
    Never,
    Kept,
    AfterThat,
    AtThat,
}

const OLD: &[u8] = b"old";
const NEW: &[u8] = b"new";

/// What the document says that comes of a request whose options hold together.
fn outcome(opcode: Opcode, flags: Flags, before: Before, expected: Expected) -> (Status, After) {
    let is_there = before != Before::Absent;
    let has = |flag| flags.contains(flag);
    let until = if has(Flags::KEEP_TTL) && is_there {
        Until::Kept
    } else if has(Flags::TTL_RELATIVE) {
        Until::AfterThat
    } else if has(Flags::TTL_ABSOLUTE) {
        Until::AtThat
    } else {
        Until::Never
    };
    let wants_absent = has(Flags::IF_ABSENT);
    let refused = match opcode {
        Opcode::Put | Opcode::MultiPut => {
            let exists = (wants_absent && is_there).then_some(Status::Exists);
            let missing = (has(Flags::IF_PRESENT) && !is_there).then_some(Status::NotFound);
            exists.or(missing)
        }
        Opcode::Cas | Opcode::CasValue => match (is_there, wants_absent) {
            (true, true) => Some(Status::Exists),
            (false, true) => None,
            (false, false) => Some(Status::NotFound),
            (true, false) => (expected != Expected::Right).then_some(Status::Mismatch),
        },
        // What expects nothing wants another value than the empty one.
        Opcode::PutIf if expected == Expected::Nothing => None,
        Opcode::PutIf if !is_there => Some(Status::NotFound),
        Opcode::PutIf => (expected != Expected::Right).then_some(Status::Mismatch),
        Opcode::Expire => {
            // An entry that never expires does so later than any other.
            let is_later =
                before == Before::Sooner || before == Before::Later && until == Until::AtThat;
            let holds = (!wants_absent || before == Before::Endless)
                && (!has(Flags::IF_PRESENT) || before != Before::Endless)
                && (!has(Flags::IF_LATER) || is_later)
                && (!has(Flags::IF_EARLIER) || !is_later);
            let absent = (!is_there).then_some(Status::NotFound);
            absent.or_else(|| (!holds).then_some(Status::Mismatch))
        }
        Opcode::GetExpire => (!is_there).then_some(Status::NotFound),
        Opcode::Lock => is_there.then_some(Status::LockNotAcquired),
        // Of what no lock gave.
        Opcode::Lease => Some(Status::NoSuchLock),
        other => panic!("{other:?} has options that nothing is said of here"),
    };
    match (refused, opcode) {
        (Some(status), _) => (status, After::AsBefore),
        (None, Opcode::Expire | Opcode::GetExpire) => (Status::Ok, After::Stored(OLD, until)),
        (None, Opcode::Lock) => (Status::Ok, After::Held(until)),
        (None, _) => (Status::Ok, After::Stored(NEW, until)),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

/// Makes the key what it is to be.
fn prepare(raw: &mut Raw, key: &[u8], before: Before) -> State {
    let mut call = |request: Request<'_>| {
        raw.call(Request {
            map: b"m",
            key,
            ..request
        })
    };
    call(Request::new(Opcode::Delete));
    let (flags, arg) = match before {
        Before::Absent => return None,
        Before::Endless => (Flags::NONE, 0),
        Before::Sooner => (Flags::TTL_RELATIVE, SOONER_MS),
        Before::Later => (Flags::TTL_RELATIVE, LATER_MS),
    };
    let put = call(Request {
        value: OLD,
        flags,
        arg,
        ..Request::new(Opcode::Put)
    });
    assert_eq!(put.status, Status::Ok);
    state(raw, key)
}

/// Sends what the encoder would refuse to make: the fields of a frame of another operation are set
/// by hand.
fn send(
    raw: &mut Raw,
    opcode: Opcode,
    flags: Flags,
    key: &[u8],
    (version, expected): (u64, &[u8]),
) -> OwnedReply {
    let mut value = Vec::new();
    match opcode {
        Opcode::MultiPut => assert!(multi::push_entry(&mut value, key, NEW)),
        Opcode::CasValue => {
            assert!(Comparison { expected, new: NEW }.encode(&mut value));
        }
        Opcode::PutIf => {
            let condition = if expected.is_empty() {
                ValueCondition::Differs(b"")
            } else {
                ValueCondition::Equals(expected)
            };
            assert!(
                Conditional {
                    condition,
                    new: NEW
                }
                .encode(&mut value)
            );
        }
        Opcode::Put | Opcode::Cas => value.extend_from_slice(NEW),
        _ => {}
    }
    let is_multi = opcode == Opcode::MultiPut;
    let (mut frame, id) = raw.encode(Request {
        map: b"m",
        key: if is_multi { b"" } else { key },
        value: &value,
        ..Request::new(Opcode::Noop)
    });
    let arg = if flags.contains(Flags::TTL_RELATIVE) {
        AFTER_MS
    } else if flags.contains(Flags::TTL_ABSOLUTE) {
        AT_MS
    } else {
        0
    };
    frame[2] = opcode.as_u8();
    frame[4..6].copy_from_slice(&flags.bits().to_le_bytes());
    frame[24..32].copy_from_slice(&arg.to_le_bytes());
    frame[32..40].copy_from_slice(&version.to_le_bytes());
    frame[40..44].copy_from_slice(&u32::from(is_multi).to_le_bytes());
    seal(&mut frame);
    raw.send_bytes(&frame).unwrap();
    let reply = raw.receive();
    assert_eq!(reply.request_id, id);
    reply
}

/// Whether an entry is as it has to be.
fn holds(after: After, before: &State, found: &State, began_ms: u64) -> bool {
    let (value, until) = match after {
        After::AsBefore => return found == before,
        After::Stored(value, until) => (Some(value), until),
        After::Held(until) => (None, until),
    };
    let Some((stored, expires_at_ms, version)) = found else {
        return false;
    };
    let is_until = match until {
        Until::Never => *expires_at_ms == 0,
        Until::Kept => before.as_ref().is_some_and(|old| old.1 == *expires_at_ms),
        Until::AfterThat => (began_ms + AFTER_MS..=now_ms() + AFTER_MS).contains(expires_at_ms),
        Until::AtThat => *expires_at_ms == AT_MS,
    };
    let is_value = value.is_none_or(|value| stored == value);
    // To take an expiry from an entry that has none is no change.
    let may_stay = until == Until::Never && value == Some(OLD);
    let is_new = before
        .as_ref()
        .is_none_or(|old| old.2 < *version || may_stay && old.2 == *version);
    is_value && is_until && is_new
}

/// What `RETURN_OLD` has to tell.
fn tells_old(reply: &OwnedReply, before: &State) -> bool {
    match before {
        Some((value, _, version)) if reply.status != Status::NotFound => {
            reply.value == *value && reply.arg == *version
        }
        _ => reply.value.is_empty() && reply.arg == 0,
    }
}

/// One request over one state.
#[derive(Clone, Copy, Debug)]
struct Trial {
    opcode: Opcode,
    flags: Flags,
    before: Before,
    expected: Expected,
}

impl Trial {
    fn all() -> impl Iterator<Item = Self> {
        let flags = (0..=Flags::ALL.bits()).filter_map(Flags::from_bits);
        let each =
            optioned().flat_map(move |opcode| flags.clone().map(move |flags| (opcode, flags)));
        each.flat_map(|(opcode, flags)| {
            let befores = [
                Before::Absent,
                Before::Endless,
                Before::Sooner,
                Before::Later,
            ];
            befores.into_iter().flat_map(move |before| {
                let expected = [Expected::Nothing, Expected::Right, Expected::Wrong];
                expected.into_iter().map(move |expected| Self {
                    opcode,
                    flags,
                    before,
                    expected,
                })
            })
        })
        .filter(Self::makes_sense)
    }

    fn compares(&self) -> bool {
        matches!(self.opcode, Opcode::Cas | Opcode::CasValue | Opcode::PutIf)
    }

    /// Nothing can be expected rightly of what is not there, nor by who does not compare.
    fn makes_sense(&self) -> bool {
        match self.expected {
            Expected::Nothing => true,
            Expected::Right => self.compares() && self.before != Before::Absent,
            Expected::Wrong => self.compares(),
        }
    }

    /// The version and the value that the request expects.
    fn operands(&self, was: &State) -> (u64, &'static [u8]) {
        let version = was.as_ref().map_or(7, |was| was.2);
        match (self.opcode, self.expected) {
            (Opcode::Lease, _) => (12_345, b""),
            (_, Expected::Nothing) => (0, b""),
            (Opcode::Cas, Expected::Right) => (version, b""),
            (Opcode::Cas, Expected::Wrong) => (version + 1, b""),
            (_, Expected::Right) => (0, OLD),
            (_, Expected::Wrong) => (0, b"other"),
        }
    }

    /// Under which name the document refuses the options, if it does.
    fn refusal(&self, document: &Document) -> Option<Status> {
        let mut names = names(self.flags);
        if !document.knows(self.opcode, &names) {
            return Some(Status::UnknownFlags);
        }
        if self.expected != Expected::Nothing {
            let is_version = self.opcode == Opcode::Cas;
            names.push(if is_version { "version" } else { "expected" });
        }
        let timed = Flags::TTL_RELATIVE | Flags::TTL_ABSOLUTE;
        let is_incomplete = match self.opcode {
            Opcode::Expire | Opcode::Lease => !self.flags.intersects(timed),
            Opcode::Cas => !names.contains(&"version") && !names.contains(&"IF_ABSENT"),
            _ => false,
        };
        let is_invalid = is_incomplete || document.is_excluded(&names);
        is_invalid.then_some(Status::InvalidOptions)
    }
}

#[test]
fn every_set_of_options_comes_to_what_the_document_says_or_is_refused_by_its_name() {
    let document = Document::read();
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let keys = [key_of_core(0, 2, 0), key_of_core(1, 2, 0)];
    let (mut done, mut refused) = (0, 0);
    for trial in Trial::all() {
        let key = &keys[done % 2];
        let was = prepare(&mut raw, key, trial.before);
        let began_ms = now_ms();
        let operands = trial.operands(&was);
        let reply = send(&mut raw, trial.opcode, trial.flags, key, operands);
        let found = state(&mut raw, key);
        if let Some(status) = trial.refusal(&document) {
            assert_eq!((reply.status, &found), (status, &was), "{trial:?}");
            refused += 1;
            continue;
        }
        let (status, after) = outcome(trial.opcode, trial.flags, trial.before, trial.expected);
        assert_eq!(reply.status, status, "{trial:?}");
        let is_so = holds(after, &was, &found, began_ms);
        assert!(is_so, "{trial:?}: {was:?} {found:?}");
        if trial.opcode == Opcode::Put && trial.flags.contains(Flags::RETURN_OLD) {
            assert!(tells_old(&reply, &was), "{trial:?}: {reply:?}");
        }
        done += 1;
    }
    assert!(
        done > 300 && refused > 1000,
        "{done} done, {refused} refused"
    );
}
