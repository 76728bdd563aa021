//! Typed values: how Rust values become the bytes of an entry, and back.
//!
//! | type | bytes |
//! |---|---|
//! | `[u8]`, `Vec<u8>`, `[u8; N]`, `Box<[u8]>`, `Arc<[u8]>` | themselves |
//! | `str`, `String`, `char` | UTF-8 |
//! | `i8` … `i128`, `u8` … `u128`, `isize`, `usize` | decimal text; a minus sign, never a plus |
//! | `f32`, `f64` | the fewest decimal digits that read back as the same number, without exponent; `NaN`, `inf`, `-inf` |
//! | `bool` | `1` or `0` |
//! | `Duration` | whole nanoseconds as decimal text |
//! | `SystemTime` | nanoseconds since 1970 as decimal text, negative before |
//! | `Serde<T>` (feature `serde`) | MessagePack, structs with the names of their fields |
//!
//! An entry does not store its type. Numbers are text so that counters, the RESP door and people
//! read them as well: what `put("n", 41)` stored, `incr` counts on from. Whoever reads says what
//! it expects, and a value that is not one is an error that hands the bytes back: nothing is
//! lost, not even when the read removed the entry. No value is guessed at: there is no reading of
//! `7 apples` as 7, of an empty value as 0, or of 300 as a `u8`.

mod number;
#[cfg(feature = "serde")]
mod serde;
mod time;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

#[cfg(feature = "serde")]
pub use self::serde::Serde;

/// What can be stored as a value.
pub trait Encode {
    /// Appends the bytes to `out`. After an error what was appended is of no use.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable>;
}

/// What a value can be read as.
pub trait Decode: Sized {
    /// What is expected, for error messages: `an i64`.
    fn expected() -> Cow<'static, str>;

    /// Reads a value. An error holds the bytes.
    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType>;
}

/// A value that is not of the type that it was to be read as.
#[derive(Clone, PartialEq, Eq)]
pub struct WrongType {
    /// What was expected: `an i64`.
    pub expected: Cow<'static, str>,
    /// The whole value as it is stored, or was.
    pub value: Vec<u8>,
}

/// A value that its serializer refused; nothing was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unencodable {
    /// Why, as the serializer puts it.
    pub cause: String,
}

impl WrongType {
    /// The error for a value that is no `T`.
    #[must_use]
    pub fn of<T: Decode>(value: Vec<u8>) -> Self {
        let expected = T::expected();
        Self { expected, value }
    }
}

/// Bytes of a value that a message shows.
const SHOWN_BYTES_MAX: usize = 32;

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.value.get(..SHOWN_BYTES_MAX).unwrap_or(&self.value);
        let more = if shown.len() < self.value.len() {
            "…"
        } else {
            ""
        };
        let (expected, bytes) = (&self.expected, self.value.len());
        let shown = shown.escape_ascii();
        write!(
            f,
            "the value of {bytes} bytes is not {expected}: \"{shown}{more}\""
        )
    }
}

/// A value may be of 64 MiB: it is shown as far as a message shows it.
impl fmt::Debug for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrongType({self})")
    }
}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value cannot be encoded: {}", self.cause)
    }
}

impl std::error::Error for WrongType {}
impl std::error::Error for Unencodable {}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        (**self).encode(out)
    }
}

/// Types that hold their bytes.
macro_rules! bytes {
    ($($type:ty $(, $length:ident)?;)+) => {$(
        impl $(<const $length: usize>)? Encode for $type {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
                out.extend_from_slice(AsRef::<[u8]>::as_ref(self));
                Ok(())
            }
        }
    )+};
}

bytes! {
    [u8];
    [u8; N], N;
    Vec<u8>;
    Box<[u8]>;
    Arc<[u8]>;
    str;
    String;
}

impl Encode for Cow<'_, str> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        (**self).encode(out)
    }
}

impl Encode for Cow<'_, [u8]> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        (**self).encode(out)
    }
}

impl Encode for char {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        self.encode_utf8(&mut [0; 4]).encode(out)
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        out.push(if *self { b'1' } else { b'0' });
        Ok(())
    }
}

impl Decode for Vec<u8> {
    fn expected() -> Cow<'static, str> {
        "bytes".into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        Ok(bytes)
    }
}

impl Decode for Box<[u8]> {
    fn expected() -> Cow<'static, str> {
        "bytes".into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        Ok(bytes.into())
    }
}

impl Decode for Arc<[u8]> {
    fn expected() -> Cow<'static, str> {
        "bytes".into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        Ok(bytes.into())
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn expected() -> Cow<'static, str> {
        format!("{N} bytes").into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        Self::try_from(bytes).map_err(WrongType::of::<Self>)
    }
}

impl Decode for String {
    fn expected() -> Cow<'static, str> {
        "UTF-8 text".into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        Self::from_utf8(bytes).map_err(|error| WrongType::of::<Self>(error.into_bytes()))
    }
}

impl Decode for char {
    fn expected() -> Cow<'static, str> {
        "one character".into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        let text = str::from_utf8(&bytes).ok();
        let only = text.and_then(|text| text.parse().ok());
        only.ok_or_else(|| WrongType::of::<Self>(bytes))
    }
}

impl Decode for bool {
    fn expected() -> Cow<'static, str> {
        "a bool (1 or 0)".into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        match &*bytes {
            b"1" => Ok(true),
            b"0" => Ok(false),
            _ => Err(WrongType::of::<Self>(bytes)),
        }
    }
}

#[cfg(test)]
mod tests;
