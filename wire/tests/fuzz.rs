//! Fear: bytes that nobody thought of make a reader panic, take a frame for another, or lose step;
//! or replies that nobody thought of are written as something else.
//!
//! The checks of the fuzz targets, on the stable toolchain and without libFuzzer: bytes that are right
//! are changed at random, over and over. A campaign is bounded by time where `JERBOA_FUZZ_SECONDS`
//! says how many each target gets (`scripts/fuzz.sh`), else by a number of executions that takes a
//! moment. `JERBOA_TEST_SEED` repeats one.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test harness")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[path = "../fuzz/resp.rs"]
mod commands;
#[path = "../fuzz/check.rs"]
mod frames;
#[path = "../fuzz/replies.rs"]
mod replies;

/// Executions of a target where no time is given.
const EXECUTIONS: u64 = 3_000;
/// Bytes that one execution gets at most.
const BYTES_MAX: usize = 4096;
/// Inputs that are kept to be changed further.
const KEPT_MAX: usize = 4096;
/// What tells a reader how to read on.
const TELLING: &[&[u8]] = &[
    b"\r\n",
    b"*1\r\n",
    b"$",
    b"*-1\r\n",
    b"$-1\r\n",
    b"*1048577\r\n",
    b"$67108865\r\n",
    b"\xb7\x01",
    b"\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff",
    b"\"",
    b"'",
    b"\\x4",
    b"*0\r\n",
    b"$0\r\n\r\n",
    b"9223372036854775807",
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

fn seed() -> u64 {
    let given = std::env::var("JERBOA_TEST_SEED").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since.as_nanos() as u64
    })
}

/// Tells the bytes in which a check fails.
struct Told<'b>(&'b [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed with b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// Changes inputs and checks them, until time or executions are over. Inputs in which `check` found
/// more than in those that they come from are kept and changed further.
fn campaign(name: &str, inputs: Vec<Vec<u8>>, check: fn(&[u8]) -> usize) {
    let seed = seed();
    println!("{name}: JERBOA_TEST_SEED={seed}");
    let seconds = std::env::var("JERBOA_FUZZ_SECONDS").ok();
    let seconds: Option<u64> = seconds.map(|text| text.parse().expect("a number of seconds"));
    let (started, mut random) = (Instant::now(), Random(seed));
    let mut kept: Vec<(Vec<u8>, usize)> = Vec::new();
    for input in inputs {
        let found = check(&input);
        kept.push((input, found));
    }
    let (mut executions, mut found_in_all) = (0, 0);
    // The clock is asked now and then only.
    let goes_on = |executions: u64| match seconds {
        None => executions < EXECUTIONS,
        Some(seconds) => {
            !executions.is_multiple_of(64) || started.elapsed() < Duration::from_secs(seconds)
        }
    };
    while goes_on(executions) {
        let (from, found_before) = &kept[random.below(kept.len())];
        let (mut bytes, found_before) = (from.clone(), *found_before);
        let other = random.below(kept.len());
        for _ in 0..=random.below(6) {
            change(&mut bytes, &kept[other].0, &mut random);
        }
        bytes.truncate(BYTES_MAX);
        let found = {
            let _told = Told(&bytes);
            check(&bytes)
        };
        executions += 1;
        found_in_all += found as u64;
        if found > found_before {
            let place = random.below(KEPT_MAX);
            match kept.get_mut(place) {
                Some(instead) => *instead = (bytes, found),
                None => kept.push((bytes, found)),
            }
        }
    }
    println!(
        "{name}: {executions} executions in {} s, {found_in_all} found in them",
        started.elapsed().as_secs()
    );
    // One that reads nothing checks nothing.
    assert!(
        found_in_all > executions / 20,
        "{found_in_all} in {executions}"
    );
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(16)).min(bytes.len());
    match random.below(10) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        2 if at < bytes.len() => bytes[at] = random.next() as u8,
        3 => drop(bytes.drain(at..end)),
        4 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        5 => {
            let count = random.below(20);
            let noise = random.bytes(count);
            bytes.splice(at..end, noise);
        }
        6 | 7 => {
            let telling = TELLING[random.below(TELLING.len())];
            let until = if random.below(2) == 0 { at } else { end };
            bytes.splice(at..until, telling.iter().copied());
        }
        8 => {
            let from = random.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => bytes.truncate(at),
    }
}

/// The frames that other implementations are held to.
fn golden() -> Vec<Vec<u8>> {
    let lines = include_str!("golden/frames.txt").lines();
    let bytes = lines.filter_map(|line| {
        let (_, groups) = line.split_once(": ")?;
        let digits: Vec<u8> = groups.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        digits
            .chunks_exact(2)
            .map(byte)
            .collect::<Option<Vec<u8>>>()
    });
    let frames: Vec<_> = bytes.filter(|bytes| bytes.first() == Some(&0xB7)).collect();
    assert!(frames.len() > 50, "{} golden frames", frames.len());
    frames
}

#[test]
fn frames_that_were_changed_never_mean_what_their_bytes_do_not_say() {
    campaign("decode", golden(), frames::check);
}

#[test]
fn commands_that_were_changed_are_found_alike_however_they_arrive() {
    let inputs: [&[u8]; 5] = [
        b"*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n",
        b"*1\r\n$4\r\nPING\r\nPING\r\n*0\r\n\r\n*-1\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
        b"SET \"a b\" 'c d'\r\nECHO \"\\x41\\n\"\r\n",
        b"*4\r\n$4\r\nMGET\r\n$1\r\na\r\n$2\r\n\r\n\r\n$12\r\n*1\r\n$4\r\nPING\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    campaign("resp", inputs.map(<[u8]>::to_vec).into(), commands::check);
}

#[test]
fn replies_whatever_they_say_are_read_back_as_what_was_said() {
    let mut random = Random(seed());
    let inputs = (0..64).map(|length| random.bytes(4 * length + 1));
    campaign("replies", inputs.collect(), replies::check);
}
