//! The `jerboa` binary.
fn main() {}
