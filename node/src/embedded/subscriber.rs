//! Publish/subscribe without a socket.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use jerboa_wire::channel::is_reserved;
use jerboa_wire::client::{Channels, Error, InvalidCall, Operation, Response, blocking};
use jerboa_wire::event::{EventKinds, EventSwitch};
use jerboa_wire::{Opcode, Status, limits};

use super::door::{Newcomer, Notice};
use super::job::Member;
use super::link::Embedded;
use super::listener::{Ended, Listener, Message};
use super::pending::{Limit, park_until};

/// A subscriber in this process: subscribes to channels and patterns, and takes the messages that
/// are published there, in the order in which they came to its core.
///
/// Messages wait for it up to `subscriber_bytes_max`; one for which the next would be too much gets
/// no more. Dropping it ends its subscriptions.
#[derive(Debug)]
pub struct Subscriber {
    link: Embedded,
    member: Member,
    core: u16,
}

macro_rules! subscribing {
    ($($(#[$doc:meta])* $name:ident, $blocking:ident, $opcode:ident;)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Refused`] with `TooManySubscriptions`, then nothing is changed, or with
        /// `SlowSubscriber` where it [ended](Ended::TooSlow) as too slow;
        /// [`Error::Invalid`] for names that are empty or too long; [`Error::Closed`].
        pub async fn $name<N: AsRef<[u8]>>(
            &self,
            names: impl IntoIterator<Item = N>,
        ) -> Result<u64, Error> {
            let operation = changing(Opcode::$opcode, names)?;
            counted(self.link.call_as(self.core, operation, self.member.clone()).await?)
        }

        $(#[$doc])*
        /// Blocks the calling thread meanwhile.
        ///
        /// # Errors
        #[doc = concat!("As [`Subscriber::", stringify!($name), "`]; [`Error::TimedOut`]; [`Error::MustNotBlock`].")]
        pub fn $blocking<N: AsRef<[u8]>>(
            &self,
            names: impl IntoIterator<Item = N>,
        ) -> Result<u64, Error> {
            let operation = changing(Opcode::$opcode, names)?;
            counted(self.link.call_as_blocking(self.core, operation, self.member.clone())?)
        }
    )+};
}

impl Subscriber {
    subscribing! {
        /// Subscribes to channels, to all of them or to none. Returns how many subscriptions there
        /// are now. Whatever is published after this returned arrives.
        subscribe, subscribe_blocking, Subscribe;
        /// Ends subscriptions to channels, without a name all of them. Returns how many are left.
        unsubscribe, unsubscribe_blocking, Unsubscribe;
        /// Subscribes to all channels whose names match one of the glob patterns. Returns how many
        /// subscriptions there are now.
        subscribe_patterns, subscribe_patterns_blocking, PatternSubscribe;
        /// Ends subscriptions to patterns, without one all of them. Returns how many are left.
        unsubscribe_patterns, unsubscribe_patterns_blocking, PatternUnsubscribe;
    }

    /// The next message, as soon as there is one. To drop the future loses no message.
    ///
    /// # Errors
    /// Why there are no more, once those that waited are taken.
    pub async fn next(&mut self) -> Result<Message, Ended> {
        std::future::poll_fn(|context| self.member.listener.poll(Some(context.waker()))).await
    }

    /// The next message if one waits.
    ///
    /// # Errors
    /// As [`Subscriber::next`].
    pub fn try_next(&mut self) -> Result<Option<Message>, Ended> {
        match self.member.listener.poll(None) {
            Poll::Ready(Ok(message)) => Ok(Some(message)),
            Poll::Ready(Err(why)) => Err(why),
            Poll::Pending => Ok(None),
        }
    }

    /// The next message, waited for on the calling thread as long as `timeout`; `None` if there was
    /// none.
    ///
    /// # Errors
    /// As [`Subscriber::next`].
    pub fn next_blocking(&mut self, timeout: Duration) -> Result<Option<Message>, Ended> {
        let limit = Limit::new(timeout);
        let found = park_until(limit, |waker| {
            match self.member.listener.poll(Some(waker)) {
                Poll::Ready(found) => Some(found),
                Poll::Pending => None,
            }
        });
        found.transpose()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // What it asked for and nobody waits for any more must not begin behind the notice.
        self.member.listener.end(Ended::Closed);
        self.link.tell(self.core, Notice::Left(self.member.id));
    }
}

fn counted(response: Response) -> Result<u64, Error> {
    match response.status {
        Status::Ok => Ok(response.arg),
        status => Err(Error::Refused {
            status,
            text: String::new(),
        }),
    }
}

impl Embedded {
    /// A new subscriber, to nothing yet.
    #[must_use]
    pub fn subscriber(&self) -> Subscriber {
        let (id, core) = self.new_subscriber();
        let shared = self.shared();
        let listener = Arc::new(Listener::new(shared.subscriber_bytes_max));
        // So that it learns of the node's end, whether it ever subscribes or not.
        let newcomer = Newcomer::new(id, Arc::clone(&listener));
        self.tell(core, Notice::Came(newcomer));
        Subscriber {
            link: self.clone(),
            member: Member { id, listener },
            core,
        }
    }

    /// Publishes a message: the exact number of messages that were handed over to subscribers, over
    /// the network and in this process.
    ///
    /// Messages of one thread on one channel arrive in their order.
    ///
    /// # Errors
    /// [`Error::Refused`] with `ReservedChannel`, or with `Busy` where a core had no room for the
    /// call: then nobody gets the message. [`Error::Invalid`] for a channel that is empty or too
    /// long; [`Error::Closed`].
    pub async fn publish(
        &self,
        channel: impl AsRef<[u8]>,
        payload: impl AsRef<[u8]>,
    ) -> Result<u64, Error> {
        let operation = publishing(channel.as_ref(), payload.as_ref())?;
        counted(self.call(operation).await?)
    }

    /// As [`Embedded::publish`]; blocks the calling thread meanwhile.
    ///
    /// # Errors
    /// As [`Embedded::publish`]; [`Error::TimedOut`]; [`Error::MustNotBlock`].
    pub fn publish_blocking(
        &self,
        channel: impl AsRef<[u8]>,
        payload: impl AsRef<[u8]>,
    ) -> Result<u64, Error> {
        let operation = publishing(channel.as_ref(), payload.as_ref())?;
        counted(self.call_blocking(operation)?)
    }

    /// The channels: which have subscribers, and how many. The cores are asked, as for anything else.
    #[must_use]
    pub fn channels(&self) -> Channels<Self> {
        Channels::new(self.clone())
    }

    /// As [`Embedded::channels`], for threads that wait; not on one of a node's cores.
    #[must_use]
    pub fn channels_blocking(&self) -> blocking::Channels<Self> {
        blocking::Channels::new(self.clone())
    }

    /// The kinds of events that the node publishes.
    #[must_use]
    pub fn events(&self) -> EventKinds {
        self.shared().events.kinds()
    }

    /// Turns the kinds of `changed` on that are in `on`, and the others of them off. Returns the
    /// kinds that are on then. The cores follow within a tenth of a second.
    pub fn switch_events(&self, changed: EventKinds, on: EventKinds) -> EventKinds {
        self.shared().events.switch(EventSwitch { changed, on })
    }
}

/// What changes subscriptions; without a name it ends all of a kind.
fn changing<N: AsRef<[u8]>>(
    opcode: Opcode,
    names: impl IntoIterator<Item = N>,
) -> Result<Operation, Error> {
    let names: Vec<N> = names.into_iter().collect();
    let longest = match opcode {
        Opcode::Subscribe | Opcode::Unsubscribe => limits::CHANNEL_BYTES_MAX,
        _ => limits::PATTERN_BYTES_MAX,
    };
    if names.is_empty() && matches!(opcode, Opcode::Subscribe | Opcode::PatternSubscribe) {
        return Err(InvalidCall::Count(0).into());
    }
    Ok(Operation::of_names(opcode, &names, longest)?)
}

fn publishing(channel: &[u8], payload: &[u8]) -> Result<Operation, Error> {
    if is_reserved(channel) {
        return Err(Error::Refused {
            status: Status::ReservedChannel,
            text: String::new(),
        });
    }
    Ok(Operation::publish(channel, payload)?)
}
