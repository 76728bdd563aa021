//! The value section of a GetRange request: which bytes of the value are wanted.
//!
//! ```text
//! i64 start | i64 end        both included; negative: counted from the value's end, -1 its last byte
//! ```

use crate::frame::DecodeErrorKind;

/// Bytes of the section.
const SECTION_BYTES: usize = 16;

/// A range of bytes, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ByteRange {
    /// The first byte.
    pub start: i64,
    /// The last byte.
    pub end: i64,
}

impl ByteRange {
    /// No byte at all: asks for the length alone.
    pub const NOTHING: Self = Self { start: 1, end: 0 };

    /// Reads a section.
    #[must_use]
    pub fn decode(section: &[u8]) -> Option<Self> {
        let (start, rest) = section.split_first_chunk::<8>()?;
        let end: &[u8; 8] = rest.try_into().ok()?;
        Some(Self {
            start: i64::from_le_bytes(*start),
            end: i64::from_le_bytes(*end),
        })
    }

    /// The section.
    #[must_use]
    pub fn encode(self) -> [u8; SECTION_BYTES] {
        let mut section = [0; SECTION_BYTES];
        let (start, end) = section.split_at_mut(SECTION_BYTES / 2);
        start.copy_from_slice(&self.start.to_le_bytes());
        end.copy_from_slice(&self.end.to_le_bytes());
        section
    }

    /// The bytes that it means in a value of so many: where they begin, and how many they are.
    ///
    /// As in Redis: an end of the range before the first byte counts as the first byte, one behind
    /// the last as the last; a range that runs backwards is empty.
    #[must_use]
    pub fn within(self, bytes: usize) -> (usize, usize) {
        let both_from_the_end = self.start < 0 && self.end < 0;
        if bytes == 0 || both_from_the_end && self.start > self.end {
            return (0, 0);
        }
        let length = i64::try_from(bytes).unwrap_or(i64::MAX);
        let place = |of: i64| {
            let from_the_front = if of < 0 {
                of.saturating_add(length)
            } else {
                of
            };
            from_the_front.max(0)
        };
        let (start, end) = (place(self.start), place(self.end).min(length - 1));
        if start > end {
            return (0, 0);
        }
        // Both are between 0 and the length.
        let first = usize::try_from(start).unwrap_or(0);
        (first, usize::try_from(end - start + 1).unwrap_or(0))
    }
}

pub(crate) fn check(section: &[u8]) -> Result<(), DecodeErrorKind> {
    match ByteRange::decode(section) {
        Some(_) => Ok(()),
        None => Err(DecodeErrorKind::MalformedPayload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_back_and_a_cut_one_is_malformed() {
        for (start, end) in [(0, -1), (i64::MIN, i64::MAX), (5, 3)] {
            let range = ByteRange { start, end };
            assert_eq!(ByteRange::decode(&range.encode()), Some(range));
        }
        for bytes in [0, 8, 15, 17] {
            assert!(check(&vec![0; bytes]).is_err(), "{bytes}");
        }
    }

    #[test]
    fn a_range_means_the_bytes_that_redis_returns() {
        for (start, end, expected) in [
            (0, 0, "a"),
            (0, -1, "abcdef"),
            (2, 3, "cd"),
            (-2, -1, "ef"),
            (-100, 1, "ab"),
            (-100, -50, "a"),
            (-3, -5, ""),
            (4, 100, "ef"),
            (6, 100, ""),
            (3, 2, ""),
            (1, 0, ""),
            (i64::MIN, i64::MAX, "abcdef"),
            (i64::MAX, i64::MIN, ""),
        ] {
            let (first, bytes) = ByteRange { start, end }.within(6);
            assert_eq!(&"abcdef"[first..first + bytes], expected, "{start}..={end}");
            assert_eq!(ByteRange { start, end }.within(0), (0, 0));
        }
    }
}
