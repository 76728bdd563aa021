//! First in, first out: uses change nothing.

use super::Order;
use super::objects::{List, Node, Objects};

#[derive(Default)]
pub(crate) struct Fifo {
    list: List,
}

impl Order for Fifo {
    fn inserted(&mut self, objects: &mut Objects, node: Node) {
        self.list.push_newest(objects, node);
    }

    fn touched(&mut self, _objects: &mut Objects, _node: Node) {}

    fn removing(&mut self, objects: &mut Objects, node: Node) {
        self.list.unlink(objects, node);
    }

    fn victim(&mut self, objects: &mut Objects) -> Node {
        self.list.pop_oldest(objects).expect("a full cache")
    }
}
