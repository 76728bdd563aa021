//! Locks that end by themselves: a lease is over at its time on the clock of the owner and not
//! before, whatever it is asked for meanwhile, and whoever lost one is told so.
//!
//! The model knows the owner's clock from what it tells: the token of a lock is the version under
//! which it was taken, and the upper bits of that are the time on the owner's clock; an extended
//! lease comes with its end. Of other answers it knows that the clock showed no less than what was
//! told before the question, and no more than all clocks of this machine when the answer was there.
//! So nothing here depends on how long anything took.

mod planted;

use std::time::Duration;

use super::callers::{Caller, Within, written_ms};
use super::checker::{Call, Model, Verdict, check};
use super::common::key_of_core;
use super::doors::{Do, Got};
use super::{CORES, assert_linearizable, histories, unexpected};

/// A key that is locked for a time.
pub(crate) struct LeasedLock;

/// `None` of an answer that an open call never gave matches whatever it would have been.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// `token: None`: the answer never came, so the lock is given back by itself.
    Taken {
        token: Option<u64>,
        lease_ms: Option<u64>,
    },
    /// Somebody else held it at some time of the call.
    Refused,
    Unlock {
        token: u64,
        freed: Option<bool>,
    },
    Extended {
        token: u64,
        lease_ms: u64,
        /// Until when; `Some(None)`: it was no more.
        until_ms: Option<Option<u64>>,
    },
    /// Whether anybody holds it.
    Seen {
        held: bool,
    },
}

/// A call with what is known of the owner's clock when it was done.
#[derive(Clone, Debug)]
pub(crate) struct LeaseCall {
    operation: Operation,
    within: Within,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Nobody,
    Token {
        token: u64,
        /// When the lease ends: not before the one, and not after the other.
        earliest_ms: u64,
        latest_ms: u64,
    },
    /// Given to one who was never told; taken back at any time.
    Orphan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    holder: Holder,
    /// The greatest token so far that anybody knows.
    token: u64,
    /// What the clock of the owner has shown at least.
    clock_ms: u64,
}

/// No lease.
const NEVER_MS: u64 = u64::MAX;

impl State {
    /// The state after a lock was taken, or its lease set, at a time, for so long.
    fn held(self, token: u64, at_ms: u64, lease_ms: Option<u64>) -> Self {
        let end_ms = lease_ms.map_or(NEVER_MS, |lease_ms| at_ms + lease_ms);
        let holder = Holder::Token {
            token,
            earliest_ms: end_ms,
            latest_ms: end_ms,
        };
        Self {
            holder,
            token: self.token.max(token),
            clock_ms: at_ms,
        }
    }

    fn with(self, holder: Holder) -> Self {
        Self { holder, ..self }
    }

    /// Whether it may be held now.
    fn may_be_held(&self) -> bool {
        match self.holder {
            Holder::Nobody => false,
            Holder::Token { latest_ms, .. } => self.clock_ms < latest_ms,
            Holder::Orphan => true,
        }
    }

    /// The state where it is free, if it may be up to a time: then its clock has come so far.
    fn free(self, by_ms: u64) -> Option<Self> {
        let clock_ms = match self.holder {
            Holder::Nobody | Holder::Orphan => self.clock_ms,
            Holder::Token {
                earliest_ms: NEVER_MS,
                ..
            } => return None,
            Holder::Token { earliest_ms, .. } => self.clock_ms.max(earliest_ms),
        };
        let free = Self {
            clock_ms,
            ..self.with(Holder::Nobody)
        };
        (clock_ms <= by_ms).then_some(free)
    }

    fn is_of(&self, asked: u64) -> bool {
        matches!(self.holder, Holder::Token { token, .. } if token == asked)
    }

    /// The state where one who names a token is told that it holds nothing.
    fn disowned(self, token: u64, by_ms: u64) -> Option<Self> {
        if self.is_of(token) {
            self.free(by_ms)
        } else {
            Some(self)
        }
    }

    /// The state after a lock was given out at the time that its token tells.
    fn taken(self, token: u64, lease_ms: Option<u64>, by_ms: u64) -> Option<Self> {
        let at_ms = written_ms(token);
        let is_now = (self.clock_ms..=by_ms).contains(&at_ms);
        let free = self.free(at_ms)?;
        (is_now && token > self.token).then(|| free.held(token, at_ms, lease_ms))
    }

