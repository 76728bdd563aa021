//! CLIENT LIST, INFO, KILL and UNBLOCK: a look at the connections of every core, core by core and a slice of
//! its connections at a time, in the place of one reply.
//!
//! ```text
//! asking core ── query, from ──▶ core 0 ──▶ lines or a count, next ── … ──▶ core 1 ── … ──▶ reply
//! ```
//! The steps go through the mailboxes, also those on the asking core, so that each is a message
//! among others. Meanwhile nothing behind the command is executed for its connection. A connection
//! that comes or goes meanwhile may be seen or not; all others are seen once.
//!
//! The answer to a step: `u32 next | u32 count | u8 kills_asker | lines`, `next` being 0 where the
//! core is done.

use std::sync::Arc;

use jerboa_wire::Crc;
use jerboa_wire::resp::{Version, Writer};

use super::Worker;
use super::executor::Executor;
use super::mailbox::{Answer, Forward, ReturnAddress};
use super::session::Session;
use crate::net::SocketId;
use crate::resp::{Client, ClientQuery, Listed, Purpose, Refusal};

/// Places for connections that one step looks at.
const PLACES_PER_STEP: usize = 128;
/// Bytes of lines that one reply may have.
const LINES_BYTES_MAX: usize = 64 << 20;
/// Bytes of a step's answer before the lines.
const HEAD_BYTES: usize = 9;

/// What one core is asked next.
#[derive(Clone, Debug)]
pub(super) struct RollStep {
    query: Arc<ClientQuery>,
    /// Where in the core's places it goes on.
    from: u32,
}

/// A look at all connections under way.
#[derive(Debug)]
pub(super) struct Roll {
    query: Arc<ClientQuery>,
    version: Version,
    is_silent: bool,
    core: u16,
    cores: u16,
    lines: Vec<u8>,
    count: u64,
    kills_asker: bool,
}

enum Next {
    Step {
        core: u16,
        from: u32,
    },
    /// The whole reply.
    Done(Vec<u8>),
}

impl Roll {
    /// Bytes of the lines that it has collected.
    pub(super) fn held_bytes(&self) -> usize {
        self.lines.capacity()
    }

    /// Takes the answer to a step.
    fn take(&mut self, answer: &[u8], room: usize) -> Next {
        let Some((next, count, kills_asker, lines)) = read(answer) else {
            return self.refused("ERR a core of this node is stopping");
        };
        self.count += u64::from(count);
        self.kills_asker |= kills_asker;
        if !self.is_silent {
            self.lines.extend_from_slice(lines);
        }
        if self.lines.len() > LINES_BYTES_MAX.min(room) {
            return self.refused("ERR more clients than one reply may hold: use ID or TYPE");
        }
        let is_of_one = matches!(self.query.purpose, Purpose::KillNamed | Purpose::Unblock(_));
        let has_named = is_of_one && self.count > 0;
        if next > 0 && !has_named {
            let core = self.core;
            return Next::Step { core, from: next };
        }
        self.core += 1;
        if self.core < self.cores && !has_named {
            let core = self.core;
            return Next::Step { core, from: 0 };
        }
        Next::Done(self.reply(|query, count, lines, out| match query.purpose {
            Purpose::Show => out.text(&String::from_utf8_lossy(lines)),
            Purpose::Kill | Purpose::Unblock(_) => {
                out.integer(i64::try_from(count).unwrap_or(i64::MAX))
            }
            Purpose::KillNamed if count > 0 => out.simple("OK"),
            Purpose::KillNamed => out.error("ERR No such client"),
        }))
    }

    fn refused(&self, text: &str) -> Next {
        Next::Done(self.reply(|_, _, _, out| out.error(text)))
    }

    fn reply(&self, write: impl FnOnce(&ClientQuery, u64, &[u8], &mut Writer<'_>)) -> Vec<u8> {
        let mut reply = Vec::new();
        if !self.is_silent {
            let mut out = Writer::new(&mut reply, self.version);
            write(&self.query, self.count, &self.lines, &mut out);
        }
        reply
    }

    fn forward(&self, to: ReturnAddress, core: u16, from: u32) -> Forward {
        let query = Arc::clone(&self.query);
        Forward {
            to,
            owner: core,
            frame: Vec::new(),
            stale: false,
            no_touch: false,
            crc: Crc::Off,
            roll: Some(Box::new(RollStep { query, from })),
        }
    }
}

fn read(answer: &[u8]) -> Option<(u32, u32, bool, &[u8])> {
    let (head, lines) = answer.split_first_chunk::<HEAD_BYTES>()?;
    let [n0, n1, n2, n3, c0, c1, c2, c3, kills_asker] = *head;
    let next = u32::from_le_bytes([n0, n1, n2, n3]);
    let count = u32::from_le_bytes([c0, c1, c2, c3]);
    Some((next, count, kills_asker != 0, lines))
}

impl Executor<'_> {
    /// Begins a look at all connections, whose reply takes the place that is next.
    pub(super) fn begin_roll(&mut self, socket: SocketId, query: ClientQuery) {
        let cores = self.outbox.cores();
        let core = self.config.core;
        if self.open_session(socket).is_none() {
            return;
        }
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let (serial, number) = (session.serial, session.replies.next_number());
        let Some(client) = session.client.as_mut() else {
            return;
        };
        let roll = Roll {
            query: Arc::new(query),
            version: client.version,
            is_silent: client.is_silent(),
            core: 0,
            cores,
            lines: Vec::new(),
            count: 0,
            kills_asker: false,
        };
        let to = ReturnAddress {
            core,
            socket,
            serial,
            number,
            part: 0,
        };
        if self.outbox.forward(roll.forward(to, 0, 0)).is_ok() {
            session.replies.roll(roll);
        } else {
            self.counts.busy += 1;
            let busy = roll.reply(|_, _, _, out| {
                out.error(Refusal::OVERLOADED);
            });
            session.reply(|out| out.extend_from_slice(&busy));
        }
    }
}

