//! Publish/subscribe on one core: who is subscribed here, and the handing over of messages.
//!
//! A subscription lives on the core of its connection ([`registry`]). What all cores have to know
//! of it is in the node's [`directory`]: which cores a message has to go to, so that one without
//! subscribers elsewhere costs no hop, and the counts that introspection answers with. A publish
//! that has to visit other cores is a forwarded request like any other, and its reply the sum of
//! what each core handed over.
//!
//! Policies:
//! * S1 A message is rendered once and copied into the output of each connection; a connection for
//!   which it would be too much is cut off ([`hand_over`]).
//! * S2 What is handed over is sent a few connections a turn ([`PUSHES_PER_TURN`]), and a turn matches
//!   and copies only so much ([`STEPS_PER_TURN`]): a message with more subscribers or patterns goes on
//!   in the next ([`course`]), and those behind it wait in line ([`publication`]). So a channel with
//!   many subscribers does not hold up other connections.
//! * S3 A publish is handed to every core or, where a mailbox has no room, to none.

mod commands;
mod course;
pub(crate) mod directory;
mod execute;
mod foreign;
mod hand_over;
mod listing;
mod publication;
mod registry;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jerboa_wire::{Opcode, Request, Status};

use super::Worker;
use super::session::Session;
use crate::embedded::Listener;
use crate::net::SocketId;
use directory::Directory;
pub(super) use hand_over::Desk;
pub(super) use listing::tell;
use publication::Publication;
use registry::{Registry, Removed};
pub(super) use registry::{Subscriber, Topic};

/// Connections to which one turn sends messages: a send over loopback takes 5 to 10 µs of the kernel's
/// time, which a request that comes in between waits for. With 8 instead, gets at 20 publishes a second
/// to 1,000 subscribers took twice as long at p99 (`benches/publish.rs`).
const PUSHES_PER_TURN: usize = 3;
/// Steps after which a turn hands nothing more over: those of a thousand copies of a short message.
const STEPS_PER_TURN: usize = 1024 * course::STEPS_PER_COPY;

/// How many subscriptions there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubscriptionLimits {
    pub(crate) per_connection: usize,
    pub(crate) per_core: usize,
}

/// The subscriptions of one core and the messages on their way.
#[derive(Debug)]
pub(super) struct PubSub {
    core: u16,
    limits: SubscriptionLimits,
    registry: Registry,
    /// Connections that have messages to be sent.
    pushes: VecDeque<SocketId>,
    /// Subscribers that are too slow, to be cut off.
    slow: Vec<Subscriber>,
    /// Subscribers in this process, by id.
    listeners: HashMap<u64, Arc<Listener>>,
    /// Messages that wait or were begun, in the order in which they are handed over.
    line: VecDeque<Publication>,
    /// Those of them that connections and threads of this process have here, and their bytes.
    held: usize,
    held_bytes: usize,
    /// Steps of this turn.
    spent: usize,
}

impl PubSub {
    pub(super) fn new(core: u16, limits: SubscriptionLimits) -> Self {
        Self {
            core,
            limits,
            registry: Registry::default(),
            pushes: VecDeque::new(),
            slow: Vec::new(),
            listeners: HashMap::new(),
            line: VecDeque::new(),
            held: 0,
            held_bytes: 0,
            spent: 0,
        }
    }

    /// Whether there is something to do before the next event.
    pub(super) fn has_work(&self) -> bool {
        !self.pushes.is_empty() || !self.slow.is_empty() || self.is_publishing()
    }

    /// Whether messages stand in line.
    pub(super) fn is_publishing(&self) -> bool {
        !self.line.is_empty()
    }

    /// Subscriptions of this core.
    pub(super) fn subscriptions(&self) -> usize {
        self.registry.subscriptions()
    }

    /// Subscriptions of one subscriber.
    pub(super) fn count(&self, subscriber: Subscriber) -> usize {
        self.registry.count(subscriber)
    }

    /// Patterns that one subscriber is subscribed to.
    pub(super) fn pattern_count(&self, subscriber: Subscriber) -> usize {
        self.registry.pattern_count(subscriber)
    }

    /// What a subscriber is subscribed to, by name or by pattern.
    pub(super) fn names(&self, subscriber: Subscriber, topic: Topic) -> Vec<Box<[u8]>> {
        self.registry.names(subscriber, topic)
    }

    /// Subscribes to one name or pattern. Returns whether that is new.
    ///
    /// # Errors
    /// As many subscriptions as may be; nothing is changed.
    pub(super) fn subscribe(
        &mut self,
        subscriber: Subscriber,
        topic: Topic,
        name: &[u8],
        directory: &Directory,
    ) -> Result<bool, Status> {
        if self.registry.is_subscribed(subscriber, topic, name) {
            return Ok(false);
        }
        if self.registry.count(subscriber) >= self.limits.per_connection
            || self.registry.subscriptions() >= self.limits.per_core
        {
            return Err(Status::TooManySubscriptions);
        }
        let first = self.registry.add(subscriber, topic, name)?;
        match topic {
            Topic::Channel => directory.add_subscriber(self.core, name, first),
            Topic::Pattern if first => directory.add_pattern(self.core, name),
            Topic::Pattern => {}
        }
        Ok(true)
    }

