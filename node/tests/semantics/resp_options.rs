//! Fear: a RESP command that takes two options of which it heeds one. Every set of options is given
//! in both orders, over absent keys and present ones; what is not refused must be done whole.

use super::common::{Raw, node, resp::RespRaw};
use super::state;
use jerboa_wire::{Opcode, Request, RequestFlags, Status};

const FOR_S: u64 = 100_000;
const FOR_MS: u64 = 200_000_000;
/// In the years 2099 and 2106.
const AT_S: u64 = 4_102_444_800;
const AT_MS: u64 = 4_300_000_000_000;
const OLD_MS: u64 = 50_000_000;

/// What an option says of the expiry afterwards.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Until {
    Never,
    AsBefore,
    Left(u64),
    At(u64),
}

/// An option with its argument.
#[derive(Clone, Copy, Debug)]
struct Choice {
    words: &'static str,
    until: Option<Until>,
}

const fn word(words: &'static str) -> Choice {
    Choice { words, until: None }
}

const fn time(words: &'static str, until: Until) -> Choice {
    Choice {
        words,
        until: Some(until),
    }
}

const TIMES: [Choice; 4] = [
    time("EX 100000", Until::Left(FOR_S * 1000)),
    time("PX 200000000", Until::Left(FOR_MS)),
    time("EXAT 4102444800", Until::At(AT_S * 1000)),
    time("PXAT 4300000000000", Until::At(AT_MS)),
];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Before {
    Absent,
    Endless,
    Timed,
}

/// The chosen ones of each set of options.
fn sets(options: &[Choice]) -> impl Iterator<Item = Vec<Choice>> {
    (0..1_u32 << options.len()).map(|bits| {
        let chosen = options.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| bits >> place & 1 == 1);
        chosen.map(|(_, option)| *option).collect()
    })
}

fn has(set: &[Choice], word: &str) -> bool {
    set.iter()
        .any(|option| option.words.split(' ').next() == Some(word))
}

/// A command with a set of options, over a key in each state.
struct Door {
    raw: Raw,
    client: RespRaw,
    map: &'static [u8],
    done: u32,
    refused: u32,
}

impl Door {
    fn new(node: &jerboa::Node, map: &'static [u8]) -> Self {
        let address = node.addresses().any_core;
        Self {
            raw: Raw::connect(address),
            client: RespRaw::connect(address),
            map,
            done: 0,
            refused: 0,
        }
    }

    /// The entry's value and expiry.
    fn entry(&mut self, key: &[u8]) -> Option<(Vec<u8>, u64)> {
        let reply = self.raw.call(Request {
            map: self.map,
            key,
            ..Request::new(Opcode::GetMeta)
        });
        (reply.status == Status::Ok).then_some((reply.value, reply.arg))
    }

