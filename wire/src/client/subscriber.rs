//! One subscriber's connection without its socket: requests in, bytes out; bytes in, messages and
//! replies out.
//!
//! A subscriber has a connection of its own, so that what is published costs the other calls of
//! its client nothing, and that it alone is cut off where it does not keep up. It begins with no
//! hello: checksums are on.
//!
//! Messages are taken out before more bytes are read. Only while a reply is awaited do they queue
//! up here, and then no more than the node holds back for a slow subscriber, and what is on its
//! way.

use std::collections::VecDeque;

use super::error::{Error, Outcome};
use super::operation::Operation;
use super::outcome::Response;
use crate::channel;
use crate::frame::{Crc, CrcMode, DecodeOptions, Decoded, Reply, Request, decode_reply};
use crate::limits;
use crate::opcode::Opcode;
use crate::status::Status;
use crate::value::{Decode, WrongType};

/// What was published on a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Where it was published.
    pub channel: Vec<u8>,
    /// The pattern that it came by; `None` where it came by the channel's name.
    pub pattern: Option<Vec<u8>>,
    /// What was published.
    pub payload: Vec<u8>,
}

impl Message {
    /// The payload as a value, see [`crate::value`].
    ///
    /// # Errors
    ///
    /// [`WrongType`] with the bytes of the message.
    pub fn read<V: Decode>(self) -> Result<V, WrongType> {
        V::decode(self.payload)
    }
}

/// What a subscriber asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    Subscribe,
    Unsubscribe,
    PatternSubscribe,
    PatternUnsubscribe,
}

/// The state of a subscriber's connection.
#[derive(Debug)]
pub(super) struct Subscriber {
    decode: DecodeOptions,
    next_id: u32,
    /// The request whose reply is awaited. There is never a second one.
    awaited: Option<(u32, Opcode)>,
    /// The reply, once it has come.
    reply: Option<Response>,
    messages: VecDeque<Message>,
    input: Vec<u8>,
    /// Bytes of the input that are read already.
    used: usize,
    /// Why there will be no more.
    ended: Option<Error>,
    /// That was told to who takes one message after the other.
    over: bool,
}

impl Subscriber {
    pub(super) fn new(value_bytes_max: u32) -> Self {
        Self {
            decode: DecodeOptions {
                crc: CrcMode::Required,
                value_bytes_max: limits::section_bytes_max(value_bytes_max),
            },
            next_id: 1,
            awaited: None,
            reply: None,
            messages: VecDeque::new(),
            input: Vec::new(),
            used: 0,
            ended: None,
            over: false,
        }
    }

