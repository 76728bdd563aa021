//! Keys as bytes: a pure function of class, index and size.
//!
//! ```text
//! 'k' 'k' … 'k' d d d d      '-'-free base-64 digits of the index, most significant first,
//! ^ class, repeated as pad   as many as fit in the size, at most 11 (64 bits)
//! ```
//! Keys are printable (memcached's text protocol demands it), hold no braces (so the whole key
//! is the hash tag) and differ whenever class, index or size differ.

use crate::rng::mix;
use crate::size::Sizes;

/// Apart: entries and counters never share a key, so that a read never meets the other's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClass {
    /// Holds a value written by this program.
    Entry,
    /// Holds a decimal number.
    Counter,
}

impl KeyClass {
    const fn letter(self) -> u8 {
        match self {
            Self::Entry => b'k',
            Self::Counter => b'n',
        }
    }
}

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.";
const DIGITS_MAX: usize = 11;

/// Makes the keys of a run.
#[derive(Clone, Debug)]
pub struct Keys {
    sizes: Sizes,
}

/// The key space does not fit in keys of this size.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{keys} keys do not fit in keys of {size} bytes: at least {needed} bytes are needed")]
pub struct KeysTooShort {
    keys: u64,
    size: u32,
    needed: u32,
}

impl Keys {
    /// Keys of these sizes for indexes below `count`.
    ///
    /// # Errors
    /// When the shortest size cannot tell `count` keys apart.
    pub fn new(sizes: Sizes, count: u64) -> Result<Self, KeysTooShort> {
        let mut digits = 1;
        while digits < DIGITS_MAX && count > 1u64 << (6 * digits) {
            digits += 1;
        }
        let needed = digits as u32 + 1;
        if sizes.least() < needed {
            return Err(KeysTooShort {
                keys: count,
                size: sizes.least(),
                needed,
            });
        }
        Ok(Self { sizes })
    }

    /// Replaces `out` with the key of `index`.
    #[inline]
    pub fn write(&self, class: KeyClass, index: u64, out: &mut Vec<u8>) {
        let size = match &self.sizes {
            Sizes::Fixed(size) => *size as usize,
            sizes => sizes.of(mix(index)),
        };
        out.clear();
        out.resize(size, class.letter());
        let digits = DIGITS_MAX.min(size - 1);
        let mut rest = index;
        for byte in out[size - digits..].iter_mut().rev() {
            *byte = DIGITS[(rest & 63) as usize];
            rest >>= 6;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn key(sizes: &str, class: KeyClass, index: u64) -> Vec<u8> {
        let mut out = vec![1, 2, 3];
        Keys::new(sizes.parse().unwrap(), 4_096)
            .unwrap()
            .write(class, index, &mut out);
        out
    }

    #[test]
    fn keys_have_their_size_and_are_printable() {
        for size in [3usize, 8, 16, 40, 250] {
            let key = key(&size.to_string(), KeyClass::Entry, 4_095);
            assert_eq!(key.len(), size);
            assert!(
                key.iter()
                    .all(|b| b.is_ascii_graphic() && *b != b'{' && *b != b'}')
            );
        }
    }

    #[test]
    fn no_two_keys_are_equal_whatever_their_sizes() {
        for sizes in ["3", "3-20", "3:1,16:1", "lognormal:30:0.1"] {
            let Ok(keys) = Keys::new(sizes.parse().unwrap(), 4_096) else {
                continue;
            };
            let mut seen = HashSet::new();
            let mut out = Vec::new();
            for class in [KeyClass::Entry, KeyClass::Counter] {
                for index in 0..4_096 {
                    keys.write(class, index, &mut out);
                    assert!(seen.insert(out.clone()), "{sizes} {index}");
                }
            }
        }
    }

    #[test]
    fn a_key_space_too_large_for_its_keys_is_refused() {
        assert!(Keys::new(Sizes::Fixed(3), 4_096).is_ok());
        let refused = Keys::new(Sizes::Fixed(3), 4_097).unwrap_err();
        assert_eq!(refused.needed, 4);
        assert!(Keys::new(Sizes::Fixed(1), 1).is_err());
        assert!(Keys::new(Sizes::Fixed(12), u64::MAX).is_ok());
    }
}
