//! Glob patterns: `*` any bytes, `?` one byte, `[a-z]` one of a set, `[^a-z]` one outside it, `\x`
//! the byte x itself.
//!
//! A pattern is compiled to a row of sets, one for each byte to match, and matched by following all
//! ways through it at once, a bit for each place. So the time for a text is its length times the
//! words of that row, whatever the pattern: nothing is ever tried again.
//!
//! ```text
//! a*[xy]   sets  {a} {x y}     stars  before place 1       place 2 reached at the end: it matches
//! ```

use jerboa_wire::limits::PATTERN_BYTES_MAX;

const WORD_BITS: usize = u64::BITS as usize;
const WORDS_MAX: usize = PATTERN_BYTES_MAX / WORD_BITS + 1;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    /// For each byte, the places that it leads on from: `words` words each.
    steps: Vec<u64>,
    /// Places before which a star stands: any byte stays there.
    stars: Vec<u64>,
    /// The place behind the last set.
    end: usize,
}

/// The pattern is longer than the protocol allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PatternTooLong;

impl Glob {
    pub(crate) fn new(pattern: &[u8]) -> Result<Self, PatternTooLong> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(PatternTooLong);
        }
        // Every set takes at least a byte of the pattern.
        let words = pattern.len() / WORD_BITS + 1;
        let mut glob = Self {
            steps: vec![0; words << 8],
            stars: vec![0; words],
            end: 0,
        };
        let mut rest = pattern;
        while let Some((byte, behind)) = rest.split_first() {
            rest = behind;
            match byte {
                b'*' => glob.stars[glob.end / WORD_BITS] |= 1 << (glob.end % WORD_BITS),
                b'?' => glob.add(|_| true),
                b'[' => rest = glob.add_set(rest),
                b'\\' => {
                    // One at the very end stands for itself.
                    let (literal, behind) = rest.split_first().unwrap_or((&b'\\', &[]));
                    rest = behind;
                    glob.add_byte(*literal);
                }
                literal => glob.add_byte(*literal),
            }
        }
        Ok(glob)
    }

    fn words(&self) -> usize {
        self.stars.len()
    }

    fn add(&mut self, holds: impl Fn(u8) -> bool) {
        for byte in (0..=u8::MAX).filter(|byte| holds(*byte)) {
            self.lead_on(byte);
        }
        self.end += 1;
    }

    fn add_byte(&mut self, byte: u8) {
        self.lead_on(byte);
        self.end += 1;
    }

    fn lead_on(&mut self, byte: u8) {
        let place = usize::from(byte) * self.words() + self.end / WORD_BITS;
        self.steps[place] |= 1 << (self.end % WORD_BITS);
    }

    /// Adds the set whose `[` was read; what stands behind it. One without its `]` ends with the
    /// pattern.
    fn add_set<'p>(&mut self, mut rest: &'p [u8]) -> &'p [u8] {
        let mut members = [false; 256];
        let inverted = rest.first() == Some(&b'^');
        rest = &rest[usize::from(inverted)..];
        while let Some((low, high, behind)) = member(rest) {
            rest = behind;
            members[usize::from(low)..=usize::from(high)].fill(true);
        }
        self.add(|byte| members[usize::from(byte)] != inverted);
        rest.get(1..).unwrap_or_default()
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        self.matches_in_steps(text).0
    }

    /// Whether the whole text matches, and in how many steps that was found: the bytes that were
    /// looked at times the words of the pattern, a few nanoseconds each.
    pub(crate) fn matches_in_steps(&self, text: &[u8]) -> (bool, usize) {
        let words = self.words();
        let mut places = [0; WORDS_MAX];
        let places = &mut places[..words];
        places[0] = 1;
        for (number, byte) in text.iter().enumerate() {
            let steps = &self.steps[usize::from(*byte) * words..][..words];
            let mut carry = 0;
            let mut alive = 0;
            for (word, place) in places.iter_mut().enumerate() {
                let moved = *place & steps[word];
                *place = moved << 1 | carry | *place & self.stars[word];
                carry = moved >> (WORD_BITS - 1);
                alive |= *place;
            }
            if alive == 0 {
                return (false, (number + 1) * words);
            }
        }
        let whole = places[self.end / WORD_BITS] >> (self.end % WORD_BITS) & 1 == 1;
        (whole, text.len() * words)
    }
}

