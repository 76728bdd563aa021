//! Compare and swap.

use super::{InvalidCall, Operation};
use crate::client::options::Expiry;
use crate::compare::Comparison;
use crate::flags::RequestFlags;
use crate::opcode::Opcode;

impl Operation {
    /// Stores a value if the entry has this version.
    pub fn swap_version(
        map: &[u8],
        key: &[u8],
        expected: u64,
        value: &[u8],
        expires: Expiry,
    ) -> Result<Self, InvalidCall> {
        let operation = Self::with_value(Opcode::Cas, map, key, value)?;
        let operation = operation.with_expiry(expires)?;
        Ok(Self {
            version: expected,
            ..operation
        })
    }

    /// Stores a value if the entry has this one, or with `None` if there is no entry.
    pub fn swap_value(
        map: &[u8],
        key: &[u8],
        expected: Option<&[u8]>,
        value: &[u8],
        expires: Expiry,
    ) -> Result<Self, InvalidCall> {
        let comparison = Comparison {
            expected: expected.unwrap_or_default(),
            new: value,
        };
        let mut section = Vec::new();
        if !comparison.encode(&mut section) {
            let bytes = comparison.expected.len() + value.len();
            return Err(InvalidCall::ValueTooLarge(bytes));
        }
        let operation = Self::with_value(Opcode::CasValue, map, key, &section)?;
        let mut operation = operation.with_expiry(expires)?;
        if expected.is_none() {
            operation.flags = operation.flags | RequestFlags::IF_ABSENT;
        }
        Ok(operation)
    }
}
