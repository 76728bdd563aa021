//! A line of the shell as words of bytes, and bytes as a word that reads back as the same.
//!
//! Words are separated by spaces. Quotes of both kinds hold a word together. Outside single quotes a
//! backslash begins an escape: `\n`, `\r`, `\t`, `\0`, `\xHH` for any byte, and the character itself
//! for a quote, a backslash, a space or a `#`. A word that begins with `#` begins a comment.

use std::fmt;

/// Why a line is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLine {
    /// A quote has no end.
    OpenQuote(char),
    /// A backslash at the end of the line.
    OpenEscape,
    /// No such escape.
    UnknownEscape(char),
    /// `\x` without two hexadecimal digits.
    ShortHex,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenQuote(quote) => write!(f, "the quote {quote} has no end"),
            Self::OpenEscape => f.write_str("the line ends with a backslash; write \\\\ for one"),
            Self::UnknownEscape(c) => {
                write!(f, "no escape \\{c}; write \\\\ for a backslash")
            }
            Self::ShortHex => f.write_str("\\x needs two hexadecimal digits"),
        }
    }
}

/// Splits a line into words.
pub(super) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, BadLine> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote: Option<u8> = None;
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (quote, byte) {
            (None, b' ' | b'\t' | b'\r' | b'\n') => words.extend(word.take()),
            (None, b'#') if word.is_none() => break,
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                // Even if nothing follows: an empty word.
                word.get_or_insert_default();
            }
            (Some(open), _) if open == byte => quote = None,
            (None | Some(b'"'), b'\\') => {
                let (escaped, after) = escape(rest)?;
                rest = after;
                word.get_or_insert_default().push(escaped);
            }
            _ => word.get_or_insert_default().push(byte),
        }
    }
    if let Some(open) = quote {
        return Err(BadLine::OpenQuote(open.into()));
    }
    words.extend(word);
    Ok(words)
}

/// The bytes of a word that is one already: only escapes mean anything in it, quotes are quotes.
pub(super) fn unescape(word: &[u8]) -> Result<Vec<u8>, BadLine> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let mut meant = byte;
        if byte == b'\\' {
            (meant, rest) = escape(after)?;
        }
        bytes.push(meant);
    }
    Ok(bytes)
}

/// The byte that an escape stands for, and what follows it.
fn escape(rest: &[u8]) -> Result<(u8, &[u8]), BadLine> {
    let Some((&kind, after)) = rest.split_first() else {
        return Err(BadLine::OpenEscape);
    };
    let byte = match kind {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        b'"' | b'\'' | b'\\' | b' ' | b'#' => kind,
        b'x' => {
            let hex = after
                .get(..2)
                .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
            let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
            let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
            return Ok((byte.ok_or(BadLine::ShortHex)?, &after[2..]));
        }
        _ => {
            let text = String::from_utf8_lossy(rest);
            return Err(BadLine::UnknownEscape(text.chars().next().unwrap_or('?')));
        }
    };
    Ok((byte, after))
}

/// Bytes as a word for people, quoted only where they have to be.
pub(in crate::cli) fn quoted(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes)
        && is_plain(text)
    {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '"' | '\\' => out.extend(['\\', c]),
                c if c.is_control() => {
                    let mut buffer = [0; 4];
                    for byte in c.encode_utf8(&mut buffer).bytes() {
                        out.push_str(&format!("\\x{byte:02x}"));
                    }
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn is_plain(text: &str) -> bool {
    let special = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '\\');
    !text.is_empty() && !text.starts_with('#') && !text.contains(special)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        split(line.as_bytes()).unwrap()
    }

    #[test]
    fn lines_are_split_where_a_person_expects_it() {
        let expected: &[(&str, &[&[u8]])] = &[
            ("", &[]),
            ("  # only a comment", &[]),
            ("get k", &[b"get", b"k"]),
            ("  put  k\t'a b' # why", &[b"put", b"k", b"a b"]),
            ("put k \"\"", &[b"put", b"k", b""]),
            (r#"put k "a\n\x00\xff\"""#, &[b"put", b"k", b"a\n\0\xff\""]),
            (r"put k 'a\n'", &[b"put", b"k", b"a\\n"]),
            (r"put k a\ b\x20c", &[b"put", b"k", b"a b c"]),
            ("put k#1 it's'#", &[b"put", b"k#1", b"its#"]),
            (
                "put ключ \u{1F42D}",
                &[b"put", "ключ".as_bytes(), "\u{1F42D}".as_bytes()],
            ),
        ];
        for (line, expected) in expected {
            assert_eq!(words(line), *expected, "{line}");
        }
    }

    #[test]
    fn lines_that_are_none_say_why() {
        for (line, why) in [
            ("get 'k", BadLine::OpenQuote('\'')),
            ("get \"k\\\"", BadLine::OpenQuote('"')),
            ("get k\\", BadLine::OpenEscape),
            (r"get \q", BadLine::UnknownEscape('q')),
            (r"get \é", BadLine::UnknownEscape('é')),
            (r"get \x4", BadLine::ShortHex),
            (r"get \x+4", BadLine::ShortHex),
        ] {
            assert_eq!(split(line.as_bytes()), Err(why), "{line}");
        }
    }

    #[test]
    fn a_word_that_is_one_stays_one_whatever_is_in_it() {
        for (word, meant) in [
            ("", ""),
            (r#"a"b"#, r#"a"b"#),
            (r#"a\"b"#, r#"a"b"#),
            (r#"a\" b\""#, r#"a" b""#),
            (r#"a\\""#, r#"a\""#),
            ("'a' # b", "'a' # b"),
            (r"\x41\n", "A\n"),
        ] {
            assert_eq!(unescape(word.as_bytes()), Ok(meant.into()), "{word}");
        }
        for (word, why) in [
            ("a\\", BadLine::OpenEscape),
            (r"a\\\", BadLine::OpenEscape),
            (r"\q", BadLine::UnknownEscape('q')),
            (r"\xg0", BadLine::ShortHex),
        ] {
            assert_eq!(unescape(word.as_bytes()), Err(why), "{word}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_themselves_again_however_they_were_escaped(
            bytes in vec((any::<u8>(), 0..3_u8), 0..64)
        ) {
            let mut word = Vec::new();
            for (byte, how) in &bytes {
                match (byte, how) {
                    (b'\\' | b'"' | b'\'' | b' ' | b'#', 0) => word.extend([b'\\', *byte]),
                    (b'\\', _) | (_, 2) => word.extend(format!("\\x{byte:02x}").bytes()),
                    _ => word.push(*byte),
                }
            }
            let meant: Vec<u8> = bytes.iter().map(|(byte, _)| *byte).collect();
            prop_assert_eq!(unescape(&word), Ok(meant));
        }
    }

    #[test]
    fn every_value_reads_back_from_how_it_is_shown() {
        let mut seed = 7_u64;
        for round in 0..2000 {
            let bytes: Vec<u8> = (0..round % 20)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let byte = (seed >> 56) as u8;
                    if round % 3 == 0 { byte } else { byte % 96 + 32 }
                })
                .collect();
            let shown = quoted(&bytes);
            assert_eq!(words(&shown), std::slice::from_ref(&bytes), "{shown}");
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
        assert_eq!(quoted(b"plain"), "plain");
        assert_eq!(quoted("\u{9b}31m".as_bytes()), "\"\\xc2\\x9b31m\"");
    }
}
