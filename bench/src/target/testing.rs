//! What the tests of every protocol share: reading an answer whole and cut at every byte.
use super::{Answer, Expected, Operation, Parsed, Protocol, ProtocolError};

pub(crate) fn expect(operation: Operation, items: usize) -> Expected {
    Expected { operation, items }
}

/// Parses `bytes`, followed by noise that belongs to the next answer, and checks that every cut
/// before the end is incomplete, asks for more than is there and never for more than there is.
pub(crate) fn whole<'b, P: Protocol>(
    protocol: &P,
    bytes: &'b [u8],
    expected: Expected,
) -> Answer<'b> {
    for cut in 0..bytes.len() {
        match protocol.parse(&bytes[..cut], expected) {
            Ok(Parsed::Incomplete(needed)) => {
                assert!(
                    needed > cut && needed <= bytes.len(),
                    "cut {cut}: needs {needed}"
                );
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    let mut followed = bytes.to_vec();
    followed.extend_from_slice(bytes);
    match protocol.parse(&followed, expected) {
        Ok(Parsed::Answer { consumed, .. }) => assert_eq!(consumed, bytes.len()),
        other => panic!("{other:?}"),
    }
    match protocol.parse(bytes, expected) {
        Ok(Parsed::Answer { answer, .. }) => answer,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refuses<P: Protocol>(
    protocol: &P,
    bytes: &[u8],
    expected: Expected,
) -> ProtocolError {
    match protocol.parse(bytes, expected) {
        Err(error) => error,
        other => panic!("{:?} gave {other:?}", String::from_utf8_lossy(bytes)),
    }
}
