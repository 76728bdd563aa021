//! Which core of which member owns a key: slot, partition, placement and the topology from
//! which nodes and clients alike compute it.
//!
//! ```text
//! key ──tag──▶ CRC16 ──▶ slot (14 bits) ──▶ partition (log2 P upper bits)
//! partition ──capped jump hash over units──▶ member ──capped jump hash──▶ core
//! ```
//!
//! Everything here is a pure function of its arguments: two programs with the same topology
//! agree on every owner.

mod codec;
mod jump;
mod placement;
mod slot;
mod topology;

pub use jump::{jump, mix};
pub use placement::{Placement, core_of, core_table, place};
pub use slot::{SLOTS, crc16, hash_tag, partition, partition_of, slot};
pub use topology::{Member, Migration, Owner, Table, Topology, TopologyError};

#[cfg(test)]
mod tests;
