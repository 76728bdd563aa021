//! The calls about a node as a whole, written once for every driver: a driver brings `call`, and
//! whether it is awaited. What is about a map is in [`super::operations`].

/// Adds these calls to a driver's client.
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

            /// Sends `payload` to one node, which sends it back.
            ///
            /// # Errors
            ///
            /// [`Error::Invalid`] for more than 4,096 bytes; else as every call. Nothing is
            /// changed.
            pub $($async)? fn ping(&self, payload: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
                let payload = payload.as_ref();
                if payload.len() > limits::PING_BYTES_MAX {
                    return Err(InvalidCall::ValueTooLarge(payload.len()).into());
                }
                let operation = Operation::bare(Opcode::Ping, payload);
                Ok(self.call(operation)$($wait)*?.done()?.value)
            }

            /// Has one node answer with an empty frame.
            ///
            /// # Errors
            ///
            /// As every call. Nothing is changed.
            pub $($async)? fn noop(&self) -> Result<(), Error> {
                self.call(Operation::bare(Opcode::Noop, &[]))$($wait)*?.done().map(drop)
            }
        }
    };
}

pub(super) use typed_calls;
