//! When entries expire, and operations that change it.

use std::time::{Duration, UNIX_EPOCH};

use super::{InvalidCall, Operation};
use crate::client::options::{ExpireCondition, Expiry};
use crate::flags::RequestFlags;
use crate::limits;
use crate::opcode::Opcode;

impl Operation {
    /// Sets when a key expires; [`Expiry::Never`] removes its expiry. [`Expiry::Keep`] and
    /// [`Expiry::MapDefault`] are no times.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, or an expiry that is none.
    pub fn expire(map: &[u8], key: &[u8], when: Expiry) -> Result<Self, InvalidCall> {
        match when {
            Expiry::Never => return Self::keyed(Opcode::Persist, map, key),
            Expiry::Keep | Expiry::MapDefault => return Err(InvalidCall::Expiry),
            Expiry::After(_) | Expiry::At(_) => {}
        }
        let (flags, arg) = expiry(when, 0)?;
        Ok(Self {
            flags,
            arg,
            ..Self::keyed(Opcode::Expire, map, key)?
        })
    }

    /// Sets when a key expires under a condition. Only [`Expiry::After`] and [`Expiry::At`] are
    /// times.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, or an expiry that is none.
    pub fn expire_if(
        map: &[u8],
        key: &[u8],
        when: Expiry,
        condition: ExpireCondition,
    ) -> Result<Self, InvalidCall> {
        if when == Expiry::Never {
            return Err(InvalidCall::Expiry);
        }
        let mut operation = Self::expire(map, key, when)?;
        operation.flags = operation.flags
            | match condition {
                ExpireCondition::IfNone => RequestFlags::IF_ABSENT,
                ExpireCondition::IfSome => RequestFlags::IF_PRESENT,
                ExpireCondition::IfLater => RequestFlags::IF_LATER,
                ExpireCondition::IfEarlier => RequestFlags::IF_EARLIER,
            };
        Ok(operation)
    }

    /// Reads an entry and sets when it expires. [`Expiry::Keep`] would only read, and
    /// [`Expiry::MapDefault`] is for writes.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, or an expiry that is none.
    pub fn get_and_expire(map: &[u8], key: &[u8], when: Expiry) -> Result<Self, InvalidCall> {
        if matches!(when, Expiry::Keep | Expiry::MapDefault) {
            return Err(InvalidCall::Expiry);
        }
        Self::keyed(Opcode::GetExpire, map, key)?.with_expiry(when)
    }

    pub(in crate::client) fn with_expiry(mut self, when: Expiry) -> Result<Self, InvalidCall> {
        (self.flags, self.arg) = expiry(when, 1)?;
        Ok(self)
    }
}

/// The TTL form and its argument, which is at least `least`.
fn expiry(expiry: Expiry, least: u64) -> Result<(RequestFlags, u64), InvalidCall> {
    let (flags, duration) = match expiry {
        Expiry::MapDefault => return Ok((RequestFlags::NONE, 0)),
        Expiry::Never => return Ok((RequestFlags::TTL_ABSOLUTE, 0)),
        Expiry::Keep => return Ok((RequestFlags::KEEP_TTL, 0)),
        Expiry::After(duration) => (RequestFlags::TTL_RELATIVE, duration),
        Expiry::At(time) => {
            // A time before 1970 has passed as surely as its first millisecond.
            let since = time
                .duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::from_millis(1));
            (
                RequestFlags::TTL_ABSOLUTE,
                since.max(Duration::from_millis(1)),
            )
        }
    };
    let millis = duration.as_nanos().div_ceil(1_000_000);
    match u64::try_from(millis) {
        Ok(millis) if millis >= least && millis <= limits::EXPIRY_MS_MAX => Ok((flags, millis)),
        _ => Err(InvalidCall::Expiry),
    }
}
