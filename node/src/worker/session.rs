//! One connection as its worker sees it: bytes in, requests out, replies in, bytes out.
//!
//! Knows no socket. The worker tells it what arrived and asks it what to do.
//!
//! Invariants:
//! * N1 Replies leave in the order of their requests ([`super::replies`]).
//! * N2 `input` holds at most one incomplete frame, unless the session is blocked or has more
//!   requests than one turn executes; then it is not received from until it caught up.
//! * N3 Output beyond the cap blocks the session: nothing more of it is executed until the peer
//!   has read. So a peer that does not read costs the cap and one reply.

use std::time::Instant;

use jerboa_wire::resp::Writer;
use jerboa_wire::{Crc, CrcMode, DecodeOptions};

use super::WorkerConfig;
use super::budget::{
    LEAVING_BYTES_MAX, LEAVING_MS_MAX, POOLED_BUFFER_BYTES, WAITING_PER_CONNECTION,
};
use super::buffer::InputBuffer;
use super::execute::resp;
use super::grants::Grants;
use super::measure::ErrorWord;
use super::replies::ReplyQueue;
use crate::resp::{Client, Form, Render};

/// Through which port a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The port that all cores share: any request is welcome.
    AnyCore,
    /// The port of this core: a request for another core is told so.
    OwnCore,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Requests are read and executed.
    Open,
    /// Nothing more is executed but what is here (the peer ended, the stream broke, or the node
    /// stops); what is owed is still sent.
    Finishing,
    /// Everything is sent, the end too; what still comes in is thrown away, up to a bound in bytes
    /// and in time. To close with unread bytes makes the kernel reset the connection, and replies on
    /// their way would be lost.
    Leaving,
}

/// State of one connection.
#[derive(Debug)]
pub(super) struct Session {
    /// Unique within the node's life.
    pub(super) id: u64,
    pub(super) connected_ms: u64,
    /// Tells this connection from an earlier one with the same socket id.
    pub(super) serial: u64,
    pub(super) door: Door,
    pub(super) life: Life,
    pub(super) decode: DecodeOptions,
    pub(super) crc: Crc,
    /// The first byte came, and with it what the connection speaks.
    pub(super) begun: bool,
    /// The client, where the connection speaks RESP and not frames.
    pub(super) client: Option<Box<Client>>,
    pub(super) input: InputBuffer,
    pub(super) output: Vec<u8>,
    pub(super) replies: ReplyQueue,
    /// The peer will send nothing more.
    pub(super) peer_ended: bool,
    /// The ring was told not to receive.
    pub(super) paused: bool,
    /// On the worker's list of sessions with something to send.
    pub(super) dirty: bool,
    /// On the worker's list of sessions that messages are sent to.
    pub(super) pushed: bool,
    /// It is subscribed to something.
    pub(super) subscribed: bool,
    /// On the worker's list of sessions whose input waits for the next turn.
    pub(super) queued: bool,
    /// On the worker's list of sessions whose input waits for the end of a pause.
    pub(super) held: bool,
    /// When the bytes that are left for the next turn arrived, if nothing blocks them.
    pub(super) since: Option<Instant>,
    /// Index of this turn's input, if one was begun.
    pub(super) turn_input: Option<u32>,
    /// When bytes last arrived.
    pub(super) received_ms: u64,
    /// When the peer last took bytes, or had none to take.
    pub(super) progressed_ms: u64,
    /// Bytes of the send in flight that were gone when last looked.
    pub(super) progress: usize,
    /// Bytes that were thrown away since it leaves.
    pub(super) discarded_bytes: usize,
    /// What the worker has on its books for this session's buffers.
    pub(super) accounted_bytes: usize,
    /// Bytes of the send in flight, as of the last look at the books.
    pub(super) in_flight_bytes: usize,
    /// Requests that wait for a lock, here or on other cores.
    pub(super) parked: usize,
    /// Its wait was ended by somebody: a lock that comes all the same goes back.
    pub(super) unblocked: bool,
    /// A request for a lock was sent to another core, and may wait there.
    pub(super) asked_for_locks: bool,
    /// Locks that were given to the peer, which may not have learned of it.
    pub(super) grants: Grants,
    /// What the command that is being executed was answered with, if that is an error.
    pub(super) failed: Option<ErrorWord>,
}

impl Session {
    pub(super) fn new(serial: u64, door: Door, value_bytes_max: u32, now_ms: u64) -> Self {
        Self {
            id: 0,
            connected_ms: now_ms,
            serial,
            door,
            life: Life::Open,
            decode: DecodeOptions {
                crc: CrcMode::Required,
                value_bytes_max,
            },
            crc: Crc::On,
            begun: false,
            client: None,
            input: InputBuffer::default(),
            output: Vec::new(),
            replies: ReplyQueue::default(),
            peer_ended: false,
            paused: false,
            dirty: false,
            pushed: false,
            subscribed: false,
            queued: false,
            held: false,
            since: None,
            turn_input: None,
            received_ms: now_ms,
            progressed_ms: now_ms,
            progress: 0,
            discarded_bytes: 0,
            accounted_bytes: 0,
            in_flight_bytes: 0,
            parked: 0,
            unblocked: false,
            asked_for_locks: false,
            grants: Grants::default(),
            failed: None,
        }
    }

