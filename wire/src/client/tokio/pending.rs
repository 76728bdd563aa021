//! A call that is under way, and what becomes of its lock if the future that waits is dropped.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Shared;
use crate::client::engine::CallKey;
use crate::client::error::{Error, Outcome};
use crate::client::operation::Operation;
use crate::client::outcome::Response;

/// What a caller is told.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) result: Result<Response, Error>,
    /// If the result is a lock: what gives it back.
    pub(super) give_back: Option<Operation>,
}

/// A call under way. Until it is taken the lock that it asked for belongs to nobody: dropped, it
/// is given back.
#[derive(Debug)]
pub(super) struct Pending {
    state: State,
    shared: Arc<Shared>,
}

#[derive(Debug)]
enum State {
    Waiting(CallKey, oneshot::Receiver<Delivery>),
    Arrived(Delivery),
    Taken,
}

impl Pending {
    pub(super) const fn new(
        key: CallKey,
        answer: oneshot::Receiver<Delivery>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            state: State::Waiting(key, answer),
            shared,
        }
    }

    pub(super) const fn failed(error: Error, shared: Arc<Shared>) -> Self {
        let delivery = Delivery {
            result: Err(error),
            give_back: None,
        };
        Self {
            state: State::Arrived(delivery),
            shared,
        }
    }

    /// Waits for the answer.
    pub(super) async fn arrive(&mut self) {
        if let State::Waiting(_, answer) = &mut self.state {
            let delivery = answer.await;
            self.state = State::Arrived(delivery.unwrap_or(LOST));
        }
    }

    /// The answer, which has arrived.
    pub(super) fn take(mut self) -> Result<Response, Error> {
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Arrived(delivery) => delivery.result,
            State::Waiting(..) | State::Taken => LOST.result,
        }
    }
}

/// The sender is dropped unused only with the engine.
const LOST: Delivery = Delivery {
    result: Err(Error::Closed {
        outcome: Outcome::Unknown,
    }),
    give_back: None,
};

impl Drop for Pending {
    fn drop(&mut self) {
        let delivery = match std::mem::replace(&mut self.state, State::Taken) {
            State::Arrived(delivery) => Some(delivery),
            State::Waiting(key, mut answer) => {
                // What is sent from now on fails, and is given back by its sender.
                answer.close();
                self.shared.engine().abandon(key);
                answer.try_recv().ok()
            }
            State::Taken => None,
        };
        if let Some(unlock) = delivery.and_then(|delivery| delivery.give_back) {
            self.shared.give_back(unlock);
            self.shared.settle();
        }
    }
}
