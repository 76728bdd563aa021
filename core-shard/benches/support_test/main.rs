//! Runs the tests of the benchmarks' shared modules: generators, tables, reference policies.

#![expect(dead_code, reason = "the benchmarks use what the tests do not")]

#[path = "../support"]
mod support {
    pub(crate) mod arguments;
    pub(crate) mod mix;
    pub(crate) mod policy;
    pub(crate) mod random;
    pub(crate) mod table;
    pub(crate) mod trace;
    pub(crate) mod zipf;
}

#[path = "../memory/search.rs"]
mod memory_search;

mod arguments;
mod generators;
mod merge;
mod policies;
mod search;
