//! The queue of calls for one core: any thread puts in, the core alone takes out and waits for none
//! of them, wherever the kernel may have put one to sleep.
//!
//! ```text
//!           head (the core's)            tail (the next ticket)
//!             ▼                            ▼
//!  … │ taken │ full │ full │ claimed │ full │ free …      place = ticket mod number of places
//! ```
//! Who puts in draws a ticket and fills the place of that number, which is nobody else's until the
//! core has emptied it. The core looks at the place of its own number: while that is claimed but not
//! full it takes nothing, and goes on with its turn. Whoever fills the place wakes the core.
//!
//! Invariants:
//! * Q1 No more tickets are drawn than there are places that the core has emptied: the caller of
//!   [`Queue::put`] has room for the item ([`super::door`], D3). So two tickets never share a place.
//! * Q2 A place's lock is free whenever the core looks for it, but for the moment in which somebody
//!   takes an item back. The core only tries it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// The queue as all threads see it.
#[derive(Debug)]
pub(super) struct Queue<T> {
    places: Box<[Place<T>]>,
    tail: Tail,
}

/// Which place an item is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// On a line of its own: every thread that puts in writes it.
#[derive(Debug)]
#[repr(align(128))]
struct Tail(AtomicU64);

#[derive(Debug)]
struct Place<T> {
    /// The item was put in, and may have been taken back.
    is_full: AtomicBool,
    item: Mutex<Option<T>>,
}

impl<T> Place<T> {
    const fn new() -> Self {
        Self {
            is_full: AtomicBool::new(false),
            item: Mutex::new(None),
        }
    }

