//! The parser alone: what is borrowed, what is refused by name, and what is kept of a part.

use super::*;

const LIMITS: ParserLimits = ParserLimits {
    argument_bytes_max: 1 << 20,
    arguments_max: 1 << 20,
    command_bytes_max: 8 << 20,
};

fn one(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, usize), ProtocolError> {
    let mut parser = Parser::default();
    match parser.parse(bytes, &LIMITS)? {
        Parsed::Command { consumed } => {
            let all = parser.arguments(bytes).iter().map(<[u8]>::to_vec);
            Ok((all.collect(), consumed))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_is_found_and_borrowed_where_it_lies() {
    let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nhello\r\nworld\r\n*1\r\n";
    let (arguments, consumed) = one(bytes).unwrap();
    assert_eq!(arguments, [&b"SET"[..], b"k", b"hello\r\nworld"]);
    assert_eq!(&bytes[consumed..], b"*1\r\n");
}

#[test]
fn a_command_that_arrives_byte_by_byte_is_the_same() {
    let bytes = b"*2\r\n$4\r\nECHO\r\n$100\r\n";
    let mut bytes = bytes.to_vec();
    bytes.extend_from_slice(&[b'x'; 100]);
    bytes.extend_from_slice(b"\r\n");
    let mut parser = Parser::default();
    for cut in 0..bytes.len() {
        let parsed = parser.parse(&bytes[..cut], &LIMITS).unwrap();
        assert_eq!(parsed, Parsed::Incomplete, "{cut}");
    }
    let consumed = bytes.len();
    let parsed = parser.parse(&bytes, &LIMITS).unwrap();
    assert_eq!(parsed, Parsed::Command { consumed });
    assert_eq!(parser.arguments(&bytes).at(1), &[b'x'; 100]);
    assert!(!parser.is_amid());
}

#[test]
fn what_is_no_length_is_refused_by_name() {
    use ProtocolError as E;
    let cases: [(&[u8], E); 14] = [
        (b"*x\r\n", E::InvalidArgumentCount),
        (b"*\r\n", E::InvalidArgumentCount),
        (b"*+1\r\n", E::InvalidArgumentCount),
        (b"*01\r\n", E::InvalidArgumentCount),
        (b"*2147483648\r\n", E::InvalidArgumentCount),
        (b"*99999999999999999999\r\n", E::InvalidArgumentCount),
        (b"*1\r\n$-1\r\n", E::InvalidArgumentLength),
        (b"*1\r\n$x\r\n", E::InvalidArgumentLength),
        (b"*1\r\n$1048577\r\n", E::InvalidArgumentLength),
        (b"*1\r\n$9223372036854775807\r\n", E::InvalidArgumentLength),
        (b"*1\r\nGET\r\n", E::ExpectedArgument { found: b'G' }),
        (b"*1\r\n\r\n", E::ExpectedArgument { found: b'\r' }),
        (b"*1\r\n$1\r\nab\r\n", E::MissingLineEnd),
        (b"*1\r\n$1\rx", E::InvalidArgumentLength),
    ];
    for (bytes, error) in cases {
        assert_eq!(one(bytes).unwrap_err(), error, "{}", bytes.escape_ascii());
    }
    assert_eq!(one(&[b'*'; 64]).unwrap_err(), E::EndlessArgumentCount);
    let mut long = b"*1\r\n$".to_vec();
    long.extend_from_slice(&[b'1'; 64]);
    assert_eq!(one(&long).unwrap_err(), E::EndlessArgumentLength);
}

#[test]
fn an_empty_command_is_skipped() {
    let mut parser = Parser::default();
    for (bytes, consumed) in [
        (&b"*0\r\nx"[..], 4),
        (b"*-1\r\n", 5),
        (b"\r\n", 2),
        (b"\n", 1),
    ] {
        let parsed = parser.parse(bytes, &LIMITS).unwrap();
        assert_eq!(parsed, Parsed::Nothing { consumed });
    }
}

#[test]
fn announced_arguments_take_no_memory_before_they_come() {
    let mut parser = Parser::default();
    let bytes = b"*1000000\r\n$1000000\r\n";
    assert_eq!(parser.parse(bytes, &LIMITS), Ok(Parsed::Incomplete));
    assert_eq!(parser.held_bytes(), 0);
}

#[test]
fn arguments_together_stay_within_the_limit() {
    let limits = ParserLimits {
        command_bytes_max: 20,
        ..LIMITS
    };
    let mut parser = Parser::default();
    let bytes = b"*2\r\n$4\r\nECHO\r\n$10\r\n";
    let refused = parser.parse(bytes, &limits);
    assert_eq!(refused, Err(ProtocolError::CommandTooLarge));
}

#[test]
fn an_inline_command_ends_with_its_line_and_is_bounded() {
    let mut parser = Parser::default();
    assert_eq!(parser.parse(b"PI", &LIMITS), Ok(Parsed::Incomplete));
    assert!(parser.is_amid());
    let parsed = parser.parse(b"PING\r\nx", &LIMITS);
    let line = &b"PING"[..];
    assert_eq!(parsed, Ok(Parsed::Inline { line, consumed: 6 }));
    let long = vec![b'a'; INLINE_BYTES_MAX + 1];
    let refused = parser.parse(&long, &LIMITS);
    assert_eq!(refused, Err(ProtocolError::EndlessInline));
}
