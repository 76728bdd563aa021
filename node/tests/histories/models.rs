//! What a register, a counter, a versioned cell and a lock do, as models for the checker.

use super::checker::Model;

/// A key that is put, read, deleted and compared by value.
pub(crate) struct Register;

/// `None` of an answer that an open call never gave matches whatever it would have been.
#[derive(Clone, Debug)]
pub(crate) enum RegisterCall {
    Get {
        value: Option<u64>,
    },
    Put {
        value: u64,
    },
    Delete {
        found: Option<bool>,
    },
    /// Compare-and-swap by value; `expected: None` wants the key absent.
    Swap {
        expected: Option<u64>,
        new: u64,
        swapped: Option<bool>,
    },
}

impl Model for Register {
    type Operation = RegisterCall;
    type State = Option<u64>;

    fn initial(&self) -> Option<u64> {
        None
    }

    fn step(&self, state: &Option<u64>, call: &RegisterCall) -> Vec<Option<u64>> {
        match call {
            RegisterCall::Get { value } => only(value == state, *state),
            RegisterCall::Put { value } => vec![Some(*value)],
            RegisterCall::Delete { found } => {
                only(found.is_none_or(|found| found == state.is_some()), None)
            }
            RegisterCall::Swap {
                expected,
                new,
                swapped,
            } => {
                let would = expected == state;
                let next = if would { Some(*new) } else { *state };
                only(swapped.is_none_or(|swapped| swapped == would), next)
            }
        }
    }
}

/// A key that is counted.
pub(crate) struct Counter;

#[derive(Clone, Debug)]
pub(crate) enum CounterCall {
    Add { delta: i64, sum: Option<i64> },
    Get { value: Option<i64> },
}

impl Model for Counter {
    type Operation = CounterCall;
    type State = Option<i64>;

    fn initial(&self) -> Option<i64> {
        None
    }

    fn step(&self, state: &Option<i64>, call: &CounterCall) -> Vec<Option<i64>> {
        match call {
            CounterCall::Add { delta, sum } => {
                let next = state.unwrap_or(0) + delta;
                only(sum.is_none_or(|sum| sum == next), Some(next))
            }
            CounterCall::Get { value } => only(value == state, *state),
        }
    }
}

/// A key whose writes carry versions.
pub(crate) struct Versioned;

#[derive(Clone, Debug)]
pub(crate) enum VersionedCall {
    Get {
        entry: Option<(u64, u64)>,
    },
    /// `version: None`: the answer, and with it the version, never came.
    Put {
        value: u64,
        version: Option<u64>,
    },
    Swap {
        expected: u64,
        new: u64,
        outcome: SwapOutcome,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SwapOutcome {
    Stored { version: u64 },
    Refused,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Version {
    Known(u64),
    /// Of a write whose answer never came: greater than this.
    Above(u64),
}

impl Version {
    fn floor(self) -> u64 {
        match self {
            Self::Known(version) | Self::Above(version) => version,
        }
    }

    fn may_be(self, version: u64) -> bool {
        match self {
            Self::Known(known) => known == version,
            Self::Above(floor) => version > floor,
        }
    }
}

impl Versioned {
    fn write(state: &Option<(u64, Version)>, value: u64, version: Option<u64>) -> Vec<State> {
        let floor = state.map_or(0, |(_, version)| version.floor());
        match version {
            Some(version) => only(version > floor, Some((value, Version::Known(version)))),
            None => vec![Some((value, Version::Above(floor)))],
        }
    }
}

type State = Option<(u64, Version)>;

impl Model for Versioned {
    type Operation = VersionedCall;
    type State = State;

    fn initial(&self) -> State {
        None
    }

    fn step(&self, state: &State, call: &VersionedCall) -> Vec<State> {
        match *call {
            VersionedCall::Get { entry: None } => only(state.is_none(), None),
            VersionedCall::Get {
                entry: Some((value, version)),
            } => {
                let fits = state.is_some_and(|(now, at)| now == value && at.may_be(version));
                only(fits, Some((value, Version::Known(version))))
            }
            VersionedCall::Put { value, version } => Self::write(state, value, version),
            VersionedCall::Swap {
                expected,
                new,
                outcome,
            } => {
                let may = state.is_some_and(|(_, at)| at.may_be(expected));
                let must = state.is_some_and(|(_, at)| at == Version::Known(expected));
                let mut next = Vec::new();
                if may && outcome != SwapOutcome::Refused {
                    let version = match outcome {
                        SwapOutcome::Stored { version } => Some(version),
                        _ => None,
                    };
                    let matched = state.map(|(value, _)| (value, Version::Known(expected)));
                    next.extend(Self::write(&matched, new, version));
                }
                if !must && !matches!(outcome, SwapOutcome::Stored { .. }) {
                    next.push(*state);
                }
                next
            }
        }
    }
}

/// A key that is locked; tokens fence, so they only grow.
pub(crate) struct Lock;

#[derive(Clone, Debug)]
pub(crate) enum LockCall {
    /// `token: None`: the answer never came, so the node takes the lock back by itself.
    Taken { token: Option<u64> },
    /// Somebody else held it all the time that was waited, or when it was asked for.
    Refused,
    /// `freed: None`: the answer never came.
    Unlock { token: u64, freed: Option<bool> },
    /// Its map was destroyed, and the lock with it if anybody held it.
    Destroyed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Nobody,
    Token(u64),
    /// Given to one who was never told; taken back at any time.
    Orphan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LockState {
    holder: Holder,
    /// The greatest token so far that anybody knows.
    token: u64,
}

impl Model for Lock {
    type Operation = LockCall;
    type State = LockState;

    fn initial(&self) -> LockState {
        LockState {
            holder: Holder::Nobody,
            token: 0,
        }
    }

    fn step(&self, state: &LockState, call: &LockCall) -> Vec<LockState> {
        let is_free = !matches!(state.holder, Holder::Token(_));
        match *call {
            LockCall::Taken { token: Some(token) } => only(
                is_free && token > state.token,
                LockState {
                    holder: Holder::Token(token),
                    token,
                },
            ),
            LockCall::Taken { token: None } => only(
                is_free,
                LockState {
                    holder: Holder::Orphan,
                    ..*state
                },
            ),
            LockCall::Refused => only(state.holder != Holder::Nobody, *state),
            LockCall::Destroyed => {
                let holder = Holder::Nobody;
                vec![LockState { holder, ..*state }]
            }
            LockCall::Unlock { token, freed } => {
                let holds = state.holder == Holder::Token(token);
                let holder = if holds { Holder::Nobody } else { state.holder };
                only(
                    freed.is_none_or(|freed| freed == holds),
                    LockState { holder, ..*state },
                )
            }
        }
    }
}

fn only<S>(possible: bool, state: S) -> Vec<S> {
    if possible { vec![state] } else { Vec::new() }
}
