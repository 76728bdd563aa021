//! A command that lists all keys of all cores, or all channels: one page after the other, in the place
//! of one reply, without holding up anybody else.
//!
//! The steps go through the mailboxes, also those on this core, so that each is a request among
//! others. Meanwhile nothing behind the command is executed for its connection.

use jerboa_wire::resp::{Version, Writer};
use jerboa_wire::{
    Crc, CrcMode, DecodeOptions, Decoded, Opcode, Reply, Request, RequestFlags, Status,
    decode_reply, limits,
};

use super::Worker;
use super::executor::Executor;
use super::mailbox::{Answer, Forward, ReturnAddress};
use super::scan::ScanPlace;
use super::shared::Shared;
use crate::net::SocketId;
use crate::resp::{Form, SHARD_PREFIX};

/// Bytes of keys or channels that one walk may collect. What finds more keys is for SCAN.
const KEYS_BYTES_MAX: usize = 64 << 20;

/// What a walk lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Keys,
    /// Channels that are no shard channels.
    Channels,
    ShardChannels,
}

impl Listed {
    /// What a command lists whose reply looks like this; `None` if it is no walk.
    pub(super) const fn of(form: Form) -> Option<Self> {
        match form {
            Form::AllKeys => Some(Self::Keys),
            Form::AllChannels => Some(Self::Channels),
            Form::AllShardChannels => Some(Self::ShardChannels),
            _ => None,
        }
    }

    const fn opcode(self) -> Opcode {
        match self {
            Self::Keys => Opcode::Scan,
            Self::Channels | Self::ShardChannels => Opcode::Channels,
        }
    }

    /// The name under which the client knows what was found, if it is one of these.
    fn name(self, found: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Keys => Some(found),
            Self::Channels if found.starts_with(SHARD_PREFIX) => None,
            Self::Channels => Some(found),
            Self::ShardChannels => found.strip_prefix(SHARD_PREFIX),
        }
    }

    const fn too_many(self) -> &'static str {
        match self {
            Self::Keys => "ERR more keys than one reply may hold: use SCAN",
            Self::Channels | Self::ShardChannels => {
                "ERR more channels than one reply may list: give a pattern"
            }
        }
    }
}

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk {
    listed: Listed,
    /// The value section of each of its requests.
    query: Box<[u8]>,
    version: Version,
    form: Form,
    /// Of each of its scans: whether it stays on one core.
    flags: RequestFlags,
    /// The keys so far, as RESP.
    keys: Vec<u8>,
    count: usize,
}

/// What comes after a step.
enum Next {
    Scan {
        cursor: u64,
    },
    /// The whole reply.
    Done(Vec<u8>),
}

impl Walk {
    fn new(
        listed: Listed,
        query: &[u8],
        form: Form,
        version: Version,
        flags: RequestFlags,
    ) -> Self {
        Self {
            listed,
            query: query.into(),
            version,
            form,
            flags,
            keys: Vec::new(),
            count: 0,
        }
    }

    /// Bytes of the keys that it has collected.
    pub(super) fn held_bytes(&self) -> usize {
        self.keys.capacity()
    }

    /// Takes what a scan found.
    fn take(&mut self, frame: &[u8], room: usize) -> Next {
        if self.form == Form::Silent {
            // Nobody sees the keys, nor that they are too many.
            return Next::Done(Vec::new());
        }
        let options = DecodeOptions {
            crc: CrcMode::Optional,
            value_bytes_max: limits::VALUE_BYTES_MAX_CEILING,
        };
        let Ok(Decoded::Frame { frame: page, .. }) = decode_reply(frame, &options) else {
            return self.refused(Status::Internal);
        };
        if page.status.is_error() {
            return self.refused(page.status);
        }
        let mut out = Writer::new(&mut self.keys, self.version);
        for name in page.scanned().filter_map(|found| self.listed.name(found)) {
            out.bulk(name);
            self.count += 1;
        }
        if self.keys.len() > KEYS_BYTES_MAX.min(room) {
            let mut reply = Vec::new();
            let mut out = Writer::new(&mut reply, self.version);
            out.error(self.listed.too_many());
            return Next::Done(reply);
        }
        if page.arg != 0 {
            return Next::Scan { cursor: page.arg };
        }
        let mut reply = Vec::with_capacity(self.keys.len() + 16);
        Writer::new(&mut reply, self.version).array(self.count);
        reply.extend_from_slice(&self.keys);
        Next::Done(reply)
    }

