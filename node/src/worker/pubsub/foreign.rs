//! Subscribers in this process, and publishing from it.

use std::collections::hash_map::Entry;
use std::sync::atomic::Ordering;

use jerboa_wire::{Opcode, Reply, Request, Status};

use super::{PubSub, Subscriber, Topic};
use crate::embedded::Ended;
use crate::worker::Worker;
use crate::worker::execute::{Answering, encode};

impl Worker {
    /// Executes a request about channels that a thread of this process asked for: a message for the
    /// subscribers of this core, or what a subscriber asks for itself.
    pub(in crate::worker) fn serve_channel(
        &mut self,
        request: &Request<'_>,
        subscriber: u64,
        answering: &Answering,
        replies: &mut Vec<u8>,
    ) {
        let outcome = match request.opcode {
            Opcode::Publish => Ok(self.publish_here(request.key, request.value)),
            _ if subscriber == 0 => Err(Status::UnknownOpcode),
            _ => self.serve_subscriber(request, subscriber),
        };
        let reply = match outcome {
            Ok(arg) => Reply {
                arg,
                ..answering.head(request, Status::Ok)
            },
            Err(status) => answering.head(request, status),
        };
        encode(&reply, replies, answering.crc);
    }

    fn serve_subscriber(&mut self, request: &Request<'_>, id: u64) -> Result<u64, Status> {
        let listener = match self.pubsub.listeners.entry(id) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(vacant) => self.shared.listeners.take(id).map(|new| vacant.insert(new)),
        };
        match listener.map(|listener| listener.ended()) {
            Some(None) => {}
            Some(Some(Ended::Closed)) => return Err(Status::ShuttingDown),
            Some(Some(Ended::TooSlow)) => return Err(Status::SlowSubscriber),
            // At the end of the node all are forgotten, before it those that were too slow.
            None if self.shared.stopping.load(Ordering::Acquire) => {
                return Err(Status::ShuttingDown);
            }
            None => return Err(Status::SlowSubscriber),
        }
        let (who, directory) = (Subscriber::foreign(id), &self.shared.directory);
        let pubsub = &mut self.pubsub;
        match request.opcode {
            Opcode::Subscribe => pubsub.subscribe_all(who, Topic::Channel, request, directory),
            Opcode::PatternSubscribe => {
                pubsub.subscribe_all(who, Topic::Pattern, request, directory)
            }
            Opcode::Unsubscribe => {
                Ok(pubsub.unsubscribe_all(who, Topic::Channel, request, directory))
            }
            Opcode::PatternUnsubscribe => {
                Ok(pubsub.unsubscribe_all(who, Topic::Pattern, request, directory))
            }
            _ => Err(Status::UnknownOpcode),
        }
    }

    /// A subscriber is no more.
    pub(in crate::worker) fn forget_listener(&mut self, id: u64) {
        self.pubsub.listeners.remove(&id);
        self.shared.listeners.take(id);
        let directory = &self.shared.directory;
        self.pubsub.leave(Subscriber::foreign(id), directory);
    }

    /// Ends the subscriptions of a subscriber that did not take its messages.
    pub(super) fn cut_off_listener(&mut self, id: u64) {
        let directory = &self.shared.directory;
        self.pubsub.leave(Subscriber::foreign(id), directory);
        // What it asks for from now on is refused: nothing would come of it.
        self.pubsub.listeners.remove(&id);
        self.counts.closed_slow_subscriber += 1;
    }
}

impl Drop for PubSub {
    /// The core ends, and nothing comes any more.
    fn drop(&mut self) {
        for listener in self.listeners.values() {
            listener.end(Ended::Closed);
        }
    }
}
