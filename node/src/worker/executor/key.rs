//! Requests on one key of this core: executed and answered at once, but for a lock that has to be
//! waited for.

use jerboa_core_shard::Address;
use jerboa_wire::resp::Writer;
use jerboa_wire::{Opcode, Request};

use super::{Executor, open};
use crate::net::SocketId;
use crate::resp::Render;
use crate::worker::execute::{Execution, encode};
use crate::worker::locking::{Asked, asked_for_lock};
use crate::worker::mailbox::ReturnAddress;
use crate::worker::session::Session;

impl Executor<'_> {
    #[inline]
    pub(super) fn execute_on_key(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        at: Address,
        render: Render,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        open(session, socket, self.pool, self.dirty);
        self.counts.ops += 1;
        self.counts.keys += 1;
        self.measures.note(request.opcode, Some(at.map), self.since);
        self.measures.use_key(at.hash, request.map, request.key);
        let mut engine = Execution {
            own_core: self.config.core,
            shard: self.shard,
            now_ms: self.now_ms,
            answering: session.answering(self.shared.epoch, self.config.value_bytes_max),
            room: self.room,
        };
        if request.opcode != Opcode::Lock {
            session.reply_to_key(&mut engine, request, at, render, &mut self.scratch.frame);
            self.room = engine.room;
            return self.locks.changed(request, at);
        }
        let to = ReturnAddress {
            core: self.config.core,
            socket,
            serial: session.serial,
            number: session.replies.next_number(),
            part: 0,
        };
        let request = without_wait(request, session);
        match asked_for_lock(&mut engine, self.locks, &request, at, to) {
            Asked::Answered { reply, grant } => {
                let crc = engine.answering.crc;
                session.grants.extend(grant);
                session.reply_as(render, &mut self.scratch.frame, |out| {
                    encode(&reply, out, crc);
                });
            }
            Asked::Waits => session.park(render),
        }
    }
}

impl Session {
    /// Executes a request on one key and appends the reply as the connection wants it.
    #[inline]
    fn reply_to_key(
        &mut self,
        engine: &mut Execution<'_>,
        request: &Request<'_>,
        at: Address,
        render: Render,
        frame: &mut Vec<u8>,
    ) {
        match render {
            Render::Frame => self.reply(|out| engine.key(request, at, out)),
            Render::Resp(form, version) => self.reply_in_resp(|out| {
                let mut writer = Writer::new(out, version);
                engine.key_as_resp(request, at, form, &mut writer, frame);
            }),
        }
    }
}

/// A peer that has ended its side may still ask for a lock, but not wait for it.
#[inline]
pub(super) fn without_wait<'a>(request: &Request<'a>, session: &Session) -> Request<'a> {
    if session.peer_ended && request.opcode == Opcode::Lock {
        return Request {
            value: &[],
            ..*request
        };
    }
    *request
}
