//! Operations on locks.

use std::time::Duration;

use super::{InvalidCall, Operation};
use crate::client::options::{Expiry, LockOptions, LockToken};
use crate::frame::Request;
use crate::limits;
use crate::lock;
use crate::opcode::Opcode;

impl Operation {
    /// Takes a lock.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, a wait beyond a day, or a lease
    /// that is none.
    pub fn lock(map: &[u8], key: &[u8], options: LockOptions) -> Result<Self, InvalidCall> {
        let wait_ms = u64::try_from(options.wait.as_nanos().div_ceil(1_000_000));
        let wait_ms = wait_ms.map_err(|_| InvalidCall::Wait)?;
        if wait_ms > limits::LOCK_WAIT_MS_MAX {
            return Err(InvalidCall::Wait);
        }
        let wait = lock::encode_wait(wait_ms);
        let section: &[u8] = if wait_ms == 0 { &[] } else { &wait };
        let operation = Self::with_value(Opcode::Lock, map, key, section)?;
        match options.lease {
            Some(lease) => operation.with_expiry(Expiry::After(lease)),
            None => Ok(operation),
        }
    }

    /// Gives a lock back.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one.
    pub fn unlock(map: &[u8], key: &[u8], token: LockToken) -> Result<Self, InvalidCall> {
        Ok(Self {
            version: token.number(),
            ..Self::keyed(Opcode::Unlock, map, key)?
        })
    }

    /// Has a lock expire after `lease`, from now.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, or a lease that is none.
    pub fn lease(
        map: &[u8],
        key: &[u8],
        token: LockToken,
        lease: Duration,
    ) -> Result<Self, InvalidCall> {
        let operation = Self::keyed(Opcode::Lease, map, key)?;
        Ok(Self {
            version: token.number(),
            ..operation.with_expiry(Expiry::After(lease))?
        })
    }

    /// For how long the node itself may let the answer wait: zero but for a lock that is waited
    /// for. The time limit of a call begins when this is over.
    #[must_use]
    pub fn wait(&self) -> Duration {
        if self.opcode != Opcode::Lock {
            return Duration::ZERO;
        }
        let wait_ms = lock::decode_wait(self.request().value);
        Duration::from_millis(wait_ms.unwrap_or(0))
    }

    /// What gives back the lock that was granted under `token` to this operation when nobody
    /// wants to know any more; `None` where it asked for none.
    #[must_use]
    pub fn give_back(&self, token: LockToken) -> Option<Self> {
        if self.opcode != Opcode::Lock {
            return None;
        }
        let Request { map, key, .. } = self.request();
        Self::unlock(map, key, token).ok()
    }
}
