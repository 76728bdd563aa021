//! Subscribers in this process, and publishing from it.

use std::sync::Arc;

use jerboa_wire::{Reply, Request, Status};

use super::listing::tell;
use super::{PubSub, Subscriber, changes_subscriptions};
use crate::embedded::{Ended, Listener, Member, Newcomer};
use crate::worker::Worker;
use crate::worker::execute::{Answering, encode};

impl Worker {
    /// Executes a request about channels that a thread of this process asked for: what a
    /// subscriber asks for itself, or what anybody may ask.
    pub(in crate::worker) fn serve_channel(
        &mut self,
        request: &Request<'_>,
        member: Option<&Member>,
        answering: &Answering,
        replies: &mut Vec<u8>,
    ) {
        let outcome = match (request.opcode, member) {
            (opcode, Some(member)) if changes_subscriptions(opcode) => {
                self.serve_subscriber(request, member)
            }
            (opcode, None) if changes_subscriptions(opcode) => Err(Status::UnknownOpcode),
            _ => return tell(request, answering, &self.shared, replies),
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

    fn serve_subscriber(&mut self, request: &Request<'_>, member: &Member) -> Result<u64, Status> {
        match member.listener.ended() {
            None => {}
            Some(Ended::Closed) => return Err(Status::ShuttingDown),
            // Nothing would come of it.
            Some(Ended::TooSlow) => return Err(Status::SlowSubscriber),
        }
        let id = member.id;
        self.pubsub.meet(id, &member.listener);
        let directory = &self.shared.directory;
        self.pubsub
            .change(Subscriber::foreign(id), request, directory)
    }

    /// There is a new subscriber, which has asked for nothing or has done so already.
    pub(in crate::worker) fn meet_newcomer(&mut self, newcomer: Newcomer) {
        if let Some((id, listener)) = newcomer.welcome()
            && listener.ended().is_none()
        {
            self.pubsub.meet(id, &listener);
        }
    }

    /// A subscriber is no more.
    pub(in crate::worker) fn forget_listener(&mut self, id: u64) {
        self.pubsub.listeners.remove(&id);
        let directory = &self.shared.directory;
        self.pubsub.leave(Subscriber::foreign(id), directory);
    }

    /// Ends the subscriptions of a subscriber that did not take its messages.
    pub(super) fn cut_off_listener(&mut self, id: u64) {
        let directory = &self.shared.directory;
        self.pubsub.leave(Subscriber::foreign(id), directory);
        self.pubsub.listeners.remove(&id);
        self.counts.closed_slow_subscriber += 1;
    }
}

impl PubSub {
    /// Gets to know a subscriber of this process.
    fn meet(&mut self, id: u64, listener: &Arc<Listener>) {
        let known = self.listeners.entry(id);
        known.or_insert_with(|| Arc::clone(listener));
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
