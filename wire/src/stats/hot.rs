//! The payload of a `HotKeys` reply: the keys that are used most now, by estimate.
//!
//! ```text
//! u16 key_len | u8 map_len | u8 0 | u32 key_bytes | u64 uses_per_1000_s | u64 error | map | key
//! ```
//! `key_bytes` is the length of the whole key, of which the first `key_len` bytes follow.

/// The most keys in one reply.
pub const HOT_KEYS_MAX: u64 = 1024;
/// Longer keys are told by so many of their first bytes.
pub const HOT_KEY_BYTES_MAX: usize = 256;

const HEAD_BYTES: usize = 24;
const PER_SECOND: f64 = 1000.0;

/// A key and how often it is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HotKey {
    /// Its map.
    pub map: Vec<u8>,
    /// Its first bytes, all of them where there are no more than [`HOT_KEY_BYTES_MAX`].
    pub key: Vec<u8>,
    /// The length of the whole key.
    pub key_bytes: u32,
    /// Reads and writes per second over the last ten seconds or so, estimated from a sample.
    pub uses_per_s: f64,
    /// By how much it may be more, because the node began to watch the key late.
    pub error_per_s: f64,
}

impl HotKey {
    /// Appends the item.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let map = self.map.get(..usize::from(u8::MAX)).unwrap_or(&self.map);
        let key = self.key.get(..HOT_KEY_BYTES_MAX).unwrap_or(&self.key);
        out.extend_from_slice(&(key.len() as u16).to_le_bytes());
        out.extend_from_slice(&[map.len() as u8, 0]);
        out.extend_from_slice(&self.key_bytes.to_le_bytes());
        for rate in [self.uses_per_s, self.error_per_s] {
            // As a float is converted, what is out of range becomes the end of the range.
            out.extend_from_slice(&((rate * PER_SECOND).round() as u64).to_le_bytes());
        }
        out.extend_from_slice(map);
        out.extend_from_slice(key);
    }
}

/// Reads a section; `None` where it does not end with an item.
#[must_use]
pub fn decode_hot_keys(mut section: &[u8]) -> Option<Vec<HotKey>> {
    let mut keys = Vec::new();
    while !section.is_empty() {
        let (head, rest) = section.split_first_chunk::<HEAD_BYTES>()?;
        let (key_len, head) = head.split_first_chunk::<2>()?;
        let (map_len, head) = head.split_first_chunk::<2>()?;
        let (key_bytes, head) = head.split_first_chunk::<4>()?;
        let (uses, head) = head.split_first_chunk::<8>()?;
        let error = head.first_chunk::<8>()?;
        let (map, rest) = rest.split_at_checked(map_len[0].into())?;
        let (key, rest) = rest.split_at_checked(u16::from_le_bytes(*key_len).into())?;
        keys.push(HotKey {
            map: map.to_vec(),
            key: key.to_vec(),
            key_bytes: u32::from_le_bytes(*key_bytes),
            uses_per_s: u64::from_le_bytes(*uses) as f64 / PER_SECOND,
            error_per_s: u64::from_le_bytes(*error) as f64 / PER_SECOND,
        });
        section = rest;
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hot_keys_read_back_and_nothing_short_is_accepted() {
        let hot = HotKey {
            map: b"m".to_vec(),
            key: b"\0\xffkey".to_vec(),
            key_bytes: 5,
            uses_per_s: 1234.5,
            error_per_s: 0.25,
        };
        let mut section = Vec::new();
        hot.encode(&mut section);
        let long = HotKey {
            key: vec![7; 1000],
            key_bytes: 1000,
            ..hot.clone()
        };
        long.encode(&mut section);
        let keys = decode_hot_keys(&section).unwrap();
        assert_eq!(keys[0], hot);
        assert_eq!(
            (keys[1].key.len(), keys[1].key_bytes),
            (HOT_KEY_BYTES_MAX, 1000)
        );
        let first = HEAD_BYTES + 6;
        for end in (1..section.len()).filter(|end| *end != first) {
            assert_eq!(decode_hot_keys(&section[..end]), None, "{end}");
        }
        assert_eq!(decode_hot_keys(&[0xff; 64]), None);
    }
}
