//! Operations that look at an entry.
//! See [`super`] for what a face makes of them.

/// Hands them to `$face!`.
macro_rules! read_operations {
    ($face:ident) => {
        $face! {
            /// The value of a key; `None` where it is absent. See [`crate::value`] for the types
            /// that it may be read as.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; a use.
            ///
            /// # Errors
            ///
            /// [`Error::WrongType`]: nothing has changed, and the error holds the bytes.
            fn get<V: Decode>(key: impl AsRef<[u8]>) -> Option<V>;

            /// The value of a key with its version and expiry; `None` where it is absent.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; a use.
            ///
            /// # Errors
            ///
            /// [`Error::WrongType`]: nothing has changed, and the error holds the bytes.
            fn get_entry<V: Decode>(key: impl AsRef<[u8]>) -> Option<Entry<V>>;

            /// Some bytes of a value, both ends included; a negative number counts from the end, -1
            /// being the last byte. `None` where the key is absent.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; a use.
            ///
            /// # Errors
            fn get_range(key: impl AsRef<[u8]>, start: i64, end: i64) -> Option<ByteSlice>;

            /// What stands for the value of a key where it is compared, so that a large one need
            /// not travel for it; `None` where the key is absent.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; a use.
            ///
            /// # Errors
            fn digest(key: impl AsRef<[u8]>) -> Option<Digest>;

            /// Whether a key is present.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; no use.
            ///
            /// # Errors
            fn exists(key: impl AsRef<[u8]>) -> bool;

            /// The time that a key has left.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; no use.
            ///
            /// # Errors
            fn ttl(key: impl AsRef<[u8]>) -> Ttl;
        }
    };
}

pub(in crate::client) use read_operations;
