//! The topology: who is in the cluster, in which order, and what moves. From it everyone
//! computes the same table of owners.
//!
//! Invariants, checked when one is made or decoded:
//! * I1 At least one member is alive, and ids are unique.
//! * I2 Every count, port and name is within its limit.
//! * I3 Every migration names a partition of the cluster and a member that is alive, and no
//!   partition twice.

use std::fmt;

use super::placement::{core_table, place};
use super::slot::partition_of;
use crate::limits;

/// One place in the ordered member list. A member that left stays as a hole, so that the others
/// keep their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Unique for as long as the cluster lives.
    pub id: u64,
    /// False for a hole.
    pub alive: bool,
    /// Data cores; a hole keeps the number it had.
    pub cores: u16,
    /// Host name or address that clients connect to.
    pub host: String,
    /// Port that every core serves.
    pub any_core_port: u16,
    /// Port of core 0; core `i` has this plus `i`.
    pub first_core_port: u16,
}

impl Member {
    /// Port of a core.
    #[must_use]
    pub const fn core_port(&self, core: u16) -> u16 {
        self.first_core_port.saturating_add(core)
    }
}

/// A partition whose owner is named explicitly while it moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Migration {
    /// The partition.
    pub partition: u16,
    /// Index of the member that owns it meanwhile.
    pub owner: u16,
}

/// The cluster as of one epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topology {
    epoch: u32,
    partition_count: u16,
    members: Vec<Member>,
    migrations: Vec<Migration>,
}

/// The core that owns a partition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Owner {
    /// Index into the member list.
    pub member: u16,
    /// Core of that member.
    pub core: u16,
}

/// The owner of every partition as of one epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    epoch: u32,
    /// As many as partitions, so a power of two and never empty.
    owners: Vec<Owner>,
}

/// Why a topology is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TopologyError {
    /// Not a power of two within the limits.
    PartitionCount(u16),
    /// More places than allowed.
    TooManyMembers(usize),
    /// No member is alive.
    NobodyAlive,
    /// Two members have this id.
    DuplicateId(u64),
    /// This member has no core, or more than allowed.
    Cores {
        /// Index of the member.
        member: usize,
    },
    /// This member's host is empty or too long, or a port is outside its range.
    Address {
        /// Index of the member.
        member: usize,
    },
    /// This migration names a partition or owner that does not exist, or a partition twice.
    Migration {
        /// Index of the migration.
        index: usize,
    },
    /// The bytes are not a topology.
    Malformed,
}

impl Topology {
    /// A topology whose invariants hold, or which does not.
    pub fn new(
        epoch: u32,
        partition_count: u16,
        members: Vec<Member>,
        migrations: Vec<Migration>,
    ) -> Result<Self, TopologyError> {
        if !limits::is_partition_count(partition_count) {
            return Err(TopologyError::PartitionCount(partition_count));
        }
        if members.len() > limits::MEMBERS_MAX {
            return Err(TopologyError::TooManyMembers(members.len()));
        }
        check_members(&members)?;
        check_migrations(&migrations, partition_count, &members)?;
        Ok(Self {
            epoch,
            partition_count,
            members,
            migrations,
        })
    }

    /// The topology of a cluster of one node.
    pub fn single(epoch: u32, partition_count: u16, member: Member) -> Result<Self, TopologyError> {
        Self::new(epoch, partition_count, vec![member], Vec::new())
    }

    /// Which topology this is: a later one has a greater epoch.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Number of partitions, fixed when the cluster was created.
    #[must_use]
    pub const fn partition_count(&self) -> u16 {
        self.partition_count
    }

