//! The payload of a `Topology` reply.
//!
//! ```text
//! u32 epoch | u16 partition_count | u16 member_count | u32 migration_count | u32 0     16 bytes
//! member_count ×
//!   u64 id | u8 alive | u8 host_len | u16 cores | u16 any_core_port | u16 first_core_port
//!   host_len bytes of UTF-8
//! migration_count ×
//!   u16 partition | u16 owner (index of the member)
//! ```

use super::topology::{Member, Migration, Topology, TopologyError};
use crate::limits;

impl Topology {
    /// Appends the payload to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // The counts fit: they were checked when the topology was made.
        out.extend_from_slice(&self.epoch().to_le_bytes());
        out.extend_from_slice(&self.partition_count().to_le_bytes());
        out.extend_from_slice(&(self.members().len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.migrations().len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for member in self.members() {
            out.extend_from_slice(&member.id.to_le_bytes());
            out.extend_from_slice(&[u8::from(member.alive), member.host.len() as u8]);
            out.extend_from_slice(&member.cores.to_le_bytes());
            out.extend_from_slice(&member.any_core_port.to_le_bytes());
            out.extend_from_slice(&member.first_core_port.to_le_bytes());
            out.extend_from_slice(member.host.as_bytes());
        }
        for migration in self.migrations() {
            out.extend_from_slice(&migration.partition.to_le_bytes());
            out.extend_from_slice(&migration.owner.to_le_bytes());
        }
    }

    /// Reads a payload; every invariant of a topology is checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, TopologyError> {
        let mut input = Input(bytes);
        let epoch = u32::from_le_bytes(input.take()?);
        let partition_count = u16::from_le_bytes(input.take()?);
        let member_count = usize::from(u16::from_le_bytes(input.take()?));
        let migration_count = u32::from_le_bytes(input.take()?);
        if input.take()? != [0; 4] {
            return Err(TopologyError::Malformed);
        }
        if member_count > limits::MEMBERS_MAX {
            return Err(TopologyError::TooManyMembers(member_count));
        }
        if migration_count > u32::from(partition_count) {
            return Err(TopologyError::Malformed);
        }
        let members = (0..member_count)
            .map(|_| input.member())
            .collect::<Result<_, _>>()?;
        let migrations = (0..migration_count)
            .map(|_| {
                let partition = u16::from_le_bytes(input.take()?);
                let owner = u16::from_le_bytes(input.take()?);
                Ok(Migration { partition, owner })
            })
            .collect::<Result<_, TopologyError>>()?;
        if !input.0.is_empty() {
            return Err(TopologyError::Malformed);
        }
        Self::new(epoch, partition_count, members, migrations)
    }
}

/// What is left of the payload.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], TopologyError> {
        let (field, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(TopologyError::Malformed)?;
        self.0 = rest;
        Ok(*field)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], TopologyError> {
        let (bytes, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(TopologyError::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn member(&mut self) -> Result<Member, TopologyError> {
        let id = u64::from_le_bytes(self.take()?);
        let [alive, host_len] = self.take()?;
        let cores = u16::from_le_bytes(self.take()?);
        let any_core_port = u16::from_le_bytes(self.take()?);
        let first_core_port = u16::from_le_bytes(self.take()?);
        let host = self.bytes(usize::from(host_len))?;
        let host = std::str::from_utf8(host).map_err(|_| TopologyError::Malformed)?;
        let alive = match alive {
            0 => false,
            1 => true,
            _ => return Err(TopologyError::Malformed),
        };
        Ok(Member {
            id,
            alive,
            cores,
            host: host.to_owned(),
            any_core_port,
            first_core_port,
        })
    }
}
