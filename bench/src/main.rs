//! The `jerboa-bench` binary.
fn main() {}