    /// The ordered member list, holes included.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The partitions on their way.
    #[must_use]
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// Computes the owner of every partition. Takes some milliseconds: once per epoch.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut members = place(&self.members, self.partition_count, 1)
            .role(0)
            .to_vec();
        for migration in &self.migrations {
            if let Some(member) = members.get_mut(usize::from(migration.partition)) {
                *member = migration.owner;
            }
        }
        let mut tables: Vec<(u16, Vec<u16>)> = Vec::new();
        let owners = members.iter().enumerate().map(|(partition, member)| {
            let cores = self
                .members
                .get(usize::from(*member))
                .map_or(1, |member| member.cores);
            let known = tables.iter().position(|(count, _)| *count == cores);
            let index = known.unwrap_or_else(|| {
                tables.push((cores, core_table(self.partition_count, cores)));
                tables.len() - 1
            });
            let core = tables
                .get(index)
                .and_then(|(_, table)| table.get(partition))
                .copied();
            Owner {
                member: *member,
                core: core.unwrap_or(0),
            }
        });
        Table {
            epoch: self.epoch,
            owners: owners.collect(),
        }
    }
}

impl Table {
    /// The epoch of the topology that it was computed from.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Number of partitions.
    #[must_use]
    pub fn partition_count(&self) -> u16 {
        self.owners.len() as u16
    }

    /// The owner of a partition; one past the last wraps around.
    #[must_use]
    #[inline]
    pub fn owner(&self, partition: u16) -> Owner {
        let index = usize::from(partition) & self.owners.len().wrapping_sub(1);
        self.owners
            .get(index)
            .copied()
            .unwrap_or(Owner { member: 0, core: 0 })
    }

    /// The partition of a key and its owner.
    #[must_use]
    #[inline]
    pub fn route(&self, key: &[u8]) -> (u16, Owner) {
        let partition = partition_of(key, self.partition_count());
        (partition, self.owner(partition))
    }

    /// The partitions that one core of one member owns, in order.
    pub fn partitions_of(&self, owner: Owner) -> impl Iterator<Item = u16> {
        let owners = self.owners.iter().enumerate();
        owners
            .filter(move |(_, own)| **own == owner)
            .map(|(partition, _)| partition as u16)
    }
}

fn check_members(members: &[Member]) -> Result<(), TopologyError> {
    let mut ids: Vec<u64> = Vec::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        if ids.contains(&member.id) {
            return Err(TopologyError::DuplicateId(member.id));
        }
        ids.push(member.id);
        if !(1..=limits::CORES_MAX).contains(&member.cores) {
            return Err(TopologyError::Cores { member: index });
        }
        let ports = member
            .first_core_port
            .checked_add(member.cores - 1)
            .is_some();
        let host = (1..=limits::HOST_BYTES_MAX).contains(&member.host.len());
        if !ports || !host {
            return Err(TopologyError::Address { member: index });
        }
    }
    if members.iter().any(|member| member.alive) {
        Ok(())
    } else {
        Err(TopologyError::NobodyAlive)
    }
}

fn check_migrations(
    migrations: &[Migration],
    partition_count: u16,
    members: &[Member],
) -> Result<(), TopologyError> {
    let mut seen = vec![false; usize::from(partition_count)];
    for (index, migration) in migrations.iter().enumerate() {
        let alive = members
            .get(usize::from(migration.owner))
            .is_some_and(|member| member.alive);
        let first = seen.get_mut(usize::from(migration.partition));
        let first = first.is_some_and(|seen| !std::mem::replace(seen, true));
        if !alive || !first {
            return Err(TopologyError::Migration { index });
        }
    }
    Ok(())
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PartitionCount(count) => write!(
                f,
                "{count} partitions: it takes a power of two from {} to {}",
                limits::PARTITION_COUNT_MIN,
                limits::PARTITION_COUNT_MAX
            ),
            Self::TooManyMembers(count) => {
                write!(f, "{count} members, {} are allowed", limits::MEMBERS_MAX)
            }
            Self::NobodyAlive => f.write_str("no member is alive"),
            Self::DuplicateId(id) => write!(f, "two members have the id {id:#x}"),
            Self::Cores { member } => {
                write!(
                    f,
                    "member {member} has no core or more than {}",
                    limits::CORES_MAX
                )
            }
            Self::Address { member } => write!(f, "member {member} has no usable host or ports"),
            Self::Migration { index } => {
                write!(
                    f,
                    "migration {index} names what is not there, or a partition twice"
                )
            }
            Self::Malformed => f.write_str("the bytes are not a topology"),
        }
    }
}

impl std::error::Error for TopologyError {}
