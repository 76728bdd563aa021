//! Regular expressions, as DM.SCAN has them, as globs, which match in time that is in proportion to
//! the key whatever the pattern.
//!
//! ```text
//! ^ $          the key's begin and end, where they stand there     anywhere else the pattern goes on
//! . .* .+      ?  *  ?*
//! [a-z] [^a-z] \d \w \s      a set             \. and other escaped signs: themselves
//! ```
//! What else regular expressions have (choices, groups, repetitions of anything but `.`) is refused
//! rather than taken for something else. `.` stands for one byte.

use jerboa_wire::limits::PATTERN_BYTES_MAX;

use crate::resp::refusal::Refusal;

const UNKNOWN: Refusal = Refusal::text(
    "INVALIDARGUMENT MATCH knows literals, sets, '.', '.*', '.+', '^' and '$' of regular expressions",
);
const TOO_LONG: Refusal = Refusal::text("INVALIDARGUMENT the pattern is longer than 256 bytes");

/// The glob that matches the same keys; empty where that is every key.
pub(super) fn as_glob(expression: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut glob = Vec::new();
    let mut rest = expression;
    match rest.strip_prefix(b"^") {
        Some(behind) => rest = behind,
        None => glob.push(b'*'),
    }
    let mut is_open = true;
    while let Some((sign, behind)) = rest.split_first() {
        rest = behind;
        match *sign {
            b'$' if rest.is_empty() => is_open = false,
            b'.' => rest = any(rest, &mut glob),
            b'[' => rest = set(rest, &mut glob).ok_or(UNKNOWN)?,
            b'\\' => rest = escaped(rest, &mut glob).ok_or(UNKNOWN)?,
            b'*' | b'+' | b'?' | b'(' | b')' | b'|' | b'{' | b'}' | b'^' | b'$' => {
                return Err(UNKNOWN);
            }
            byte => push_literal(byte, &mut glob),
        }
        if let [b'*' | b'+' | b'?' | b'{', ..] = rest {
            return Err(UNKNOWN);
        }
    }
    if is_open {
        glob.push(b'*');
    }
    // A star that is meant itself has a backslash before it.
    if glob.iter().all(|byte| *byte == b'*') {
        glob.clear();
    }
    if glob.len() > PATTERN_BYTES_MAX {
        return Err(TOO_LONG);
    }
    Ok(glob)
}

/// What stands behind a dot and its repetition.
fn any<'e>(rest: &'e [u8], glob: &mut Vec<u8>) -> &'e [u8] {
    match rest {
        [b'*', behind @ ..] => {
            glob.push(b'*');
            behind
        }
        [b'+', behind @ ..] => {
            glob.extend_from_slice(b"?*");
            behind
        }
        _ => {
            glob.push(b'?');
            rest
        }
    }
}

/// What stands behind the set whose `[` was read. Sets of both have the same signs, but that a `]`
/// at the front of a regular expression's is a member, as is a `-` at either end.
fn set<'e>(expression: &'e [u8], glob: &mut Vec<u8>) -> Option<&'e [u8]> {
    let mut rest = expression;
    glob.push(b'[');
    if let Some(behind) = rest.strip_prefix(b"^") {
        rest = behind;
        glob.push(b'^');
    }
    let mut is_first = true;
    while is_first || rest.first() != Some(&b']') {
        let (low, behind) = member(rest)?;
        rest = behind;
        let mut high = low;
        if let [b'-', end, ..] = rest
            && *end != b']'
        {
            (high, rest) = member(&rest[1..])?;
        }
        push_range(low, high, glob)?;
        is_first = false;
    }
    glob.push(b']');
    Some(&rest[1..])
}

/// A member of a set, or an end of a range in it.
fn member(rest: &[u8]) -> Option<(u8, &[u8])> {
    match rest {
        [b'[', b':', ..] => None,
        [b'\\', literal, ..] if literal.is_ascii_alphanumeric() => None,
        [b'\\', literal, behind @ ..] | [literal, behind @ ..] => Some((*literal, behind)),
        [] => None,
    }
}

