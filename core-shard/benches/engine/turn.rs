//! One contender's turn: filled from empty, measured, freed.

use std::hint::black_box;

use super::contender::{BATCH, Contender, Key, Payload, key};
use crate::support::clock::{Elapsed, Stopwatch};
use crate::support::mix::mix;
use crate::support::random::Random;

/// The size of a turn.
pub(crate) struct Plan {
    pub(crate) entries: u64,
    pub(crate) operations: u64,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Insert,
    InsertBatch,
    Get,
    GetBatch,
    Put,
    PutBatch,
    Delete,
    DeleteBatch,
    Reinsert,
    ReinsertBatch,
}

impl Operation {
    pub(crate) const ALL: [Self; 10] = [
        Self::Insert,
        Self::InsertBatch,
        Self::Get,
        Self::GetBatch,
        Self::Put,
        Self::PutBatch,
        Self::Delete,
        Self::DeleteBatch,
        Self::Reinsert,
        Self::ReinsertBatch,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::InsertBatch => "insert, batches",
            Self::Get => "get",
            Self::GetBatch => "get, batches",
            Self::Put => "overwrite",
            Self::PutBatch => "overwrite, batches",
            Self::Delete => "delete",
            Self::DeleteBatch => "delete, batches",
            Self::Reinsert => "insert again",
            Self::ReinsertBatch => "insert again, batches",
        }
    }
}

/// Receives what was measured: the operation, how many, and their time.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Operation, u64, Elapsed);

/// Inserts are measured in stretches of so many entries, one by one and in batches in turn, so
/// that both meet the contender at every size.
const STRETCH: u64 = 4 * 1024;
const VALUE: Payload = [0xA5; 64];

pub(crate) fn take_turn<C: Contender>(plan: &Plan, round: u64, sink: Sink<'_>) {
    let mut contender = C::new(plan.entries);
    if let Some(description) = contender.describe() {
        eprintln!("{} of {} entries: {description}", C::NAME, plan.entries);
    }
    fill(&mut contender, plan, sink);
    let mut random = Random::new(round + 1);
    let mut draw = || random.below(plan.entries);
    // The first pass over a new store is not counted: it meets cold page tables.
    get(&mut contender, plan, &mut draw, &mut |_, _, _| {});
    get(&mut contender, plan, &mut draw, sink);
    put(&mut contender, plan, &mut draw, sink);
    delete_and_reinsert(&mut contender, plan, sink);
}

fn fill<C: Contender>(contender: &mut C, plan: &Plan, sink: Sink<'_>) {
    // Several small stores are filled for the time of a large one.
    let stretch = STRETCH.min((plan.entries / 2).next_multiple_of(BATCH as u64));
    let mut number = 0;
    while number < plan.entries {
        let end = plan.entries.min(number + stretch);
        let watch = Stopwatch::start();
        for one in number..end {
            contender.put(&key(one), &VALUE);
            upkeep(contender, one);
        }
        sink(Operation::Insert, end - number, watch.stop());
        number = end;
        let batches = stretch.min(plan.entries - number) / BATCH as u64;
        let watch = Stopwatch::start();
        for _ in 0..batches {
            let keys = batch(&mut || {
                number += 1;
                number - 1
            });
            contender.put_batch(&keys, &VALUE);
            upkeep(contender, number);
        }
        sink(Operation::InsertBatch, batches * BATCH as u64, watch.stop());
    }
}

fn get<C: Contender>(
    contender: &mut C,
    plan: &Plan,
    draw: &mut impl FnMut() -> u64,
    sink: Sink<'_>,
) {
    let mut found = 0;
    let mut value = VALUE;
    let watch = Stopwatch::start();
    for _ in 0..plan.operations {
        found += u64::from(contender.get(&key(draw()), &mut value));
        black_box(&value);
    }
    sink(Operation::Get, plan.operations, watch.stop());
    let mut values = [VALUE; BATCH];
    let batches = plan.operations / BATCH as u64;
    let watch = Stopwatch::start();
    for _ in 0..batches {
        found += contender.get_batch(&batch(draw), &mut values) as u64;
        black_box(&values);
    }
    sink(Operation::GetBatch, batches * BATCH as u64, watch.stop());
    let asked = plan.operations + batches * BATCH as u64;
    check_found::<C>(found, asked);
}

