//! Memory per entry: the resident memory of this engine, memcached and Redis at the smallest limit
//! at which each holds all entries, with and without a time to live.
//!
//! Each is asked at ever closer limits, always from an empty process, and holds all entries if
//! none was evicted or refused and all are there at the end. What counts is the resident memory of
//! the whole process then. Keys of 16 bytes, values of 64.
//!
//! `cargo bench -p jerboa-core-shard --bench memory -- [--quick]`; needs the commands `memcached`
//! and `redis-server`, and leaves out what is not installed.

#[path = "../support"]
mod support {
    pub(crate) mod arguments;
    pub(crate) mod mix;
    pub(crate) mod table;
}

mod engine;
mod memcached;
mod redis;
mod report;
mod search;
mod server;

use crate::report::{Report, Row};
use crate::search::{Trial, smallest_limit};
use support::arguments::Arguments;
use support::mix::mix;

const OPTIONS: [(&str, &str); 6] = [
    ("quick", "a smoke run: 200k entries"),
    ("entries", "how many"),
    ("permille", "how close the limit is searched"),
    (
        "only",
        "only the store of this number, from 0 for this engine",
    ),
    ("child-limit", "(used by the benchmark itself)"),
    ("ttl", "only with a time to live"),
];

/// What is stored, and how it is named.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) entries: u64,
    pub(crate) with_ttl: bool,
}

pub(crate) const KEY_BYTES: usize = 16;
pub(crate) const VALUE_BYTES: usize = 64;
const TTL_S_MIN: u64 = 86_400;

impl Load {
    /// Sixteen hexadecimal digits, different for every number.
    pub(crate) fn key(number: u64) -> [u8; KEY_BYTES] {
        let mixed = mix(number);
        std::array::from_fn(|place| b"0123456789abcdef"[(mixed >> (4 * place)) as usize & 15])
    }

    pub(crate) fn value(number: u64) -> [u8; VALUE_BYTES] {
        let mut value = [b'.'; VALUE_BYTES];
        value[..KEY_BYTES].copy_from_slice(&Self::key(number));
        value
    }

    /// One to two days: nothing expires while it is measured.
    pub(crate) fn ttl_s(&self, number: u64) -> Option<u64> {
        self.with_ttl.then(|| TTL_S_MIN + mix(!number) % TTL_S_MIN)
    }
}

/// Fills a fresh store with the load, within a limit in bytes. `None` if there is no such store
/// on this machine.
type Attempt = fn(&Load, u64) -> Option<Trial>;

const STORES: [(&str, Attempt); 3] = [
    ("jerboa", engine::attempt),
    ("memcached", memcached::attempt),
    ("redis", redis::attempt),
];

fn main() {
    let arguments = Arguments::read(&OPTIONS);
    let quick = arguments.has("quick");
    let entries = arguments.number("entries", if quick { 200_000 } else { 10_000_000 });
    if arguments.has("child-limit") {
        let load = Load {
            entries,
            with_ttl: arguments.has("ttl"),
        };
        engine::child(&load, arguments.number("child-limit", 0));
        return;
    }
    let permille = arguments.number("permille", if quick { 20 } else { 3 });
    let only = arguments.number("only", u64::MAX) as usize;
    let mut report = Report::new(entries);
    let loads: &[bool] = if arguments.has("ttl") {
        &[true]
    } else {
        &[false, true]
    };
    for with_ttl in loads.iter().copied() {
        let load = Load { entries, with_ttl };
        for (place, (name, attempt)) in STORES.into_iter().enumerate() {
            if only < STORES.len() && place != only {
                continue;
            }
            let found = smallest_limit(entries * 256, permille, &mut |limit| {
                let trial = attempt(&load, limit);
                eprintln!("{name} within {limit} bytes: {trial:?}");
                trial
            });
            match found {
                Some((limit_bytes, trial)) => report.add(Row {
                    name,
                    with_ttl,
                    limit_bytes,
                    trial,
                }),
                None => eprintln!("{name}: not measured, it did not start"),
            }
        }
    }
    println!("{report}");
}
