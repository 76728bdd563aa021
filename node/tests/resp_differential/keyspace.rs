//! What is asked about all keys at once, on both sides: SCAN over whole iterations, KEYS, DBSIZE and
//! RANDOMKEY.
//!
//! Order, cursors and how many keys one SCAN shows are not promised: what a whole iteration has shown
//! is, as a set, and a random key has to be one of them.

use std::collections::BTreeSet;

use crate::administration::any_case;
use crate::common::Random;
use crate::sides::Sides;
use crate::stream::Args;

/// More pages than an iteration over the few keys of a stream takes.
const PAGES_MAX: usize = 10_000;
/// What a pattern is put together from.
const PIECES: &[&str] = &[
    "*", "**", "?", "key:", "{t}", "float:", "k", "0", "1", "2", "3", "[0-3]", "[^1]", "[3-0]",
    "[k{]", "[^k]", "[", "]", "[]", "[^]", "\\", "\\*", "\\[", "-", "[a-", "[\\]x]", "[^\\-1]",
    ":", "}", "\r\n", "\0", "KEY", "[-1]", "[1-]", "[]0]",
];

type Keys = BTreeSet<Vec<u8>>;

/// Asks both sides about all they hold; differences are kept with them.
pub(crate) fn look(sides: &mut Sides, random: &mut Random) {
    let mut of_iteration = None;
    // The first without options: this also removes what has expired at Redis, which counts it else.
    for options in [Vec::new(), options(random)] {
        let mut words: Args = vec![b"SCAN".to_vec(), b"0".to_vec()];
        words.extend(options);
        sides.note(&crate::shown(&words));
        let [ours, theirs] = [0, 1].map(|side| iterate(sides, side, &words));
        compare(sides, &words, ours, theirs.clone());
        of_iteration.get_or_insert(theirs);
    }
    let all = of_iteration.unwrap_or_default();

    let [ours, theirs] = sides.both(&["DBSIZE"]);
    if ours != theirs || ours != format!(":{}\r\n", all.len()).as_bytes() {
        sides.tell(&vec![b"DBSIZE".to_vec()], &ours, &theirs);
    }

    let words = vec![b"KEYS".to_vec(), pattern(random)];
    let [ours, theirs] = [0, 1].map(|side| {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        strings(&sides.one(side, &words)).into_iter().collect()
    });
    compare(sides, &words, ours, theirs);

    for _ in 0..3 {
        let words = vec![b"RANDOMKEY".to_vec()];
        let replies = sides.both(&["RANDOMKEY"]);
        let is_right = |reply: &[u8]| match strings(reply).first() {
            Some(key) => all.contains(key),
            None => all.is_empty() && matches!(reply, b"$-1\r\n" | b"_\r\n"),
        };
        if !replies.iter().all(|reply| is_right(reply)) {
            sides.tell(&words, &replies[0], &replies[1]);
        }
    }
}

fn compare(sides: &mut Sides, words: &Args, ours: Keys, theirs: Keys) {
    if ours != theirs {
        let listed = |keys: Keys| keys.into_iter().collect::<Vec<_>>().join(&b'\n');
        sides.tell(words, &listed(ours), &listed(theirs));
    }
}

/// A whole iteration of one side.
fn iterate(sides: &mut Sides, side: usize, words: &Args) -> Keys {
    let mut words = words.clone();
    let mut found = Keys::new();
    for _ in 0..PAGES_MAX {
        let arguments: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let reply = sides.one(side, &arguments);
        let shown = reply.escape_ascii();
        assert!(
            reply.starts_with(b"*2\r\n$"),
            "{}: {shown}",
            crate::shown(&words)
        );
        let mut strings = strings(&reply).into_iter();
        words[1] = strings.next().unwrap();
        found.extend(strings);
        if words[1] == b"0" {
            return found;
        }
    }
    panic!("{} never ends", crate::shown(&words));
}

/// The bulk strings of a reply.
fn strings(reply: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = reply;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (line, behind) = (&rest[..end], &rest[end + 2..]);
        let length = line.strip_prefix(b"$").map(|text| {
            let text = std::str::from_utf8(text).unwrap();
            text.parse::<i64>().unwrap()
        });
        rest = match length.and_then(|length| usize::try_from(length).ok()) {
            None => behind,
            Some(length) => {
                found.push(behind[..length].to_vec());
                &behind[length + 2..]
            }
        };
    }
    found
}

/// Right options of SCAN, in any case, each as often as chance has it: the last one counts.
fn options(random: &mut Random) -> Args {
    let mut words = Args::new();
    for _ in 0..random.below(4) {
        let (name, value) = match random.below(4) {
            0 | 1 => ("MATCH", pattern(random)),
            2 => {
                let counts = ["1", "2", "7", "10", "1000", "9223372036854775807"];
                ("COUNT", counts[random.below(counts.len())].into())
            }
            _ => {
                let types = ["string", "STRING", "list", "hash", "no-such-type", ""];
                ("TYPE", types[random.below(types.len())].into())
            }
        };
        words.push(name.into());
        any_case(random, words.last_mut().unwrap());
        words.push(value);
    }
    words
}

/// A glob pattern, right or odd, of fewer bytes than the node bounds.
fn pattern(random: &mut Random) -> Vec<u8> {
    let pieces = (0..random.below(6)).map(|_| PIECES[random.below(PIECES.len())]);
    pieces.collect::<String>().into_bytes()
}
