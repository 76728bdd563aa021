//! Where requests leave this core: one whose key another core owns, one whose keys several own, and
//! one that every core executes.
//!
//! What this core has to do of a split request it does at once, before the next request of the
//! connection; what others have to do reaches each of them in the order of the requests. So a
//! connection's requests take effect on every core in their order.

use jerboa_wire::{
    CrcMode, DecodeOptions, Decoded, Opcode, Request, Status, decode_request, limits,
};

use super::super::execute::{Answering, Execution, choose_map};
use super::super::gather::{self, Gather, Part};
use super::super::mailbox::{Forward, ReturnAddress};
use super::super::owned::execute_owned;
use super::super::session::Door;
use super::Executor;
use super::key::without_wait;
use crate::net::SocketId;
use crate::resp::Render;

impl Executor<'_> {
    /// Sends the parts of a multi-key request to the owners of their keys.
    pub(super) fn scatter(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        owner: impl Fn(&[u8]) -> u16,
        answering: &Answering,
        render: Render,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let stale = session.door == Door::OwnCore;
        let max = self.config.value_bytes_max;
        let section_max = limits::section_bytes_max(max) as usize;
        let Ok((parts, places)) = gather::split(request, section_max, owner) else {
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                answering.status(request, Status::Internal, out);
            });
        };
        let head = Answering {
            stale,
            ..*answering
        }
        .head(request, Status::Ok);
        let whole = Gather::new(head, answering.crc, max, places, parts.len());
        let number = session.replies.gather(whole, render);
        self.dispatch(socket, request, number, parts, answering);
    }

    /// Has every core execute a request. One that was forwarded is this core's part already.
    pub(super) fn execute_everywhere(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        answering: &Answering,
        render: Render,
    ) {
        let cores = self.outbox.cores();
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        if request.hops > 0 {
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                answering.status(request, Status::NotOwner, out);
            });
        }
        let Ok(parts) = gather::everywhere(request, cores) else {
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                answering.status(request, Status::Internal, out);
            });
        };
        let head = answering.head(request, Status::Ok);
        let max = self.config.value_bytes_max;
        let whole = Gather::everywhere(head, answering.crc, max, parts.len());
        let number = session.replies.gather(whole, render);
        self.dispatch(socket, request, number, parts, answering);
    }

    /// Executes this core's part and sends the others to their cores; the replies have the place
    /// `number`.
    fn dispatch(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        number: u64,
        parts: Vec<Part>,
        answering: &Answering,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let to = ReturnAddress {
            core: self.config.core,
            socket,
            serial: session.serial,
            number,
            part: 0,
        };
        for (index, part) in (0u16..).zip(parts) {
            let to = ReturnAddress { part: index, ..to };
            if part.core == self.config.core {
                let reply = self.execute_part(request, &part.frame, answering);
                self.fill(&to, reply);
                continue;
            }
            let forward = Forward {
                to,
                owner: part.core,
                frame: part.frame,
                stale: false,
                no_touch: answering.no_touch,
                crc: answering.crc,
                roll: None,
            };
            self.post(forward, request, answering);
        }
    }

    /// This core's part of a split request.
    fn execute_part(
        &mut self,
        whole: &Request<'_>,
        frame: &[u8],
        answering: &Answering,
    ) -> Vec<u8> {
        let mut reply = Vec::new();
        let options = DecodeOptions {
            crc: CrcMode::Optional,
            value_bytes_max: self.config.value_bytes_max,
        };
        let Ok(Decoded::Frame { frame: part, .. }) = decode_request(frame, &options) else {
            debug_assert!(false, "a part that does not decode");
            answering.status(whole, Status::Internal, &mut reply);
            return reply;
        };
        let mut engine = Execution {
            own_core: self.config.core,
            shard: self.shard,
            now_ms: self.now_ms,
            answering: *answering,
            room: self.room,
        };
        execute_owned(&mut engine, self.locks, self.shared, &part, &mut reply);
        self.room = engine.room;
        let map = choose_map(self.shard, &part);
        self.measures.note(part.opcode, map.known(), self.since);
        let count = self.shared.partition_count;
        self.measures.use_keys(self.shard, &part, map, count);
        reply
    }

    /// Sends a request to the core that owns its key.
    pub(super) fn forward(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        core: u16,
        answering: &Answering,
        render: Render,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        // A scan visits all cores: no port is the wrong one for it.
        let stale = session.door == Door::OwnCore && request.opcode != Opcode::Scan;
        let mut frame = Vec::new();
        let hop = Request {
            hops: limits::HOPS_MAX,
            ..without_wait(request, session)
        };
        if hop.encode(&mut frame, answering.crc).is_err() {
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                answering.status(request, Status::Internal, out);
            });
        }
        session.asked_for_locks |= request.opcode == Opcode::Lock;
        let number = match render {
            Render::Resp(..) if request.opcode == Opcode::Lock => {
                session.replies.wait_for_lock(render)
            }
            _ => session.replies.wait(render),
        };
        let to = ReturnAddress {
            core: self.config.core,
            socket,
            serial: session.serial,
            number,
            part: 0,
        };
        let forward = Forward {
            to,
            owner: core,
            frame,
            stale,
            no_touch: answering.no_touch,
            crc: answering.crc,
            roll: None,
        };
        self.post(forward, request, answering);
    }

    /// Puts a request into the mailbox of its core, or answers that it is full.
    fn post(&mut self, forward: Forward, request: &Request<'_>, answering: &Answering) {
        let to = forward.to;
        self.counts.forwarded += 1;
        if self.outbox.forward(forward).is_err() {
            self.counts.busy += 1;
            let mut reply = Vec::new();
            answering.status(request, Status::Busy, &mut reply);
            self.fill(&to, reply);
        }
    }

    /// Puts a reply into the place that was kept for it.
    fn fill(&mut self, to: &ReturnAddress, reply: Vec<u8>) {
        if let Some(session) = self.sessions[to.socket.0 as usize].as_mut() {
            let output = &mut session.output;
            let failed = session.replies.fill(to.number, to.part, reply, output);
            if let Some(failed) = failed {
                self.measures.commands.fail(failed);
            }
        }
    }
}
