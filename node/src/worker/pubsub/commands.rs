//! RESP commands about channels: each name is answered by itself, with the count of subscriptions
//! that the client has then.

use jerboa_wire::resp::Writer;
use jerboa_wire::{Opcode, Request, limits};

use super::{Subscriber, Topic};
use crate::net::SocketId;
use crate::resp::{
    Call, Channels, Form, Refusal, SHARD_PREFIX, checked_channel, checked_message, status_text,
};
use crate::worker::execute::MapChoice;
use crate::worker::executor::{Direction, Executor, Task};
use crate::worker::measure::ErrorWord;

/// What a command subscribes to or unsubscribes from.
#[derive(Clone, Copy)]
struct Kind {
    /// What a confirmation says first.
    word: &'static str,
    topic: Topic,
    is_shard: bool,
    /// The request that does the same.
    opcode: Opcode,
}

impl Kind {
    /// `None` for a command that is neither.
    fn of(channels: Channels) -> Option<Self> {
        let (word, topic, opcode) = match channels {
            Channels::Subscribe => ("subscribe", Topic::Channel, Opcode::Subscribe),
            Channels::Unsubscribe => ("unsubscribe", Topic::Channel, Opcode::Unsubscribe),
            Channels::ShardSubscribe => ("ssubscribe", Topic::Channel, Opcode::Subscribe),
            Channels::ShardUnsubscribe => ("sunsubscribe", Topic::Channel, Opcode::Unsubscribe),
            Channels::PatternSubscribe => ("psubscribe", Topic::Pattern, Opcode::PatternSubscribe),
            Channels::PatternUnsubscribe => {
                ("punsubscribe", Topic::Pattern, Opcode::PatternUnsubscribe)
            }
            Channels::ShardPublish => return None,
        };
        let is_shard = matches!(
            channels,
            Channels::ShardSubscribe | Channels::ShardUnsubscribe
        );
        Some(Self {
            word,
            topic,
            is_shard,
            opcode,
        })
    }

    const fn ends(self) -> bool {
        matches!(
            self.opcode,
            Opcode::Unsubscribe | Opcode::PatternUnsubscribe
        )
    }

    /// The name inside the node.
    fn full_name(self, name: &[u8]) -> Vec<u8> {
        if self.is_shard {
            shard_name(name)
        } else {
            name.to_vec()
        }
    }

    /// The name that the client knows, if it is one of this kind.
    fn client_name(self, name: &[u8]) -> Option<&[u8]> {
        match (self.is_shard, name.strip_prefix(SHARD_PREFIX)) {
            (true, shard) => shard,
            (false, Some(_)) if self.topic == Topic::Channel => None,
            (false, _) => Some(name),
        }
    }

    fn check(self, name: &[u8]) -> Result<(), Refusal> {
        match (self.topic, self.is_shard) {
            (Topic::Pattern, _) => Ok(()),
            (Topic::Channel, false) => checked_channel(name).map(|_| ()),
            (Topic::Channel, true) => check_shard(name),
        }
    }
}

fn shard_name(name: &[u8]) -> Vec<u8> {
    [SHARD_PREFIX, name].concat()
}

fn check_shard(name: &[u8]) -> Result<(), Refusal> {
    if name.is_empty() || name.len() + SHARD_PREFIX.len() > limits::CHANNEL_BYTES_MAX {
        return Err(Refusal::text(
            "ERR the shard channel's name is empty or longer than 1,014 bytes",
        ));
    }
    Ok(())
}

