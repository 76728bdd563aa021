//! This engine in a process of its own: the benchmark starts itself again as a child, so that
//! every attempt begins with no memory.

use std::process::Command;

use jerboa_core_shard::{Address, Expiry, MapId, PutOptions, Shard, ShardConfig};

use crate::Load;
use crate::search::Trial;
use crate::server::resident_bytes;

const PARTITIONS: u16 = 4096;
const NOW_MS: u64 = 1_700_000_000_000;
/// A core that writes without pause still gets to its background work after about so many.
const TURN: u64 = 32;
const SLICE_BUDGET: u32 = 64;

/// Starts the child and reads what it says.
pub(crate) fn attempt(load: &Load, limit_bytes: u64) -> Option<Trial> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.arg("--child-limit").arg(limit_bytes.to_string());
    command.arg("--entries").arg(load.entries.to_string());
    if load.with_ttl {
        command.arg("--ttl");
    }
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    Some(Trial {
        holds_all: next()? == 1,
        resident_bytes: next()?,
        booked_bytes: next(),
    })
}

/// The child: prints whether it holds all, its resident memory and what the engine's books say.
pub(crate) fn child(load: &Load, limit_bytes: u64) {
    let mut config = ShardConfig::owning_all(limit_bytes as usize, PARTITIONS);
    config.prefault = true;
    let mut holds_all = false;
    let mut booked_bytes = 0;
    match Shard::new(&config) {
        Ok(mut shard) => {
            holds_all = fill(&mut shard, load) && has_all(&mut shard, load);
            let usage = shard.usage();
            booked_bytes = usage.live_bytes + usage.index_bytes;
            println!(
                "{} {} {booked_bytes}",
                u8::from(holds_all),
                resident_bytes("self")
            );
        }
        Err(error) => {
            eprintln!("{error}");
            println!("{} 0 {booked_bytes}", u8::from(holds_all));
        }
    }
}

fn address(shard: &Shard, number: u64, key: &[u8]) -> Address {
    // The key's digits are random, so the number's own low bits spread evenly enough.
    let partition = (number % u64::from(PARTITIONS)) as u16;
    shard.address(MapId::DEFAULT, partition, key)
}

fn fill(shard: &mut Shard, load: &Load) -> bool {
    for number in 0..load.entries {
        let key = Load::key(number);
        let expiry = load
            .ttl_s(number)
            .map_or(Expiry::None, |ttl_s| Expiry::At(NOW_MS + ttl_s * 1000));
        let options = PutOptions {
            expiry,
            ..PutOptions::default()
        };
        let at = address(shard, number, &key);
        let stored = shard.put(at, &key, &Load::value(number), options, NOW_MS);
        if stored.is_err() || shard.counters().evicted > 0 {
            return false;
        }
        if number % TURN == 0 {
            shard.step(NOW_MS, SLICE_BUDGET);
        }
    }
    // What is still to be done in the background belongs to it too.
    for _ in 0..load.entries {
        if !shard.step(NOW_MS, SLICE_BUDGET) {
            break;
        }
    }
    shard.counters().evicted == 0
}

fn has_all(shard: &mut Shard, load: &Load) -> bool {
    (0..load.entries).all(|number| {
        let key = Load::key(number);
        let at = address(shard, number, &key);
        let entry = shard.get(at, &key, NOW_MS);
        entry.is_some_and(|entry| entry.value.as_slice() == Some(&Load::value(number)[..]))
    })
}
