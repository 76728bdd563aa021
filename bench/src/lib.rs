//! Load generator for Jerboa, Redis and memcached.
//!
//! Deciding is apart from doing: what to ask ([`workload`], [`distribution`]), how it is said
//! ([`target`]), what an answer may be ([`ledger`], [`value`]) and how it is counted are pure.
#![forbid(unsafe_code)]

pub mod accounting;
pub mod args;
pub mod check;
pub mod connect;
pub mod distribution;
pub mod fleet;
pub mod key;
pub mod ledger;
pub mod loader;
pub mod operation;
pub mod plan;
pub mod report;
pub mod rng;
pub mod run;
pub mod schedule;
pub mod session;
pub mod size;
pub mod source;
pub mod table;
pub mod tally;
pub mod target;
pub mod ttl;
pub mod usage;
pub mod value;
pub mod worker;
pub mod workload;
