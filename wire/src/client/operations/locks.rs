//! Locks: a lock is an entry of its map, which is there while it is held.
//! See [`super`] for what a face makes of them.

/// Hands them to `$face!`.
macro_rules! lock_operations {
    ($face:ident) => {
        $face! {
            /// Takes the lock of this name; `None` where somebody else has it and the time to wait
            /// is over. Waiting holds up no other call. If the caller goes away meanwhile, or is
            /// told `TimedOut`, the lock is not taken, or given back without another call as soon
            /// as it turns out to have been granted: until then others may find it held.
            ///
            /// # Effects
            ///
            /// There is a new entry, with the lease as its expiry and none without, and the token
            /// as its first version. An entry that is there, whatever it is, is kept: value, expiry
            /// and version; no use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `OutOfMemory`, `TooManyMaps` and `TooManyWaiters`: nothing
            /// has changed. Where no answer came, a lock that was taken is given back: by the
            /// client as soon as the answer comes after all, by the node when the connection ends.
            fn lock(key: impl AsRef<[u8]>, options: LockOptions) -> Option<LockToken>;

            /// Gives a lock back; who is first in line gets it.
            ///
            /// # Effects
            ///
            /// The entry is gone. Under a wrong token nothing changes, but it is a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `NoSuchLock`: nothing has changed. `NoSuchLock`: it is not
            /// held under this token. It was released, it expired, or it is another's.
            fn unlock(key: impl AsRef<[u8]>, token: LockToken) -> ();

            /// Lets a lock expire after `lease` from now, whatever its expiry was; when that is, by
            /// the node's clock. The token stays.
            ///
            /// # Effects
            ///
            /// Value kept, expiry set, version new; a use. Under a wrong token nothing changes, but
            /// it is a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `NoSuchLock` and `OutOfMemory`: nothing has changed.
            /// `NoSuchLock` as for `unlock`.
            fn lease(key: impl AsRef<[u8]>, token: LockToken, lease: Duration) -> SystemTime;
        }
    };
}

pub(in crate::client) use lock_operations;
