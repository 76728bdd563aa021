//! The value section of a Lock request: how long it waits in line.
//!
//! ```text
//! u64 wait_ms        or nothing: do not wait
//! ```

use crate::limits::LOCK_WAIT_MS_MAX;

/// The section for a wait of so many milliseconds.
#[must_use]
pub const fn encode_wait(wait_ms: u64) -> [u8; 8] {
    wait_ms.to_le_bytes()
}

/// The wait that a section asks for; `None` where it is no section of a Lock request.
#[must_use]
pub fn decode_wait(section: &[u8]) -> Option<u64> {
    if section.is_empty() {
        return Some(0);
    }
    let wait_ms = u64::from_le_bytes(section.try_into().ok()?);
    (wait_ms <= LOCK_WAIT_MS_MAX).then_some(wait_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_back_and_one_beyond_the_limit_is_refused() {
        assert_eq!(decode_wait(&[]), Some(0));
        for wait_ms in [0, 1, LOCK_WAIT_MS_MAX] {
            assert_eq!(decode_wait(&encode_wait(wait_ms)), Some(wait_ms));
        }
        assert_eq!(decode_wait(&encode_wait(LOCK_WAIT_MS_MAX + 1)), None);
        assert_eq!(decode_wait(&[0; 7]), None);
        assert_eq!(decode_wait(&[0; 9]), None);
    }
}