    /// The state after a lease was set to end at a time, which tells when it was set.
    fn extended(self, token: u64, lease_ms: u64, until_ms: u64, by_ms: u64) -> Option<Self> {
        let at_ms = until_ms.checked_sub(lease_ms)?;
        let is_now = (self.clock_ms..=by_ms).contains(&at_ms);
        let then = Self {
            clock_ms: at_ms,
            ..self
        };
        let holds = self.is_of(token) && then.may_be_held();
        (is_now && holds).then(|| self.held(token, at_ms, Some(lease_ms)))
    }
}

impl Model for LeasedLock {
    type Operation = LeaseCall;
    type State = State;

    fn initial(&self) -> State {
        State {
            holder: Holder::Nobody,
            token: 0,
            clock_ms: 0,
        }
    }

    fn step(&self, before: &State, call: &LeaseCall) -> Vec<State> {
        let Within { from_ms, by_ms } = call.within;
        let state = State {
            clock_ms: before.clock_ms.max(from_ms),
            ..*before
        };
        if state.clock_ms > by_ms {
            return Vec::new();
        }
        match call.operation {
            Operation::Taken {
                token: Some(token),
                lease_ms,
            } => Vec::from_iter(state.taken(token, lease_ms, by_ms)),
            Operation::Taken { token: None, .. } => {
                let free = state.free(by_ms);
                Vec::from_iter(free.map(|free| free.with(Holder::Orphan)))
            }
            Operation::Refused | Operation::Seen { held: true } => {
                Vec::from_iter(state.may_be_held().then_some(state))
            }
            Operation::Seen { held: false } => Vec::from_iter(state.free(by_ms)),
            Operation::Unlock { token, freed } => {
                let holds = state.is_of(token) && state.may_be_held();
                let freeing = holds.then(|| state.with(Holder::Nobody));
                match freed {
                    Some(true) => Vec::from_iter(freeing),
                    Some(false) => Vec::from_iter(state.disowned(token, by_ms)),
                    None => Vec::from_iter(freeing.into_iter().chain([state])),
                }
            }
            Operation::Extended {
                token,
                lease_ms,
                until_ms,
            } => match until_ms {
                Some(Some(until_ms)) => {
                    Vec::from_iter(state.extended(token, lease_ms, until_ms, by_ms))
                }
                Some(None) => Vec::from_iter(state.disowned(token, by_ms)),
                None => {
                    let holds = state.is_of(token) && state.may_be_held();
                    let extended = holds.then(|| {
                        state.with(Holder::Token {
                            token,
                            earliest_ms: state.clock_ms + lease_ms,
                            latest_ms: NEVER_MS,
                        })
                    });
                    Vec::from_iter(extended.into_iter().chain([state]))
                }
            },
        }
    }
}

/// What a client does with a lock that it got, and how it gives it back or does not.
fn hold(
    caller: &mut Caller<'_>,
    core: usize,
    key: &[u8],
    (token, lease_ms): (u64, Option<u64>),
    calls: &mut Vec<Call<LeaseCall>>,
) {
    // Tells the clock of the owner, which the calls after it know of.
    let scratch = key_of_core(core as u16, CORES, 1000 + caller.client as u32);
    for _ in 0..caller.random.below(3) {
        let stall_ms = caller.random.below(12) as u64;
        match caller.random.below(3) {
            0 => std::thread::sleep(Duration::from_millis(stall_ms)),
            1 => {
                let value = caller.value();
                caller.ask(core, &scratch, Do::Put(value));
            }
            // One without an end gets one.
            _ => {
                let lease_ms = 1 + stall_ms * 2;
                calls.push(call(caller, core, key, Do::Lease(token, lease_ms)));
            }
        }
    }
    // Half of those who will lose it leave it at that.
    if lease_ms.is_some() && caller.random.below(2) == 0 {
        return;
    }
    // Whoever does not hear that it was given back asks again.
    loop {
        calls.push(call(caller, core, key, Do::Unlock(token)));
        if calls.last().is_some_and(|call| call.returned.is_some()) {
            return;
        }
    }
}

