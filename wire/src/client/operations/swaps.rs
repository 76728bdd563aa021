//! Operations that compare before they store or remove.
//! See [`super`] for what a face makes of them.

/// Hands them to `$face!`.
macro_rules! swap_operations {
    ($face:ident) => {
        $face! {
            /// Stores a value if the key is absent, else tells what is there.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use. Where the key is present nothing changes,
            /// but it is a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed. [`Error::Unencodable`]: nothing has changed. [`Error::WrongType`]:
            /// nothing was stored, because these bytes stand there.
            fn put_if_absent<V: Decode>(
                key: impl AsRef<[u8]>,
                value: impl Encode,
                expiry: Expiry
            ) -> Swap<Versioned<V>>;

            /// Stores a value if the key has exactly the expected one, else tells what is there.
            /// Its expiry is that of a new entry, but for [`Expiry::Keep`]. Both values travel
            /// together: for larger ones compare versions.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use. Where it is another value nothing
            /// changes, but it is a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed. [`Error::Unencodable`]: nothing has changed. [`Error::WrongType`]:
            /// nothing was stored, because these bytes stand there.
            fn compare_and_swap<V: Decode>(
                key: impl AsRef<[u8]>,
                expected: impl Encode,
                value: impl Encode,
                expiry: Expiry
            ) -> Swap<Versioned<V>>;

            /// Stores a value if the entry has the expected version, else tells which it has.
            /// Versions only grow: an entry that was changed and changed back is noticed.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use. Where it is another version nothing
            /// changes, and it is no use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory`, `TooManyMaps` and
            /// `InvalidOptions`: nothing has changed. `InvalidOptions` is the answer to the version
            /// 0, which no entry has. [`Error::Unencodable`]: nothing has changed.
            fn compare_and_swap_version(
                key: impl AsRef<[u8]>,
                expected: u64,
                value: impl Encode,
                expiry: Expiry
            ) -> Swap<u64>;

            /// Stores a value if a condition holds of the one that is there, else tells which
            /// version that has. Two values that are compared and stored travel together: for
            /// larger ones compare digests.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use. Where the condition does not hold nothing
            /// changes, but it is a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed. [`Error::Unencodable`]: nothing has changed.
            fn put_if(
                key: impl AsRef<[u8]>,
                condition: ValueIs,
                value: impl Encode,
                expiry: Expiry
            ) -> Swap<u64>;

            /// As `put_if`, and tells what stood there before.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use. Where the condition does not hold nothing
            /// changes, but it is a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ValueTooLarge`, `OutOfMemory` and `TooManyMaps`: nothing
            /// has changed. [`Error::Unencodable`]: nothing has changed. [`Error::WrongType`]:
            /// whether it was done, the error does not say; the bytes that it holds stand or stood
            /// there.
            fn replace_if<V: Decode>(
                key: impl AsRef<[u8]>,
                condition: ValueIs,
                value: impl Encode,
                expiry: Expiry
            ) -> Replaced<V, Swap<u64>>;

            /// Removes a key if a condition holds of its value. An absent key is `Missing`,
            /// whatever the condition.
            ///
            /// # Effects
            ///
            /// The entry is gone. Where the condition does not hold nothing changes, but it is a
            /// use.
            ///
            /// # Errors
            ///
            /// [`Error::Unencodable`]: nothing has changed.
            fn delete_if(key: impl AsRef<[u8]>, condition: ValueIs) -> DeleteOutcome;
        }
    };
}

pub(in crate::client) use swap_operations;
