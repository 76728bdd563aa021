//! What a map can do beside the operations on it, written once for the handle whose calls are
//! awaited and the one whose calls block. The operations themselves are in
//! [`super::operations`].

/// Adds this to the `DMap` of a module: over which kind of transport, and whether calls are awaited.
macro_rules! map_calls {
    ($transport:ident, [$($async:ident)?], [$($wait:tt)*]) => {
        impl<T: $transport> DMap<T> {
            /// The map of this name, whose operations `transport` executes.
            pub fn new(transport: T, name: impl AsRef<[u8]>) -> Self {
                Self {
                    transport,
                    name: name.as_ref().into(),
                }
            }

            /// Its name.
            #[must_use]
            pub fn name(&self) -> &[u8] {
                &self.name
            }

            /// What executes its operations.
            #[must_use]
            pub const fn transport(&self) -> &T {
                &self.transport
            }

            /// The same map with another time limit for its calls.
            #[must_use]
            pub fn with_timeout(&self, timeout: Duration) -> Self {
                Self {
                    transport: self.transport.with_timeout(timeout),
                    name: Arc::clone(&self.name),
                }
            }

            /// An empty pipeline for this map.
            pub fn pipeline(&self) -> Pipeline {
                Pipeline::of(Arc::clone(&self.name))
            }

            /// Executes the commands of a pipeline, one write for each core that owns some of the
            /// keys.
            ///
            /// # Effects
            ///
            /// Those of its commands, each by itself: one that fails keeps no other from being
            /// executed.
            ///
            /// # Errors
            ///
            /// Each command has its own, told by [`Answers::take`] and [`Answers::errors`].
            pub $($async)? fn execute(&self, pipeline: Pipeline) -> Answers {
                let (operations, answers) = pipeline.begin();
                answers.fill(self.transport.call_all(operations)$($wait)*)
            }

            /// The keys of the map, from the beginning. Nothing is asked before the first is taken.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; no use.
            ///
            /// # Errors
            ///
            /// A key is taken with those of [`Self::scan_page`], after which the scan is over; it can
            /// be gone on with.
            pub fn scan(&self, options: ScanOptions) -> Scan<T> {
                self.scan_from(0, options)
            }

            /// The keys of the map, from where an earlier scan was.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; no use.
            ///
            /// # Errors
            ///
            /// As [`Self::scan`].
            pub fn scan_from(&self, cursor: u64, options: ScanOptions) -> Scan<T> {
                Scan::new(self.clone(), Walk::from(cursor, options))
            }

            /// The values of many keys, in their order, each with a result of its own.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; a use.
            ///
            /// # Errors
            ///
            /// For each key as [`Self::get`]: a value too large for a common answer is fetched alone.
            pub $($async)? fn multi_get<V: Decode>(
                &self,
                keys: &[impl AsRef<[u8]>],
            ) -> Vec<Result<Option<V>, Error>> {
                let table = self.transport.table();
                let mut split = Split::keys(Opcode::MultiGet, &self.name, keys, table.as_deref());
                let answers = self.transport.call_all(split.operations())$($wait)*;
                let mut assembled = split.fetched(answers);
                for place in assembled.too_large {
                    let key = keys.get(place).map_or(&[][..], AsRef::as_ref);
                    let result = self.get(key)$($wait)*;
                    if let Some(at) = assembled.results.get_mut(place) {
                        *at = result;
                    }
                }
                assembled.results
            }

            /// Stores many values with one expiry; the version of each, in their order, each with
            /// a result of its own. It is no transaction: others see some stored and some not yet.
            ///
            /// # Effects
            ///
            /// Value set, expiry set, version new; a use.
            ///
            /// # Errors
            ///
            /// For each key, whatever became of the others: [`Error::Refused`] with `ValueTooLarge`,
            /// `OutOfMemory` and `TooManyMaps`: it is as it was. [`Error::Unencodable`]: nothing was
            /// sent for this key. Those of every call as at [`Self::put`], for all keys of a core.
            pub $($async)? fn multi_put(
                &self,
                entries: &[(impl AsRef<[u8]>, impl Encode)],
                expiry: Expiry,
            ) -> Vec<Result<u64, Error>> {
                let table = self.transport.table();
                let mut split = Split::entries(&self.name, entries, expiry, table.as_deref());
                let answers = self.transport.call_all(split.operations())$($wait)*;
                split.stored(answers)
            }

            /// Removes many keys; for each whether it was there, in their order, each with a result
            /// of its own. It is no transaction: others see some removed and some not yet.
            ///
            /// # Effects
            ///
            /// The entry is gone.
            ///
            /// # Errors
            ///
            /// None of its own. Those of every call as at [`Self::delete`], for all keys of a core.
            pub $($async)? fn multi_delete(
                &self,
                keys: &[impl AsRef<[u8]>],
            ) -> Vec<Result<bool, Error>> {
                let table = self.transport.table();
                let mut split =
                    Split::keys(Opcode::MultiDelete, &self.name, keys, table.as_deref());
                let answers = self.transport.call_all(split.operations())$($wait)*;
                split.flags(answers)
            }

            /// Which of many keys are present, in their order, each with a result of its own.
            ///
            /// # Effects
            ///
            /// Value kept, expiry kept, version kept; no use.
            ///
            /// # Errors
            ///
            /// None of its own. Those of every call as at [`Self::exists`], for all keys of a core.
            pub $($async)? fn multi_exists(
                &self,
                keys: &[impl AsRef<[u8]>],
            ) -> Vec<Result<bool, Error>> {
                let table = self.transport.table();
                let mut split =
                    Split::keys(Opcode::MultiExists, &self.name, keys, table.as_deref());
                let answers = self.transport.call_all(split.operations())$($wait)*;
                split.flags(answers)
            }
        }

        impl<T> fmt::Debug for DMap<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "DMap(\"{}\")", self.name.escape_ascii())
            }
        }
    };
}

pub(super) use map_calls;
