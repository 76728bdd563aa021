//! The calls under way: a slab whose keys are never mistaken for those of earlier calls.

use crate::client::error::Outcome;
use crate::client::operation::Operation;

/// A call, as long as it is under way; afterwards it names nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CallKey {
    index: u32,
    generation: u32,
}

/// Where a call is. Connections are named by their index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Nowhere yet.
    New,
    /// Waits for the first topology.
    Unrouted,
    /// Waits at a connection to come up or to have room.
    Waiting(u32),
    /// On its way.
    Sent { connection: u32, request_id: u32 },
    /// Rests before its next attempt.
    Paused,
}

/// Who wants the answer of a call.
#[derive(Debug)]
pub(super) enum For<W> {
    /// Who is to be told.
    Caller(W),
    /// The engine: it fetches the topology.
    Topology,
    /// Nobody any more: a lock whose caller has gone, or what gives it back.
    Nobody,
}

/// A call's state.
#[derive(Debug)]
pub(super) struct Call<W> {
    pub(super) operation: Operation,
    pub(super) wanted: For<W>,
    pub(super) place: Place,
    pub(super) partition: u16,
    /// Times that it was sent, or that a connection for it failed.
    pub(super) attempts: u32,
}

impl<W> Call<W> {
    pub(super) const fn new(operation: Operation, wanted: For<W>) -> Self {
        Self {
            operation,
            wanted,
            place: Place::New,
            partition: 0,
            attempts: 0,
        }
    }

    /// What may have been done once it was written and is not answered.
    pub(super) const fn outcome_if_lost(&self) -> Outcome {
        if self.operation.opcode().is_read() {
            Outcome::NothingDone
        } else {
            Outcome::Unknown
        }
    }
}

/// All calls.
#[derive(Debug)]
pub(super) struct Calls<W> {
    places: Vec<(u32, Option<Call<W>>)>,
    free: Vec<u32>,
    calls_max: usize,
}

impl<W> Calls<W> {
    pub(super) const fn new(calls_max: usize) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            calls_max,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.calls_max
    }

    pub(super) fn insert(&mut self, call: Call<W>) -> CallKey {
        if let Some(index) = self.free.pop()
            && let Some((generation, place)) = self.places.get_mut(index as usize)
        {
            *place = Some(call);
            return CallKey {
                index,
                generation: *generation,
            };
        }
        self.places.push((0, Some(call)));
        CallKey {
            index: (self.places.len() - 1) as u32,
            generation: 0,
        }
    }

    pub(super) fn remove(&mut self, key: CallKey) -> Option<Call<W>> {
        let (generation, place) = self.places.get_mut(key.index as usize)?;
        if *generation != key.generation {
            return None;
        }
        let call = place.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(key.index);
        Some(call)
    }

    pub(super) fn get(&self, key: CallKey) -> Option<&Call<W>> {
        let (generation, place) = self.places.get(key.index as usize)?;
        place.as_ref().filter(|_| *generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: CallKey) -> Option<&mut Call<W>> {
        let (generation, place) = self.places.get_mut(key.index as usize)?;
        place.as_mut().filter(|_| *generation == key.generation)
    }

    /// The calls whose answers nobody wants any more.
    pub(super) fn unwanted(&self) -> impl Iterator<Item = &Call<W>> {
        let calls = self.places.iter().filter_map(|(_, place)| place.as_ref());
        calls.filter(|call| matches!(call.wanted, For::Nobody))
    }

    pub(super) fn keys(&self) -> Vec<CallKey> {
        let places = self.places.iter().enumerate();
        let used = places.filter(|(_, (_, place))| place.is_some());
        used.map(|(index, (generation, _))| CallKey {
            index: index as u32,
            generation: *generation,
        })
        .collect()
    }
}