/// What a glob's range cannot begin with stands before it, escaped.
fn push_range(mut low: u8, high: u8, glob: &mut Vec<u8>) -> Option<()> {
    if low > high {
        return None;
    }
    while low < high && matches!(low, b'\\' | b']' | b'^' | b'-') {
        glob.extend_from_slice(&[b'\\', low]);
        low += 1;
    }
    match (low == high, low.is_ascii_alphanumeric()) {
        (true, true) => glob.push(low),
        (true, false) => glob.extend_from_slice(&[b'\\', low]),
        (false, _) => glob.extend_from_slice(&[low, b'-', high]),
    }
    Some(())
}

fn escaped<'e>(rest: &'e [u8], glob: &mut Vec<u8>) -> Option<&'e [u8]> {
    let (sign, behind) = rest.split_first()?;
    match *sign {
        b'd' => glob.extend_from_slice(b"[0-9]"),
        b'w' => glob.extend_from_slice(b"[0-9A-Za-z_]"),
        b's' => glob.extend_from_slice(b"[\t\n\x0c\r ]"),
        byte if byte.is_ascii_alphanumeric() => return None,
        byte => push_literal(byte, glob),
    }
    Some(behind)
}

fn push_literal(byte: u8, glob: &mut Vec<u8>) {
    if matches!(byte, b'*' | b'?' | b'[' | b'\\') {
        glob.push(b'\\');
    }
    glob.push(byte);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::Glob;

    fn matches(expression: &str, key: &str) -> bool {
        let glob = as_glob(expression.as_bytes()).unwrap();
        glob.is_empty() || Glob::new(&glob).unwrap().matches(key.as_bytes())
    }

    #[test]
    fn an_expression_finds_the_keys_that_it_describes() {
        let cases = [
            ("", "anything", true),
            ("^even:", "even:12", true),
            ("^even:", "not-even:12", false),
            ("even", "uneven", true),
            ("12$", "even:12", true),
            ("12$", "even:123", false),
            ("^a.c$", "abc", true),
            ("^a.c$", "abbc", false),
            ("^a.*c$", "ac", true),
            ("^a.+c$", "ac", false),
            ("^a.+c$", "abbc", true),
            (r"^a\.c$", "a.c", true),
            (r"^a\.c$", "abc", false),
            (r"^\*\?$", "*?", true),
            (r"^\*\?$", "ab", false),
            (r"^\*.*$", "*ab", true),
            (r"^\*.*$", "ab", false),
            (r"^k\d$", "k7", true),
            (r"^k\d$", "kx", false),
            ("^[a-c]x$", "bx", true),
            ("^[^a-c]x$", "bx", false),
            ("^[]a]$", "]", true),
            ("^[a-]$", "-", true),
            ("^[+--]$", ",", true),
            ("^[+--]$", ".", false),
            ("^[Z-^x]$", "]", true),
            (r"^[\\-a]$", "^", true),
            (r"^[\\-a]$", "b", false),
            (r"^[!-\/]$", "-", true),
            (r"^[!-\/]$", "0", false),
            ("^[^!-/]$", "0", true),
            ("^[.*]$", "x", false),
            ("^[.*]$", "*", true),
        ];
        for (expression, key, expected) in cases {
            assert_eq!(matches(expression, key), expected, "{expression} {key}");
        }
    }

    #[test]
    fn an_expression_that_is_not_understood_is_refused_and_never_taken_for_another() {
        for expression in [
            "a|b",
            "(a)",
            "a*",
            "a+",
            "a?",
            "a{2}",
            "[ab]*",
            ".*?",
            "a^",
            "a$b",
            "[",
            "[a",
            "[[:alpha:]]",
            r"\b",
            r"a\",
            r"[\d]",
            "[c-a]",
            "*",
            "+a",
        ] {
            assert_eq!(as_glob(expression.as_bytes()), Err(UNKNOWN), "{expression}");
        }
        assert_eq!(as_glob(&[b'a'; 300]), Err(TOO_LONG));
    }
}
