//! The loader against an honest and a lying server, without sockets.
use std::sync::atomic::AtomicU64;

use super::*;
use crate::check::Counters;
use crate::distribution::{Distribution, Sampler};
use crate::ledger::Ledger;
use crate::rng::Rng;
use crate::schedule::Arrivals;
use crate::size::Sizes;
use crate::source::SourceKind;
use crate::tally::Counts;
use crate::target::redis::Redis;
use crate::value::Values;
use crate::workload::Mix;
use fake::{Fake, Lie};

mod fake;

const KEYS: u64 = 200;

struct Bench {
    loader: Loader<Redis>,
    fake: Fake,
    rng: Rng,
    inputs: Vec<Vec<u8>>,
    /// Bytes on their way back, which arrive in pieces of any length.
    replies: Vec<Vec<u8>>,
    now_ns: u64,
}

fn source(kind: SourceKind, budget: u64) -> Source {
    let sampler = Sampler::new(Distribution::Zipf(0.99), KEYS, Arc::new(AtomicU64::new(0)));
    Source::new(
        kind,
        sampler,
        Rng::new(1, 2),
        Some(Arc::new(AtomicU64::new(budget))),
    )
}

fn mixed(weights: &[(Operation, f64)], budget: u64) -> Source {
    source(SourceKind::Mix(Mix::new(weights)), budget)
}

impl Bench {
    fn new(lie: Lie, connections: usize, cache_aside: bool) -> Self {
        let common = Common {
            keys: Keys::new(Sizes::Fixed(16), KEYS).unwrap(),
            checker: Checker {
                ledger: Ledger::new(KEYS),
                values: Values::new(Sizes::Range(24, 90), 4),
                counters: Counters::new(KEYS, true),
                loss_expected: false,
                enabled: true,
            },
            ttl: TtlMix::default(),
            multi_items: 7,
            cache_aside,
        };
        let lanes = vec![0; connections];
        let idle = mixed(&[(Operation::Noop, 1.0)], 0);
        Self {
            loader: Loader::new(Redis::new(false), Arc::new(common), &lanes, idle),
            fake: Fake::new(lie),
            rng: Rng::new(7, 7),
            inputs: vec![Vec::new(); connections],
            replies: vec![Vec::new(); connections],
            now_ns: 1_000,
        }
    }

    /// Passes bytes to and fro, in random pieces, until nothing is out.
    fn run(&mut self, source: Source, depth: usize) -> Counts {
        self.loader.begin(source, Pace::Closed, depth, self.now_ns);
        let mut dirty = Vec::new();
        while self.loader.waiting() > 0 {
            self.now_ns += 500;
            self.loader.take_dirty(&mut dirty);
            for session in &dirty {
                self.inputs[*session].append(self.loader.output(*session));
            }
            let at = self.rng.below(self.inputs.len() as u64) as usize;
            let answers = self.fake.serve(&mut self.inputs[at]);
            self.replies[at].extend(answers);
            let piece = self.rng.below(self.replies[at].len() as u64 + 1) as usize;
            let bytes: Vec<u8> = self.replies[at].drain(..piece).collect();
            self.loader.receive(at, &bytes, self.now_ns).unwrap();
        }
        self.loader.tally.counts
    }

    fn load(lie: Lie, weights: &[(Operation, f64)]) -> Counts {
        let mut bench = Self::new(lie, 4, false);
        bench.run(mixed(weights, 20_000), 8)
    }
}

const EVERYTHING: [(Operation, f64); 7] = [
    (Operation::Get, 4.0),
    (Operation::Set, 3.0),
    (Operation::Delete, 1.0),
    (Operation::Incr, 2.0),
    (Operation::MultiGet, 1.0),
    (Operation::MultiSet, 1.0),
    (Operation::Noop, 1.0),
];

#[test]
fn an_honest_server_is_never_accused() {
    let counts = Bench::load(Lie::None, &EVERYTHING);
    assert_eq!(counts.verify_failures(), 0, "{counts:?}");
    assert_eq!(counts.errors(), 0);
    assert_eq!(counts.operations(), 20_000);
    assert!(counts.hits > 5_000 && counts.misses > 0, "{counts:?}");
}

fn failures(lie: Lie, weights: &[(Operation, f64)], finding: Finding) {
    let counts = Bench::load(lie, weights);
    let place = Finding::FAILURES
        .iter()
        .position(|known| *known == finding)
        .unwrap();
    assert!(counts.findings[place] > 0, "{lie:?}: {counts:?}");
    assert_eq!(
        counts.findings[place],
        counts.verify_failures(),
        "{lie:?}: {counts:?}"
    );
}

#[test]
fn every_lie_is_caught_and_called_by_its_name() {
    let mix = [
        (Operation::Get, 1.0),
        (Operation::Set, 1.0),
        (Operation::MultiGet, 0.3),
    ];
    failures(Lie::Stale(50), &mix, Finding::Stale);
    failures(Lie::Forget(50), &mix, Finding::Lost);
    failures(Lie::Foreign(50), &mix, Finding::Foreign);
    failures(Lie::Flip(50), &mix, Finding::Corrupt);
    failures(
        Lie::SkipIncrement(50),
        &[(Operation::Incr, 1.0)],
        Finding::Counter,
    );
}

#[test]
fn a_single_lie_among_thousands_is_caught() {
    let counts = Bench::load(
        Lie::Flip(7_000),
        &[(Operation::Get, 1.0), (Operation::Set, 1.0)],
    );
    assert_eq!(counts.verify_failures(), 1, "{counts:?}");
}

