//! A subscription whose messages are awaited.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::client::Client;
use super::connection;
use super::runtime::{Runtime, Socket, within};
use crate::client::error::{Error, Outcome};
use crate::client::subscriber::{Ask, Message, Subscriber};

/// Messages of channels, over a connection of their own. Dropping it ends it.
///
/// A message is delivered at most once. When the connection ends, because the node stops or cuts
/// off a subscriber that is too slow, the last message is followed by the error that says why;
/// what is published until somebody subscribes again is missed.
pub struct Subscription<R: Runtime> {
    state: Subscriber,
    socket: R::Socket,
    timeout: Duration,
    runtime: R,
}

impl<R: Runtime> Client<R> {
    /// Subscribes to channels by their names; more can be added to the subscription.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge` or `TooManySubscriptions`, and [`Error::Invalid`]:
    /// there is none of these subscriptions. [`Error::Unreachable`] where no node
    /// could be reached, [`Error::TimedOut`] or [`Error::ConnectionLost`] where none answered: there
    /// is no subscription then.
    pub async fn subscribe(&self, channels: &[impl AsRef<[u8]>]) -> Result<Subscription<R>, Error> {
        let mut subscription = self.listen().await?;
        subscription.subscribe(channels).await?;
        Ok(subscription)
    }

    /// Subscribes to all channels that match one of these glob patterns.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge` or `TooManySubscriptions`, and [`Error::Invalid`]:
    /// there is none of these subscriptions. [`Error::Unreachable`] where no node
    /// could be reached, [`Error::TimedOut`] or [`Error::ConnectionLost`] where none answered: there
    /// is no subscription then.
    pub async fn subscribe_patterns(
        &self,
        patterns: &[impl AsRef<[u8]>],
    ) -> Result<Subscription<R>, Error> {
        let mut subscription = self.listen().await?;
        subscription.subscribe_patterns(patterns).await?;
        Ok(subscription)
    }

    async fn listen(&self) -> Result<Subscription<R>, Error> {
        let runtime = &self.handle.runtime;
        runtime.check_sockets().map_err(Error::Runtime)?;
        let (addresses, value_bytes_max) = runtime.with(|hub| {
            let engine = &hub.engine;
            (engine.any_core_addresses(), engine.value_bytes_max())
        });
        let mut failure = Error::Closed {
            outcome: Outcome::NothingDone,
        };
        for address in addresses {
            match connection::dial(runtime, &address).await {
                Ok(socket) => {
                    return Ok(Subscription {
                        state: Subscriber::new(value_bytes_max),
                        socket,
                        timeout: self.timeout,
                        runtime: runtime.clone(),
                    });
                }
                Err(error) => {
                    let cause = error.to_string();
                    failure = Error::Unreachable { address, cause };
                }
            }
        }
        Err(failure)
    }
}

impl<R: Runtime> Subscription<R> {
    /// Subscribes to more channels; the number of subscriptions, names and patterns together.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge` or `TooManySubscriptions`, and [`Error::Invalid`]:
    /// there is none of these subscriptions. After [`Error::TimedOut`] they may be
    /// there; after [`Error::ConnectionLost`] and [`Error::Protocol`] the subscription is over.
    pub async fn subscribe(&mut self, channels: &[impl AsRef<[u8]>]) -> Result<u64, Error> {
        self.ask(Ask::Subscribe, channels).await
    }

    /// Subscribes to more patterns; the number of subscriptions.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge` or `TooManySubscriptions`, and [`Error::Invalid`]:
    /// there is none of these subscriptions. After [`Error::TimedOut`] they may be
    /// there; after [`Error::ConnectionLost`] and [`Error::Protocol`] the subscription is over.
    pub async fn subscribe_patterns(
        &mut self,
        patterns: &[impl AsRef<[u8]>],
    ) -> Result<u64, Error> {
        self.ask(Ask::PatternSubscribe, patterns).await
    }

