//! Fear: commands that are found wrong, or twice, or not at all, because of how their bytes were
//! cut up or what else stands among them.

use jerboa_wire::resp::{Parsed, Parser, ParserLimits, float_text, integer_text};
use jerboa_wire::resp::{parse_float, parse_integer};
use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../fuzz/resp.rs"]
mod check;

fn command(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn arguments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(any::<u8>(), 0..40), 1..6)
}

/// Bytes that look like commands, with mistakes.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just(b"*".to_vec()),
        Just(b"$".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"*1\r\n".to_vec()),
        Just(b"*2\r\n$3\r\nGET\r\n".to_vec()),
        Just(b"$1\r\nk\r\n".to_vec()),
        Just(b"PING \"a\\x41\" 'b'\r\n".to_vec()),
        (-3i64..12).prop_map(|number| number.to_string().into_bytes()),
        vec(any::<u8>(), 0..4),
        arguments().prop_map(|arguments| command(&arguments)),
    ];
    vec(pieces, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_was_sent_is_what_is_found_however_it_is_cut(all in vec(arguments(), 1..8)) {
        let bytes: Vec<u8> = all.iter().flat_map(|one| command(one)).collect();
        prop_assert_eq!(check::check(&bytes), all.len());
        let limits = ParserLimits {
            argument_bytes_max: 40,
            arguments_max: 6,
            command_bytes_max: 1 << 20,
        };
        let (mut parser, mut at) = (Parser::default(), 0);
        for one in &all {
            let parsed = parser.parse(&bytes[at..], &limits);
            let Ok(Parsed::Command { consumed }) = parsed else {
                panic!("{parsed:?}");
            };
            let found: Vec<_> = parser.arguments(&bytes[at..]).iter().collect();
            prop_assert_eq!(&found, one);
            at += consumed;
        }
        prop_assert_eq!(at, bytes.len());
    }

    #[test]
    fn bytes_that_are_nearly_commands_never_lose_step(bytes in nearly()) {
        check::check(&bytes);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..300)) {
        check::check(&bytes);
    }

    #[test]
    fn numbers_are_read_back(number in any::<i64>(), float in any::<f64>()) {
        let mut text = Vec::new();
        integer_text(number, &mut text);
        prop_assert_eq!(parse_integer(&text), Some(number));
        if float.is_finite() {
            let mut text = Vec::new();
            float_text(float, &mut text);
            prop_assert_eq!(parse_float(&text), Some(float));
        }
    }
}

#[test]
fn a_command_of_a_million_arguments_is_read_once_however_it_arrives() {
    let arguments = vec![b"x".to_vec(); 1_000_000];
    let bytes = command(&arguments);
    let limits = ParserLimits {
        argument_bytes_max: 100,
        arguments_max: 1 << 20,
        command_bytes_max: 64 << 20,
    };
    let mut parser = Parser::default();
    // Reading it anew for each piece would take ten thousand times as long: this would not end.
    for end in (0..bytes.len()).step_by(700) {
        assert_eq!(parser.parse(&bytes[..end], &limits), Ok(Parsed::Incomplete));
    }
    let consumed = bytes.len();
    let parsed = parser.parse(&bytes, &limits);
    assert_eq!(parsed, Ok(Parsed::Command { consumed }));
    assert_eq!(parser.arguments(&bytes).len(), 1_000_000);
}
