//! The value section of an operation that is done only where the value that is there is, or is not,
//! a certain one: by itself, or by its digest.
//!
//! ```text
//! u8 condition | u32 operand_len | operand | new
//! ```
//! | condition | holds where the value that is there | operand |
//! |---|---|---|
//! | 1 | equals the operand | any bytes |
//! | 2 | differs from it, or there is none | any bytes |
//! | 3 | has this digest | u64 |
//! | 4 | has another one, or there is none | u64 |
//!
//! The digest is XXH3-64 with seed 0. `new` is what `PutIf` stores; it may be empty, and is in a
//! `DeleteIf`. The decoder has checked the section of every frame that it hands out.

use crate::frame::DecodeErrorKind;
use crate::limits;

/// Bytes of the section before the operand.
const HEAD_BYTES: usize = 5;

/// What has to hold of the value that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueCondition<'a> {
    /// It is this one.
    Equals(&'a [u8]),
    /// It is another one, or there is none.
    Differs(&'a [u8]),
    /// Its digest is this one.
    DigestEquals(u64),
    /// Its digest is another one, or there is none.
    DigestDiffers(u64),
}

impl ValueCondition<'_> {
    /// Whether it holds where there is no entry.
    #[must_use]
    pub const fn holds_without_entry(&self) -> bool {
        matches!(self, Self::Differs(_) | Self::DigestDiffers(_))
    }

    const fn number(&self) -> u8 {
        match self {
            Self::Equals(_) => 1,
            Self::Differs(_) => 2,
            Self::DigestEquals(_) => 3,
            Self::DigestDiffers(_) => 4,
        }
    }
}

/// A condition, and what is stored where it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conditional<'a> {
    /// What has to hold.
    pub condition: ValueCondition<'a>,
    /// The value that is stored then.
    pub new: &'a [u8],
}

impl<'a> Conditional<'a> {
    /// Reads a section; `None` where it is none.
    #[must_use]
    pub fn decode(section: &'a [u8]) -> Option<Self> {
        let (head, rest) = section.split_first_chunk::<HEAD_BYTES>()?;
        let [number, length @ ..] = *head;
        let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
        let (operand, new) = rest.split_at_checked(length)?;
        let digest = || operand.try_into().ok().map(u64::from_le_bytes);
        let condition = match number {
            1 => ValueCondition::Equals(operand),
            2 => ValueCondition::Differs(operand),
            3 => ValueCondition::DigestEquals(digest()?),
            4 => ValueCondition::DigestDiffers(digest()?),
            _ => return None,
        };
        Some(Self { condition, new })
    }

    /// Appends the section to `out`. False, and nothing appended, where both parts together are
    /// longer than a frame can be.
    #[must_use]
    pub fn encode(&self, out: &mut Vec<u8>) -> bool {
        let digest;
        let operand = match self.condition {
            ValueCondition::Equals(operand) | ValueCondition::Differs(operand) => operand,
            ValueCondition::DigestEquals(number) | ValueCondition::DigestDiffers(number) => {
                digest = number.to_le_bytes();
                &digest[..]
            }
        };
        let bytes = HEAD_BYTES + operand.len() + self.new.len();
        let Ok(operand_len) = u32::try_from(operand.len()) else {
            return false;
        };
        if bytes > limits::VALUE_BYTES_MAX_CEILING as usize {
            return false;
        }
        out.reserve(bytes);
        out.push(self.condition.number());
        out.extend_from_slice(&operand_len.to_le_bytes());
        out.extend_from_slice(operand);
        out.extend_from_slice(self.new);
        true
    }
}

/// Whether a section is one, with a value within the limit, or none where none is stored.
pub(crate) fn check(
    section: &[u8],
    stores: bool,
    value_bytes_max: u32,
) -> Result<(), DecodeErrorKind> {
    let conditional = Conditional::decode(section).filter(|found| stores || found.new.is_empty());
    let Some(conditional) = conditional else {
        return Err(DecodeErrorKind::MalformedPayload);
    };
    let declared = u32::try_from(conditional.new.len()).unwrap_or(u32::MAX);
    if declared > value_bytes_max {
        return Err(DecodeErrorKind::ValueTooLarge {
            declared,
            max: value_bytes_max,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(condition: ValueCondition<'_>, new: &[u8]) -> Vec<u8> {
        let mut section = Vec::new();
        assert!(Conditional { condition, new }.encode(&mut section));
        section
    }

    #[test]
    fn every_condition_comes_back_whichever_part_is_empty() {
        for condition in [
            ValueCondition::Equals(b"old"),
            ValueCondition::Equals(b""),
            ValueCondition::Differs(b"old"),
            ValueCondition::Differs(b""),
            ValueCondition::DigestEquals(0),
            ValueCondition::DigestDiffers(u64::MAX),
        ] {
            for new in [&b""[..], b"new"] {
                let section = section(condition, new);
                let found = Conditional::decode(&section);
                assert_eq!(found, Some(Conditional { condition, new }));
            }
        }
    }

    #[test]
    fn what_is_no_condition_is_malformed() {
        let malformed = Err(DecodeErrorKind::MalformedPayload);
        for section in [
            &b""[..],
            &[1, 0, 0, 0],
            &[0, 0, 0, 0, 0],
            &[5, 0, 0, 0, 0],
            &[1, 4, 0, 0, 0, 1, 2, 3],
            &[3, 7, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7],
            &[4, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xFF; 20],
        ] {
            assert_eq!(check(section, true, 100), malformed, "{section:?}");
        }
        let stored = section(ValueCondition::Equals(b"a"), b"b");
        assert_eq!(check(&stored, true, 100), Ok(()));
        assert_eq!(
            check(&stored, false, 100),
            malformed,
            "a deletion stores nothing"
        );
    }

    #[test]
    fn the_limit_is_that_of_the_new_value_alone() {
        let section = section(ValueCondition::Differs(&[7; 50]), &[8; 10]);
        assert_eq!(check(&section, true, 10), Ok(()));
        let too_large = DecodeErrorKind::ValueTooLarge {
            declared: 10,
            max: 9,
        };
        assert_eq!(check(&section, true, 9), Err(too_large));
    }
}