#[test]
fn a_refused_store_is_an_error_and_no_accusation() {
    let counts = Bench::load(
        Lie::Refuse(10),
        &[(Operation::Get, 1.0), (Operation::Set, 1.0)],
    );
    assert_eq!(counts.verify_failures(), 0, "{counts:?}");
    assert!(counts.refused_memory > 500 && counts.refused == counts.refused_memory);
}

#[test]
fn a_fill_touches_every_key_once_and_an_audit_finds_them_all() {
    let mut bench = Bench::new(Lie::None, 3, false);
    let each = |operation| {
        let cursor = Arc::new(AtomicU64::new(0));
        let class = KeyClass::Entry;
        source(
            SourceKind::Each {
                operation,
                class,
                keys: KEYS,
                cursor,
            },
            u64::MAX,
        )
    };
    bench.run(each(Operation::Set), 16);
    let counts = bench.run(each(Operation::Get), 16);
    assert_eq!((counts.hits, counts.misses), (KEYS, 0));
    assert_eq!(counts.operations(), 2 * KEYS);
}

#[test]
fn cache_aside_stores_what_it_missed() {
    let mut bench = Bench::new(Lie::None, 2, true);
    let counts = bench.run(mixed(&[(Operation::Get, 1.0)], 3_000), 1);
    assert_eq!(counts.answered[Operation::Set.number()], counts.misses);
    // One connection may miss while the other's store is on its way.
    assert!(
        (KEYS / 2..KEYS + 50).contains(&counts.misses),
        "{}",
        counts.misses
    );
    assert!(counts.hits > 2_500);
}

#[test]
fn a_closed_loop_keeps_as_many_requests_out_as_asked() {
    let mut bench = Bench::new(Lie::None, 3, false);
    let endless = mixed(&[(Operation::Get, 1.0)], 10_000);
    bench.loader.begin(endless, Pace::Closed, 5, 0);
    assert_eq!(bench.loader.waiting(), 15);
    let mut input = std::mem::take(bench.loader.output(1));
    let answers = bench.fake.serve(&mut input);
    bench.loader.receive(1, &answers, 10).unwrap();
    assert_eq!(bench.loader.waiting(), 15);
    bench.loader.stop();
    let mut input = std::mem::take(bench.loader.output(1));
    let answers = bench.fake.serve(&mut input);
    bench.loader.receive(1, &answers, 20).unwrap();
    assert_eq!(bench.loader.waiting(), 10, "nothing new after the stop");
}

#[test]
fn an_open_loop_skips_nothing_and_counts_latency_from_the_due_time() {
    let mut bench = Bench::new(Lie::None, 2, false);
    let schedule = Schedule::new(Arrivals::Fixed, 1_000_000.0, 0, Rng::new(1, 1));
    let endless = mixed(&[(Operation::Get, 1.0)], u64::MAX);
    bench.loader.begin(endless, Pace::Open(schedule, 4), 1, 0);
    assert_eq!(bench.loader.send_due(500), Some(1_000));
    assert_eq!(bench.loader.waiting(), 0);
    // The loader was away for five milliseconds: 5,000 requests are due, eight may be out.
    assert_eq!(bench.loader.send_due(5_000_000), Some(5_000_000));
    assert_eq!(bench.loader.waiting(), 8);
    let mut sent = 8;
    while sent < 5_000 {
        for session in 0..2 {
            let mut input = std::mem::take(bench.loader.output(session));
            let answers = bench.fake.serve(&mut input);
            bench.loader.receive(session, &answers, 6_000_000).unwrap();
        }
        let before = bench.loader.waiting();
        bench.loader.send_due(5_000_000);
        sent += bench.loader.waiting() - before;
    }
    assert_eq!(sent, 5_000, "one for each microsecond, none skipped");
    assert_eq!(bench.loader.send_due(5_000_500), Some(5_001_000));
    let latencies = bench.loader.tally.histogram(Operation::Get).unwrap();
    assert!(
        latencies.max() >= 5_990_000,
        "the first was due at 1 µs: {}",
        latencies.max()
    );
    let counts = bench.loader.tally.counts;
    assert!(
        counts.lag_ns_max == 4_999_000 && counts.late == 3_999,
        "{counts:?}"
    );
}

#[test]
fn warm_up_latencies_are_left_out_but_their_requests_are_counted() {
    let mut bench = Bench::new(Lie::None, 1, false);
    bench
        .loader
        .begin(mixed(&[(Operation::Get, 1.0)], 2), Pace::Closed, 1, 100);
    bench.loader.record_from(200);
    let mut input = std::mem::take(bench.loader.output(0));
    let answers = bench.fake.serve(&mut input);
    bench.loader.receive(0, &answers, 300).unwrap();
    assert!(bench.loader.tally.histogram(Operation::Get).is_none());
    assert_eq!(bench.loader.tally.counts.operations(), 1);
}

#[test]
fn a_lost_connection_counts_its_requests_as_unanswered() {
    let mut bench = Bench::new(Lie::None, 2, false);
    bench
        .loader
        .begin(mixed(&[(Operation::Get, 1.0)], 100), Pace::Closed, 3, 0);
    bench.loader.lost(0, "reset");
    bench.loader.lost(0, "reset again");
    let counts = bench.loader.tally.counts;
    assert_eq!((counts.unanswered, counts.connections_lost), (3, 1));
    assert!(bench.loader.is_connected());
    bench.loader.lost(1, "reset");
    assert!(!bench.loader.is_connected());
}

#[test]
fn bytes_that_nobody_asked_for_end_the_connection() {
    let mut bench = Bench::new(Lie::None, 1, false);
    assert_eq!(
        bench.loader.receive(0, b"+OK\r\n", 5),
        Err(ProtocolError::Unasked(5))
    );
}
