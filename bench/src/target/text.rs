//! Numbers and lines of the text protocols.

/// A line longer than this is no answer of either text protocol.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Appends `number` in decimal.
#[inline]
pub(super) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    if number < 10 {
        out.push(b'0' + number as u8);
        return;
    }
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    while number > 0 {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

/// The line at the front of `bytes` without its CR LF; `Ok(None)` where it has not ended yet.
///
/// # Errors
/// It is longer than any answer.
#[inline]
pub(super) fn line(bytes: &[u8]) -> Result<Option<&[u8]>, ()> {
    let window = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    match window.iter().position(|byte| *byte == b'\n') {
        Some(at) => match window[..at].split_last() {
            Some((b'\r', line)) => Ok(Some(line)),
            _ => Err(()),
        },
        None if window.len() == LINE_BYTES_MAX => Err(()),
        None => Ok(None),
    }
}

/// Reads a decimal number with an optional minus sign, nothing before or after it.
#[inline]
pub(super) fn decimal(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Counted below zero, where there is room for the most negative number.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_trip_at_their_edges() {
        for number in [0u64, 1, 9, 10, 99, 100, 12_345, u64::MAX / 2] {
            let mut out = Vec::new();
            push_decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
            assert_eq!(decimal(&out), Some(number as i64));
        }
        assert_eq!(decimal(b"-9223372036854775808"), Some(i64::MIN));
        for text in ["", "-", "9223372036854775808", "1a", " 1", "+1", "--1"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_line_ends_with_both_characters_and_has_a_limit() {
        assert_eq!(line(b"+OK\r\nrest"), Ok(Some(&b"+OK"[..])));
        assert_eq!(line(b"+OK\r"), Ok(None));
        assert_eq!(line(b"+OK\n"), Err(()));
        assert_eq!(line(&vec![b'x'; LINE_BYTES_MAX]), Err(()));
    }
}
