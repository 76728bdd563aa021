//! Operations on a map as a whole.
//! See [`super`] for what a face makes of them.

/// Hands them to `$face!`.
macro_rules! map_operations {
    ($face:ident) => {
        $face! {
            /// Number of entries of the map. Entries that have expired count until they are swept,
            /// which is soon after; each core counts at a moment of its own.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; no use.
            ///
            /// # Errors
            fn size() -> u64;

            /// Removes every entry of the map, however many, without a pause; their number. It
            /// happens at one moment for all cores of a node: whoever has seen one of the entries
            /// gone sees no other afterwards. Locks of the map are free, its settings stay.
            ///
            /// # Effects
            ///
            /// Every entry is gone.
            ///
            /// # Errors
            ///
            /// After a refusal all entries are there.
            fn destroy() -> u64;

            /// Some key of the map; `None` where it is empty. No key is out of reach, but some are
            /// likelier than others.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; no use.
            ///
            /// # Errors
            ///
            /// `Busy` also where no key was met in a bounded time: ask again, or scan.
            fn random_key() -> Option<Vec<u8>>;

            /// The settings of the map: its own, and those that hold.
            ///
            /// # Effects
            ///
            /// None on entries.
            ///
            /// # Errors
            fn settings() -> SettingsReport;

            /// Changes settings of the map until the node stops, on all cores or on none: one `name
            /// value` a line, as [`crate::settings::MapSettings::lines`] writes them; the value
            /// `inherit` takes a setting of the map's own back. What holds then.
            ///
            /// # Effects
            ///
            /// None on entries at once: values, expiries and versions are kept. A new idle time
            /// counts as a use of every entry; what is over a new limit is evicted afterwards.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `MalformedPayload`, `InvalidArgument` and `TooManyMaps`:
            /// nothing has changed. The text of the error says what is wrong.
            fn change_settings(lines: impl AsRef<str>) -> SettingsReport;

            /// One request of a scan, from a cursor on; 0 is the start. `scan` does all of them.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; no use.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `InvalidArgument`: nothing has changed. `InvalidArgument`:
            /// no scan returned this cursor.
            fn scan_page(cursor: u64, options: &ScanOptions) -> ScanPage;
        }
    };
}

pub(in crate::client) use map_operations;