impl Worker {
    /// Goes on with a look that a step was made of; true if that was not its last. Else the answer
    /// is the whole reply.
    pub(super) fn roll_on(&mut self, answer: &mut Answer) -> bool {
        let (to, room) = (answer.to, self.room());
        let Some(session) = self.session(to.socket) else {
            return false;
        };
        let Some(roll) = session.replies.roll_at(to.number) else {
            return false;
        };
        let forward = match roll.take(&answer.reply, room) {
            Next::Step { core, from } => roll.forward(to, core, from),
            Next::Done(reply) => {
                let ends = roll.kills_asker;
                answer.reply = reply;
                if ends {
                    // It is told, and nothing behind is executed.
                    session.input = Default::default();
                    session.queued = false;
                    self.stop_reading(to.socket);
                }
                return false;
            }
        };
        if self.outbox.forward(forward).is_ok() {
            return true;
        }
        let found = self.session(to.socket);
        if let Some(roll) = found.and_then(|session| session.replies.roll_at(to.number))
            && let Next::Done(reply) = roll.refused(Refusal::OVERLOADED)
        {
            answer.reply = reply;
        }
        false
    }

    /// Looks at a slice of this core's connections.
    pub(super) fn roll_step(&mut self, step: &RollStep, now_ms: u64) -> Vec<u8> {
        let first = step.from as usize;
        let end = self
            .sessions
            .len()
            .min(first.saturating_add(PLACES_PER_STEP));
        let (mut lines, mut count, mut kills_asker) = (String::new(), 0_u32, false);
        for index in first..end {
            let socket = SocketId(index as u32);
            let Some(listed) = self.listed(socket) else {
                continue;
            };
            if !step.query.is_about(&listed, now_ms) {
                continue;
            }
            let id = listed.id;
            match step.query.purpose {
                Purpose::Show => listed.write(now_ms, &mut lines),
                Purpose::Unblock(how) => {
                    count += u32::from(self.end_wait(socket, how, now_ms));
                    break;
                }
                Purpose::Kill | Purpose::KillNamed if id == step.query.asker => kills_asker = true,
                Purpose::Kill | Purpose::KillNamed => self.close(socket),
            }
            count += 1;
            if step.query.purpose == Purpose::KillNamed {
                break;
            }
        }
        let next = if end < self.sessions.len() {
            end as u32
        } else {
            0
        };
        let mut answer = Vec::with_capacity(HEAD_BYTES + lines.len());
        answer.extend_from_slice(&next.to_le_bytes());
        answer.extend_from_slice(&count.to_le_bytes());
        answer.push(kills_asker.into());
        answer.extend_from_slice(lines.as_bytes());
        answer
    }

    fn listed(&self, socket: SocketId) -> Option<Listed<'_>> {
        let session = self.sessions.get(socket.0 as usize)?.as_ref()?;
        let client = session.client.as_deref();
        let (peer, local) = match client {
            Some(client) => (client.peer, client.local),
            None => self.ring.addresses(socket),
        };
        let subscriber = session.subscriber(socket);
        let (subscriptions, patterns) = if session.subscribed {
            let all = self.pubsub.count(subscriber);
            (all, self.pubsub.pattern_count(subscriber))
        } else {
            (0, 0)
        };
        Some(Listed {
            id: session.id,
            peer,
            local,
            descriptor: self.ring.descriptor(socket),
            connected_ms: session.connected_ms,
            active_ms: client.map_or(session.received_ms, |client| client.active_ms),
            client,
            has_spoken: session.begun,
            is_waiting: session.held || session.parked > 0,
            subscriptions,
            patterns,
            input_bytes: session.input.len(),
            argument_bytes: client.map_or(0, |client| client.parser.held_bytes()),
            output_bytes: session.unsent_bytes(),
            fixed_bytes: size_of::<Session>() + client.map_or(0, |_| size_of::<Client>()),
        })
    }

    /// Lets clients go on whose commands waited for the end of a pause.
    pub(super) fn resume_held(&mut self, now_ms: u64) {
        if self.held.is_empty() || self.shared.pause.is_on(now_ms) {
            return;
        }
        for socket in std::mem::take(&mut self.held) {
            if let Some(session) = self.session(socket) {
                session.held = false;
                self.ready.push(socket);
            }
        }
    }
}
