//! Exact LRU: the entry unused for longest goes.

use super::Order;
use super::objects::{List, Node, Objects};

#[derive(Default)]
pub(crate) struct Lru {
    list: List,
}

impl Order for Lru {
    fn inserted(&mut self, objects: &mut Objects, node: Node) {
        self.list.push_newest(objects, node);
    }

    fn touched(&mut self, objects: &mut Objects, node: Node) {
        self.list.unlink(objects, node);
        self.list.push_newest(objects, node);
    }

    fn removing(&mut self, objects: &mut Objects, node: Node) {
        self.list.unlink(objects, node);
    }

    fn victim(&mut self, objects: &mut Objects) -> Node {
        self.list.pop_oldest(objects).expect("a full cache")
    }
}