    /// Gives `command`, then the options, forwards and backwards. `expected` says what is left:
    /// nothing where the options are refused, else the reply, and the value and the expiry where
    /// something is stored.
    fn check(
        &mut self,
        command: &[&str],
        set: &[Choice],
        expected: impl Fn(Before) -> Option<(String, Option<(&'static str, Until)>)>,
    ) {
        for before in [Before::Absent, Before::Endless, Before::Timed] {
            for backwards in [false, true] {
                if backwards && set.len() < 2 {
                    continue;
                }
                let key = format!("key:{}", self.done + self.refused);
                if before != Before::Absent {
                    let is_timed = before == Before::Timed;
                    self.raw.call(Request {
                        map: self.map,
                        key: key.as_bytes(),
                        value: b"old",
                        flags: if is_timed {
                            RequestFlags::TTL_RELATIVE
                        } else {
                            RequestFlags::NONE
                        },
                        arg: if is_timed { OLD_MS } else { 0 },
                        ..Request::new(Opcode::Put)
                    });
                }
                let was = self.entry(key.as_bytes());
                let mut words: Vec<Vec<&str>> = set
                    .iter()
                    .map(|one| one.words.split(' ').collect())
                    .collect();
                if backwards {
                    words.reverse();
                }
                let words = words.concat();
                let named = command
                    .iter()
                    .map(|word| if *word == "KEY" { &key[..] } else { *word });
                let all: Vec<&str> = named.chain(words).collect();
                let reply = self.client.call(&all);
                let is = self.entry(key.as_bytes());
                let what = format!("{all:?} over {before:?}: {reply:?}, {was:?} {is:?}");
                let Some((text, stored)) = expected(before) else {
                    assert!(reply.starts_with('-'), "{what}");
                    assert_eq!(is, was, "{what}");
                    self.refused += 1;
                    continue;
                };
                assert_eq!(reply, text, "{what}");
                match stored {
                    None => assert_eq!(is, was, "{what}"),
                    Some((value, until)) => {
                        let (found, expires_at_ms) = is.expect(&what);
                        assert_eq!(found, value.as_bytes(), "{what}");
                        let old = was.map_or(0, |was| was.1);
                        assert!(is_until(until, expires_at_ms, old), "{what}");
                    }
                }
                self.done += 1;
            }
        }
    }
}

fn is_until(until: Until, expires_at_ms: u64, old_ms: u64) -> bool {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ms = now.unwrap().as_millis() as u64;
    match until {
        Until::Never => expires_at_ms == 0,
        Until::AsBefore => expires_at_ms == old_ms,
        Until::At(at_ms) => expires_at_ms == at_ms,
        Until::Left(ms) => (now_ms + ms - 30_000..=now_ms + ms).contains(&expires_at_ms),
    }
}

/// The one expiry of a set; nothing where there are several.
fn one_expiry(set: &[Choice]) -> Option<Until> {
    let mut untils = set.iter().filter_map(|option| option.until);
    let first = untils.next().unwrap_or(Until::Never);
    untils.next().is_none().then_some(first)
}

#[test]
fn set_does_all_that_its_options_say_or_refuses_them() {
    let node = node(2);
    let mut door = Door::new(&node, b"");
    let mut options = vec![
        word("NX"),
        word("XX"),
        word("GET"),
        word("IFEQ old"),
        time("KEEPTTL", Until::AsBefore),
    ];
    options.extend(TIMES);
    for set in sets(&options) {
        let (nx, xx, equal, get) = (
            has(&set, "NX"),
            has(&set, "XX"),
            has(&set, "IFEQ"),
            has(&set, "GET"),
        );
        // Servers of Redis' kind differ in what this pair does.
        if equal && get {
            continue;
        }
        let conditions = [nx, xx, equal].into_iter().filter(|one| *one).count();
        let until = one_expiry(&set).filter(|_| conditions < 2);
        door.check(&["SET", "KEY", "new"], &set, |before| {
            let until = until?;
            let is_there = before != Before::Absent;
            let is_stored = !(nx && is_there || (xx || equal) && !is_there);
            let text = match (get, is_there) {
                (true, true) => "$3\r\nold\r\n",
                (true, false) => "$-1\r\n",
                (false, _) if is_stored => "+OK\r\n",
                _ => "$-1\r\n",
            };
            Some((text.to_owned(), is_stored.then_some(("new", until))))
        });
    }
    assert!(
        door.done > 200 && door.refused > 1000,
        "{} {}",
        door.done,
        door.refused
    );
}

#[test]
fn getex_does_what_its_option_says_or_refuses_them() {
    let node = node(2);
    let mut door = Door::new(&node, b"");
    let mut options = vec![time("PERSIST", Until::Never)];
    options.extend(TIMES);
    for set in sets(&options) {
        let until = if set.is_empty() {
            Some(Until::AsBefore)
        } else {
            one_expiry(&set)
        };
        door.check(&["GETEX", "KEY"], &set, |before| {
            let until = until?;
            let is_there = before != Before::Absent;
            let text = if is_there { "$3\r\nold\r\n" } else { "$-1\r\n" };
            Some((text.to_owned(), is_there.then_some(("old", until))))
        });
    }
    assert!(door.refused > 100, "{}", door.refused);
}

#[test]
fn expire_heeds_all_of_its_conditions_or_refuses_them() {
    let node = node(2);
    let mut door = Door::new(&node, b"");
    for set in sets(&[word("NX"), word("XX"), word("GT"), word("LT")]) {
        let [nx, xx, later, earlier] = ["NX", "XX", "GT", "LT"].map(|word| has(&set, word));
        let is_excluded = nx && (xx || later || earlier) || later && earlier;
        // Sooner than an entry that expires, and later.
        for (seconds, is_later) in [("10", false), ("100000", true)] {
            let left_ms = seconds.parse::<u64>().unwrap() * 1000;
            door.check(&["EXPIRE", "KEY", seconds], &set, |before| {
                if is_excluded {
                    return None;
                }
                let is_timed = before == Before::Timed;
                let holds = before != Before::Absent
                    && (!nx || !is_timed)
                    && (!xx || is_timed)
                    && (!later || is_timed && is_later)
                    && (!earlier || !is_timed || !is_later);
                let text = if holds { ":1\r\n" } else { ":0\r\n" };
                Some((
                    text.to_owned(),
                    holds.then_some(("old", Until::Left(left_ms))),
                ))
            });
        }
    }
    assert!(door.refused > 50, "{}", door.refused);
}

/// Olric takes the first of several times, and NX before XX, and says OK.
#[test]
fn olrics_put_and_swap_do_all_that_their_options_say_or_refuse_them() {
    let node = node(2);
    let mut door = Door::new(&node, b"m");
    let mut options = vec![word("NX"), word("XX")];
    options.extend(TIMES);
    for set in sets(&options) {
        let (nx, xx) = (has(&set, "NX"), has(&set, "XX"));
        let until = one_expiry(&set).filter(|_| !(nx && xx));
        door.check(&["DM.PUT", "m", "KEY", "new"], &set, |before| {
            let until = until?;
            let is_there = before != Before::Absent;
            let (text, is_stored) = match (nx, xx, is_there) {
                (true, _, true) => ("-KEYFOUND key found\r\n", false),
                (_, true, false) => ("-KEYNOTFOUND key not found\r\n", false),
                _ => ("+OK\r\n", true),
            };
            Some((text.to_owned(), is_stored.then_some(("new", until))))
        });
    }
    for set in sets(&TIMES) {
        let until = one_expiry(&set);
        door.check(&["DM.CAS", "m", "KEY", "old", "new"], &set, |before| {
            let until = until?;
            let is_there = before != Before::Absent;
            let text = if is_there {
                "*2\r\n:1\r\n$-1\r\n"
            } else {
                "*2\r\n:0\r\n$-1\r\n"
            };
            Some((text.to_owned(), is_there.then_some(("new", until))))
        });
    }
    let refused = door
        .client
        .call(&["DM.LOCK", "m", "lock", "0", "EX", "5", "PX", "7"]);
    assert!(refused.starts_with("-INVALIDARGUMENT"), "{refused}");
    assert_eq!(state(&mut door.raw, b"lock"), None);
    assert!(
        door.done > 60 && door.refused > 200,
        "{} {}",
        door.done,
        door.refused
    );
}
