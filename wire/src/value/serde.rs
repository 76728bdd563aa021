//! Values of any type that serde knows, as MessagePack.

use std::borrow::Cow;

use super::{Decode, Encode, Unencodable, WrongType};

/// A value that serde encodes: `put("k", Serde(&order))`, `get::<Serde<Order>>("k")`.
///
/// Structs are stored as maps of their fields' names, so that fields may be reordered, and added
/// where they have a default; and so that a value of another type is noticed. Bytes behind the
/// value are an error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Serde<T>(pub T);

impl<T: serde::Serialize> Encode for Serde<T> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        rmp_serde::encode::write_named(out, &self.0).map_err(|error| Unencodable {
            cause: error.to_string(),
        })
    }
}

impl<T: serde::de::DeserializeOwned> Decode for Serde<T> {
    fn expected() -> Cow<'static, str> {
        format!("MessagePack of {}", std::any::type_name::<T>()).into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        let mut rest = &*bytes;
        let value = rmp_serde::decode::from_read(&mut rest);
        match value {
            Ok(value) if rest.is_empty() => Ok(Self(value)),
            _ => Err(WrongType::of::<Self>(bytes)),
        }
    }
}
