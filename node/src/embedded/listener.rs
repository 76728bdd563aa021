//! Where the messages for one subscriber in this process wait until it takes them.
//!
//! Invariants:
//! * M1 What waits is at most `bytes_max` bytes, and one message more.
//! * M2 After the end nothing comes in; what waited can still be taken, then the end is told.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use tracing::error;

/// What a message counts beside its bytes.
const MESSAGE_BYTES: usize = 64;

/// A message as its subscriber gets it; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    published: Arc<Published>,
}

/// A message, shared by everybody who gets it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) channel: Box<[u8]>,
    pub(crate) pattern: Option<Box<[u8]>>,
    pub(crate) payload: Box<[u8]>,
}

impl Message {
    /// Where it was published.
    #[must_use]
    pub fn channel(&self) -> &[u8] {
        &self.published.channel
    }

    /// The pattern that the subscriber gave; `None` where it named the channel.
    #[must_use]
    pub fn pattern(&self) -> Option<&[u8]> {
        self.published.pattern.as_deref()
    }

    /// What was published. On a channel of the node's own events, see
    /// [`jerboa_wire::event::Event::decode`].
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.published.payload
    }
}

/// Why a subscriber gets no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// More waited for it than may; its subscriptions are over.
    TooSlow,
    /// The node has stopped.
    Closed,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooSlow => "the subscriber did not take its messages in time",
            Self::Closed => "the node has stopped",
        })
    }
}

impl std::error::Error for Ended {}

/// What came of handing a message over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits to be taken.
    In,
    /// It would have been too much: nothing comes in any more.
    TooMuch,
    /// Nothing comes in any more.
    Ended,
}

/// The queue between a core and one subscriber.
#[derive(Debug)]
pub(crate) struct Listener {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Arc<Published>>,
    bytes: usize,
    ended: Option<Ended>,
    waker: Option<Waker>,
}

impl Listener {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message in, or ends it if too much waits.
    pub(crate) fn push(&self, message: &Arc<Published>) -> Pushed {
        let bytes = weight(message);
        let mut state = self.state();
        if state.ended.is_some() {
            return Pushed::Ended;
        }
        let fits = state.queue.is_empty() || state.bytes + bytes <= self.bytes_max;
        if fits {
            state.bytes += bytes;
            state.queue.push_back(Arc::clone(message));
        } else {
            state.ended = Some(Ended::TooSlow);
        }
        let waker = state.waker.take();
        drop(state);
        wake(waker);
        if fits { Pushed::In } else { Pushed::TooMuch }
    }

    /// Lets nothing in any more.
    pub(crate) fn end(&self, why: Ended) {
        let mut state = self.state();
        state.ended.get_or_insert(why);
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    /// Why nothing comes in any more, if so.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state().ended
    }

    /// The next message, or the end, if there is one; else `waker` is told when there is.
    pub(super) fn poll(&self, waker: Option<&Waker>) -> Poll<Result<Message, Ended>> {
        let mut state = self.state();
        if let Some(published) = state.queue.pop_front() {
            state.bytes -= weight(&published);
            return Poll::Ready(Ok(Message { published }));
        }
        if let Some(why) = state.ended {
            return Poll::Ready(Err(why));
        }
        if let Some(waker) = waker {
            state.waker = Some(waker.clone());
        }
        Poll::Pending
    }
}

fn weight(message: &Published) -> usize {
    let pattern = message.pattern.as_ref().map_or(0, |pattern| pattern.len());
    MESSAGE_BYTES + message.channel.len() + pattern + message.payload.len()
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker
        // The waker is the caller's code: its panic is not the core's.
        && catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err()
    {
        error!("the waker of an embedded subscriber panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: usize) -> Arc<Published> {
        Arc::new(Published {
            channel: b"news"[..].into(),
            pattern: None,
            payload: vec![7; payload].into(),
        })
    }

    #[test]
    fn what_waits_is_bounded_and_still_taken_after_the_end() {
        let listener = Listener::new(1000);
        assert_eq!(listener.push(&message(5000)), Pushed::In, "always one");
        assert_eq!(listener.push(&message(1)), Pushed::TooMuch);
        assert_eq!(listener.push(&message(1)), Pushed::Ended);
        let Poll::Ready(Ok(first)) = listener.poll(None) else {
            panic!("what was taken is there");
        };
        assert_eq!(
            (first.channel(), first.payload().len()),
            (&b"news"[..], 5000)
        );
        assert_eq!(listener.poll(None), Poll::Ready(Err(Ended::TooSlow)));
        listener.end(Ended::Closed);
        assert_eq!(listener.poll(None), Poll::Ready(Err(Ended::TooSlow)));
    }

    #[test]
    fn room_comes_back_as_messages_are_taken() {
        let listener = Listener::new(1000);
        for _ in 0..100 {
            while listener.push(&message(100)) == Pushed::In && listener.state().bytes < 800 {}
            while listener.poll(None).is_ready() {}
            assert_eq!(listener.state().bytes, 0);
        }
    }
}
