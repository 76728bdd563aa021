//! S3-FIFO per entry, as published (Yang et al., SOSP 2023): a small queue of a tenth of the
//! bytes, a main queue, and ghosts of what left the small queue unused.
//!
//! An entry used twice or more while in the small queue moves to the main one, as does one that
//! comes back while its ghost is remembered. The main queue gives an entry another round for each
//! use, of which three count.

use std::collections::VecDeque;

use super::Order;
use super::objects::{List, Node, Objects};

const SMALL: u8 = 0;
const MAIN: u8 = 1;
const USES_MAX: u64 = 3;
/// Uses in the small queue that an entry needs to be kept.
const USES_TO_STAY: u64 = 2;

/// An entry that left the small queue unused.
struct Ghost {
    key: u32,
    bytes: u64,
    leaving: u64,
}

pub(crate) struct S3Fifo {
    small: List,
    main: List,
    small_bytes_max: u64,
    /// In the order in which they left.
    ghosts: VecDeque<Ghost>,
    /// By key: the number of the leaving that is remembered, 0 for none.
    remembered: Vec<u64>,
    leavings: u64,
    ghost_bytes: u64,
    ghost_bytes_max: u64,
}

impl S3Fifo {
    pub(crate) fn new(budget_bytes: u64) -> Self {
        let small_bytes_max = budget_bytes / 10;
        Self {
            small: List::default(),
            main: List::default(),
            small_bytes_max,
            ghosts: VecDeque::new(),
            remembered: Vec::new(),
            leavings: 0,
            ghost_bytes: 0,
            ghost_bytes_max: budget_bytes - small_bytes_max,
        }
    }

    fn list(&mut self, list: u8) -> &mut List {
        if list == SMALL {
            &mut self.small
        } else {
            &mut self.main
        }
    }

    fn push(&mut self, objects: &mut Objects, node: Node, list: u8) {
        objects.at_mut(node).list = list;
        self.list(list).push_newest(objects, node);
    }

    fn remember(&mut self, key: u32, bytes: u64) {
        if self.remembered.len() <= key as usize {
            self.remembered.resize(key as usize + 1, 0);
        }
        self.leavings += 1;
        let leaving = self.leavings;
        self.remembered[key as usize] = leaving;
        self.ghosts.push_back(Ghost {
            key,
            bytes,
            leaving,
        });
        self.ghost_bytes += bytes;
        while self.ghost_bytes > self.ghost_bytes_max {
            let Some(ghost) = self.ghosts.pop_front() else {
                return;
            };
            self.ghost_bytes -= ghost.bytes;
            let now = &mut self.remembered[ghost.key as usize];
            if *now == ghost.leaving {
                *now = 0;
            }
        }
    }

    fn take_ghost(&mut self, key: u32) -> bool {
        // Its place in the queue stays until it is its turn.
        let ghost = self.remembered.get_mut(key as usize);
        ghost.is_some_and(|leaving| std::mem::take(leaving) != 0)
    }

    fn victim_of_small(&mut self, objects: &mut Objects) -> Option<Node> {
        while let Some(node) = self.small.pop_oldest(objects) {
            if objects.at(node).mark < USES_TO_STAY {
                let object = objects.at(node);
                self.remember(object.key, object.bytes);
                return Some(node);
            }
            self.push(objects, node, MAIN);
        }
        None
    }

    fn victim_of_main(&mut self, objects: &mut Objects) -> Option<Node> {
        while let Some(node) = self.main.pop_oldest(objects) {
            let object = objects.at_mut(node);
            if object.mark == 0 {
                return Some(node);
            }
            object.mark -= 1;
            self.push(objects, node, MAIN);
        }
        None
    }
}

impl Order for S3Fifo {
    fn inserted(&mut self, objects: &mut Objects, node: Node) {
        let returns = self.take_ghost(objects.at(node).key);
        self.push(objects, node, if returns { MAIN } else { SMALL });
    }

    fn touched(&mut self, objects: &mut Objects, node: Node) {
        let object = objects.at_mut(node);
        object.mark = USES_MAX.min(object.mark + 1);
    }

    fn removing(&mut self, objects: &mut Objects, node: Node) {
        self.list(objects.at(node).list).unlink(objects, node);
    }

    fn victim(&mut self, objects: &mut Objects) -> Node {
        let victim = if self.small.bytes >= self.small_bytes_max {
            self.victim_of_small(objects)
        } else {
            None
        };
        let victim = victim.or_else(|| self.victim_of_main(objects));
        let victim = victim.or_else(|| self.victim_of_small(objects));
        victim.expect("a full cache")
    }
}