    /// Ends one subscription. Returns whether there was one.
    pub(super) fn unsubscribe(
        &mut self,
        subscriber: Subscriber,
        topic: Topic,
        name: &[u8],
        directory: &Directory,
    ) -> bool {
        let removed = self.registry.remove(subscriber, topic, name);
        self.tell(topic, name, removed, directory);
        removed != Removed::Nothing
    }

    /// Executes a request that changes subscriptions. Returns how many the subscriber has then.
    ///
    /// # Errors
    /// As many subscriptions as may be; nothing is changed.
    fn change(
        &mut self,
        subscriber: Subscriber,
        request: &Request<'_>,
        directory: &Directory,
    ) -> Result<u64, Status> {
        match request.opcode {
            Opcode::Subscribe => self.subscribe_all(subscriber, Topic::Channel, request, directory),
            Opcode::PatternSubscribe => {
                self.subscribe_all(subscriber, Topic::Pattern, request, directory)
            }
            Opcode::Unsubscribe => {
                Ok(self.unsubscribe_all(subscriber, Topic::Channel, request, directory))
            }
            Opcode::PatternUnsubscribe => {
                Ok(self.unsubscribe_all(subscriber, Topic::Pattern, request, directory))
            }
            _ => Err(Status::UnknownOpcode),
        }
    }

    /// Subscribes to all names of a request or to none. Returns how many subscriptions there are.
    ///
    /// # Errors
    /// As many subscriptions as may be; nothing is changed.
    fn subscribe_all(
        &mut self,
        subscriber: Subscriber,
        topic: Topic,
        request: &Request<'_>,
        directory: &Directory,
    ) -> Result<u64, Status> {
        let mut added = Vec::new();
        for name in request.keys() {
            match self.subscribe(subscriber, topic, name, directory) {
                Ok(true) => added.push(name),
                Ok(false) => {}
                Err(status) => {
                    for name in added {
                        self.unsubscribe(subscriber, topic, name, directory);
                    }
                    return Err(status);
                }
            }
        }
        Ok(self.count(subscriber) as u64)
    }

    /// Unsubscribes from the names of a request, or from all. Returns how many subscriptions are
    /// left.
    fn unsubscribe_all(
        &mut self,
        subscriber: Subscriber,
        topic: Topic,
        request: &Request<'_>,
        directory: &Directory,
    ) -> u64 {
        if request.count == 0 {
            for name in self.names(subscriber, topic) {
                self.unsubscribe(subscriber, topic, &name, directory);
            }
        }
        for name in request.keys() {
            self.unsubscribe(subscriber, topic, name, directory);
        }
        self.count(subscriber) as u64
    }

    /// Ends all subscriptions of a subscriber.
    pub(super) fn leave(&mut self, subscriber: Subscriber, directory: &Directory) {
        for topic in [Topic::Channel, Topic::Pattern] {
            for name in self.registry.names(subscriber, topic) {
                let removed = self.registry.remove(subscriber, topic, &name);
                self.tell(topic, &name, removed, directory);
            }
        }
    }

    fn tell(&self, topic: Topic, name: &[u8], removed: Removed, directory: &Directory) {
        let last = removed == Removed::Last;
        match (topic, removed) {
            (_, Removed::Nothing) => {}
            (Topic::Channel, _) => directory.remove_subscriber(self.core, name, last),
            (Topic::Pattern, Removed::Last) => directory.remove_pattern(self.core, name),
            (Topic::Pattern, Removed::OneOfMany) => {}
        }
    }
}

/// Whether a request changes the subscriptions of who asks.
const fn changes_subscriptions(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::Subscribe
            | Opcode::PatternSubscribe
            | Opcode::Unsubscribe
            | Opcode::PatternUnsubscribe
    )
}

impl Session {
    /// This session as a subscriber.
    pub(super) fn subscriber(&self, socket: SocketId) -> Subscriber {
        Subscriber {
            socket,
            serial: self.serial,
        }
    }
}

impl Worker {
    /// Ends the subscriptions of a connection that is about to end.
    pub(super) fn end_subscriptions(&mut self, socket: SocketId) {
        let Some(session) = self.session(socket) else {
            return;
        };
        if std::mem::replace(&mut session.subscribed, false) {
            let subscriber = session.subscriber(socket);
            self.pubsub.leave(subscriber, &self.shared.directory);
        }
    }

    /// Sends messages to some of the connections that have any, and cuts off those that are too
    /// slow.
    pub(super) fn push_messages(&mut self, now_ms: u64) {
        self.pubsub.spent = 0;
        for subscriber in std::mem::take(&mut self.pubsub.slow) {
            if subscriber.is_foreign() {
                self.cut_off_listener(subscriber.serial);
            } else if self
                .session(subscriber.socket)
                .is_some_and(|session| session.serial == subscriber.serial)
            {
                self.cut_off(subscriber.socket);
            }
        }
        for _ in 0..PUSHES_PER_TURN {
            let Some(socket) = self.pubsub.pushes.pop_front() else {
                return;
            };
            if let Some(session) = self.session(socket) {
                session.pushed = false;
                self.flush_one(socket, now_ms);
            }
        }
    }

    /// Puts the session on the list of those that messages are sent to.
    pub(super) fn mark_pushed(&mut self, socket: SocketId) {
        if let Some(session) = self.session(socket)
            && !session.dirty
            && !std::mem::replace(&mut session.pushed, true)
        {
            self.pubsub.pushes.push_back(socket);
        }
    }
}
