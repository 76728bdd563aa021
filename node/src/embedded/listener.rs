//! Where the messages for one subscriber in this process wait until it takes them.
//!
//! Invariants:
//! * M1 What waits is at most `bytes_max` bytes, and one message more.
//! * M2 After the end nothing more comes in; what waited can still be taken, then the end is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use atomic_waker::AtomicWaker;
use crossbeam_queue::SegQueue;
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

/// The queue between a core, which alone puts messages in, and one subscriber, which alone takes
/// them out. Neither ever waits for the other.
#[derive(Debug)]
pub(crate) struct Listener {
    bytes_max: usize,
    queue: SegQueue<Arc<Published>>,
    /// What waits, by [`weight`].
    bytes: AtomicUsize,
    /// [`OPEN`], or why nothing comes in any more.
    ended: AtomicU8,
    waker: AtomicWaker,
}

const OPEN: u8 = 0;
const TOO_SLOW: u8 = 1;
const CLOSED: u8 = 2;

impl Listener {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            queue: SegQueue::new(),
            bytes: AtomicUsize::new(0),
            ended: AtomicU8::new(OPEN),
            waker: AtomicWaker::new(),
        }
    }

    /// Puts a message in, or ends it if too much waits. Only the subscriber's core does so.
    pub(crate) fn push(&self, message: &Arc<Published>) -> Pushed {
        if self.ended().is_some() {
            return Pushed::Ended;
        }
        let bytes = weight(message);
        let waiting = self.bytes.load(Ordering::Relaxed);
        if waiting > 0 && waiting + bytes > self.bytes_max {
            self.end(Ended::TooSlow);
            return Pushed::TooMuch;
        }
        // Before the message can be taken out, and its bytes with it.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.queue.push(Arc::clone(message));
        self.wake();
        Pushed::In
    }

    /// Lets nothing in any more. The first reason stays.
    pub(crate) fn end(&self, why: Ended) {
        let why = match why {
            Ended::TooSlow => TOO_SLOW,
            Ended::Closed => CLOSED,
        };
        let first = self
            .ended
            .compare_exchange(OPEN, why, Ordering::AcqRel, Ordering::Relaxed);
        if first.is_ok() {
            self.wake();
        }
    }

    /// Why nothing comes in any more, if so.
    pub(crate) fn ended(&self) -> Option<Ended> {
        match self.ended.load(Ordering::Acquire) {
            OPEN => None,
            TOO_SLOW => Some(Ended::TooSlow),
            _ => Some(Ended::Closed),
        }
    }

    /// The next message, or the end, if there is one; else `waker` is told when there is.
    pub(crate) fn poll(&self, waker: Option<&Waker>) -> Poll<Result<Message, Ended>> {
        if let Some(found) = self.take() {
            return Poll::Ready(found);
        }
        let Some(waker) = waker else {
            return Poll::Pending;
        };
        self.waker.register(waker);
        // What came before the waker was there woke nobody.
        self.take().map_or(Poll::Pending, Poll::Ready)
    }

    fn take(&self) -> Option<Result<Message, Ended>> {
        // Looked at before the queue: what came in before the end is there then.
        let ended = self.ended();
        let Some(published) = self.queue.pop() else {
            return ended.map(Err);
        };
        self.bytes.fetch_sub(weight(&published), Ordering::Relaxed);
        Some(Ok(Message { published }))
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take()
            // The waker is the caller's code: its panic is not the core's.
            && catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err()
        {
            error!("the waker of an embedded subscriber panicked");
        }
    }
}

fn weight(message: &Published) -> usize {
    let pattern = message.pattern.as_ref().map_or(0, |pattern| pattern.len());
    MESSAGE_BYTES + message.channel.len() + pattern + message.payload.len()
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
            let bytes = || listener.bytes.load(Ordering::Relaxed);
            while listener.push(&message(100)) == Pushed::In && bytes() < 800 {}
            while listener.poll(None).is_ready() {}
            assert_eq!(bytes(), 0);
        }
    }

    #[test]
    fn a_subscriber_that_waits_beside_its_core_misses_no_message_and_no_end() {
        const MESSAGES: usize = 20_000;
        let listener = Arc::new(Listener::new(usize::MAX));
        let core = {
            let listener = Arc::clone(&listener);
            std::thread::spawn(move || {
                for number in 0..MESSAGES {
                    assert_eq!(listener.push(&message(number % 7)), Pushed::In);
                    if number % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
                listener.end(Ended::Closed);
            })
        };
        let limit = super::super::pending::Limit::new(std::time::Duration::from_secs(60));
        for number in 0..=MESSAGES {
            let found = super::super::pending::park_until(limit, |waker| {
                match listener.poll(Some(waker)) {
                    Poll::Ready(found) => Some(found),
                    Poll::Pending => None,
                }
            });
            let found = found.expect("a message or the end");
            match found {
                Ok(message) => assert_eq!(message.payload().len(), number % 7),
                Err(why) => assert_eq!((number, why), (MESSAGES, Ended::Closed)),
            }
        }
        core.join().unwrap();
    }
}
