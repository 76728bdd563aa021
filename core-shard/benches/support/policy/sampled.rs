//! Redis' LRU: of five entries drawn at random, those unused for longest join a pool of sixteen
//! candidates, and the best candidate goes.
//!
//! The time of a use is the number of the request, which is finer than Redis' clock of seconds and
//! so flatters it.

use super::Order;
use super::objects::{Node, Objects};
use crate::support::random::Random;

const SAMPLES: usize = 5;
const POOL: usize = 16;

pub(crate) struct SampledLru {
    random: Random,
    uses: u64,
    /// All entries, to draw from, and where each node stands in it.
    live: Vec<Node>,
    place: Vec<u32>,
    /// Keys with the time of use they had when drawn, the longest unused first.
    pool: Vec<(u64, u32)>,
}

impl SampledLru {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            uses: 0,
            live: Vec::new(),
            place: Vec::new(),
            pool: Vec::with_capacity(POOL + 1),
        }
    }

    fn use_now(&mut self, objects: &mut Objects, node: Node) {
        self.uses += 1;
        objects.at_mut(node).mark = self.uses;
    }

    fn forget(&mut self, node: Node) {
        let place = self.place[node as usize] as usize;
        self.live.swap_remove(place);
        if let Some(moved) = self.live.get(place) {
            self.place[*moved as usize] = place as u32;
        }
    }

    /// Lets a few entries, drawn at random, into the pool.
    pub(crate) fn sample(&mut self, objects: &Objects) {
        for _ in 0..SAMPLES {
            let drawn = self.random.below(self.live.len() as u64) as usize;
            let object = objects.at(self.live[drawn]);
            let candidate = (object.mark, object.key);
            if self.pool.iter().any(|(_, key)| *key == object.key) {
                continue;
            }
            let place = self.pool.partition_point(|one| *one < candidate);
            if place < POOL {
                self.pool.insert(place, candidate);
                self.pool.truncate(POOL);
            }
        }
    }
}

impl Order for SampledLru {
    fn inserted(&mut self, objects: &mut Objects, node: Node) {
        if self.place.len() <= node as usize {
            self.place.resize(node as usize + 1, 0);
        }
        self.place[node as usize] = self.live.len() as u32;
        self.live.push(node);
        self.use_now(objects, node);
    }

    fn touched(&mut self, objects: &mut Objects, node: Node) {
        self.use_now(objects, node);
    }

    fn removing(&mut self, _objects: &mut Objects, node: Node) {
        self.forget(node);
    }

    fn victim(&mut self, objects: &mut Objects) -> Node {
        loop {
            self.sample(objects);
            while !self.pool.is_empty() {
                // The key may be gone since; one used since still goes, as in Redis.
                let (_, key) = self.pool.remove(0);
                if let Some(node) = objects.find(key) {
                    self.forget(node);
                    return node;
                }
            }
        }
    }
}