fn call(caller: &mut Caller<'_>, core: usize, key: &[u8], what: Do) -> Call<LeaseCall> {
    let client = caller.client;
    let asked = caller.ask(core, key, what);
    let operation = match (what, asked.got) {
        (Do::Lock(..), Some(Got::Version(None))) => Operation::Refused,
        (Do::Lock(_, lease_ms), Some(Got::Version(token))) => Operation::Taken { token, lease_ms },
        (Do::Lock(_, lease_ms), None) => Operation::Taken {
            token: None,
            lease_ms,
        },
        (Do::Unlock(token), None) => Operation::Unlock { token, freed: None },
        (Do::Unlock(token), Some(Got::Flag(freed))) => Operation::Unlock {
            token,
            freed: Some(freed),
        },
        (Do::Lease(token, lease_ms), None) => Operation::Extended {
            token,
            lease_ms,
            until_ms: None,
        },
        (Do::Lease(token, lease_ms), Some(Got::Until(until_ms))) => Operation::Extended {
            token,
            lease_ms,
            until_ms: Some(until_ms),
        },
        (Do::Exists, Some(Got::Flag(held))) => Operation::Seen { held },
        (Do::Exists, None) => Operation::Seen { held: false },
        (_, Some(got)) => unexpected(got),
        (what, None) => panic!("{what:?} was not asked"),
    };
    let within = asked.within;
    asked.call(client, LeaseCall { operation, within })
}

/// Takes the lock for a time or without end, and holds it; or looks at it, or comes with a token of
/// before.
fn script(caller: &mut Caller<'_>, core: usize, key: &[u8]) -> Vec<Call<LeaseCall>> {
    if caller.random.below(4) == 0 {
        let seen = call(caller, core, key, Do::Exists);
        // A look that was never answered says nothing.
        return Vec::from_iter(seen.returned.is_some().then_some(seen));
    }
    let wait_ms = [0, 5, 25][caller.random.below(3)];
    let lease_ms = [None, Some(1), Some(5), Some(20)][caller.random.below(4)];
    let mut calls = vec![call(caller, core, key, Do::Lock(wait_ms, lease_ms))];
    if let Operation::Taken {
        token: Some(token), ..
    } = calls[0].operation.operation
    {
        hold(caller, core, key, (token, lease_ms), &mut calls);
        if caller.random.below(4) == 0 {
            let what = match caller.random.below(2) {
                0 => Do::Unlock(token),
                _ => Do::Lease(token, 50),
            };
            calls.push(call(caller, core, key, what));
        }
    }
    calls
}

/// What a history must have in it to say anything.
fn count(history: &[Call<LeaseCall>], is: impl Fn(&Operation) -> bool) -> usize {
    let operations = history.iter().map(|call| &call.operation.operation);
    operations.filter(|operation| is(operation)).count()
}

#[test]
fn a_lease_ends_at_its_time_and_not_before_and_who_lost_it_is_told() {
    for history in histories(7, 60, script) {
        let taken = |operation: &Operation| matches!(operation, Operation::Taken { .. });
        let lost = |operation: &Operation| {
            matches!(
                operation,
                Operation::Unlock {
                    freed: Some(false),
                    ..
                } | Operation::Extended {
                    until_ms: Some(None),
                    ..
                }
            )
        };
        let extended = |operation: &Operation| {
            let Operation::Extended { until_ms, .. } = operation else {
                return false;
            };
            until_ms.is_some_and(|until_ms| until_ms.is_some())
        };
        let (taken, lost, extended) = (
            count(&history, taken),
            count(&history, lost),
            count(&history, extended),
        );
        println!("{taken} taken, {lost} lost, {extended} extended");
        assert!(taken > 0 && lost > 0 && extended > 0);
        assert_linearizable(&LeasedLock, "leases", &history);
    }
}

/// The checker must notice real mistakes in real histories: one client that was told that its lease
/// was over says that it was not.
#[test]
fn a_client_that_takes_its_lease_for_endless_is_caught() {
    let mut planted = 0;
    for history in histories(8, 60, script) {
        assert_linearizable(&LeasedLock, "leases", &history);
        let lost = history.iter().enumerate().filter_map(|(index, call)| {
            let Operation::Unlock {
                token,
                freed: Some(false),
            } = call.operation.operation
            else {
                return None;
            };
            // Of those who lost it to the next one, before they came to give it back.
            let called = call.called;
            let is_next = |other: &Call<LeaseCall>| {
                let Operation::Taken {
                    token: Some(next), ..
                } = other.operation.operation
                else {
                    return false;
                };
                next > token && other.returned.is_some_and(|returned| returned < called)
            };
            history.iter().any(is_next).then_some((index, token))
        });
        for (index, token) in lost.take(3) {
            let mut lie = history.clone();
            lie[index].operation.operation = Operation::Unlock {
                token,
                freed: Some(true),
            };
            let verdict = check(&LeasedLock, &lie);
            assert!(matches!(verdict, Verdict::Violation { .. }), "{verdict:?}");
            planted += 1;
        }
    }
    assert!(planted > 0, "nobody lost a lease to another");
}
