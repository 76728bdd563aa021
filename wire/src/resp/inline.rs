//! Inline commands: one line, split into arguments as a shell would.
//!
//! ```text
//! SET "a key" 'it\'s'  plain\n        three arguments: a key | it's | plain\n  (no escapes unquoted)
//! ```
//! Within double quotes `\n \r \t \b \a`, `\xHH` and a backslash before any other byte are escapes;
//! within single quotes only `\'` is. A closing quote ends its argument, and only a space may
//! follow.

use super::arguments::Span;

/// Splits a line into arguments, whose bytes are appended to `text` and whose places in it to
/// `spans`. False where the quotes are unbalanced.
#[must_use]
pub fn split_inline(line: &[u8], text: &mut Vec<u8>, spans: &mut Vec<Span>) -> bool {
    let mut rest = line;
    loop {
        let spaces = rest.iter().take_while(|byte| is_space(**byte)).count();
        rest = rest.get(spaces..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        let start = text.len();
        let Some(behind) = take_argument(rest, text) else {
            return false;
        };
        rest = behind;
        let Some(span) = Span::new(start, text.len()) else {
            return false;
        };
        spans.push(span);
    }
}

/// Appends the argument at the front of `rest` to `text` and returns what stands behind it.
fn take_argument<'l>(mut rest: &'l [u8], text: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] => return Some(rest),
            [space, ..] if is_separator(*space) => return Some(rest),
            [b'"', behind @ ..] => return take_double_quoted(behind, text),
            [b'\'', behind @ ..] => return take_single_quoted(behind, text),
            [byte, behind @ ..] => {
                text.push(*byte);
                rest = behind;
            }
        }
    }
}

fn take_double_quoted<'l>(mut rest: &'l [u8], text: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'"', behind @ ..] => return ends_argument(behind).then_some(behind),
            [b'\\', b'x', high, low, behind @ ..] if is_hex(*high) && is_hex(*low) => {
                text.push(hex_value(*high) << 4 | hex_value(*low));
                rest = behind;
            }
            [b'\\', escaped, behind @ ..] => {
                text.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = behind;
            }
            [byte, behind @ ..] => {
                text.push(*byte);
                rest = behind;
            }
        }
    }
}

fn take_single_quoted<'l>(mut rest: &'l [u8], text: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'\'', behind @ ..] => return ends_argument(behind).then_some(behind),
            [b'\\', b'\'', behind @ ..] => {
                text.push(b'\'');
                rest = behind;
            }
            [byte, behind @ ..] => {
                text.push(*byte);
                rest = behind;
            }
        }
    }
}

fn ends_argument(behind: &[u8]) -> bool {
    behind.first().is_none_or(|byte| is_space(*byte))
}

/// What is skipped before an argument, and may follow a closing quote.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0B
}

/// What ends an argument without quotes: a form feed and a vertical tab do not.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn hex_value(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::Arguments;
    use super::*;

    fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let (mut text, mut spans) = (Vec::new(), Vec::new());
        split_inline(line, &mut text, &mut spans).then(|| {
            let arguments = Arguments::new(&text, &spans);
            arguments.iter().map(<[u8]>::to_vec).collect()
        })
    }

    #[test]
    fn a_line_is_split_as_a_shell_would() {
        let cases: [(&[u8], &[&[u8]]); 9] = [
            (b"", &[]),
            (b"   \t \x0B\x0C", &[]),
            (b"a\x0Bb\x0C \x0Bc", &[b"a\x0Bb\x0C", b"c"]),
            (b"GET key", &[b"GET", b"key"]),
            (b"  SET  a   b  ", &[b"SET", b"a", b"b"]),
            (b"ECHO \"a b\\n\\x41\\\"\"", &[b"ECHO", b"a b\nA\""]),
            (b"ECHO 'it\\'s' \"\"", &[b"ECHO", b"it's", b""]),
            (b"a\"b\" c", &[b"ab", b"c"]),
            (b"\"\\xZZ\"", &[b"xZZ"]),
        ];
        for (line, arguments) in cases {
            let expected: Vec<Vec<u8>> = arguments.iter().map(|a| a.to_vec()).collect();
            assert_eq!(split(line), Some(expected), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [
            &b"\"abc"[..],
            b"'abc",
            b"\"a\"b",
            b"'a'b",
            b"\"a\\\"",
            b"'a\\'",
        ] {
            assert_eq!(split(line), None, "{}", line.escape_ascii());
        }
    }
}