    /// Whether execution has to wait: for the peer to read, or for other cores to answer (N3).
    #[inline]
    pub(super) fn blocked(&self, output_bytes_max: usize) -> bool {
        let likely = self.replies.ready_bytes() + self.replies.expected_bytes();
        self.output.len() + likely > output_bytes_max
            || self.replies.waiting() >= WAITING_PER_CONNECTION
            || self.grants.is_full()
            || self.replies.is_stalled()
    }

    /// Bytes that wait in this session's buffers.
    pub(super) fn held_bytes(&self) -> usize {
        let parser = self.client.as_ref();
        self.input.len()
            + self.output.len()
            + self.replies.ready_bytes()
            + self.grants.bytes()
            + parser.map_or(0, |client| client.parser.held_bytes())
    }

    /// Bytes that the peer has not been sent, or may not have got yet.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.output.len() + self.replies.ready_bytes() + self.in_flight_bytes
    }

    /// Lets `write` append a reply in its place.
    #[inline]
    pub(super) fn reply(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.replies.append(&mut self.output, write);
    }

    /// Lets `write` append a reply frame in its place, written as the connection wants it. `frame`
    /// is for passing use.
    #[inline]
    pub(super) fn reply_as(
        &mut self,
        render: Render,
        frame: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let Render::Resp(form, version) = render else {
            return self.reply(write);
        };
        frame.clear();
        write(frame);
        self.reply_in_resp(|out| resp::write_frame(frame, form, &mut Writer::new(out, version)));
        if frame.capacity() > POOLED_BUFFER_BYTES {
            *frame = Vec::new();
        }
    }

    /// Lets `write` append a reply in RESP in its place, and notices where it is an error.
    #[inline]
    pub(super) fn reply_in_resp(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut failed = None;
        self.reply(|out| {
            let before = out.len();
            write(out);
            failed = ErrorWord::of_reply(out.get(before..).unwrap_or_default());
        });
        if failed.is_some() {
            self.failed = failed;
        }
    }

    /// How a reply is written, if the client wants one; asked once for each command.
    #[inline]
    pub(super) fn unless_silent(&mut self, render: Render) -> Render {
        if let Render::Resp(_, version) = render
            && let Some(client) = &mut self.client
            && client.is_silent()
        {
            return Render::Resp(Form::Silent, version);
        }
        render
    }

    /// How an error that answers no request in particular is written.
    pub(super) fn render(&self) -> Render {
        let client = self.client.as_ref();
        client.map_or(Render::Frame, |client| {
            Render::Resp(Form::Done, client.version)
        })
    }

    /// The bytes that may be thrown away once it leaves, and for how many milliseconds. Who sends a
    /// frame that is too large sends all of it before it reads why it was refused: that much more,
    /// and the time of a slow client. A client of RESP is closed soon, as by Redis.
    pub(super) fn bounds_of_leaving(&self, config: &WorkerConfig) -> (usize, u64) {
        if self.client.is_some() {
            return (LEAVING_BYTES_MAX, LEAVING_MS_MAX);
        }
        let frame_bytes = config.value_bytes_max as usize;
        (
            LEAVING_BYTES_MAX + frame_bytes,
            config.slow_client_timeout_ms,
        )
    }

    /// Forgets the command that was begun, unless everything before it is executed.
    pub(super) fn settle_parser(&mut self, consumed: usize) {
        if let Some(client) = &mut self.client
            && std::mem::take(&mut client.parsed_to) != consumed
        {
            client.parser.reset();
        }
    }

    /// The connection speaks RESP: frames between cores on its behalf need no checksum.
    pub(super) fn speak_resp(&mut self, client: Client) {
        self.client = Some(Box::new(client));
        self.set_crc(Crc::Off);
    }

    /// Checksums on or off from the next frame on, as negotiated.
    pub(super) fn set_crc(&mut self, crc: Crc) {
        self.crc = crc;
        self.decode.crc = match crc {
            Crc::On => CrcMode::Required,
            Crc::Off => CrcMode::Optional,
        };
    }

    /// Whether a finishing session owes nothing any more (`sending`: a send is in flight).
    pub(super) fn settled(&self, sending: bool) -> bool {
        self.life == Life::Finishing
            && !sending
            && self.output.is_empty()
            && self.replies.is_empty()
            && self.parked == 0
            && !self.queued
    }
}