    /// Ends subscriptions to channels, to all of them where none is named; the number of those
    /// left. Messages that came before may still be handed out.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge`, and [`Error::Invalid`]: all are as they were. After
    /// [`Error::TimedOut`] they may have ended; after [`Error::ConnectionLost`] and
    /// [`Error::Protocol`] the subscription is over.
    pub async fn unsubscribe(&mut self, channels: &[impl AsRef<[u8]>]) -> Result<u64, Error> {
        self.ask(Ask::Unsubscribe, channels).await
    }

    /// Ends subscriptions to patterns, to all of them where none is named; the number of those
    /// left.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge`, and [`Error::Invalid`]: all are as they were. After
    /// [`Error::TimedOut`] they may have ended; after [`Error::ConnectionLost`] and
    /// [`Error::Protocol`] the subscription is over.
    pub async fn unsubscribe_patterns(
        &mut self,
        patterns: &[impl AsRef<[u8]>],
    ) -> Result<u64, Error> {
        self.ask(Ask::PatternUnsubscribe, patterns).await
    }

    /// Waits for the next message. After an error there is none any more. Dropping the future
    /// loses no message.
    ///
    /// # Errors
    ///
    /// Why there are no more, once those that waited are taken: [`Error::Refused`] with
    /// `SlowSubscriber` where they were not taken in time, else what ended the connection.
    pub async fn receive(&mut self) -> Result<Message, Error> {
        loop {
            if let Some(message) = self.state.take_message() {
                return message;
            }
            self.read().await;
        }
    }

    /// As [`Self::receive`], to go on until `None`: the error that ends the subscription is the
    /// last item.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        if self.state.is_over() {
            return None;
        }
        let message = self.receive().await;
        if message.is_err() {
            self.state.finish();
        }
        Some(message)
    }

    async fn ask(&mut self, ask: Ask, names: &[impl AsRef<[u8]>]) -> Result<u64, Error> {
        let frame = self.state.ask(ask, names)?;
        let (runtime, limit) = (self.runtime.clone(), self.timeout);
        let mut partial = Partial {
            subscription: self,
            whole: false,
        };
        let answered = within(&runtime, limit, async {
            partial.subscription.write(&frame).await?;
            partial.whole = true;
            loop {
                if let Some(reply) = partial.subscription.state.take_reply() {
                    return reply;
                }
                partial.subscription.read().await;
            }
        });
        answered.await.unwrap_or(Err(Error::TimedOut {
            outcome: Outcome::Unknown,
        }))
    }

    async fn write(&mut self, mut frame: &[u8]) -> Result<(), Error> {
        let lost = |_: io::Error| Error::ConnectionLost {
            outcome: Outcome::Unknown,
        };
        while !frame.is_empty() {
            let writable = std::future::poll_fn(|context| self.socket.poll_writable(context));
            writable.await.map_err(lost)?;
            match self.socket.try_write(frame) {
                Ok(count) => frame = frame.get(count..).unwrap_or_default(),
                Err(error) if is_pause(error.kind()) => {}
                Err(error) => return Err(lost(error)),
            }
        }
        Ok(())
    }

    /// Waits for bytes and takes them.
    async fn read(&mut self) {
        let readable = std::future::poll_fn(|context| self.socket.poll_readable(context));
        let ready = readable.await;
        let mut bytes = [0; 16 * 1024];
        match ready.and_then(|()| self.socket.try_read(&mut bytes)) {
            Ok(count) => self.state.receive(bytes.get(..count).unwrap_or_default()),
            Err(error) if is_pause(error.kind()) => {}
            Err(_) => self.state.receive(&[]),
        }
    }
}

fn is_pause(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// A request that may be broken off. Half of one leaves nothing to go on with.
struct Partial<'a, R: Runtime> {
    subscription: &'a mut Subscription<R>,
    whole: bool,
}

impl<R: Runtime> Drop for Partial<'_, R> {
    fn drop(&mut self) {
        if !self.whole {
            self.subscription.state.end(Error::ConnectionLost {
                outcome: Outcome::Unknown,
            });
        }
    }
}

impl<R: Runtime> fmt::Debug for Subscription<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
