//! What was typed, from the bytes that a terminal makes of it.
//!
//! ```text
//!  a byte        the key itself
//!  ESC [ … F     an arrow and the like: anything up to a final byte 0x40 … 0x7e
//!  ESC O F       the same from terminals in their other mode
//! ```
//! A sequence may come in pieces; what none of it is known is passed over whole, so that no part of
//! it is taken for a letter.

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// With the control key held.
    Control(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
}

/// Where in a sequence the bytes so far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    Escape,
    /// Behind `ESC [`, with the number so far.
    Control(u32),
    /// Behind `ESC O`.
    Single,
}

/// Takes bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
}

impl Decoder {
    /// The key that ends with this byte, if one does.
    pub(super) fn push(&mut self, byte: u8) -> Option<Key> {
        let state = std::mem::take(&mut self.state);
        match (state, byte) {
            (_, 0x1b) => self.state = State::Escape,
            (State::Escape, b'[') => self.state = State::Control(0),
            (State::Escape, b'O') => self.state = State::Single,
            (State::Control(number), b'0'..=b'9') => {
                let digit = u32::from(byte - b'0');
                let number = number.saturating_mul(10).saturating_add(digit);
                self.state = State::Control(number);
            }
            (State::Control(number), 0x20..=0x3f) => self.state = State::Control(number),
            (State::Control(_) | State::Single, b'A') => return Some(Key::Up),
            (State::Control(_) | State::Single, b'B') => return Some(Key::Down),
            (State::Control(_) | State::Single, b'H') => return Some(Key::Home),
            (State::Control(_) | State::Single, b'F') => return Some(Key::End),
            (State::Control(5), b'~') => return Some(Key::PageUp),
            (State::Control(6), b'~') => return Some(Key::PageDown),
            (State::Control(1 | 7), b'~') => return Some(Key::Home),
            (State::Control(4 | 8), b'~') => return Some(Key::End),
            (State::Control(_) | State::Single, _) => {}
            // Escape alone, or before a letter: what follows is a key like any other.
            (State::Outside | State::Escape, 0x01..=0x1a) => {
                return Some(Key::Control((b'a' + byte - 1).into()));
            }
            (State::Outside | State::Escape, 0x20..=0x7e) => return Some(Key::Char(byte.into())),
            (State::Outside | State::Escape, _) => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        let keys = bytes.iter().filter_map(|byte| decoder.push(*byte));
        keys.collect()
    }

    #[test]
    fn arrows_are_keys_and_no_letters_of_them_are() {
        use Key::{Char, Control, Down, End, Home, PageDown, PageUp, Up};
        assert_eq!(
            keys(b"q\x03 \x1a"),
            [Char('q'), Control('c'), Char(' '), Control('z')]
        );
        assert_eq!(keys(b"\x1b[A\x1b[B\x1bOA\x1bOB"), [Up, Down, Up, Down]);
        assert_eq!(
            keys(b"\x1b[5~\x1b[6~\x1b[H\x1b[4~"),
            [PageUp, PageDown, Home, End]
        );
        // F1, F5, delete, an arrow with control, a mouse wheel, a pasted text's frame.
        assert_eq!(keys(b"\x1bOP\x1b[15~\x1b[3~"), []);
        assert_eq!(keys(b"\x1b[1;5C\x1b[<64;1;1M\x1b[200~"), []);
        assert_eq!(keys(b"\x1bq\x1b\x1b[Aq"), [Char('q'), Up, Char('q')]);
        assert_eq!(keys("é€\u{7f}\0".as_bytes()), []);
    }

    #[test]
    fn a_sequence_without_end_holds_nothing_and_ends_with_the_next() {
        let mut endless = b"\x1b[".to_vec();
        endless.extend_from_slice(&[b'9'; 10_000]);
        endless.extend_from_slice(b"\x1b[Aq");
        assert_eq!(keys(&endless), [Key::Up, Key::Char('q')]);
    }
}