    /// For those who may wait.
    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        // Nothing that is done under the lock can stop half-way.
        self.item.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the core. `None` while somebody has the lock.
    fn try_lock(&self) -> Option<MutexGuard<'_, Option<T>>> {
        match self.item.try_lock() {
            Ok(item) => Some(item),
            Err(TryLockError::Poisoned(item)) => Some(item.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T> Queue<T> {
    /// A queue with room for `capacity` items at least.
    pub(super) fn new(capacity: usize) -> Self {
        let places = capacity.next_power_of_two();
        Self {
            places: (0..places).map(|_| Place::new()).collect(),
            tail: Tail(AtomicU64::new(0)),
        }
    }

    fn place(&self, number: u64) -> &Place<T> {
        // A power of two: what is cut off makes no difference.
        &self.places[number as usize & (self.places.len() - 1)]
    }

    /// Puts an item in, for which the caller has room (Q1).
    pub(super) fn put(&self, item: T) -> Ticket {
        let ticket = self.draw();
        self.fill(ticket, item);
        ticket
    }

    fn draw(&self) -> Ticket {
        Ticket(self.tail.0.fetch_add(1, Ordering::Relaxed))
    }

    fn fill(&self, ticket: Ticket, item: T) {
        let place = self.place(ticket.0);
        let before = place.lock().replace(item);
        debug_assert!(before.is_none(), "Q1: a place was filled twice");
        place.is_full.store(true, Ordering::Release);
    }

    /// Takes an item back that was put in, if nobody has taken it out. Its place is passed over.
    pub(super) fn take_back(&self, ticket: Ticket) -> Option<T> {
        self.place(ticket.0).lock().take()
    }

    /// Takes out what is left, whoever would have; the core takes nothing any more. An item that is
    /// being put in or taken back at this moment is left to whoever does that.
    pub(super) fn sweep(&self) {
        for place in &self.places {
            drop(place.try_lock().and_then(|mut item| item.take()));
        }
    }
}

/// Where the core is in its queue.
#[derive(Debug, Default)]
pub(super) struct Head(std::cell::Cell<u64>);

/// What the core found in the next place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    Item(T),
    /// An item that was taken back.
    TakenBack,
    /// Nothing, or something that is being put in or taken back at this moment.
    Nothing,
}

impl Head {
    /// Whether there is nothing to take now.
    pub(super) fn is_at_end<T>(&self, queue: &Queue<T>) -> bool {
        !queue.place(self.0.get()).is_full.load(Ordering::Acquire)
    }

    /// Takes the next item. Waits for nobody.
    pub(super) fn take<T>(&self, queue: &Queue<T>) -> Found<T> {
        let number = self.0.get();
        let place = queue.place(number);
        if !place.is_full.load(Ordering::Acquire) {
            return Found::Nothing;
        }
        let Some(mut item) = place.try_lock() else {
            return Found::Nothing;
        };
        let found = item.take();
        drop(item);
        place.is_full.store(false, Ordering::Release);
        self.0.set(number + 1);
        found.map_or(Found::TakenBack, Found::Item)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// The fear: a thread that the kernel has put to sleep between two instructions keeps the core
    /// waiting. That this test ends is what it shows.
    #[test]
    fn a_sender_that_sleeps_half_way_keeps_the_core_from_nothing_but_its_item() {
        let (queue, head) = (Queue::new(4), Head::default());
        let asleep = queue.draw();
        queue.put("behind it");
        for _ in 0..3 {
            assert_eq!(head.take(&queue), Found::Nothing);
            assert!(head.is_at_end(&queue), "the core may sleep meanwhile");
        }
        queue.fill(asleep, "late");
        assert!(!head.is_at_end(&queue));
        assert_eq!(head.take(&queue), Found::Item("late"));
        assert_eq!(head.take(&queue), Found::Item("behind it"));
        assert_eq!(head.take(&queue), Found::Nothing);
    }

    #[test]
    fn a_sender_that_sleeps_with_a_lock_keeps_the_core_from_nothing() {
        let (queue, head) = (Queue::new(2), Head::default());
        let ticket = queue.put(1);
        queue.put(2);
        let held = queue.place(ticket.0).lock();
        assert_eq!(head.take(&queue), Found::Nothing);
        queue.sweep();
        drop(held);
        assert_eq!(head.take(&queue), Found::Item(1), "it was left alone");
        assert_eq!(head.take(&queue), Found::TakenBack, "it was swept");
    }

    #[test]
    fn what_was_taken_back_is_passed_over_and_its_place_used_again() {
        let (queue, head) = (Queue::new(2), Head::default());
        for round in 0..10 {
            let (first, second) = (queue.put(round), queue.put(round + 100));
            assert_eq!(queue.take_back(first), Some(round));
            assert_eq!(queue.take_back(first), None);
            assert_eq!(head.take(&queue), Found::TakenBack);
            assert_eq!(head.take(&queue), Found::Item(round + 100));
            assert_eq!(queue.take_back(second), None, "the core has it");
            assert_eq!(head.take(&queue), Found::Nothing);
        }
    }

    #[test]
    fn many_threads_lose_no_item_and_keep_their_orders() {
        const SENDERS: usize = 4;
        const ITEMS: usize = 20_000;
        const CAPACITY: usize = 8;
        let queue = Queue::new(CAPACITY);
        let places = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let (queue, places) = (&queue, &places);
                scope.spawn(move || {
                    for number in 0..ITEMS {
                        while places.fetch_add(1, Ordering::Acquire) >= CAPACITY {
                            places.fetch_sub(1, Ordering::Release);
                            std::thread::yield_now();
                        }
                        queue.put((sender, number));
                    }
                });
            }
            let head = Head::default();
            let mut next = [0; SENDERS];
            while next.iter().sum::<usize>() < SENDERS * ITEMS {
                match head.take(&queue) {
                    Found::Item((sender, number)) => {
                        assert_eq!(number, next[sender]);
                        next[sender] += 1;
                        places.fetch_sub(1, Ordering::Release);
                    }
                    Found::TakenBack => panic!("nobody takes anything back"),
                    Found::Nothing => std::thread::yield_now(),
                }
            }
            assert!(head.is_at_end(&queue));
        });
    }
}
