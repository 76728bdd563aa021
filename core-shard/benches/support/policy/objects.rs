//! The entries of a simulated cache: found by key, linked into lists, their bytes counted.

/// An entry's place.
pub(crate) type Node = u32;

const NONE: Node = u32::MAX;

/// What is known of an entry.
pub(crate) struct Object {
    pub(crate) key: u32,
    pub(crate) bytes: u64,
    pub(crate) deadline_ms: u64,
    /// For the policy: which of its lists holds the entry.
    pub(crate) list: u8,
    /// For the policy: uses, or the time of the last one.
    pub(crate) mark: u64,
    newer: Node,
    older: Node,
}

/// All entries.
pub(crate) struct Objects {
    nodes: Vec<Object>,
    free: Vec<Node>,
    by_key: Vec<Node>,
    /// The sum of what is charged.
    pub(crate) bytes: u64,
}

impl Objects {
    /// For keys below this number.
    pub(crate) fn new(keys: u32) -> Self {
        Self {
            nodes: Vec::new(),
            free: Vec::new(),
            by_key: vec![NONE; keys as usize],
            bytes: 0,
        }
    }

    pub(crate) fn find(&self, key: u32) -> Option<Node> {
        let node = self.by_key[key as usize];
        (node != NONE).then_some(node)
    }

    pub(crate) fn at(&self, node: Node) -> &Object {
        &self.nodes[node as usize]
    }

    pub(crate) fn at_mut(&mut self, node: Node) -> &mut Object {
        &mut self.nodes[node as usize]
    }

    pub(crate) fn insert(&mut self, key: u32, bytes: u64, deadline_ms: u64) -> Node {
        let object = Object {
            key,
            bytes,
            deadline_ms,
            list: 0,
            mark: 0,
            newer: NONE,
            older: NONE,
        };
        let node = match self.free.pop() {
            Some(node) => {
                self.nodes[node as usize] = object;
                node
            }
            None => {
                self.nodes.push(object);
                (self.nodes.len() - 1) as Node
            }
        };
        self.by_key[key as usize] = node;
        self.bytes += bytes;
        node
    }

    /// Forgets an entry that is in no list any more.
    pub(crate) fn remove(&mut self, node: Node) {
        let Object { key, bytes, .. } = *self.at(node);
        self.by_key[key as usize] = NONE;
        self.bytes -= bytes;
        self.free.push(node);
    }
}

/// A list of entries from the newest to the oldest.
pub(crate) struct List {
    newest: Node,
    oldest: Node,
    /// What its entries are charged together.
    pub(crate) bytes: u64,
}

impl Default for List {
    fn default() -> Self {
        Self {
            newest: NONE,
            oldest: NONE,
            bytes: 0,
        }
    }
}

impl List {
    pub(crate) fn push_newest(&mut self, objects: &mut Objects, node: Node) {
        let second = self.newest;
        let object = objects.at_mut(node);
        (object.newer, object.older) = (NONE, second);
        self.bytes += object.bytes;
        self.newest = node;
        if second == NONE {
            self.oldest = node;
        } else {
            objects.at_mut(second).newer = node;
        }
    }

    pub(crate) fn unlink(&mut self, objects: &mut Objects, node: Node) {
        let Object {
            newer,
            older,
            bytes,
            ..
        } = *objects.at(node);
        self.bytes -= bytes;
        if newer == NONE {
            self.newest = older;
        } else {
            objects.at_mut(newer).older = older;
        }
        if older == NONE {
            self.oldest = newer;
        } else {
            objects.at_mut(older).newer = newer;
        }
    }

    pub(crate) fn pop_oldest(&mut self, objects: &mut Objects) -> Option<Node> {
        let node = self.oldest;
        if node == NONE {
            return None;
        }
        self.unlink(objects, node);
        Some(node)
    }
}
