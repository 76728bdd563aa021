//! What must hold for any bytes whatever that are read as commands. The fuzz target and a test on
//! the stable toolchain both run this.
//!
//! * Nothing panics, and arguments lie within what was given.
//! * However the bytes are cut up, the same commands are found, and the same error at the end.
//! * Memory is taken for arguments that came, not for those that were announced.

use jerboa_wire::resp::{Arguments, Parsed, Parser, ParserLimits, ProtocolError, split_inline};

const LIMITS: ParserLimits = ParserLimits {
    argument_bytes_max: 1 << 20,
    arguments_max: 1 << 20,
    command_bytes_max: 4 << 20,
};

/// What was found: commands with their arguments, and how it ended.
type Found = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Checks the bytes; returns how many commands they hold.
pub(crate) fn check(bytes: &[u8]) -> usize {
    let whole = read(bytes, |_| bytes.len());
    let mut step = 0;
    for seed in [1, 7, 64] {
        let pieces = read(bytes, |at| {
            step = (step * 31 + at + seed) % 97;
            at + 1 + step % seed
        });
        assert_eq!(pieces, whole);
    }
    let (mut text, mut spans) = (Vec::new(), Vec::new());
    if split_inline(bytes, &mut text, &mut spans) {
        let arguments = Arguments::new(&text, &spans);
        let length: usize = arguments.iter().map(<[u8]>::len).sum();
        assert_eq!(length, text.len());
        assert!(text.len() <= bytes.len());
    }
    whole.0.len()
}

/// Reads commands from bytes that arrive in pieces; `next` says how many are there after those
/// that were.
fn read(bytes: &[u8], mut next: impl FnMut(usize) -> usize) -> Found {
    let mut parser = Parser::default();
    let mut commands = Vec::new();
    let (mut start, mut end) = (0, 0);
    while end < bytes.len() {
        end = next(end).clamp(end + 1, bytes.len());
        loop {
            let here = &bytes[start..end];
            let parsed = match parser.parse(here, &LIMITS) {
                Ok(parsed) => parsed,
                Err(error) => {
                    assert!(error.reply().starts_with(b"ERR Protocol error: "));
                    return (commands, Some(error));
                }
            };
            assert!(parser.held_bytes() <= 64 + 4 * bytes.len());
            match parsed {
                Parsed::Incomplete => break,
                Parsed::Nothing { consumed } => start += consumed,
                Parsed::Command { consumed } => {
                    let arguments = parser.arguments(&here[..consumed]);
                    assert!(!arguments.is_empty());
                    commands.push(arguments.iter().map(<[u8]>::to_vec).collect());
                    start += consumed;
                }
                Parsed::Inline { line, consumed } => {
                    commands.push(vec![line.to_vec()]);
                    start += consumed;
                }
            }
        }
    }
    (commands, None)
}
