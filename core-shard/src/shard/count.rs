//! Counters: decimal text that is added to.
//!
//! A counter mostly keeps its number of digits. Then nothing of its entry changes but the digits,
//! the version and with it how the expiry is kept, and these are written where they lie: no entry
//! is made, no room is needed and no book changes.
//!
//! I1: a counter that is stored has one spelling: no plus sign, no leading zeros, no minus zero.

use super::Shard;
use crate::entry;
use crate::error::ShardError;
use crate::limits::SHARED_GROUP;
use crate::operation::{Address, Counter};

/// The longest decimal text of an i64.
const TEXT_BYTES_MAX: usize = 20;
/// Digits of which any number fits an u64.
const DIGITS_MAX: usize = 19;

impl Shard {
    /// Adds to a counter; a missing one is 0 and expires as its map says. The expiry is kept. The
    /// value is decimal text.
    pub fn add(
        &mut self,
        at: Address,
        key: &[u8],
        delta: i64,
        now_ms: u64,
    ) -> Result<Counter, ShardError> {
        // What is there may be there, and takes no room.
        if let Some(counter) = self.count_in_place(at, key, delta, now_ms) {
            return Ok(counter);
        }
        self.check(at, key, &[])?;
        self.make_room(key.len() + TEXT_BYTES_MAX, now_ms);
        let found = self.find_for_write(at, key, now_ms);
        let live = found.as_ref().filter(|found| !found.header.deleted);
        let Some(live) = live else {
            let expires_ms = self.map_expiry(at.map.0, now_ms);
            let text = Decimal::of(delta);
            let stored = (key, text.as_bytes());
            let version = self.put_found(at, stored, expires_ms, found, now_ms)?;
            let value = delta;
            return Ok(Counter { value, version });
        };
        let text = self.value_of(live.start, &live.header).as_slice();
        let old = text.and_then(parse).ok_or(ShardError::NotANumber)?;
        let value = old.checked_add(delta).ok_or(ShardError::Overflow)?;
        let text = Decimal::of(value);
        let expires_ms = live.header.expires_ms;
        let version = self.put_found(at, (key, text.as_bytes()), expires_ms, found, now_ms)?;
        Ok(Counter { value, version })
    }

    /// Writes the new digits of a live counter over the old ones, if they are as many and nothing
    /// else of the entry has to change. `None`, and nothing changed, for anything else.
    #[inline]
    fn count_in_place(
        &mut self,
        at: Address,
        key: &[u8],
        delta: i64,
        now_ms: u64,
    ) -> Option<Counter> {
        let (place, slot, start) = self.find_start(at, key)?;
        let head = entry::head(&self.memory.bytes()[start..]);
        let expires_ms = head.expires_ms;
        let expired = expires_ms != 0 && expires_ms <= now_ms;
        // An entry that keeps its last use, or is to begin to, is written anew; one of a map with
        // limits may first have to make room, or make room itself.
        let map = at.map.0;
        let is_limited = self.limits.group_of(map) != SHARED_GROUP
            || self.limits.any_idle && self.limits.of(map).idle_ms_max.is_some();
        if expired || head.extended || is_limited || self.destroyed.any() {
            return None;
        }
        let value_at = start + head.key_at + key.len();
        let old = &self.memory.bytes()[value_at..value_at + head.value_bytes];
        let value = parse(old)?.checked_add(delta)?;
        if !takes(value, old.len()) || !self.may_stay(start, expires_ms, now_ms) {
            return None;
        }
        let version = self.versions.next(now_ms);
        if !head.can_take(version, expires_ms) {
            return None;
        }
        if self.witness.is_some() {
            let header = entry::read(&self.memory.bytes()[start..]);
            self.lose(start, &header, Some(Decimal::of(value).as_bytes()));
        }
        let bytes = &mut self.memory.bytes_mut()[start..value_at + head.value_bytes];
        entry::restamp(bytes, version, expires_ms);
        write(value, &mut bytes[value_at - start..]);
        if expires_ms != 0 {
            let segment = self.segment_of(start);
            self.segments.prolong(segment, expires_ms, now_ms);
        }
        self.use_slot(place, slot);
        self.counters.puts += 1;
        self.counters.puts_in_place += 1;
        Some(Counter { value, version })
    }
}

/// The number that a counter's text stands for, in its one spelling.
#[inline]
fn parse(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !is_negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= DIGITS_MAX => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if is_negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Powers of ten that an u64 can be.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

/// Whether the text of a number takes so many bytes.
#[inline(always)]
fn takes(value: i64, bytes: usize) -> bool {
    let magnitude = value.unsigned_abs();
    let digits = bytes - usize::from(value < 0);
    let is_below = POWERS.get(digits).is_some_and(|power| magnitude < *power);
    is_below && (digits == 1 || magnitude >= POWERS[digits - 1])
}

/// Writes the text of a number over `text`, which has as many bytes as that takes.
#[inline]
fn write(value: i64, text: &mut [u8]) {
    debug_assert!(takes(value, text.len()), "as many bytes as it takes");
    let digits = match text {
        [sign, digits @ ..] if value < 0 => {
            *sign = b'-';
            digits
        }
        digits => digits,
    };
    let mut rest = value.unsigned_abs();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// The decimal text of a number.
struct Decimal {
    text: [u8; TEXT_BYTES_MAX],
    bytes: usize,
}

impl Decimal {
    fn of(value: i64) -> Self {
        let magnitude = value.unsigned_abs();
        let further = POWERS[1..].iter().take_while(|power| magnitude >= **power);
        let bytes = usize::from(value < 0) + 1 + further.count();
        let mut text = [0; TEXT_BYTES_MAX];
        write(value, &mut text[..bytes]);
        Self { text, bytes }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..self.bytes]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counters_are_written_and_read_as_decimal_text_to_their_limits() {
        for value in [
            0,
            1,
            -1,
            9,
            10,
            -10,
            1234567890,
            i64::MAX,
            i64::MAX - 1,
            i64::MIN,
            i64::MIN + 1,
        ] {
            let text = Decimal::of(value);
            assert_eq!(text.as_bytes(), value.to_string().as_bytes());
            for bytes in 1..=TEXT_BYTES_MAX {
                assert_eq!(takes(value, bytes), bytes == text.as_bytes().len());
            }
            assert_eq!(parse(text.as_bytes()), Some(value));
        }
        for text in [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            "1 ",
            " 1",
            "1.0",
            "0x1",
            "1-",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "9999999999999999999",
            "99999999999999999999",
            "000000000000000000001",
            "1/",
            "1:",
            "1\u{e9}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_has_this_spelling(
            text in prop_oneof!["-?[0-9]{1,21}", "[-+0-9a ]{0,5}"],
        ) {
            let value: Option<i64> = text.parse().ok();
            let expected = value.filter(|value| value.to_string() == text);
            prop_assert_eq!(parse(text.as_bytes()), expected);
        }
    }
}
