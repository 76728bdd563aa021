//! What a caller wants of the value that is there: a condition with its typed operand, encoded when
//! it is made. A value that cannot be encoded fails the call that the condition is given to.

use crate::condition::ValueCondition;
use crate::value::{Encode, Unencodable};

/// What has to hold of the value that is there for [`put_if`](super::DMap::put_if),
/// [`replace_if`](super::DMap::replace_if) and [`delete_if`](super::DMap::delete_if) to act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueIs(Wanted);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Wanted {
    Equal(Result<Vec<u8>, Unencodable>),
    Other(Result<Vec<u8>, Unencodable>),
    OfDigest(u64),
    NotOfDigest(u64),
}

impl ValueIs {
    /// It is this one. Does not hold where the key is absent.
    #[must_use]
    pub fn equal_to(value: impl Encode) -> Self {
        Self(Wanted::Equal(bytes_of(&value)))
    }

    /// It is another one. Holds where the key is absent.
    #[must_use]
    pub fn other_than(value: impl Encode) -> Self {
        Self(Wanted::Other(bytes_of(&value)))
    }

    /// Its [digest](super::DMap::digest) is this one. Does not hold where the key is absent.
    #[must_use]
    pub const fn of_digest(digest: u64) -> Self {
        Self(Wanted::OfDigest(digest))
    }

    /// Its [digest](super::DMap::digest) is another one. Holds where the key is absent.
    #[must_use]
    pub const fn not_of_digest(digest: u64) -> Self {
        Self(Wanted::NotOfDigest(digest))
    }

    /// The condition as the protocol has it.
    pub(super) fn wanted(&self) -> Result<ValueCondition<'_>, Unencodable> {
        Ok(match &self.0 {
            Wanted::Equal(Ok(value)) => ValueCondition::Equals(value),
            Wanted::Other(Ok(value)) => ValueCondition::Differs(value),
            Wanted::OfDigest(digest) => ValueCondition::DigestEquals(*digest),
            Wanted::NotOfDigest(digest) => ValueCondition::DigestDiffers(*digest),
            Wanted::Equal(Err(refused)) | Wanted::Other(Err(refused)) => {
                return Err(refused.clone());
            }
        })
    }
}

fn bytes_of(value: &impl Encode) -> Result<Vec<u8>, Unencodable> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes)?;
    Ok(bytes)
}
