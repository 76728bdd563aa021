//! A connection that tells messages from replies.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use jerboa_wire::{Crc, Message, Opcode, Request, ScanQuery, Status, multi};

use crate::common::{OwnedReply, Raw, seal};

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Got {
    pub(crate) channel: String,
    pub(crate) pattern: Option<String>,
    pub(crate) payload: String,
}

impl Got {
    pub(crate) fn new(channel: &str, pattern: Option<&str>, payload: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            pattern: pattern.map(str::to_owned),
            payload: payload.to_owned(),
        }
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) raw: Raw,
    messages: VecDeque<OwnedReply>,
    replies: VecDeque<OwnedReply>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self {
            raw: Raw::connect(address),
            messages: VecDeque::new(),
            replies: VecDeque::new(),
        }
    }

    fn take(&mut self, frame: OwnedReply) {
        if frame.opcode == Opcode::Message {
            assert_eq!(frame.request_id, 0);
            self.messages.push_back(frame);
        } else {
            self.replies.push_back(frame);
        }
    }

    /// The reply to a request, which is the next of its connection.
    pub(crate) fn reply_to(&mut self, id: u32) -> OwnedReply {
        while self.replies.is_empty() {
            let frame = self.raw.receive();
            self.take(frame);
        }
        let reply = self.replies.pop_front().unwrap();
        assert_eq!(reply.request_id, id, "replies come in order");
        reply
    }

    pub(crate) fn call(&mut self, request: Request<'_>) -> OwnedReply {
        let id = self.raw.send(request);
        self.reply_to(id)
    }

    /// The next message frame, which may be the end of messages.
    pub(crate) fn pushed(&mut self) -> OwnedReply {
        while self.messages.is_empty() {
            let frame = self.raw.receive();
            self.take(frame);
        }
        self.messages.pop_front().unwrap()
    }

    /// The payload of the next message, and its channel.
    pub(crate) fn payload(&mut self) -> (String, Vec<u8>) {
        let frame = self.pushed();
        assert_eq!(frame.status, Status::Ok);
        let message = Message::decode(&frame.value).expect("a message");
        let channel = String::from_utf8(message.channel.to_vec()).unwrap();
        (channel, message.payload.to_vec())
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Got {
        let frame = self.pushed();
        assert_eq!(frame.status, Status::Ok);
        let message = Message::decode(&frame.value).expect("a message");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Got {
            channel: text(message.channel),
            pattern: message.pattern.map(text),
            payload: text(message.payload),
        }
    }

    /// Fails if a message is there. Whatever was published before is, after a round trip here.
    pub(crate) fn nothing_came(&mut self) {
        let pong = self.call(Request::new(Opcode::Ping));
        assert_eq!(pong.status, Status::Ok);
        assert!(self.messages.is_empty(), "{:?}", self.messages);
    }

    /// Takes in whatever was sent so far.
    pub(crate) fn nothing_or_more(&mut self) {
        assert_eq!(self.call(Request::new(Opcode::Ping)).status, Status::Ok);
    }

    pub(crate) fn has_message(&self) -> bool {
        !self.messages.is_empty()
    }

    fn named(&mut self, opcode: Opcode, names: &[&str]) -> OwnedReply {
        let id = self.begin_named(opcode, names);
        self.reply_to(id)
    }

    pub(crate) fn begin_named(&mut self, opcode: Opcode, names: &[&str]) -> u32 {
        let mut value = Vec::new();
        for name in names {
            assert!(multi::push_key(&mut value, name.as_bytes()));
        }
        self.raw.send(Request {
            count: names.len() as u32,
            value: &value,
            ..Request::new(opcode)
        })
    }

    fn counted(&mut self, opcode: Opcode, names: &[&str]) -> u64 {
        let reply = self.named(opcode, names);
        assert_eq!(reply.status, Status::Ok, "{opcode:?}");
        reply.arg
    }

    pub(crate) fn try_subscribe(&mut self, names: &[&str]) -> Result<u64, Status> {
        let reply = self.named(Opcode::Subscribe, names);
        match reply.status {
            Status::Ok => Ok(reply.arg),
            refused => Err(refused),
        }
    }

    pub(crate) fn subscribe(&mut self, names: &[&str]) -> u64 {
        self.counted(Opcode::Subscribe, names)
    }

    pub(crate) fn unsubscribe(&mut self, names: &[&str]) -> u64 {
        self.counted(Opcode::Unsubscribe, names)
    }

    pub(crate) fn pattern_subscribe(&mut self, names: &[&str]) -> u64 {
        self.counted(Opcode::PatternSubscribe, names)
    }

    pub(crate) fn pattern_unsubscribe(&mut self, names: &[&str]) -> u64 {
        self.counted(Opcode::PatternUnsubscribe, names)
    }

    pub(crate) fn subscribers(&mut self, names: &[&str]) -> Vec<u64> {
        let reply = self.named(Opcode::Subscribers, names);
        assert_eq!(
            (reply.status, reply.count),
            (Status::Ok, names.len() as u32)
        );
        let (items, _) = reply.value.as_chunks::<8>();
        items.iter().map(|item| u64::from_le_bytes(*item)).collect()
    }

    pub(crate) fn patterns(&mut self) -> u64 {
        self.call(Request::new(Opcode::Patterns)).arg
    }

    /// All channels, page by page.
    pub(crate) fn channels(&mut self, pattern: &str) -> Vec<String> {
        let (mut cursor, mut names) = (0, Vec::new());
        loop {
            let mut value = Vec::new();
            let pattern = pattern.as_bytes();
            ScanQuery {
                count: 100,
                pattern,
            }
            .encode(&mut value);
            let reply = self.call(Request {
                arg: cursor,
                value: &value,
                ..Request::new(Opcode::Channels)
            });
            assert_eq!(reply.status, Status::Ok);
            assert!(reply.count <= 100);
            let page = Request {
                count: reply.count,
                value: &reply.value,
                ..Request::new(Opcode::MultiGet)
            };
            let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
            names.extend(page.keys().map(text));
            cursor = reply.arg;
            if cursor == 0 {
                return names;
            }
        }
    }

    pub(crate) fn begin_publish(&mut self, channel: &str, payload: &[u8]) -> u32 {
        self.raw.send(Request {
            key: channel.as_bytes(),
            value: payload,
            ..Request::new(Opcode::Publish)
        })
    }

    pub(crate) fn publish(&mut self, channel: &str, payload: &[u8]) -> u64 {
        let id = self.begin_publish(channel, payload);
        let reply = self.reply_to(id);
        assert_eq!(reply.status, Status::Ok);
        reply.arg
    }

    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> OwnedReply {
        self.call(Request {
            key,
            value,
            ..Request::new(Opcode::Put)
        })
    }

    pub(crate) fn get(&mut self, key: &[u8]) -> OwnedReply {
        self.call(Request {
            key,
            ..Request::new(Opcode::Get)
        })
    }

    /// The status that a request about one name gets which the encoder refuses to build.
    pub(crate) fn forged(&mut self, opcode: Opcode, name: &str) -> Status {
        let mut frame = Vec::new();
        let noop = if opcode == Opcode::Publish {
            Request {
                key: name.as_bytes(),
                ..Request::new(Opcode::Noop)
            }
        } else {
            Request::new(Opcode::Noop)
        };
        noop.encode(&mut frame, Crc::On).unwrap();
        if !matches!(opcode, Opcode::Publish | Opcode::Message) {
            let mut value = (name.len() as u16).to_le_bytes().to_vec();
            value.extend_from_slice(name.as_bytes());
            frame[20..24].copy_from_slice(&(value.len() as u32).to_le_bytes());
            frame[40] = 1;
            frame.extend_from_slice(&value);
        }
        frame[2] = opcode.as_u8();
        self.sealed(frame)
    }

    /// The status that a request with an argument gets which the encoder refuses to build.
    pub(crate) fn call_unchecked(&mut self, opcode: Opcode, arg: u64) -> Status {
        let mut frame = Vec::new();
        Request::new(opcode).encode(&mut frame, Crc::On).unwrap();
        frame[24..32].copy_from_slice(&arg.to_le_bytes());
        self.sealed(frame)
    }

    fn sealed(&mut self, mut frame: Vec<u8>) -> Status {
        seal(&mut frame);
        self.raw.send_bytes(&frame).unwrap();
        let reply = self.raw.receive();
        assert_eq!(reply.request_id, 0);
        reply.status
    }

    /// Every frame until the connection ends.
    pub(crate) fn rest(&mut self) -> Vec<OwnedReply> {
        let patience = Duration::from_secs(20);
        self.raw.stream.set_read_timeout(Some(patience)).unwrap();
        let mut frames = Vec::from(std::mem::take(&mut self.messages));
        frames.extend(self.raw.drain().0);
        frames
    }
}
