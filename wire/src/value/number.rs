//! Numbers as text: what counters store, people read and other languages parse.

use std::borrow::Cow;
use std::io::Write;

use super::{Decode, Encode, Unencodable, WrongType};

/// Longest text that is read as a number: more than the digits of any finite 64-bit float.
const TEXT_BYTES_MAX: usize = 1100;

/// The text of a number without what Rust allows and counters do not: a plus sign.
pub(super) fn parse<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    if bytes.len() > TEXT_BYTES_MAX || bytes.first() == Some(&b'+') {
        return None;
    }
    str::from_utf8(bytes).ok()?.parse().ok()
}

pub(super) fn push(out: &mut Vec<u8>, number: impl std::fmt::Display) -> Result<(), Unencodable> {
    write!(out, "{number}").map_err(|error| Unencodable {
        cause: error.to_string(),
    })
}

macro_rules! numbers {
    ($($type:ty: $expected:literal;)+) => {$(
        impl Encode for $type {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
                push(out, self)
            }
        }

        impl Decode for $type {
            fn expected() -> Cow<'static, str> {
                $expected.into()
            }

            fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
                parse(&bytes).ok_or_else(|| WrongType::of::<Self>(bytes))
            }
        }
    )+};
}

numbers! {
    i8: "an i8";
    i16: "an i16";
    i32: "an i32";
    i64: "an i64";
    i128: "an i128";
    isize: "an isize";
    u8: "a u8";
    u16: "a u16";
    u32: "a u32";
    u64: "a u64";
    u128: "a u128";
    usize: "a usize";
    f32: "an f32";
    f64: "an f64";
}
