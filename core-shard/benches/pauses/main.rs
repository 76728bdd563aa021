//! Pauses of the engine: how long single operations and single slices of background work take
//! while entries expire, others are evicted and the index grows, all at once.
//!
//! Every operation is timed on its own, by wall clock and by the thread's processor time. On a
//! machine that is shared or virtual even the latter contains interrupts and a hypervisor's
//! doings, so the same run, which repeats exactly, is made several times: what an operation takes
//! in the fastest of its repetitions is its own.
//!
//! `cargo bench -p jerboa-core-shard --bench pauses -- [--quick]`

#[path = "../support"]
mod support {
    pub(crate) mod arguments;
    pub(crate) mod clock;
    pub(crate) mod mix;
    pub(crate) mod random;
    pub(crate) mod table;
}

mod report;
mod workload;

use crate::report::Report;
use crate::workload::{Kind, Workload};
use support::arguments::Arguments;
use support::clock::{Elapsed, Stopwatch};

const OPTIONS: [(&str, &str); 6] = [
    ("quick", "a smoke run: little memory, few operations"),
    ("memory", "MiB of the engine"),
    ("ops", "operations of a run"),
    ("runs", "repetitions"),
    (
        "budget",
        "of a slice of background work; the engine has a most of its own",
    ),
    ("seed", "of the workload"),
];

/// Requests of one turn: after each turn comes one slice of background work.
const TURN: u64 = 16;

fn main() {
    let arguments = Arguments::read(&OPTIONS);
    let quick = arguments.has("quick");
    let memory_bytes = arguments.number("memory", if quick { 96 } else { 384 }) << 20;
    let operations = arguments.number("ops", if quick { 1_200_000 } else { 12_000_000 });
    let budget = arguments.number("budget", 64) as u32;
    let runs = arguments.number("runs", if quick { 2 } else { 3 }).max(1);
    let seed = arguments.number("seed", 1);
    println!(
        "{operations} operations on {} MiB, a slice of budget {budget} every {TURN}, {runs} runs, \
         seed {seed}\n",
        memory_bytes >> 20
    );
    let mut report = Report::new();
    for _ in 0..runs {
        let mut workload = Workload::new(memory_bytes as usize, operations, seed);
        report.begin_run();
        play(&mut workload, operations, budget, &mut |kind, elapsed| {
            report.add(kind, elapsed);
        });
        report.end_run();
        workload.check();
    }
    println!("{report}");
}

fn play(
    workload: &mut Workload,
    operations: u64,
    budget: u32,
    seen: &mut dyn FnMut(Kind, Elapsed),
) {
    for place in 0..operations {
        let job = workload.next();
        let watch = Stopwatch::start();
        workload.execute(&job);
        seen(job.kind, watch.stop());
        if place % TURN == TURN - 1 {
            let watch = Stopwatch::start();
            workload.slice(budget);
            seen(Kind::Slice, watch.stop());
            let watch = Stopwatch::start();
            seen(Kind::Nothing, watch.stop());
        }
    }
}
