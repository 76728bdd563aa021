//! The list of what can be asked of a map. Each face of the client (awaited, blocking, pipelined)
//! gets all of it, under the same names and with the same documentation.

/// Hands the list to `$face!`, which makes a method of every line.
macro_rules! operations {
    ($face:ident) => {
        $face! {
            /// The value of a key; `None` where it is absent. See [`crate::value`] for the types
            /// that it may be read as.
            fn get<V: Decode>(key: impl AsRef<[u8]>) -> Option<V>;

            /// The value of a key with its version and expiry.
            fn get_entry<V: Decode>(key: impl AsRef<[u8]>) -> Option<Entry<V>>;

            /// Stores a value, whatever stood there, to expire as the settings of the map say, which
            /// is never where they say nothing; its version. See [`crate::value`] for what can be
            /// stored.
            fn put(key: impl AsRef<[u8]>, value: impl Encode) -> u64;

            /// Stores a value under a condition or to expire. An expiry that has passed is no
            /// error: the entry is replaced and gone at once.
            fn put_with(
                key: impl AsRef<[u8]>,
                value: impl Encode,
                options: PutOptions
            ) -> PutOutcome;

            /// As `put_with`, and tells what stood there before.
            fn replace<V: Decode>(
                key: impl AsRef<[u8]>,
                value: impl Encode,
                options: PutOptions
            ) -> Replaced<V>;

            /// As `put`; the value that stood there before.
            fn get_and_put<V: Decode>(key: impl AsRef<[u8]>, value: impl Encode) -> Option<V>;

            /// Removes a key; the value that it had.
            fn get_and_delete<V: Decode>(key: impl AsRef<[u8]>) -> Option<V>;

            /// Stores all of these entries or none, at one moment: false where any of the keys is
            /// present. All keys have to belong to one core, as those with the same `{tag}` do,
            /// else `ManyOwners`.
            fn put_all_if_absent(
                entries: &[(impl AsRef<[u8]>, impl Encode)],
                expiry: Expiry
            ) -> bool;

            /// Stores a value if the key is absent, else tells what is there.
            fn put_if_absent<V: Decode>(
                key: impl AsRef<[u8]>,
                value: impl Encode,
                expiry: Expiry
            ) -> Swap<Versioned<V>>;

            /// Stores a value if the key has exactly the expected one, else tells what is there.
            /// Its expiry is that of a new entry, but for [`Expiry::Keep`].
            /// Both values travel together: for larger ones compare versions.
            fn compare_and_swap<V: Decode>(
                key: impl AsRef<[u8]>,
                expected: impl Encode,
                value: impl Encode,
                expiry: Expiry
            ) -> Swap<Versioned<V>>;

            /// Stores a value if the entry has the expected version, else tells which it has.
            /// Versions only grow: an entry that was changed and changed back is noticed.
            fn compare_and_swap_version(
                key: impl AsRef<[u8]>,
                expected: u64,
                value: impl Encode,
                expiry: Expiry
            ) -> Swap<u64>;

            /// Stores a value if a condition holds of the one that is there, else tells which version
            /// that has. Two values that are compared and stored travel together: for larger ones
            /// compare digests.
            fn put_if(
                key: impl AsRef<[u8]>,
                condition: ValueIs,
                value: impl Encode,
                expiry: Expiry
            ) -> Swap<u64>;

            /// As `put_if`, and tells what stood there before.
            fn replace_if<V: Decode>(
                key: impl AsRef<[u8]>,
                condition: ValueIs,
                value: impl Encode,
                expiry: Expiry
            ) -> Replaced<V, Swap<u64>>;

            /// Removes a key if a condition holds of its value. An absent key is `Missing`, whatever
            /// the condition.
            fn delete_if(key: impl AsRef<[u8]>, condition: ValueIs) -> DeleteOutcome;

            /// What stands for the value of a key where it is compared, so that a large one need not
            /// travel for it; `None` where the key is absent.
            fn digest(key: impl AsRef<[u8]>) -> Option<Digest>;

            /// Puts bytes behind the value of a key; an absent one counts as empty. The expiry is
            /// kept.
            fn append(key: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Appended;

            /// Some bytes of a value, both ends included; a negative number counts from the end,
            /// -1 being the last byte. `None` where the key is absent.
            fn get_range(key: impl AsRef<[u8]>, start: i64, end: i64) -> Option<ByteSlice>;

            /// Writes bytes over those of a value from an offset on; zero bytes fill the gap where
            /// it is shorter. An absent key counts as empty, the expiry is kept. No bytes change
            /// nothing.
            fn set_range(
                key: impl AsRef<[u8]>,
                offset: u64,
                bytes: impl AsRef<[u8]>
            ) -> Appended;

            /// Removes a key; false where it was absent.
            fn delete(key: impl AsRef<[u8]>) -> bool;

            /// Whether a key is present.
            fn exists(key: impl AsRef<[u8]>) -> bool;

            /// Sets when a key expires; false where it is absent. A time that has passed removes
            /// the key, [`Expiry::Never`] lets it never expire. The value stays, the version is
            /// new.
            fn expire(key: impl AsRef<[u8]>, when: Expiry) -> bool;

            /// As `expire`, where a condition on the expiry that is there holds.
            fn expire_if(
                key: impl AsRef<[u8]>,
                when: Expiry,
                condition: ExpireCondition
            ) -> ExpireOutcome;

            /// The value of a key with its version, and its expiry changed to this one:
            /// [`Expiry::Never`] makes it never expire. A time that has passed removes the key.
            fn get_and_expire<V: Decode>(
                key: impl AsRef<[u8]>,
                when: Expiry
            ) -> Option<Entry<V>>;

            /// Makes a key never expire; false where it is absent or had no expiry.
            fn persist(key: impl AsRef<[u8]>) -> bool;

            /// The time that a key has left.
            fn ttl(key: impl AsRef<[u8]>) -> Ttl;

            /// Adds to a counter; the new value. An absent one counts from 0, the expiry is kept.
            /// `NotANumber` and `Overflow` change nothing.
            fn incr(key: impl AsRef<[u8]>, delta: i64) -> i64;

            /// Subtracts from a counter; the new value. Else as `incr`.
            fn decr(key: impl AsRef<[u8]>, delta: i64) -> i64;

            /// Adds to a number that need not be integral; the sum. An absent one counts from 0,
            /// the expiry is kept. `NotANumber` and `Overflow` change nothing.
            fn incr_float(key: impl AsRef<[u8]>, delta: f64) -> f64;

            /// Takes the lock of this name; `None` where somebody else has it and the time to
            /// wait is over. Waiting holds up no other call. If the caller goes away meanwhile,
            /// or is told `TimedOut`, the lock is not taken, or given back without another call
            /// as soon as it turns out to have been granted: until then others may find it held.
            fn lock(key: impl AsRef<[u8]>, options: LockOptions) -> Option<LockToken>;

            /// Gives a lock back. `NoSuchLock` where it is not held under this token: it was
            /// released, it expired, or it is another's.
            fn unlock(key: impl AsRef<[u8]>, token: LockToken) -> ();

            /// Lets a lock expire after `lease` from now, whatever its expiry was; when that is,
            /// by the node's clock. `NoSuchLock` as for `unlock`.
            fn lease(
                key: impl AsRef<[u8]>,
                token: LockToken,
                lease: Duration
            ) -> SystemTime;

            /// Number of entries of the map. Entries that have expired count until they are swept,
            /// which is soon after; each core counts at a moment of its own.
            fn size() -> u64;

            /// Removes every entry of the map, however many, without a pause; their number. It happens
            /// at one moment for all cores of a node: whoever has seen one of the entries gone sees
            /// no other afterwards, and a refusal means that all are there. Locks of the map are free.
            fn destroy() -> u64;

            /// Some key of the map; `None` where it is empty. No key is out of reach, but some are
            /// likelier than others.
            fn random_key() -> Option<Vec<u8>>;

            /// The settings of the map: its own, and those that hold.
            fn settings() -> SettingsReport;

            /// Changes settings of the map until the node stops, on all cores or on none: one
            /// `name value` a line, as [`crate::settings::MapSettings::lines`] writes them; the value `inherit`
            /// takes a setting of the map's own back. What holds then.
            fn change_settings(lines: impl AsRef<str>) -> SettingsReport;

            /// One request of a scan, from a cursor on; 0 is the start. `scan` does all of them.
            fn scan_page(cursor: u64, options: &ScanOptions) -> ScanPage;
        }
    };
}

pub(super) use operations;
