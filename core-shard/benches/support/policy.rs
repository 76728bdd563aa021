//! Reference caches that are simulated: what they would hold, without holding it.
//!
//! All are charged alike for an entry (`trace.rs`) against the same number of bytes, and all drop
//! an entry at its very deadline at no cost, which no real cache can do: the policies differ in
//! what they remove to make room, and in nothing else.

pub(crate) mod fifo;
pub(crate) mod lru;
pub(crate) mod merge;
pub(crate) mod objects;
pub(crate) mod s3fifo;
pub(crate) mod sampled;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::trace::{Cache, Request, Trace};
use objects::{Node, Objects};

/// Decides the order in which entries are removed.
pub(crate) trait Order {
    /// A new entry is there.
    fn inserted(&mut self, objects: &mut Objects, node: Node);

    /// An entry was read or overwritten.
    fn touched(&mut self, objects: &mut Objects, node: Node);

    /// An entry goes for another reason than this policy.
    fn removing(&mut self, objects: &mut Objects, node: Node);

    /// The next entry to go; the caller removes it. There is at least one.
    fn victim(&mut self, objects: &mut Objects) -> Node;
}

/// A cache whose entries lie in `Objects` and go in some order.
pub(crate) struct Simulated<O> {
    pub(crate) objects: Objects,
    order: O,
    budget_bytes: u64,
    deadlines: BinaryHeap<Reverse<(u64, u32)>>,
}

impl<O: Order> Simulated<O> {
    pub(crate) fn new(order: O, trace: &Trace, budget_bytes: u64) -> Self {
        Self {
            objects: Objects::new(trace.keys),
            order,
            budget_bytes,
            deadlines: BinaryHeap::new(),
        }
    }

    fn expire(&mut self, now_ms: u64) {
        while let Some(Reverse((deadline_ms, key))) = self.deadlines.peek().copied() {
            if deadline_ms > now_ms {
                return;
            }
            self.deadlines.pop();
            if let Some(node) = self.objects.find(key)
                && self.objects.at(node).deadline_ms == deadline_ms
            {
                self.order.removing(&mut self.objects, node);
                self.objects.remove(node);
            }
        }
    }
}

impl<O: Order> Cache for Simulated<O> {
    fn read(&mut self, request: &Request) -> bool {
        self.expire(request.at_ms);
        let found = self.objects.find(request.key);
        if let Some(node) = found {
            self.order.touched(&mut self.objects, node);
        }
        found.is_some()
    }

    fn write(&mut self, request: &Request) {
        self.expire(request.at_ms);
        let deadline_ms = request.deadline_ms();
        if deadline_ms != u64::MAX {
            self.deadlines.push(Reverse((deadline_ms, request.key)));
        }
        if let Some(node) = self.objects.find(request.key) {
            // A key's size never changes within a trace.
            self.objects.at_mut(node).deadline_ms = deadline_ms;
            self.order.touched(&mut self.objects, node);
            return;
        }
        let bytes = request.charged_bytes();
        if bytes > self.budget_bytes {
            return;
        }
        while self.objects.bytes + bytes > self.budget_bytes {
            let node = self.order.victim(&mut self.objects);
            self.objects.remove(node);
        }
        let node = self.objects.insert(request.key, bytes, deadline_ms);
        self.order.inserted(&mut self.objects, node);
    }
}
