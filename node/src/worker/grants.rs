//! The locks that a connection was given and that its peer may not know of yet.
//!
//! They go back if the connection ends before the peer can have the answer. They are forgotten once
//! everything was delivered, or one by one as the peer shows that it has the token. A connection
//! with as many as may be executes nothing more until then, so they are bounded.

use jerboa_wire::{Opcode, Request};

use super::mailbox::Grant;

/// Of one connection.
const GRANTS_MAX: usize = 1024;
/// Bytes of their maps and keys.
const GRANT_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Grants {
    list: Vec<Grant>,
    /// What they hold beside the list.
    bytes: usize,
}

impl Grants {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there are as many as may be; the locks that are waited for come on top.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= GRANTS_MAX || self.bytes >= GRANT_BYTES_MAX
    }

    /// What they hold.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.list.len() * size_of::<Grant>()
    }

    pub(super) fn extend(&mut self, grant: Option<Grant>) {
        if let Some(grant) = grant {
            self.bytes += bytes_of(&grant);
            self.list.push(grant);
        }
    }

    /// Forgets the lock whose token a request names: who names it has it.
    #[inline]
    pub(super) fn heed(&mut self, request: &Request<'_>) {
        if !self.list.is_empty() && matches!(request.opcode, Opcode::Unlock | Opcode::Lease) {
            self.forget(request.key, request.version);
        }
    }

    #[cold]
    fn forget(&mut self, key: &[u8], token: u64) {
        let found = self
            .list
            .iter()
            .rposition(|grant| grant.token == token && *grant.key == *key);
        if let Some(place) = found {
            let grant = self.list.swap_remove(place);
            self.bytes -= bytes_of(&grant);
        }
    }

    /// Forgets all, and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All of them, to be given back.
    pub(super) fn take(&mut self) -> Vec<Grant> {
        self.bytes = 0;
        std::mem::take(&mut self.list)
    }
}

fn bytes_of(grant: &Grant) -> usize {
    grant.map.len() + grant.key.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(key: &[u8], token: u64) -> Grant {
        Grant {
            owner: 0,
            map: b"locks"[..].into(),
            key: key.into(),
            token,
        }
    }

    #[test]
    fn a_lock_that_its_holder_gives_back_is_forgotten_and_no_other() {
        let mut grants = Grants::default();
        for token in 1..=3 {
            grants.extend(Some(grant(b"a", token)));
        }
        let unlock = |version, key| Request {
            key,
            version,
            ..Request::new(Opcode::Unlock)
        };
        grants.heed(&unlock(2, b"b"));
        grants.heed(&unlock(4, b"a"));
        assert_eq!(grants.list.len(), 3);
        grants.heed(&unlock(2, b"a"));
        assert_eq!(grants.bytes, 2 * "locksa".len());
        let mut left: Vec<_> = grants.take().iter().map(|grant| grant.token).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 3]);
        assert_eq!(grants.bytes(), 0);
    }

    #[test]
    fn many_locks_and_long_keys_are_as_many_as_may_be() {
        let mut grants = Grants::default();
        for token in 0..GRANTS_MAX as u64 {
            assert!(!grants.is_full());
            grants.extend(Some(grant(b"k", token)));
        }
        assert!(grants.is_full());
        grants.clear();
        for token in 0..17 {
            grants.extend(Some(grant(&[b'k'; 64 << 10], token)));
        }
        assert!(grants.is_full());
    }
}