    /// The bytes of a request. An earlier one whose reply did not come in time is forgotten.
    pub(super) fn ask(&mut self, ask: Ask, names: &[impl AsRef<[u8]>]) -> Result<Vec<u8>, Error> {
        let (opcode, longest) = match ask {
            Ask::Subscribe => (Opcode::Subscribe, limits::CHANNEL_BYTES_MAX),
            Ask::Unsubscribe => (Opcode::Unsubscribe, limits::CHANNEL_BYTES_MAX),
            Ask::PatternSubscribe => (Opcode::PatternSubscribe, limits::PATTERN_BYTES_MAX),
            Ask::PatternUnsubscribe => (Opcode::PatternUnsubscribe, limits::PATTERN_BYTES_MAX),
        };
        let operation = Operation::of_names(opcode, names, longest)?;
        let request_id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1).max(1);
        let mut frame = Vec::new();
        let request = Request {
            request_id,
            ..operation.request()
        };
        let encoded = request.encode(&mut frame, Crc::On);
        // Names are checked; this is one that slipped through.
        encoded.map_err(|_| Error::UnexpectedReply)?;
        self.awaited = Some((request_id, opcode));
        self.reply = None;
        Ok(frame)
    }

    /// The reply to the last request: subscriptions that the connection has now.
    pub(super) fn take_reply(&mut self) -> Option<Result<u64, Error>> {
        if let Some(reply) = self.reply.take() {
            self.awaited = None;
            return Some(reply.number());
        }
        let ended = self.ended.clone();
        ended.map(|error| Err(error.with_outcome(Outcome::Unknown)))
    }

    /// The next message, or why there is none any more. `None`: read.
    pub(super) fn take_message(&mut self) -> Option<Result<Message, Error>> {
        if let Some(message) = self.messages.pop_front() {
            return Some(Ok(message));
        }
        self.ended.clone().map(Err)
    }

    /// Takes bytes from the socket; none at its end.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return self.end(Error::ConnectionLost {
                outcome: Outcome::NothingDone,
            });
        }
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        while self.ended.is_none() {
            let rest = input.get(self.used..).unwrap_or_default();
            match decode_reply(rest, &self.decode) {
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(Decoded::Frame { frame, consumed }) => {
                    self.used += consumed;
                    self.accept(&frame);
                }
                Err(error) => self.end(Error::Protocol {
                    kind: error.kind,
                    outcome: Outcome::NothingDone,
                }),
            }
        }
        input.drain(..self.used);
        self.used = 0;
        self.input = input;
    }

    fn accept(&mut self, frame: &Reply<'_>) {
        if frame.opcode == Opcode::Message && frame.status == Status::Ok {
            if let Some(message) = channel::Message::decode(frame.value) {
                self.messages.push_back(Message {
                    channel: message.channel.to_vec(),
                    pattern: message.pattern.map(<[u8]>::to_vec),
                    payload: message.payload.to_vec(),
                });
            }
            return;
        }
        let awaited = self
            .awaited
            .is_some_and(|(id, opcode)| id == frame.request_id && opcode == frame.opcode);
        if awaited {
            self.reply = Some(Response::from_reply(frame));
        } else if frame.request_id == 0 && frame.status.is_error() {
            // A last word about the connection: too slow, too many, or not what the node takes.
            let error = Response::from_reply(frame).outcome().err();
            self.end(error.unwrap_or(Error::UnexpectedReply));
        }
    }

    /// Whether the end was told.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// The end was told.
    pub(super) const fn finish(&mut self) {
        self.over = true;
    }

    /// There will be no more. The first reason is the one that is told.
    pub(super) fn end(&mut self, error: Error) {
        self.ended.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(channel: &[u8], payload: &[u8], status: Status) -> Vec<u8> {
        let mut value = Vec::new();
        let message = channel::Message {
            channel,
            pattern: None,
            payload,
        };
        assert!(message.encode(&mut value));
        if status != Status::Ok {
            value.clear();
        }
        let mut frame = Vec::new();
        let reply = Reply {
            value: &value,
            ..Reply::new(Opcode::Message, status, 0)
        };
        reply.encode(&mut frame, Crc::On).unwrap();
        frame
    }

    fn reply(opcode: Opcode, id: u32, arg: u64) -> Vec<u8> {
        let mut frame = Vec::new();
        let reply = Reply {
            arg,
            ..Reply::new(opcode, Status::Ok, id)
        };
        reply.encode(&mut frame, Crc::On).unwrap();
        frame
    }

    #[test]
    fn messages_between_and_before_replies_are_neither_lost_nor_taken_for_them() {
        let mut subscriber = Subscriber::new(1 << 20);
        subscriber.ask(Ask::Subscribe, &["a"]).unwrap();
        assert!(subscriber.take_reply().is_none());
        let bytes = [
            message(b"a", b"1", Status::Ok),
            reply(Opcode::Subscribe, 1, 1),
            message(b"a", b"2", Status::Ok),
        ]
        .concat();
        for byte in &bytes {
            subscriber.receive(std::slice::from_ref(byte));
        }
        assert_eq!(subscriber.take_reply(), Some(Ok(1)));
        for payload in [b"1", b"2"] {
            let message = subscriber.take_message().unwrap().unwrap();
            assert_eq!(message.payload, payload);
        }
        assert!(subscriber.take_message().is_none());
    }

    #[test]
    fn what_came_before_the_end_is_handed_out_and_then_the_reason_again_and_again() {
        let mut subscriber = Subscriber::new(1 << 20);
        let bytes = [
            message(b"a", b"1", Status::Ok),
            message(b"a", b"", Status::SlowSubscriber),
        ]
        .concat();
        subscriber.receive(&bytes);
        subscriber.receive(&[]);
        assert!(subscriber.take_message().unwrap().is_ok());
        for _ in 0..2 {
            let error = subscriber.take_message().unwrap().unwrap_err();
            assert_eq!(error.status(), Some(Status::SlowSubscriber));
        }
        assert!(subscriber.take_reply().unwrap().is_err());
    }

    #[test]
    fn a_late_reply_is_not_taken_for_the_next_one() {
        let mut subscriber = Subscriber::new(1 << 20);
        subscriber.ask(Ask::Subscribe, &["a"]).unwrap();
        subscriber.ask(Ask::PatternSubscribe, &["b*"]).unwrap();
        subscriber.receive(&reply(Opcode::Subscribe, 1, 1));
        assert!(subscriber.take_reply().is_none());
        subscriber.receive(&reply(Opcode::PatternSubscribe, 2, 2));
        assert_eq!(subscriber.take_reply(), Some(Ok(2)));
    }

    #[test]
    fn what_is_no_frame_ends_it() {
        let mut subscriber = Subscriber::new(1 << 20);
        subscriber.receive(b"HTTP/1.1 400 Bad Request\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        let error = subscriber.take_message().unwrap().unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    }
}
