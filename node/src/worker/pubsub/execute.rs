//! Requests about channels.

use jerboa_wire::{Crc, Opcode, Reply, Request, Status, channel, limits};

use super::listing::tell;
use super::{Desk, changes_subscriptions};
use crate::net::SocketId;
use crate::resp::Render;
use crate::worker::execute::{Answering, encode};
use crate::worker::executor::Executor;
use crate::worker::gather::Gather;
use crate::worker::mailbox::{Forward, ReturnAddress};

/// A publication that other cores have a part in.
struct Sum {
    socket: SocketId,
    others: Vec<u16>,
    frame: Vec<u8>,
    /// What came of it on this core.
    here: Reply<'static>,
    render: Render,
}

impl Executor<'_> {
    /// Executes a request about channels.
    pub(in crate::worker) fn execute_channel(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        answering: &Answering,
        render: Render,
    ) {
        if request.opcode == Opcode::Publish {
            return self.publish(socket, request, answering, render);
        }
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        if !changes_subscriptions(request.opcode) {
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                tell(request, answering, self.shared, out);
            });
        }
        let subscriber = session.subscriber(socket);
        let directory = &self.shared.directory;
        let reply = match self.pubsub.change(subscriber, request, directory) {
            Ok(arg) => Reply {
                arg,
                ..answering.head(request, Status::Ok)
            },
            Err(status) => answering.head(request, status),
        };
        session.subscribed = self.pubsub.count(subscriber) > 0;
        self.counts.errors += u64::from(reply.status.is_error());
        session.reply_as(render, &mut self.scratch.frame, |out| {
            encode(&reply, out, answering.crc);
        });
    }

    /// Publishes on all cores that may have receivers, or on none.
    fn publish(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        answering: &Answering,
        render: Render,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        if channel::is_reserved(request.key) {
            self.counts.errors += 1;
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                answering.status(request, Status::ReservedChannel, out);
            });
        }
        let own = self.config.core;
        let others = self.shared.directory.other_cores(own, request.key);
        let mut frame = Vec::new();
        if !others.is_empty() {
            let hop = Request {
                hops: limits::HOPS_MAX,
                ..*request
            };
            if hop.encode(&mut frame, Crc::Off).is_err() {
                return session.reply_as(render, &mut self.scratch.frame, |out| {
                    answering.status(request, Status::Internal, out);
                });
            }
            if !self.outbox.has_room(&others, frame.len()) {
                self.counts.busy += 1;
                return session.reply_as(render, &mut self.scratch.frame, |out| {
                    answering.status(request, Status::Busy, out);
                });
            }
        }
        let mut desk = Desk {
            config: self.config,
            sessions: self.sessions,
            buffered_bytes: self.buffered_bytes,
            pool: self.pool,
            counts: self.counts,
        };
        let handed = self.pubsub.publish(request.key, request.value, &mut desk);
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let ok = answering.head(request, Status::Ok);
        let here = Reply { arg: handed, ..ok };
        if others.is_empty() {
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                encode(&here, out, answering.crc);
            });
        }
        let whole = Sum {
            socket,
            others,
            frame,
            here,
            render,
        };
        self.publish_elsewhere(whole, answering);
    }

    /// Has other cores publish too. The reply is the sum of what the cores handed over, this one
    /// being the first.
    fn publish_elsewhere(&mut self, whole: Sum, answering: &Answering) {
        let Sum {
            socket,
            others,
            frame,
            here,
            render,
        } = whole;
        let own = self.config.core;
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let serial = session.serial;
        let ok = Reply { arg: 0, ..here };
        let parts = others.len() + 1;
        let max = self.config.value_bytes_max;
        let whole = Gather::new(ok, answering.crc, max, Vec::new(), parts);
        let number = session.replies.gather(whole, render);
        let mut part = Vec::new();
        encode(&here, &mut part, answering.crc);
        let output = &mut session.output;
        let failed = session.replies.fill(number, 0, part, output);
        debug_assert!(failed.is_none(), "other parts are missing");
        for (part, core) in (1u16..).zip(others) {
            let to = ReturnAddress {
                core: own,
                socket,
                serial,
                number,
                part,
            };
            let forward = Forward {
                to,
                owner: core,
                frame: frame.clone(),
                stale: false,
                crc: answering.crc,
                roll: None,
            };
            self.counts.forwarded += 1;
            // There was room for all of them.
            let queued = self.outbox.forward(forward);
            debug_assert!(queued.is_ok(), "room was looked for");
        }
    }
}
