//! One connection as the loader sees it: bytes waiting to be sent, requests waiting for answers,
//! and the beginning of an answer that has not come whole.
//!
//! Invariants:
//! * I1 `waiting` is in the order of sending; ids are consecutive, the last being `next_id - 1`.
//! * I2 the keys of a waiting request are `count` items of `items` from `items_at` on, counted
//!   from the first item ever (`items_base` of them are gone).
//! * I3 the front of `waiting` is unanswered: answered requests leave as soon as all before them
//!   have left.

use std::collections::VecDeque;

use crate::operation::Operation;
use crate::target::{Expected, ProtocolError};

/// One key of a waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its index.
    pub index: u64,
    /// What the check of the answer needs: the floor of a read, or the increments acknowledged
    /// before a counter's.
    pub remembered: u32,
}

/// When a request began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// From when its latency counts: in an open loop, when it was due.
    pub start_ns: u64,
    /// When it was made.
    pub made_ns: u64,
}

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// From when its latency counts: in an open loop, when it was due.
    pub start_ns: u64,
    /// When it was made.
    pub made_ns: u64,
    /// Which operation.
    pub operation: Operation,
    /// Number of its keys.
    pub count: u32,
    answered: bool,
    items_at: u64,
}

/// One connection.
#[derive(Debug, Default)]
pub struct Session {
    /// Bytes to send.
    pub out: Vec<u8>,
    /// The address that it is connected to.
    pub lane: u16,
    /// Whether `out` is known to hold something.
    pub dirty: bool,
    /// Whether the connection is gone.
    pub lost: bool,
    waiting: VecDeque<Waiting>,
    items: VecDeque<Item>,
    items_base: u64,
    next_id: u32,
    input: Vec<u8>,
    needed: usize,
}

impl Session {
    /// A connection to the address with this number.
    #[must_use]
    pub fn new(lane: u16) -> Self {
        Self {
            lane,
            ..Self::default()
        }
    }

    /// Requests that wait for their answers.
    #[inline]
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The id of the next request.
    #[inline]
    #[must_use]
    pub const fn next_id(&self) -> u32 {
        self.next_id
    }

    /// A request on `items` was appended to `out`.
    #[inline]
    pub fn sent(&mut self, operation: Operation, times: Times, items: &[Item]) {
        let items_at = self.items_base + self.items.len() as u64;
        self.items.extend(items);
        let count = items.len() as u32;
        self.waiting.push_back(Waiting {
            start_ns: times.start_ns,
            made_ns: times.made_ns,
            operation,
            count,
            answered: false,
            items_at,
        });
        self.next_id = self.next_id.wrapping_add(1);
    }

    /// What the next answer must be about; `None` where nothing waits.
    #[inline]
    #[must_use]
    pub fn expected(&self) -> Option<Expected> {
        let front = self.waiting.front()?;
        Some(Expected {
            operation: front.operation,
            items: front.count as usize,
        })
    }

    /// The place in the queue of the request with this id, or the front where there is no id.
    ///
    /// # Errors
    /// No such request waits.
    #[inline]
    pub fn place(&self, id: Option<u32>) -> Result<usize, ProtocolError> {
        let Some(id) = id else { return Ok(0) };
        let first = self.next_id.wrapping_sub(self.waiting.len() as u32);
        let place = id.wrapping_sub(first) as usize;
        match self.waiting.get(place) {
            Some(waiting) if !waiting.answered => Ok(place),
            _ => Err(ProtocolError::UnknownId(id)),
        }
    }

    /// The request at this place.
    #[inline]
    #[must_use]
    pub fn at(&self, place: usize) -> Waiting {
        self.waiting[place]
    }

    /// One key of the request at a place.
    #[inline]
    #[must_use]
    pub fn item(&self, waiting: &Waiting, number: u32) -> Item {
        self.items[(waiting.items_at - self.items_base) as usize + number as usize]
    }

    /// The request at this place was answered.
    #[inline]
    pub fn answered(&mut self, place: usize) {
        self.waiting[place].answered = true;
        while let Some(front) = self.waiting.front()
            && front.answered
        {
            let count = front.count as usize;
            self.items.drain(..count);
            self.items_base += count as u64;
            self.waiting.pop_front();
        }
    }

    /// The connection is gone, and with it every waiting request; returns how many.
    pub fn lose(&mut self) -> u64 {
        self.lost = true;
        self.out = Vec::new();
        self.waiting
            .iter()
            .filter(|waiting| !waiting.answered)
            .count() as u64
    }

    /// Takes the beginning of an answer that came earlier, completed with `bytes`; `None` where
    /// it is known that more is needed still.
    pub fn join(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.input.extend_from_slice(bytes);
        (self.input.len() >= self.needed).then(|| std::mem::take(&mut self.input))
    }

    /// Whether the beginning of an answer is kept.
    #[inline]
    #[must_use]
    pub fn is_mid_answer(&self) -> bool {
        !self.input.is_empty()
    }

    /// Keeps the beginning of an answer that is `needed` bytes long, or longer.
    pub fn keep(&mut self, rest: &[u8], needed: usize) {
        self.input.clear();
        self.input.extend_from_slice(rest);
        self.needed = needed;
    }

    /// As [`Self::keep`], of a buffer taken by [`Self::join`].
    pub fn keep_joined(&mut self, mut joined: Vec<u8>, consumed: usize, needed: usize) {
        joined.drain(..consumed);
        self.input = joined;
        self.needed = needed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> Times {
        Times {
            start_ns: ns,
            made_ns: ns,
        }
    }

    fn item(index: u64) -> Item {
        Item {
            index,
            remembered: 0,
        }
    }

    #[test]
    fn answers_out_of_order_find_their_requests_and_their_keys() {
        let mut session = Session {
            next_id: u32::MAX,
            ..Session::default()
        };
        session.sent(Operation::Get, at(1), &[item(10)]);
        session.sent(Operation::MultiGet, at(2), &[item(20), item(21)]);
        session.sent(Operation::Get, at(3), &[item(30)]);
        let place = session.place(Some(1)).unwrap();
        assert_eq!(session.item(&session.at(place), 0), item(30));
        session.answered(place);
        assert_eq!(session.waiting(), 3);
        assert_eq!(session.place(Some(1)), Err(ProtocolError::UnknownId(1)));
        session.answered(session.place(Some(u32::MAX)).unwrap());
        assert_eq!(session.waiting(), 2);
        let place = session.place(None).unwrap();
        assert_eq!(session.item(&session.at(place), 1), item(21));
        session.answered(place);
        assert_eq!((session.waiting(), session.items.len()), (0, 0));
        assert!(session.place(Some(0)).is_err());
        assert!(session.place(Some(2)).is_err());
        assert_eq!(session.expected(), None);
    }

    #[test]
    fn an_answer_in_pieces_is_joined_once_it_can_be_whole() {
        let mut session = Session::default();
        assert!(!session.is_mid_answer());
        session.keep(b"abc", 6);
        assert!(session.is_mid_answer());
        assert_eq!(session.join(b"d"), None);
        let joined = session.join(b"efg").unwrap();
        assert_eq!(joined, b"abcdefg");
        session.keep_joined(joined, 6, 9);
        assert_eq!(session.join(b"h"), None);
        assert_eq!(session.join(b"1234567").unwrap(), b"gh1234567");
    }
}