/// The next member of a set, its lowest byte and its highest, unless the set ends here. A range ends
/// with the byte behind its `-` whatever that is, a `]` too, and begins with none that is escaped: as
/// in Redis.
fn member(rest: &[u8]) -> Option<(u8, u8, &[u8])> {
    match rest {
        [] | [b']', ..] => None,
        [b'\\', escaped, behind @ ..] => Some((*escaped, *escaped, behind)),
        [first, b'-', last, behind @ ..] => Some((*first.min(last), *first.max(last), behind)),
        [byte, behind @ ..] => Some((*byte, *byte, behind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern.as_bytes())
            .unwrap()
            .matches(text.as_bytes())
    }

    #[test]
    fn each_sign_means_what_it_says() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*a", "bca", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "", false),
            ("**", "x", true),
            ("[abc]", "b", true),
            ("[abc]", "d", false),
            ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true),
            ("[^a-c]", "d", true),
            ("[^a-c]", "b", false),
            ("[a-]", "-", false),
            ("[a-]", "^", true),
            ("[a-", "-", true),
            ("[-a]", "-", true),
            ("[\\]]", "]", true),
            ("[\\a-c]", "b", false),
            ("[\\a-c]", "-", true),
            ("[a-\\]]", "^]", true),
            ("[1-]2]x", "=x", true),
            ("[", "x", false),
            ("[ab", "b", true),
            ("[]x", "x", false),
            ("[^]", "x", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("\\\\", "\\", true),
            ("a\\", "a\\", true),
            ("user:*:[0-9]?", "user:anna:42", true),
            ("user:*:[0-9]?", "user:anna:x2", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} {text:?}");
        }
        assert!(Glob::new(&[b'a'; PATTERN_BYTES_MAX + 1]).is_err());
    }

    /// Backtracking, as slow as it is plain.
    fn reference(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|at| reference(rest, &text[at..])),
            ([b'?', rest @ ..], [_, behind @ ..]) => reference(rest, behind),
            ([sign, rest @ ..], [byte, behind @ ..]) if sign == byte => reference(rest, behind),
            _ => false,
        }
    }

    #[test]
    fn every_short_pattern_agrees_with_plain_backtracking() {
        let words = |signs: &[u8], longest: u32| -> Vec<Vec<u8>> {
            let counts = (0..=longest).flat_map(|length| {
                (0..signs.len().pow(length)).map(move |number| (length, number))
            });
            counts
                .map(|(length, number)| {
                    let digit = |place| number / signs.len().pow(place) % signs.len();
                    (0..length).map(|place| signs[digit(place)]).collect()
                })
                .collect()
        };
        let texts = words(b"ab", 6);
        for pattern in words(b"ab?*", 5) {
            let glob = Glob::new(&pattern).unwrap();
            for text in &texts {
                assert_eq!(
                    glob.matches(text),
                    reference(&pattern, text),
                    "{pattern:?} {text:?}"
                );
            }
        }
    }

    #[test]
    fn patterns_longer_than_a_word_carry_on() {
        for length in [63, 64, 65, 127, 128, 129, 250] {
            let pattern = "ab".repeat(length / 2) + &"c".repeat(length % 2);
            assert!(matches(&pattern, &pattern));
            assert!(!matches(&pattern, &pattern[1..]));
            let starred = format!("*{}*", &pattern[..length - 2]);
            assert!(matches(&starred, &format!("xx{pattern}yy")));
        }
    }

    /// What takes a backtracking matcher longer than the age of the universe. That this test ends
    /// is what it shows.
    #[test]
    fn no_pattern_makes_a_match_slow() {
        let text = "a".repeat(65_535);
        for pattern in [
            "a*".repeat(127) + "b",
            "*a".repeat(127) + "b",
            "*?".repeat(127) + "b",
        ] {
            assert!(!matches(&pattern, &text));
        }
    }
}