impl Executor<'_> {
    /// Executes a command about channels. `None`: it has to wait for the next turn.
    ///
    /// # Errors
    /// Why it was refused, nothing being done.
    pub(in crate::worker) fn channels_command(
        &mut self,
        socket: SocketId,
        channels: Channels,
        call: &Call<'_, '_>,
    ) -> Option<Result<(), Refusal>> {
        let Some(kind) = Kind::of(channels) else {
            let bytes = call.at(1).len() + call.at(2).len();
            let has_room = self.pubsub.has_room(SHARD_PREFIX.len() + bytes);
            return has_room.then(|| self.publish_on_shard(socket, call));
        };
        self.counts.ops += 1;
        let mut out = Vec::new();
        if let Some(session) = self.sessions[socket.0 as usize].as_ref() {
            let subscriber = session.subscriber(socket);
            let version = session.client.as_ref().map(|client| client.version);
            let mut writer = Writer::new(&mut out, version.unwrap_or_default());
            self.change_subscriptions(subscriber, kind, call, &mut writer);
        }
        let session = self.open_session(socket)?;
        let client = session.client.as_mut()?;
        session.subscribed = client.subscriptions > 0;
        // Confirmations are messages: who wants no replies gets them all the same.
        client.is_silent();
        session.reply(|reply| reply.extend_from_slice(&out));
        Some(Ok(()))
    }

    fn change_subscriptions(
        &mut self,
        subscriber: Subscriber,
        kind: Kind,
        call: &Call<'_, '_>,
        out: &mut Writer<'_>,
    ) {
        let names = call.arguments.from(1);
        if !names.is_empty() {
            for name in names.iter() {
                self.change_subscription(subscriber, kind, name, out);
            }
            return;
        }
        let all = self.pubsub.names(subscriber, kind.topic);
        let mut is_any = false;
        for name in all.iter().filter_map(|name| kind.client_name(name)) {
            is_any = true;
            self.change_subscription(subscriber, kind, name, out);
        }
        if !is_any {
            out.push(3);
            out.bulk(kind.word);
            out.null();
            out.integer(self.subscriptions_of(subscriber, kind));
        }
    }

    fn change_subscription(
        &mut self,
        subscriber: Subscriber,
        kind: Kind,
        name: &[u8],
        out: &mut Writer<'_>,
    ) {
        let directory = &self.shared.directory;
        let full_name = kind.full_name(name);
        let outcome = if kind.ends() {
            let topic = kind.topic;
            Ok(self
                .pubsub
                .unsubscribe(subscriber, topic, &full_name, directory))
        } else {
            kind.check(name).and_then(|()| {
                let topic = kind.topic;
                self.pubsub
                    .subscribe(subscriber, topic, &full_name, directory)
                    .map_err(|status| Refusal::bytes(status_text(kind.opcode, status).into_owned()))
            })
        };
        match outcome {
            Ok(is_change) => {
                self.note_subscription(subscriber, kind, is_change);
                out.push(3);
                out.bulk(kind.word);
                out.bulk(name);
                out.integer(self.subscriptions_of(subscriber, kind));
            }
            Err(refusal) => {
                self.counts.errors += 1;
                if let Some(session) = self.sessions[subscriber.socket.0 as usize].as_mut() {
                    session.failed = Some(ErrorWord::of(refusal.as_bytes()));
                }
                out.error(refusal.as_bytes());
            }
        }
    }

    fn note_subscription(&mut self, subscriber: Subscriber, kind: Kind, is_change: bool) {
        let all = self.pubsub.count(subscriber);
        let Some(client) = self.client(subscriber.socket) else {
            return;
        };
        client.subscriptions = all;
        if kind.is_shard && is_change {
            let count = client.shard_subscriptions;
            client.shard_subscriptions = if kind.ends() {
                count.saturating_sub(1)
            } else {
                count + 1
            };
        }
    }

    /// Subscriptions of the kind that a confirmation counts.
    fn subscriptions_of(&mut self, subscriber: Subscriber, kind: Kind) -> i64 {
        let Some(client) = self.client(subscriber.socket) else {
            return 0;
        };
        let count = if kind.is_shard {
            client.shard_subscriptions
        } else {
            client.subscriptions - client.shard_subscriptions
        };
        count as i64
    }

    fn publish_on_shard(&mut self, socket: SocketId, call: &Call<'_, '_>) -> Result<(), Refusal> {
        check_shard(call.at(1))?;
        let name = shard_name(call.at(1));
        let request = Request {
            key: &name,
            value: checked_message(call, 2)?,
            ..Request::new(Opcode::Publish)
        };
        let render = self.render(socket, Form::Number);
        let map = MapChoice::Unknown;
        let direction = Direction::Other(map);
        self.execute(socket, &Task { request, direction }, render);
        Ok(())
    }

    /// Ends all subscriptions of a client that goes on.
    pub(in crate::worker) fn leave_channels(&mut self, socket: SocketId) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        if std::mem::replace(&mut session.subscribed, false) {
            let subscriber = session.subscriber(socket);
            self.pubsub.leave(subscriber, &self.shared.directory);
        }
        if let Some(client) = &mut session.client {
            client.subscriptions = 0;
            client.shard_subscriptions = 0;
        }
    }
}
