//! Jerboa: the embedded node.
