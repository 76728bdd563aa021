//! Numbers as RESP has them: strict decimal text to integers, and back.
//!
//! An integer has one spelling only: no leading zeros, no plus sign, no spaces. That is what Redis
//! accepts, in lengths as in arguments.

/// Digits of the longest 64-bit integer, with its sign.
const INTEGER_TEXT_BYTES_MAX: usize = 20;

/// The integer that `text` is the one spelling of; `None` where it is none, or does not fit.
#[must_use]
#[inline]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() < INTEGER_TEXT_BYTES_MAX => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        let digit = u64::from(byte - b'0');
        magnitude = magnitude.checked_mul(10)?.checked_add(digit)?;
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Appends the decimal text of an integer.
#[inline]
pub fn integer_text(number: i64, out: &mut Vec<u8>) {
    let mut text = [0; INTEGER_TEXT_BYTES_MAX];
    let start = write_before(number, &mut text);
    out.extend_from_slice(text.get(start..).unwrap_or_default());
}

/// Numbers below this have a line that fits a word: a byte, five digits and the line's end.
const WORD_NUMBERS: u64 = 100_000;

/// Appends a line of a byte that tells its kind and an integer.
#[inline]
pub(super) fn integer_line(kind: u8, number: i64, out: &mut Vec<u8>) {
    match u64::try_from(number) {
        Ok(number) if number < WORD_NUMBERS => short_line(kind, number, out),
        _ => {
            out.push(kind);
            integer_text(number, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// The line of a small number, made in a word from its end: what is written byte by byte cannot be
/// read as one before it has reached the cache.
#[inline]
fn short_line(kind: u8, number: u64, out: &mut Vec<u8>) {
    let mut word = u64::from(u16::from_le_bytes(*b"\r\n"));
    let mut rest = number;
    let mut bytes = 3;
    loop {
        word = (word << 8) | (u64::from(b'0') + rest % 10);
        rest /= 10;
        bytes += 1;
        if rest == 0 {
            break;
        }
    }
    word = (word << 8) | u64::from(kind);
    let end = out.len() + bytes;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

/// Writes the decimal text of an integer to the end of `text`; returns where it begins.
#[inline]
fn write_before(number: i64, text: &mut [u8]) -> usize {
    let mut rest = number.unsigned_abs();
    let mut start = text.len();
    let mut places = text.iter_mut().rev();
    for place in &mut places {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    if number < 0
        && let Some(place) = places.next()
    {
        *place = b'-';
        start -= 1;
    }
    start
}

/// The number that `text` is the decimal or exponential text of, infinities included; `None` where
/// it is none.
#[must_use]
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    // Rust also reads "nan", which is no number to count with.
    let number: f64 = text.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// Appends the shortest decimal text that reads back as the same number, without exponent.
pub fn float_text(number: f64, out: &mut Vec<u8>) {
    if number.is_infinite() {
        let text: &[u8] = if number > 0.0 { b"inf" } else { b"-inf" };
        out.extend_from_slice(text);
    } else if number.is_nan() {
        out.extend_from_slice(b"nan");
    } else if number == 0.0 {
        // Negative zero is zero to everybody who reads it.
        out.push(b'0');
    } else {
        out.extend_from_slice(number.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_has_one_spelling() {
        for number in [
            0,
            1,
            -1,
            9,
            10,
            -10,
            99,
            100,
            1_000,
            9_999,
            10_000,
            99_999,
            100_000,
            -99_999,
            1_234_567,
            1 << 40,
            i64::MAX,
            i64::MIN,
        ] {
            let mut text = Vec::new();
            integer_text(number, &mut text);
            assert_eq!(text, number.to_string().as_bytes());
            assert_eq!(parse_integer(&text), Some(number));
            let mut line = b"before".to_vec();
            integer_line(b':', number, &mut line);
            assert_eq!(line, format!("before:{number}\r\n").as_bytes());
        }
        let refused = [
            "",
            "-",
            "+1",
            "01",
            "-0",
            "-01",
            " 1",
            "1 ",
            "1a",
            "0x1",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "111111111111111111111",
        ];
        for text in refused {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn floats_are_written_without_exponent() {
        let cases = [
            (3.0, "3"),
            (0.5, "0.5"),
            (-0.0, "0"),
            (1e20, "100000000000000000000"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (number, text) in cases {
            let mut out = Vec::new();
            float_text(number, &mut out);
            assert_eq!(out, text.as_bytes());
        }
        assert_eq!(parse_float(b"1e3"), Some(1000.0));
        assert_eq!(parse_float(b"nan"), None);
        assert_eq!(parse_float(b" 1"), None);
        assert_eq!(parse_float(b"\xff"), None);
    }
}