    fn refused(&self, status: Status) -> Next {
        let reply = Reply::new(self.listed.opcode(), status, 0);
        let mut out = Vec::new();
        self.form
            .write(&reply, &mut Writer::new(&mut out, self.version));
        Next::Done(out)
    }
}

/// The frame of the page from a cursor on, asked for on the core `own`, and the core that executes
/// it. Every core knows all channels.
fn step(walk: &Walk, cursor: u64, own: u16, shared: &Shared) -> Option<(u16, Vec<u8>)> {
    let request = Request {
        hops: limits::HOPS_MAX,
        flags: walk.flags,
        arg: cursor,
        value: &walk.query,
        ..Request::new(walk.listed.opcode())
    };
    let core = match walk.listed {
        Listed::Keys => ScanPlace::of_scan(&request, own, shared)?.core(shared),
        Listed::Channels | Listed::ShardChannels => own,
    };
    let mut frame = Vec::new();
    request.encode(&mut frame, Crc::Off).ok()?;
    Some((core, frame))
}

impl Executor<'_> {
    /// Begins a walk, whose reply takes the place that is next.
    pub(super) fn begin_walk(
        &mut self,
        socket: SocketId,
        (listed, query): (Listed, &[u8]),
        form: Form,
        version: Version,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let client = session.client.as_ref();
        let flags = match client {
            Some(client) if client.is_on_core_port && listed == Listed::Keys => {
                RequestFlags::THIS_CORE
            }
            _ => RequestFlags::NONE,
        };
        let walk = Walk::new(listed, query, form, version, flags);
        let first = step(&walk, 0, self.config.core, self.shared);
        let to = ReturnAddress {
            core: self.config.core,
            socket,
            serial: session.serial,
            number: session.replies.walk(walk),
            part: 0,
        };
        let sent = first.is_some_and(|(owner, frame)| {
            let forward = Forward {
                to,
                owner,
                frame,
                stale: false,
                no_touch: false,
                crc: Crc::Off,
                roll: None,
            };
            self.outbox.forward(forward).is_ok()
        });
        if !sent {
            self.counts.busy += 1;
            let refused = Walk::new(listed, query, form, version, flags).refused(Status::Busy);
            if let Next::Done(reply) = refused {
                let output = &mut session.output;
                let failed = session.replies.fill(to.number, 0, reply, output);
                if let Some(failed) = failed {
                    self.measures.commands.fail(failed);
                }
            }
        }
    }
}

impl Worker {
    /// Goes on with a walk that a step was made of; true if that was not its last. Else the
    /// answer is the whole reply.
    pub(super) fn walk_on(&mut self, answer: &mut Answer) -> bool {
        let (to, room) = (answer.to, self.room());
        let found = self
            .sessions
            .get_mut(to.socket.0 as usize)
            .and_then(Option::as_mut)
            .filter(|session| session.serial == to.serial);
        let Some(walk) = found.and_then(|session| session.replies.walk_at(to.number)) else {
            return false;
        };
        let cursor = match walk.take(&answer.reply, room) {
            Next::Scan { cursor } => cursor,
            Next::Done(reply) => {
                answer.reply = reply;
                return false;
            }
        };
        let own = self.config.core;
        let sent = step(walk, cursor, own, &self.shared).is_some_and(|(owner, frame)| {
            let forward = Forward {
                to,
                owner,
                frame,
                stale: false,
                no_touch: false,
                crc: Crc::Off,
                roll: None,
            };
            self.outbox.forward(forward).is_ok()
        });
        if !sent && let Next::Done(reply) = walk.refused(Status::Busy) {
            answer.reply = reply;
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a walk says to a page with a key in it, having room for nothing.
    fn said(form: Form) -> Vec<u8> {
        let mut page = Vec::new();
        let reply = Reply {
            count: 1,
            value: b"\x03\x00key",
            ..Reply::new(Opcode::Scan, Status::Ok, 0)
        };
        reply.encode(&mut page, Crc::Off).unwrap();
        let mut walk = Walk::new(Listed::Keys, b"", form, Version::Two, RequestFlags::NONE);
        match walk.take(&page, 0) {
            Next::Done(reply) => reply,
            Next::Scan { cursor } => panic!("goes on at {cursor}"),
        }
    }

    #[test]
    fn too_many_keys_are_told_to_those_who_want_replies_only() {
        assert!(said(Form::AllKeys).starts_with(b"-ERR more keys"));
        assert_eq!(said(Form::Silent), b"");
    }
}