fn put<C: Contender>(
    contender: &mut C,
    plan: &Plan,
    draw: &mut impl FnMut() -> u64,
    sink: Sink<'_>,
) {
    let watch = Stopwatch::start();
    for one in 0..plan.operations {
        contender.put(&key(draw()), &VALUE);
        upkeep(contender, one);
    }
    sink(Operation::Put, plan.operations, watch.stop());
    let batches = plan.operations / BATCH as u64;
    let watch = Stopwatch::start();
    for one in 0..batches {
        contender.put_batch(&batch(draw), &VALUE);
        upkeep(contender, one * BATCH as u64);
    }
    sink(Operation::PutBatch, batches * BATCH as u64, watch.stop());
}

/// Deletes a quarter one by one and a quarter in batches, inserts them again, where the index has
/// its size by now, and goes on until the plan's operations are reached or one pass is done.
fn delete_and_reinsert<C: Contender>(contender: &mut C, plan: &Plan, sink: Sink<'_>) {
    let quarter = (plan.entries / 4).min(plan.operations / 2) / BATCH as u64 * BATCH as u64;
    let passes = (plan.operations / 4 / quarter.max(1)).max(1);
    for _ in 0..passes {
        let mut numbers = shuffled(plan.entries);
        let mut removed = 0;
        let watch = Stopwatch::start();
        for number in numbers.by_ref().take(quarter as usize) {
            removed += u64::from(contender.delete(&key(number)));
            upkeep(contender, removed);
        }
        sink(Operation::Delete, quarter, watch.stop());
        let watch = Stopwatch::start();
        for _ in 0..quarter / BATCH as u64 {
            let keys = batch(&mut || numbers.next().unwrap_or_default());
            removed += contender.delete_batch(&keys) as u64;
            upkeep(contender, removed);
        }
        sink(Operation::DeleteBatch, quarter, watch.stop());
        check_found::<C>(removed, 2 * quarter);
        reinsert(contender, shuffled(plan.entries), quarter, sink);
    }
}

/// Inserts the first quarter of the numbers one by one and the second in batches.
fn reinsert<C: Contender>(
    contender: &mut C,
    mut numbers: impl Iterator<Item = u64>,
    quarter: u64,
    sink: Sink<'_>,
) {
    let mut stored = 0;
    let watch = Stopwatch::start();
    for number in numbers.by_ref().take(quarter as usize) {
        contender.put(&key(number), &VALUE);
        stored += 1;
        upkeep(contender, stored);
    }
    sink(Operation::Reinsert, quarter, watch.stop());
    let watch = Stopwatch::start();
    for _ in 0..quarter / BATCH as u64 {
        let keys = batch(&mut || numbers.next().unwrap_or_default());
        contender.put_batch(&keys, &VALUE);
        stored += BATCH as u64;
        upkeep(contender, stored);
    }
    sink(Operation::ReinsertBatch, quarter, watch.stop());
}

/// All numbers below a bound, each once, in no order: an odd factor walks a power of two.
fn shuffled(bound: u64) -> impl Iterator<Item = u64> {
    let mask = bound.next_power_of_two() - 1;
    (0..=mask)
        .map(move |place| (place.wrapping_mul(mix(7) | 1) ^ 0x2A) & mask)
        .filter(move |number| *number < bound)
}

fn check_found<C: Contender>(found: u64, asked: u64) {
    let missing = asked - found;
    let allowed = asked * C::REFUSED_PER_MILLION / 1_000_000;
    assert!(missing <= allowed, "{} lost {missing} of {asked}", C::NAME);
}

#[inline]
fn batch(draw: &mut impl FnMut() -> u64) -> [Key; BATCH] {
    std::array::from_fn(|_| key(draw()))
}

#[inline]
fn upkeep<C: Contender>(contender: &mut C, operations: u64) {
    if operations.is_multiple_of(2 * BATCH as u64) {
        contender.upkeep();
    }
}
