//! The typed calls, written once for every driver: a driver brings `call` and `call_all`, and
//! whether they are awaited.

/// Adds the typed calls to a driver's client.
macro_rules! typed_calls {
    ($client:ident, [$($async:ident)?], [$($wait:tt)*]) => {
        impl $client {
            /// The map of this name. It needs not exist: a map begins with its first entry.
            #[must_use]
            pub fn dmap(&self, name: impl AsRef<[u8]>) -> DMap<Self> {
                DMap::new(self.clone(), name)
            }

            /// The channels, to publish on. To listen: [`Self::subscribe`].
            #[must_use]
            pub fn channels(&self) -> Channels<Self> {
                Channels::new(self.clone())
            }

            /// The value of a key.
            pub $($async)? fn get(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
            ) -> Result<Option<Vec<u8>>, Error> {
                let operation = Operation::keyed(Opcode::Get, map.as_ref(), key.as_ref())?;
                self.call(operation)$($wait)*?.value()
            }

            /// The value of a key with its version and expiry.
            pub $($async)? fn get_entry(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
            ) -> Result<Option<Entry>, Error> {
                let operation = Operation::keyed(Opcode::GetMeta, map.as_ref(), key.as_ref())?;
                self.call(operation)$($wait)*?.entry()
            }

            /// Stores a value.
            pub $($async)? fn put(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
                value: impl AsRef<[u8]>,
                options: PutOptions,
            ) -> Result<PutOutcome, Error> {
                let operation =
                    Operation::put(map.as_ref(), key.as_ref(), value.as_ref(), options)?;
                self.call(operation)$($wait)*?.put()
            }

            /// Removes a key; false where it was absent.
            pub $($async)? fn delete(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
            ) -> Result<bool, Error> {
                let operation = Operation::keyed(Opcode::Delete, map.as_ref(), key.as_ref())?;
                self.call(operation)$($wait)*?.found()
            }

            /// Whether a key is present.
            pub $($async)? fn exists(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
            ) -> Result<bool, Error> {
                let operation = Operation::keyed(Opcode::Exists, map.as_ref(), key.as_ref())?;
                self.call(operation)$($wait)*?.found()
            }

            /// Sets when a key expires; false where it is absent. A time that has passed removes
            /// the key.
            pub $($async)? fn expire(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
                when: Expiry,
            ) -> Result<bool, Error> {
                let operation = Operation::expire(map.as_ref(), key.as_ref(), when)?;
                self.call(operation)$($wait)*?.found()
            }

            /// Makes a key never expire; false where it is absent or had no expiry.
            pub $($async)? fn persist(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
            ) -> Result<bool, Error> {
                let operation = Operation::keyed(Opcode::Persist, map.as_ref(), key.as_ref())?;
                self.call(operation)$($wait)*?.persisted()
            }

            /// The time that a key has left.
            pub $($async)? fn ttl(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
            ) -> Result<Ttl, Error> {
                let operation = Operation::keyed(Opcode::Ttl, map.as_ref(), key.as_ref())?;
                self.call(operation)$($wait)*?.ttl()
            }

            /// Adds to a counter, which counts from 0 where it is absent; the new value.
            pub $($async)? fn incr(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
                delta: i64,
            ) -> Result<i64, Error> {
                let operation =
                    Operation::count(Opcode::Incr, map.as_ref(), key.as_ref(), delta)?;
                self.call(operation)$($wait)*?.counter()
            }

            /// Subtracts from a counter; the new value.
            pub $($async)? fn decr(
                &self,
                map: impl AsRef<[u8]>,
                key: impl AsRef<[u8]>,
                delta: i64,
            ) -> Result<i64, Error> {
                let operation =
                    Operation::count(Opcode::Decr, map.as_ref(), key.as_ref(), delta)?;
                self.call(operation)$($wait)*?.counter()
            }

            /// The values of many keys, in their order, each with a result of its own.
            pub $($async)? fn multi_get<K: AsRef<[u8]>>(
                &self,
                map: impl AsRef<[u8]>,
                keys: &[K],
            ) -> Vec<Result<Option<Vec<u8>>, Error>> {
                let table = self.table();
                let map = map.as_ref();
                let mut split = Split::keys(Opcode::MultiGet, map, keys, table.as_deref());
                let answers = self.call_all(split.operations())$($wait)*;
                let mut assembled = split.fetched(answers);
                for place in assembled.too_large {
                    let key = keys.get(place).map_or(&[][..], AsRef::as_ref);
                    let result = self.get(map, key)$($wait)*;
                    if let Some(at) = assembled.results.get_mut(place) {
                        *at = result;
                    }
                }
                assembled.results
            }

            /// Stores many values with one expiry; the version of each, in their order, each
            /// with a result of its own.
            pub $($async)? fn multi_put<K: AsRef<[u8]>, V: Encode>(
                &self,
                map: impl AsRef<[u8]>,
                entries: &[(K, V)],
                expiry: Expiry,
            ) -> Vec<Result<u64, Error>> {
                let table = self.table();
                let mut split = Split::entries(map.as_ref(), entries, expiry, table.as_deref());
                let answers = self.call_all(split.operations())$($wait)*;
                split.stored(answers)
            }

            /// Removes many keys; for each whether it was there, in their order, each with a
            /// result of its own.
            pub $($async)? fn multi_delete<K: AsRef<[u8]>>(
                &self,
                map: impl AsRef<[u8]>,
                keys: &[K],
            ) -> Vec<Result<bool, Error>> {
                let table = self.table();
                let mut split =
                    Split::keys(Opcode::MultiDelete, map.as_ref(), keys, table.as_deref());
                let answers = self.call_all(split.operations())$($wait)*;
                split.deleted(answers)
            }

            /// Sends `payload` to one node, which sends it back.
            pub $($async)? fn ping(&self, payload: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
                let payload = payload.as_ref();
                if payload.len() > limits::PING_BYTES_MAX {
                    return Err(InvalidCall::ValueTooLarge(payload.len()).into());
                }
                let operation = Operation::bare(Opcode::Ping, payload);
                Ok(self.call(operation)$($wait)*?.done()?.value)
            }

            /// Has one node answer with an empty frame.
            pub $($async)? fn noop(&self) -> Result<(), Error> {
                self.call(Operation::bare(Opcode::Noop, &[]))$($wait)*?.done().map(drop)
            }
        }
    };
}

pub(super) use typed_calls;
