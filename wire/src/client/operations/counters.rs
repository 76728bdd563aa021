//! Operations that count.
//! See [`super`] for what a face makes of them.

/// Hands them to `$face!`.
macro_rules! counting_operations {
    ($face:ident) => {
        $face! {
            /// Adds to a counter; the new value. An absent one counts from 0, and expires as the
            /// settings of the map say.
            ///
            /// # Effects
            ///
            /// Value set, expiry kept, version new; a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `NotANumber`, `Overflow`, `OutOfMemory` and `TooManyMaps`:
            /// nothing has changed.
            fn incr(key: impl AsRef<[u8]>, delta: i64) -> i64;

            /// Subtracts from a counter; the new value. An absent one counts from 0, and expires as
            /// the settings of the map say.
            ///
            /// # Effects
            ///
            /// Value set, expiry kept, version new; a use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `NotANumber`, `Overflow`, `OutOfMemory` and `TooManyMaps`:
            /// nothing has changed.
            fn decr(key: impl AsRef<[u8]>, delta: i64) -> i64;

            /// Adds to a number that need not be integral; the sum. An absent one counts from 0,
            /// and expires as the settings of the map say.
            ///
            /// # Effects
            ///
            /// Value set, expiry kept, version new; a use. A refusal with `NotANumber` or
            /// `Overflow` is a use as well.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `NotANumber`, `Overflow`, `OutOfMemory` and `TooManyMaps`:
            /// nothing has changed. [`Error::Invalid`] for what is not finite: nothing was sent.
            fn incr_float(key: impl AsRef<[u8]>, delta: f64) -> f64;
        }
    };
}

pub(in crate::client) use counting_operations;
