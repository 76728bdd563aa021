//! The value section of a compare-and-swap by value: what is expected and what replaces it.
//!
//! ```text
//! u32 expected_len | expected | new
//! ```
//! Both parts may be empty. The decoder has checked the section of every frame that it hands out.

use crate::frame::DecodeErrorKind;
use crate::limits;

/// Bytes of the section before `expected`.
const HEAD_BYTES: usize = 4;

/// What a compare-and-swap by value expects and stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Comparison<'a> {
    /// The value that has to be there. Empty where the key has to be absent.
    pub expected: &'a [u8],
    /// The value that replaces it.
    pub new: &'a [u8],
}

impl<'a> Comparison<'a> {
    /// Reads a section; `None` where it does not hold the length that it declares.
    #[must_use]
    pub fn decode(section: &'a [u8]) -> Option<Self> {
        let (head, rest) = section.split_first_chunk::<HEAD_BYTES>()?;
        let expected_len = usize::try_from(u32::from_le_bytes(*head)).ok()?;
        let (expected, new) = rest.split_at_checked(expected_len)?;
        Some(Self { expected, new })
    }

    /// Appends the section to `out`. False, and nothing appended, where both parts together are
    /// longer than a frame can be.
    #[must_use]
    pub fn encode(&self, out: &mut Vec<u8>) -> bool {
        let bytes = HEAD_BYTES + self.expected.len() + self.new.len();
        let Ok(expected_len) = u32::try_from(self.expected.len()) else {
            return false;
        };
        if bytes > limits::VALUE_BYTES_MAX_CEILING as usize {
            return false;
        }
        out.reserve(bytes);
        out.extend_from_slice(&expected_len.to_le_bytes());
        out.extend_from_slice(self.expected);
        out.extend_from_slice(self.new);
        true
    }
}

/// Whether a section is one, and the value in it within the limit.
pub(crate) fn check(
    section: &[u8],
    wants_absent: bool,
    value_bytes_max: u32,
) -> Result<(), DecodeErrorKind> {
    let Some(comparison) = Comparison::decode(section) else {
        return Err(DecodeErrorKind::MalformedPayload);
    };
    if wants_absent && !comparison.expected.is_empty() {
        return Err(DecodeErrorKind::InvalidOptions);
    }
    let declared = u32::try_from(comparison.new.len()).unwrap_or(u32::MAX);
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

    #[test]
    fn both_parts_come_back_whichever_is_empty() {
        for (expected, new) in [
            (&b"old"[..], &b"new"[..]),
            (b"", b"new"),
            (b"old", b""),
            (b"", b""),
        ] {
            let comparison = Comparison { expected, new };
            let mut section = Vec::new();
            assert!(comparison.encode(&mut section));
            assert_eq!(Comparison::decode(&section), Some(comparison));
        }
    }

    #[test]
    fn a_length_past_the_section_or_a_cut_head_is_malformed() {
        let malformed = Err(DecodeErrorKind::MalformedPayload);
        for section in [&b""[..], &[1, 0, 0], &[4, 0, 0, 0, 1, 2, 3], &[0xFF; 20]] {
            assert_eq!(check(section, false, 100), malformed, "{section:?}");
        }
    }

    #[test]
    fn the_limit_is_that_of_the_new_value_alone() {
        let mut section = Vec::new();
        assert!(
            Comparison {
                expected: &[7; 50],
                new: &[8; 10]
            }
            .encode(&mut section)
        );
        assert_eq!(check(&section, false, 10), Ok(()));
        let too_large = DecodeErrorKind::ValueTooLarge {
            declared: 10,
            max: 9,
        };
        assert_eq!(check(&section, false, 9), Err(too_large));
        assert_eq!(
            check(&section, true, 10),
            Err(DecodeErrorKind::InvalidOptions)
        );
    }
}
