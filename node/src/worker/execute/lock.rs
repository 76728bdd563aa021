//! Locks as entries of their map: present means held.
//!
//! ```text
//! value    "JRBLOCK1" | u64 token
//! ```
//! The token is the version under which the lock was taken. It lies in the value, so that a lease
//! that is extended, which gives the entry a new version, keeps its token. Versions of a core only
//! grow, and with them the tokens for one key.

use jerboa_core_shard::{Address, Condition, Expiry, ExpiryOutcome, PutOptions, PutOutcome};
use jerboa_wire::{Reply, Request, Status};

use super::{Execution, expiry_of, status_of};

/// How the value of a lock begins.
pub(in crate::worker) const MARK: [u8; 8] = *b"JRBLOCK1";
const LOCK_BYTES: usize = 16;

/// What came of trying to take a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker) enum Attempt {
    /// It was free.
    Taken { token: u64 },
    /// Somebody has it, until then at most.
    Held { expires_at_ms: Option<u64> },
    /// The entry cannot be stored.
    Refused(Status),
}

impl Execution<'_> {
    /// Takes a lock if it is free.
    pub(in crate::worker) fn try_lock(
        &mut self,
        at: Address,
        key: &[u8],
        lease_ms: Option<u64>,
    ) -> Attempt {
        let now_ms = self.now_ms;
        if let Some(metadata) = self.shard.metadata(at, key, now_ms) {
            let expires_at_ms = metadata.expires_at_ms;
            return Attempt::Held { expires_at_ms };
        }
        let expiry = lease_ms.map_or(Expiry::None, |lease_ms| {
            Expiry::At(
                now_ms
                    .saturating_add(lease_ms)
                    .min(jerboa_wire::limits::EXPIRY_MS_MAX),
            )
        });
        let condition = Condition::IfAbsent;
        let options = PutOptions { condition, expiry };
        // Without the mark: to put the lock in its place is nobody's loss.
        let room = [0; LOCK_BYTES];
        let token = match self.shard.put(at, key, &room, options, now_ms) {
            Ok(PutOutcome::Stored { version }) => version,
            Ok(PutOutcome::Exists | PutOutcome::Missing) => {
                return Attempt::Refused(Status::Internal);
            }
            Err(error) => return Attempt::Refused(status_of(error)),
        };
        // The version is known only now. The value has the same length, so it is overwritten where
        // it lies.
        let condition = Condition::Always;
        let options = PutOptions { condition, expiry };
        if let Err(error) = self.shard.put(at, key, &lock_value(token), options, now_ms) {
            self.shard.give_back(at, key, now_ms);
            return Attempt::Refused(status_of(error));
        }
        Attempt::Taken { token }
    }

    /// Gives a lock back; whether it was held under this token.
    pub(in crate::worker) fn release(&mut self, at: Address, key: &[u8], token: u64) -> bool {
        self.holds(at, key, token) && self.shard.give_back(at, key, self.now_ms)
    }

    pub(super) fn unlock(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let released = self.release(at, request.key, request.version);
        let status = if released {
            Status::Ok
        } else {
            Status::NoSuchLock
        };
        self.answering.head(request, status)
    }

    pub(super) fn lease(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        if !self.holds(at, request.key, request.version) {
            return self.answering.head(request, Status::NoSuchLock);
        }
        let expires_at_ms = expiry_of(request, self.now_ms);
        match self
            .shard
            .set_expiry(at, request.key, expires_at_ms, self.now_ms)
        {
            ExpiryOutcome::Updated { .. } => Reply {
                version: request.version,
                arg: expires_at_ms.unwrap_or(0),
                ..self.answering.head(request, Status::Ok)
            },
            ExpiryOutcome::OutOfMemory => self.answering.head(request, Status::OutOfMemory),
            ExpiryOutcome::Deleted | ExpiryOutcome::Missing => {
                self.answering.head(request, Status::NoSuchLock)
            }
        }
    }

    fn holds(&mut self, at: Address, key: &[u8], token: u64) -> bool {
        let entry = self.shard.get(at, key, self.now_ms);
        entry.is_some_and(|entry| entry.value.as_slice() == Some(&lock_value(token)))
    }
}

fn lock_value(token: u64) -> [u8; LOCK_BYTES] {
    let mut value = [0; LOCK_BYTES];
    let (mark, number) = value.split_at_mut(MARK.len());
    mark.copy_from_slice(&MARK);
    number.copy_from_slice(&token.to_le_bytes());
    value
}
