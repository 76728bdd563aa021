//! Operations that change when an entry expires.
//! See [`super`] for what a face makes of them.

/// Hands them to `$face!`.
macro_rules! expiry_operations {
    ($face:ident) => {
        $face! {
            /// Sets when a key expires; false where it is absent. A time that has passed removes
            /// the key, [`Expiry::Never`] lets it never expire.
            ///
            /// # Effects
            ///
            /// Value kept, expiry set, version new; no use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `OutOfMemory`: nothing has changed.
            fn expire(key: impl AsRef<[u8]>, when: Expiry) -> bool;

            /// As `expire`, where a condition on the expiry that is there holds.
            ///
            /// # Effects
            ///
            /// Value kept, expiry set, version new; no use. Where the condition does not hold
            /// nothing changes.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `OutOfMemory`: nothing has changed.
            fn expire_if(
                key: impl AsRef<[u8]>,
                when: Expiry,
                condition: ExpireCondition
            ) -> ExpireOutcome;

            /// The value of a key with its version, and its expiry changed to this one:
            /// [`Expiry::Never`] makes it never expire. A time that has passed removes the key.
            ///
            /// # Effects
            ///
            /// Value kept, expiry set, version new; a use. Where it never expired and is not to,
            /// the version is kept.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `OutOfMemory`: nothing has changed. [`Error::WrongType`]: it
            /// was done, and the error holds the bytes.
            fn get_and_expire<V: Decode>(key: impl AsRef<[u8]>, when: Expiry) -> Option<Entry<V>>;

            /// Makes a key never expire; false where it is absent or had no expiry.
            ///
            /// # Effects
            ///
            /// Value kept, expiry set, version new; no use. Where it never expired nothing changes.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `OutOfMemory`: nothing has changed.
            fn persist(key: impl AsRef<[u8]>) -> bool;
        }
    };
}

pub(in crate::client) use expiry_operations;
