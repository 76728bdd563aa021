//! The value section of a Scan request: how many keys are wanted, and which.
//!
//! ```text
//! u32 count | pattern        an empty pattern stands for every key
//! ```

use crate::frame::DecodeErrorKind;
use crate::limits;

/// What a scan looks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanQuery<'a> {
    /// About how many keys one call returns, 1 to [`limits::MULTI_ITEMS_MAX`]. It may return fewer,
    /// none too, before the scan is over.
    pub count: u32,
    /// The glob pattern of the keys.
    pub pattern: &'a [u8],
}

impl<'a> ScanQuery<'a> {
    /// Reads a section.
    #[must_use]
    pub fn decode(section: &'a [u8]) -> Option<Self> {
        let (head, pattern) = section.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*head);
        Some(Self { count, pattern })
    }

    /// Appends the section to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(self.pattern);
    }
}

pub(crate) fn check(section: &[u8]) -> Result<(), DecodeErrorKind> {
    let Some(ScanQuery { count, pattern }) = ScanQuery::decode(section) else {
        return Err(DecodeErrorKind::MalformedPayload);
    };
    if count == 0 || count > limits::MULTI_ITEMS_MAX {
        return Err(DecodeErrorKind::TooManyItems { count });
    }
    if pattern.len() > limits::PATTERN_BYTES_MAX {
        return Err(DecodeErrorKind::MalformedPayload);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_back_and_checked() {
        for (count, pattern) in [(1, &b"user:*"[..]), (limits::MULTI_ITEMS_MAX, b"")] {
            let query = ScanQuery { count, pattern };
            let mut section = Vec::new();
            query.encode(&mut section);
            assert_eq!(ScanQuery::decode(&section), Some(query));
            assert_eq!(check(&section), Ok(()));
        }
        assert_eq!(check(&[1, 0, 0]), Err(DecodeErrorKind::MalformedPayload));
        assert_eq!(
            check(&[0; 4]),
            Err(DecodeErrorKind::TooManyItems { count: 0 })
        );
        let many = [0xFF, 0xFF, 0, 0];
        assert_eq!(
            check(&many),
            Err(DecodeErrorKind::TooManyItems { count: 65_535 })
        );
        let long = [1; 4 + limits::PATTERN_BYTES_MAX + 1];
        assert!(check(&long).is_err());
    }
}
