//! A subscription whose messages are waited for by the calling thread.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::{Client, later};
use crate::client::error::{Error, Outcome};
use crate::client::subscriber::{Ask, Message, Subscriber};

/// Messages of channels, over a connection of their own. Dropping it ends it.
///
/// A message is delivered at most once. When the connection ends, because the node stops or cuts
/// off a subscriber that is too slow, the last message is followed by the error that says why;
/// what is published until somebody subscribes again is missed.
#[derive(Debug)]
pub struct Subscription {
    state: Subscriber,
    stream: TcpStream,
    timeout: Duration,
}

impl Client {
    /// Subscribes to channels by their names; more can be added to the subscription.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge` or `TooManySubscriptions`, and [`Error::Invalid`]:
    /// there is none of these subscriptions. [`Error::Unreachable`] where no node
    /// could be reached, [`Error::TimedOut`] or [`Error::ConnectionLost`] where none answered: there
    /// is no subscription then.
    pub fn subscribe(&self, channels: &[impl AsRef<[u8]>]) -> Result<Subscription, Error> {
        let mut subscription = self.listen()?;
        subscription.subscribe(channels)?;
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
    pub fn subscribe_patterns(&self, patterns: &[impl AsRef<[u8]>]) -> Result<Subscription, Error> {
        let mut subscription = self.listen()?;
        subscription.subscribe_patterns(patterns)?;
        Ok(subscription)
    }

    fn listen(&self) -> Result<Subscription, Error> {
        let (addresses, value_bytes_max) = {
            let engine = self.shared.engine();
            (engine.any_core_addresses(), engine.value_bytes_max())
        };
        let mut failure = Error::Closed {
            outcome: Outcome::NothingDone,
        };
        for address in addresses {
            match self.shared.dial(&address) {
                Ok(stream) => {
                    return Ok(Subscription {
                        state: Subscriber::new(value_bytes_max),
                        stream,
                        timeout: self.timeout,
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

impl Subscription {
    /// Subscribes to more channels; the number of subscriptions, names and patterns together.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge` or `TooManySubscriptions`, and [`Error::Invalid`]:
    /// there is none of these subscriptions. After [`Error::TimedOut`] they may be
    /// there; after [`Error::ConnectionLost`] and [`Error::Protocol`] the subscription is over.
    pub fn subscribe(&mut self, channels: &[impl AsRef<[u8]>]) -> Result<u64, Error> {
        self.ask(Ask::Subscribe, channels)
    }

    /// Subscribes to more patterns; the number of subscriptions.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge` or `TooManySubscriptions`, and [`Error::Invalid`]:
    /// there is none of these subscriptions. After [`Error::TimedOut`] they may be
    /// there; after [`Error::ConnectionLost`] and [`Error::Protocol`] the subscription is over.
    pub fn subscribe_patterns(&mut self, patterns: &[impl AsRef<[u8]>]) -> Result<u64, Error> {
        self.ask(Ask::PatternSubscribe, patterns)
    }

    /// Ends subscriptions to channels, to all of them where none is named; the number of those
    /// left. Messages that came before may still be handed out.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge`, and [`Error::Invalid`]: all are as they were. After
    /// [`Error::TimedOut`] they may have ended; after [`Error::ConnectionLost`] and
    /// [`Error::Protocol`] the subscription is over.
    pub fn unsubscribe(&mut self, channels: &[impl AsRef<[u8]>]) -> Result<u64, Error> {
        self.ask(Ask::Unsubscribe, channels)
    }

    /// Ends subscriptions to patterns, to all of them where none is named; the number of those
    /// left.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ChannelTooLarge`, and [`Error::Invalid`]: all are as they were. After
    /// [`Error::TimedOut`] they may have ended; after [`Error::ConnectionLost`] and
    /// [`Error::Protocol`] the subscription is over.
    pub fn unsubscribe_patterns(&mut self, patterns: &[impl AsRef<[u8]>]) -> Result<u64, Error> {
        self.ask(Ask::PatternUnsubscribe, patterns)
    }

    /// Waits for the next message. After an error there is none any more.
    ///
    /// # Errors
    ///
    /// Why there are no more, once those that waited are taken: [`Error::Refused`] with
    /// `SlowSubscriber` where they were not taken in time, else what ended the connection.
    pub fn receive(&mut self) -> Result<Message, Error> {
        loop {
            if let Some(message) = self.state.take_message() {
                return message;
            }
            self.read();
        }
    }

    /// Waits for the next message at most so long; `None` where none came.
    ///
    /// # Errors
    ///
    /// Why there are no more, once those that waited are taken: [`Error::Refused`] with
    /// `SlowSubscriber` where they were not taken in time, else what ended the connection.
    pub fn receive_within(&mut self, time: Duration) -> Result<Option<Message>, Error> {
        let until = later(Instant::now(), time);
        loop {
            if let Some(message) = self.state.take_message() {
                return message.map(Some);
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            self.read();
        }
    }

    fn ask(&mut self, ask: Ask, names: &[impl AsRef<[u8]>]) -> Result<u64, Error> {
        let frame = self.state.ask(ask, names)?;
        let until = later(Instant::now(), self.timeout);
        self.write(&frame, until)?;
        loop {
            if let Some(reply) = self.state.take_reply() {
                return reply;
            }
            if Instant::now() >= until {
                return Err(Error::TimedOut {
                    outcome: Outcome::Unknown,
                });
            }
            self.read();
        }
    }

    fn write(&mut self, mut frame: &[u8], until: Instant) -> Result<(), Error> {
        while !frame.is_empty() {
            match self.stream.write(frame) {
                Ok(count) if count > 0 => frame = frame.get(count..).unwrap_or_default(),
                Err(error) if is_pause(error.kind()) && Instant::now() < until => {}
                _ => {
                    // A half request leaves nothing to go on with.
                    let lost = Error::ConnectionLost {
                        outcome: Outcome::Unknown,
                    };
                    self.state.end(lost.clone());
                    return Err(lost);
                }
            }
        }
        Ok(())
    }

    /// Takes what is there, or waits for a moment.
    fn read(&mut self) {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(count) => self.state.receive(bytes.get(..count).unwrap_or_default()),
            Err(error) if is_pause(error.kind()) => {}
            Err(_) => self.state.receive(&[]),
        }
    }
}

/// Sockets of this driver wait for a slice of time, then look around.
fn is_pause(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Message by message; the error that ends the subscription is the last item.
impl Iterator for Subscription {
    type Item = Result<Message, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state.is_over() {
            return None;
        }
        let message = self.receive();
        if message.is_err() {
            self.state.finish();
        }
        Some(message)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
