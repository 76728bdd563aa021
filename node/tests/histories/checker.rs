//! Whether what many clients saw of one key can be explained by one operation after another.
//!
//! The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with the
//! memory of Lowe ("Testing for linearizability", 2017): take any call that began before the first
//! return among those left, apply it to the model, go on; never visit the same set of calls done
//! with the same state twice. Keys are independent, so each has a history of its own (Herlihy and
//! Wing's locality).
//!
//! A call that was not answered stays open: it may have been done at any time after it began, or
//! never. Each open call doubles what a search may have to look at before it may say that nothing
//! explains a history, so there should be few of them for one key.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// What a kind of object does, one operation at a time.
pub(crate) trait Model {
    /// One call with what it answered; what an open call would have answered is left out of it.
    type Operation: Clone + Debug;
    type State: Clone + Eq + Hash + Debug;

    fn initial(&self) -> Self::State;

    /// The states that the operation may lead to with the answer that it gave; none if it cannot
    /// have given it.
    fn step(&self, state: &Self::State, operation: &Self::Operation) -> Vec<Self::State>;
}

/// One call of one client.
#[derive(Clone, Debug)]
pub(crate) struct Call<O> {
    #[expect(dead_code, reason = "printed with a history that nothing explains")]
    pub(crate) client: usize,
    /// Any clock that all clients share.
    pub(crate) called: u64,
    /// `None`: never answered.
    pub(crate) returned: Option<u64>,
    pub(crate) operation: O,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Linearizable,
    /// No order explains the history; this many answered calls of it could be explained.
    Violation {
        explained: usize,
    },
    /// The search was given up.
    Undecided,
}

/// States that one search may visit: above this a history is too concurrent to decide.
const VISITS_MAX: usize = 4_000_000;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Visit<S> {
    /// One bit for each call.
    done: Vec<u64>,
    state: S,
}

impl<S> Visit<S> {
    fn is_done(&self, call: usize) -> bool {
        self.done[call / 64] & 1 << (call % 64) != 0
    }
}

/// Searches for an order of `calls` that explains every answer.
pub(crate) fn check<M: Model>(model: &M, calls: &[Call<M::Operation>]) -> Verdict {
    let mut calls: Vec<&Call<M::Operation>> = calls.iter().collect();
    calls.sort_by_key(|call| call.called);
    let answered = calls.iter().filter(|call| call.returned.is_some()).count();
    let first = Visit {
        done: vec![0; calls.len().div_ceil(64)],
        state: model.initial(),
    };
    let mut seen = HashSet::from([first.clone()]);
    // With each visit: its answered calls that are done, and where the first one left may be.
    let mut stack = vec![(first, 0, 0)];
    let mut explained = 0;
    while let Some((visit, count, mut from)) = stack.pop() {
        explained = explained.max(count);
        if count == answered {
            return Verdict::Linearizable;
        }
        while from < calls.len() && visit.is_done(from) {
            from += 1;
        }
        let mut first_return = u64::MAX;
        // By the time of calling: nothing behind the first return can come next.
        for (index, call) in calls.iter().enumerate().skip(from) {
            if call.called > first_return {
                break;
            }
            if visit.is_done(index) {
                continue;
            }
            first_return = first_return.min(call.returned.unwrap_or(u64::MAX));
        }
        for (index, call) in calls.iter().enumerate().skip(from) {
            if call.called > first_return {
                break;
            }
            if visit.is_done(index) {
                continue;
            }
            for state in model.step(&visit.state, &call.operation) {
                let mut done = visit.done.clone();
                done[index / 64] |= 1 << (index % 64);
                let next = Visit { done, state };
                if seen.insert(next.clone()) {
                    let count = count + usize::from(call.returned.is_some());
                    stack.push((next, count, from));
                }
            }
        }
        if seen.len() > VISITS_MAX {
            return Verdict::Undecided;
        }
    }
    Verdict::Violation { explained }
}
