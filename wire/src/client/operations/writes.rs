//! Operations that store or remove an entry, whatever its value.
//! See [`super`] for what a face makes of them.

/// Hands them to `$face!`.
macro_rules! write_operations {
    ($face:ident) => {
        $face! {
            /// Stores a value, whatever stood there, to expire as the settings of the map say,
            /// which is never where they say nothing; its version. See [`crate::value`] for what
            /// can be stored.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed. [`Error::Unencodable`]: nothing has changed.
            fn put(key: impl AsRef<[u8]>, value: impl Encode) -> u64;

            /// Stores a value under a condition or to expire. An expiry that has passed is no
            /// error: the entry is replaced and gone at once.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use. Where the condition does not hold nothing
            /// changes, and it is no use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed. [`Error::Unencodable`]: nothing has changed.
            fn put_with(
                key: impl AsRef<[u8]>,
                value: impl Encode,
                options: PutOptions
            ) -> PutOutcome;

            /// As `put_with`, and tells what stood there before.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use. Where the condition does not hold nothing
            /// changes, but it is a use of what stands there.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed. [`Error::Unencodable`]: nothing has changed. [`Error::WrongType`]:
            /// whether it was done, the error does not say; the bytes that it holds stand or stood
            /// there.
            fn replace<V: Decode>(
                key: impl AsRef<[u8]>,
                value: impl Encode,
                options: PutOptions
            ) -> Replaced<V>;

            /// As `put`; the value that stood there before.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed. [`Error::Unencodable`]: nothing has changed. [`Error::WrongType`]: it
            /// was done, and the error holds the bytes.
            fn get_and_put<V: Decode>(key: impl AsRef<[u8]>, value: impl Encode) -> Option<V>;

            /// Puts bytes behind the value of a key; an absent one counts as empty, and expires as
            /// the settings of the map say.
            ///
            /// # Effects
            ///
            /// Value set, expiry kept, version new; a use. No bytes give a new version as well.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed.
            fn append(key: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Appended;

            /// Writes bytes over those of a value from an offset on; zero bytes fill the gap where
            /// it is shorter. An absent key counts as empty, and expires as the settings of the map
            /// say.
            ///
            /// # Effects
            ///
            /// Value set, expiry kept, version new; a use. No bytes change nothing and create
            /// nothing.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed.
            fn set_range(key: impl AsRef<[u8]>, offset: u64, bytes: impl AsRef<[u8]>) -> Appended;

            /// Removes a key; false where it was absent.
            ///
            /// # Effects
            ///
            /// The entry is gone.
            ///
            /// # Errors
            fn delete(key: impl AsRef<[u8]>) -> bool;

            /// Removes a key; the value that it had.
            ///
            /// # Effects
            ///
            /// The entry is gone.
            ///
            /// # Errors
            ///
            /// [`Error::WrongType`]: it was done, and the error holds the bytes.
            fn get_and_delete<V: Decode>(key: impl AsRef<[u8]>) -> Option<V>;

            /// Stores all of these entries or none, at one moment: false where any of the keys is
            /// present. All keys have to belong to one core, as those with the same `{tag}` do.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use. Where a key is present nothing changes,
            /// and it is no use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory`, `TooManyMaps` and
            /// `ManyOwners`: nothing has changed. [`Error::Unencodable`]: nothing has changed.
            fn put_all_if_absent(
                entries: &[(impl AsRef<[u8]>, impl Encode)],
                expiry: Expiry
            ) -> bool;
        }
    };
}

pub(in crate::client) use write_operations;
