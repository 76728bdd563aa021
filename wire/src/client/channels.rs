//! Publishing, and what is known of who listens. To listen is [`super::subscriber`].

use std::fmt;

use super::command::Command;
use super::error::Error;
use super::operation::{InvalidCall, Operation};
use super::options::ScanOptions;
use super::outcome::{Response, ScanPage};
use super::transport::LocalTransport;
use crate::channel;
use crate::limits;
use crate::multi;
use crate::opcode::Opcode;

/// The channels of a node: cheap to clone.
#[derive(Clone)]
pub struct Channels<T> {
    transport: T,
}

impl Operation {
    /// Hands a message to everybody who is subscribed to the channel.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a name that cannot be one, or too many.
    pub fn publish(channel: &[u8], payload: &[u8]) -> Result<Self, InvalidCall> {
        check_name(channel, limits::CHANNEL_BYTES_MAX)?;
        Ok(Self::keyed_with_value(Opcode::Publish, channel, payload)?.anywhere())
    }

    /// Names of channels or patterns, for those operations that take them.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a name that cannot be one, or too many.
    pub fn of_names(
        opcode: Opcode,
        names: &[impl AsRef<[u8]>],
        longest: usize,
    ) -> Result<Self, InvalidCall> {
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
        if count > limits::MULTI_ITEMS_MAX {
            return Err(InvalidCall::Count(count));
        }
        let mut operation = Self::bare(opcode, &[]);
        for name in names {
            let name = name.as_ref();
            check_name(name, longest)?;
            operation.add_item(|out| multi::push_key(out, name));
        }
        Ok(operation)
    }
}

fn check_name(name: &[u8], longest: usize) -> Result<(), InvalidCall> {
    match name.len() {
        0 => Err(InvalidCall::KeyEmpty),
        bytes if bytes > longest => Err(InvalidCall::ChannelTooLarge(bytes)),
        _ => Ok(()),
    }
}

impl Command<u64> {
    /// See [`Channels::publish`].
    pub fn publish(channel: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> Self {
        let operation = Operation::publish(channel.as_ref(), payload.as_ref());
        Self::new(operation, Response::number)
    }

    /// See [`Channels::patterns`].
    pub fn patterns() -> Self {
        let operation = Ok::<_, Error>(Operation::bare(Opcode::Patterns, &[]));
        Self::new(operation, Response::number)
    }
}

impl Command<Vec<u64>> {
    /// See [`Channels::subscribers`].
    pub fn subscribers(channels: &[impl AsRef<[u8]>]) -> Self {
        let longest = limits::CHANNEL_BYTES_MAX;
        let operation = match channels {
            [] => Err(InvalidCall::Count(0)),
            _ => Operation::of_names(Opcode::Subscribers, channels, longest),
        };
        Self::new(operation, |response| {
            let response = response.done()?;
            Ok(channel::subscribers(&response.value, response.count).collect())
        })
    }
}

impl Command<ScanPage> {
    /// One request of [`Channels::list`].
    pub fn channels(cursor: u64, options: &ScanOptions) -> Self {
        let operation = Operation::scan_with(Opcode::Channels, b"", cursor, options);
        Self::new(operation, Response::page)
    }
}

/// Adds the calls to the `Channels` of a module: over which kind of transport, how a command is
/// called, and whether calls are awaited.
macro_rules! channel_calls {
    ($transport:ident, $call:ident, [$($async:ident)?], [$($wait:tt)*]) => {
        impl<T: $transport> Channels<T> {
            /// The channels of the node behind `transport`.
            pub const fn new(transport: T) -> Self {
                Self { transport }
            }

            /// Hands a message to everybody who is subscribed to the channel now; the exact number
            /// of messages that were handed over. Nobody gets it later, and it is kept nowhere.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ChannelTooLarge`, `ReservedChannel` or `Busy`, and
            /// [`Error::Invalid`]: nobody gets the message. Else as every call: where no answer came
            /// some may have got it, as [`Error::outcome`] tells.
            pub $($async)? fn publish(
                &self,
                channel: impl AsRef<[u8]>,
                payload: impl AsRef<[u8]>,
            ) -> Result<u64, Error> {
                let command = Command::publish(channel, payload);
                command.$call(&self.transport)$($wait)*
            }

            /// The channels that somebody is subscribed to by name and that match a glob pattern, an
            /// empty one matching all.
            ///
            /// # Errors
            ///
            /// None of its own: those of every call. Nothing is changed.
            pub $($async)? fn list(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
                let options = ScanOptions::matching(pattern).count(PAGE);
                let (mut channels, mut cursor) = (Vec::new(), 0);
                loop {
                    let command = Command::channels(cursor, &options);
                    let page = command.$call(&self.transport)$($wait)*?;
                    channels.extend(page.keys);
                    match page.next {
                        Some(next) => cursor = next,
                        None => return Ok(channels),
                    }
                }
            }

            /// For each channel the number of connections that are subscribed to it by name.
            ///
            /// # Errors
            ///
            /// [`Error::Refused`] with `ChannelTooLarge`, and those of every call. Nothing is changed.
            pub $($async)? fn subscribers(
                &self,
                channels: &[impl AsRef<[u8]>],
            ) -> Result<Vec<u64>, Error> {
                Command::subscribers(channels).$call(&self.transport)$($wait)*
            }

            /// The number of different patterns that somebody is subscribed to.
            ///
            /// # Errors
            ///
            /// None of its own: those of every call. Nothing is changed.
            pub $($async)? fn patterns(&self) -> Result<u64, Error> {
                Command::patterns().$call(&self.transport)$($wait)*
            }
        }

        impl<T> fmt::Debug for Channels<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Channels").finish_non_exhaustive()
            }
        }
    };
}

pub(super) use channel_calls;

channel_calls!(LocalTransport, call, [async], [.await]);

/// Channels that one request lists.
pub(super) const PAGE: u32 = 1000;
