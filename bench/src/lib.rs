//! Load generator for Jerboa, Redis and memcached.
#![forbid(unsafe_code)]
pub mod distribution;
pub mod key;
pub mod ledger;
pub mod rng;
pub mod size;
pub mod value;
