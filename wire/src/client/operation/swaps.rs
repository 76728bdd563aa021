//! Operations under a condition: compare and swap, and what is done where the value is, or is not,
//! a certain one.

use super::{InvalidCall, Operation};
use crate::client::options::Expiry;
use crate::compare::Comparison;
use crate::condition::{Conditional, ValueCondition};
use crate::flags::RequestFlags;
use crate::opcode::Opcode;

impl Operation {
    /// Stores a value if the entry has this version.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, values that do not fit a frame
    /// together, or an expiry that is none.
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
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, values that do not fit a frame
    /// together, or an expiry that is none.
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
    /// Stores a value if the condition holds of the one that is there.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, values that do not fit a frame
    /// together, or an expiry that is none.
    pub fn put_if(
        map: &[u8],
        key: &[u8],
        condition: ValueCondition<'_>,
        new: &[u8],
        expires: Expiry,
    ) -> Result<Self, InvalidCall> {
        let operation = Self::conditional(Opcode::PutIf, map, key, condition, new)?;
        operation.with_expiry(expires)
    }

    /// Removes an entry if the condition holds of its value.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, or a value that does not fit a
    /// frame.
    pub fn delete_if(
        map: &[u8],
        key: &[u8],
        condition: ValueCondition<'_>,
    ) -> Result<Self, InvalidCall> {
        Self::conditional(Opcode::DeleteIf, map, key, condition, &[])
    }

    fn conditional(
        opcode: Opcode,
        map: &[u8],
        key: &[u8],
        condition: ValueCondition<'_>,
        new: &[u8],
    ) -> Result<Self, InvalidCall> {
        let mut section = Vec::new();
        if !(Conditional { condition, new }).encode(&mut section) {
            let operand = match condition {
                ValueCondition::Equals(operand) | ValueCondition::Differs(operand) => operand.len(),
                ValueCondition::DigestEquals(_) | ValueCondition::DigestDiffers(_) => 8,
            };
            return Err(InvalidCall::ValueTooLarge(operand + new.len()));
        }
        Self::with_value(opcode, map, key, &section)
    }
}
