//! The places where answers wait for their callers.
//!
//! Invariant: a ticket names its place until the place is freed, and nothing afterwards: places
//! are used again under another generation.

use std::task::{Poll, Waker};

use super::signal::Asking;
use crate::client::error::Error;
use crate::client::operation::Operation;
use crate::client::outcome::Response;

/// Names a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ticket {
    index: u32,
    generation: u32,
}

/// What a caller is told.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) result: Result<Response, Error>,
    /// If the result is a lock: what gives it back.
    pub(super) give_back: Option<Operation>,
}

/// All places of a hub: as many as there ever were calls at one time.
#[derive(Debug, Default)]
pub(super) struct Slots {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Free,
    Waiting(Option<Waker>),
    Arrived(Delivery),
}

impl Slots {
    /// A place to wait at.
    pub(super) fn take_place(&mut self) -> Ticket {
        let state = State::Waiting(None);
        if let Some(index) = self.free.pop()
            && let Some(place) = self.places.get_mut(index as usize)
        {
            place.state = state;
            let generation = place.generation;
            return Ticket { index, generation };
        }
        let index = self.places.len() as u32;
        let generation = 0;
        self.places.push(Place { generation, state });
        Ticket { index, generation }
    }

    /// Leaves an answer at a place; whom to wake goes to `woken`. It comes back where nobody
    /// waits any more.
    pub(super) fn deliver(
        &mut self,
        ticket: Ticket,
        delivery: Delivery,
        woken: &mut Vec<Waker>,
    ) -> Result<(), Delivery> {
        match self.state(ticket) {
            Some(state @ State::Waiting(_)) => {
                if let State::Waiting(waker) = std::mem::replace(state, State::Arrived(delivery)) {
                    woken.extend(waker);
                }
                Ok(())
            }
            _ => Err(delivery),
        }
    }

    /// Ready once an answer is there.
    pub(super) fn poll(&mut self, ticket: Ticket, asking: &mut Asking<'_>) -> Poll<()> {
        match self.state(ticket) {
            Some(State::Waiting(waker)) => {
                asking.remember(waker);
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Frees a place; the answer that it had.
    pub(super) fn free(&mut self, ticket: Ticket) -> Option<Delivery> {
        let state = std::mem::replace(self.state(ticket)?, State::Free);
        if let Some(place) = self.places.get_mut(ticket.index as usize) {
            place.generation = place.generation.wrapping_add(1);
        }
        self.free.push(ticket.index);
        match state {
            State::Arrived(delivery) => Some(delivery),
            State::Waiting(_) | State::Free => None,
        }
    }

    fn state(&mut self, ticket: Ticket) -> Option<&mut State> {
        let place = self.places.get_mut(ticket.index as usize)?;
        (place.generation == ticket.generation).then_some(&mut place.state)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            result: Err(Error::Overloaded),
            give_back: None,
        }
    }

    #[test]
    fn an_answer_that_comes_late_is_never_given_to_whoever_has_the_place_now() {
        let (mut slots, mut woken) = (Slots::default(), Vec::new());
        let gone = slots.take_place();
        assert!(slots.free(gone).is_none());
        let present = slots.take_place();
        assert_eq!(gone.index, present.index, "the place is used again");
        assert!(slots.deliver(gone, delivery(), &mut woken).is_err());
        let mut asking = Asking::of(&Context::from_waker(Waker::noop()));
        assert!(slots.poll(present, &mut asking).is_pending());
        assert!(slots.deliver(present, delivery(), &mut woken).is_ok());
        assert_eq!(woken.len(), 1);
        assert!(slots.poll(present, &mut asking).is_ready());
        assert!(slots.deliver(present, delivery(), &mut woken).is_err());
        assert!(slots.free(gone).is_none());
        assert!(slots.free(present).is_some());
    }
}
