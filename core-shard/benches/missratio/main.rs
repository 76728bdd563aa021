//! Miss ratio of the engine at several sizes, beside exact LRU, FIFO, S3-FIFO per entry, Redis'
//! sampled LRU and Segcache's FIFO-merge, on traces made from a seed.
//!
//! Every cache gets the same number of bytes: a share of what all different keys of the trace
//! would be charged. The simulated ones are charged key, value and 36 bytes an entry, which is
//! what the engine promises to stay within, and nothing else: no free segments, no half-filled
//! ones, no index that grows in steps, and expired entries vanish at no cost. The engine is real
//! and pays for all of that out of the same bytes. A read that misses stores the entry; the first
//! fifth of a trace is not counted.
//!
//! FIFO-merge is what Segcache evicts by: it needs neither queues nor ghosts. But in each merge new
//! entries compete with proven ones by uses per byte alone, and what was overwritten or has expired
//! keeps its bytes until then. S3-FIFO stays because it misses no more on any trace and less on
//! most, for two bits in each slot and ghosts in slots that would be empty otherwise.
//!
//! What was tried to come closer to S3-FIFO per entry, on tw-write12 at 40 % if not said otherwise:
//! * overwriting where the entry lies even if it then outlives its segment: 1.54 to 1.11 x its
//!   misses; it also took tw-counter23 from 1.032 to 1.003 x;
//! * the same only while the segment has a quarter, or half, of the new time left: 1.13, 1.18 x;
//! * compacting below six eighths live before evicting, rather than four: 1.112 to 1.108 x, and
//!   tw-ttl19 from 1.037 to 1.026 x;
//! * blocks of 4 KiB rather than 16 for large values: tw-big37 from 1.06 to 1.04 x.
//!
//! What stands in the way is what the simulated ones do not pay for: segments kept free and half
//! filled, and what has expired but shares a segment with what has not.
//!
//! `cargo bench -p jerboa-core-shard --bench missratio -- [--quick]`

#[path = "../support"]
mod support {
    pub(crate) mod arguments;
    pub(crate) mod mix;
    pub(crate) mod policy;
    pub(crate) mod random;
    pub(crate) mod table;
    pub(crate) mod trace;
    pub(crate) mod zipf;
}

mod engine;
mod report;
mod traces;

use crate::engine::Engine;
use crate::report::{Report, Row};
use crate::traces::SHAPES;
use support::arguments::Arguments;
use support::policy::Simulated;
use support::policy::fifo::Fifo;
use support::policy::lru::Lru;
use support::policy::merge::FifoMerge;
use support::policy::s3fifo::S3Fifo;
use support::policy::sampled::SampledLru;
use support::trace::{Trace, miss_ratio};

const OPTIONS: [(&str, &str); 4] = [
    ("quick", "a smoke run: short traces, two sizes"),
    ("seed", "of the traces"),
    ("divisor", "of the traces' keys and requests"),
    ("trace", "only the one at this place, from 0"),
];

/// With less the engine has but a few dozen segments, which says little of it with gigabytes.
const BUDGET_BYTES_MIN: u64 = 16 << 20;

fn main() {
    let arguments = Arguments::read(&OPTIONS);
    let quick = arguments.has("quick");
    let percents: &[u64] = if quick { &[10, 40] } else { &[5, 10, 20, 40] };
    let divisor = arguments
        .number("divisor", if quick { 10 } else { 1 })
        .max(1) as u32;
    let seed = arguments.number("seed", 1);
    let only = arguments.number("trace", u64::MAX) as usize;
    println!("seed {seed}, traces divided by {divisor}\n");
    let mut report = Report::new(divisor == 1);
    for (place, shape) in SHAPES.iter().enumerate() {
        if only >= SHAPES.len() || only == place {
            let trace = shape.make(seed, divisor);
            rows(&trace, percents).for_each(|row| report.add(row));
            eprintln!("{} done", shape.name);
        }
    }
    println!("{report}");
}

/// A row for each size, two at a time; sizes below the least are one.
fn rows(trace: &Trace, percents: &[u64]) -> impl Iterator<Item = Row> {
    let distinct_bytes = trace.distinct_bytes();
    let budget = |percent: u64| (distinct_bytes * percent / 100).max(BUDGET_BYTES_MIN);
    let mut percents = percents.to_vec();
    percents.reverse();
    percents.dedup_by_key(|percent| budget(*percent));
    percents.reverse();
    let mut rows = Vec::new();
    for pair in percents.chunks(2) {
        std::thread::scope(|scope| {
            let threads: Vec<_> = pair
                .iter()
                .map(|percent| {
                    let budget_bytes = budget(*percent);
                    scope.spawn(move || row(trace, *percent, budget_bytes))
                })
                .collect();
            let done = threads.into_iter().map(|thread| thread.join());
            rows.extend(done.map(|row| row.expect("a replay")));
        });
    }
    rows.into_iter()
}

fn row(trace: &Trace, percent: u64, budget_bytes: u64) -> Row {
    let mut engine = Engine::new(budget_bytes);
    let engine_misses = miss_ratio(&mut engine, trace);
    let refused = engine.refused();
    drop(engine);
    let simulated = [
        miss_ratio(
            &mut Simulated::new(Lru::default(), trace, budget_bytes),
            trace,
        ),
        miss_ratio(
            &mut Simulated::new(Fifo::default(), trace, budget_bytes),
            trace,
        ),
        miss_ratio(
            &mut Simulated::new(S3Fifo::new(budget_bytes), trace, budget_bytes),
            trace,
        ),
        miss_ratio(
            &mut Simulated::new(SampledLru::new(1), trace, budget_bytes),
            trace,
        ),
        miss_ratio(&mut FifoMerge::new(trace, budget_bytes), trace),
    ];
    Row {
        trace: trace.name,
        percent,
        budget_bytes,
        engine: engine_misses,
        refused,
        simulated,
    }
}
