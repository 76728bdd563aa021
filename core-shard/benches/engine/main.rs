//! Speed of the engine: insert, get, put and delete, hot and uncached, one by one and in batches
//! of 16, beside a hash map with boxed keys and values, a general cache crate and two releases of
//! the `segcache` crate.
//!
//! Every contender is built, filled, measured and freed in turn, so that one at a time holds
//! memory; the turns repeat in rounds with a rotating order, and the table shows medians. Keys of
//! 16 bytes, values of 64; a get copies the value out. Only this engine has batches: the others do
//! a batch one by one. All but this engine have an index of their final size from the start, so
//! inserts are measured twice: while the store fills and this engine's index grows, and again
//! after a part was deleted. Without the feature `compare` this engine is alone.
//!
//! `cargo bench -p jerboa-core-shard --features compare --bench engine -- [--quick]`

#[path = "../support"]
mod support {
    pub(crate) mod arguments;
    pub(crate) mod clock;
    pub(crate) mod mix;
    pub(crate) mod random;
    pub(crate) mod table;
}

mod contender;
mod jerboa;
#[cfg(feature = "compare")]
mod others;
mod report;
mod turn;

use crate::contender::Contender;
use crate::jerboa::Jerboa;
#[cfg(feature = "compare")]
use crate::others::{BoxedMap, QuickCache, SegcacheFirst, SegcacheNow};
use crate::report::Report;
use crate::turn::{Plan, take_turn};
use support::arguments::Arguments;

const OPTIONS: [(&str, &str); 5] = [
    ("quick", "a smoke run: few entries, one round"),
    ("entries", "only this size, instead of 4k, 10M and 30M"),
    ("rounds", "rounds of the uncached runs"),
    ("ops", "gets and puts of a turn"),
    ("only", "0: this engine alone; 1 to 5: that contender too"),
];

fn main() {
    let arguments = Arguments::read(&OPTIONS);
    let quick = arguments.has("quick");
    let hot = Plan {
        entries: 4_000,
        operations: arguments.number("ops", if quick { 500_000 } else { 1_000_000 }),
    };
    let mut sizes = Vec::new();
    let uncached: &[u64] = match (arguments.has("entries"), quick) {
        (true, _) => &[arguments.number("entries", 0)],
        (false, true) => &[500_000],
        (false, false) => &[10_000_000, 30_000_000],
    };
    if !arguments.has("entries") {
        sizes.push((hot, if quick { 3 } else { 5 }));
    }
    for entries in uncached {
        let plan = Plan {
            entries: *entries,
            operations: arguments.number("ops", if quick { 300_000 } else { 1_000_000 }),
        };
        let rounds = match (quick, *entries) {
            (false, 0..20_000_000) => 3,
            _ => 1,
        };
        sizes.push((plan, arguments.number("rounds", rounds)));
    }
    for (plan, rounds) in sizes {
        run(&plan, rounds, &arguments);
    }
}

type Turn = fn(&Plan, u64, &mut Report);

#[cfg(not(feature = "compare"))]
const TURNS: [Turn; 2] = [turn::<Jerboa<true>>, turn::<Jerboa<false>>];
#[cfg(feature = "compare")]
const TURNS: [Turn; 6] = [
    turn::<Jerboa<true>>,
    turn::<SegcacheNow>,
    turn::<SegcacheFirst>,
    turn::<BoxedMap>,
    turn::<QuickCache>,
    turn::<Jerboa<false>>,
];

fn run(plan: &Plan, rounds: u64, arguments: &Arguments) {
    let turns = TURNS;
    let only = arguments.number("only", u64::MAX) as usize;
    let mut report = Report::new(plan, rounds);
    for round in 0..rounds {
        for place in 0..turns.len() {
            let chosen = (place + round as usize) % turns.len();
            if only > turns.len() || chosen == 0 || chosen == only {
                turns[chosen](plan, round, &mut report);
            }
        }
    }
    println!("{report}");
}

fn turn<C: Contender>(plan: &Plan, round: u64, report: &mut Report) {
    report.begin(C::NAME);
    take_turn::<C>(plan, round, &mut |operation, count, elapsed| {
        report.add(C::NAME, operation, count, elapsed);
    });
}
