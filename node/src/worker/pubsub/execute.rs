//! Requests about channels.

use jerboa_wire::{Crc, Opcode, Reply, Request, Status, channel, limits};

use super::listing::tell;
use super::publication::{Published, Source};
use super::{Desk, changes_subscriptions};
use crate::net::SocketId;
use crate::resp::Render;
use crate::worker::execute::{Answering, encode};
use crate::worker::executor::Executor;
use crate::worker::gather::Gather;
use crate::worker::mailbox::{Forward, ReturnAddress};

/// A publication that takes other cores or further turns.
struct Sum {
    /// What came of it on this core so far.
    here: Published,
    others: Vec<u16>,
    /// The request for them.
    frame: Vec<u8>,
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
        let here = self.pubsub.publish(request.key, request.value, &mut desk);
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let ok = answering.head(request, Status::Ok);
        if let (Published::Whole(arg), true) = (&here, others.is_empty()) {
            let reply = Reply { arg: *arg, ..ok };
            return session.reply_as(render, &mut self.scratch.frame, |out| {
                encode(&reply, out, answering.crc);
            });
        }
        let sum = Sum {
            here,
            others,
            frame,
            render,
        };
        self.publish_in_parts(socket, request, answering, sum);
    }

    /// Publishes in as many turns and on as many cores as it takes. The reply is the sum of what the
    /// cores handed over, this one being the first.
    fn publish_in_parts(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        answering: &Answering,
        sum: Sum,
    ) {
        let Sum {
            here,
            others,
            frame,
            render,
        } = sum;
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let ok = answering.head(request, Status::Ok);
        let max = self.config.value_bytes_max;
        let whole = Gather::new(ok, answering.crc, max, Vec::new(), others.len() + 1);
        let to = ReturnAddress {
            core: self.config.core,
            socket,
            serial: session.serial,
            number: session.replies.gather(whole, render),
            part: 0,
        };
        match here {
            Published::Whole(arg) => {
                let mut part = Vec::new();
                encode(&Reply { arg, ..ok }, &mut part, answering.crc);
                let failed = session
                    .replies
                    .fill(to.number, 0, part, &mut session.output);
                debug_assert!(failed.is_none(), "other parts are missing");
            }
            Published::Begun(course) => {
                // What the connection asks for behind it must not overtake it: a subscription above all.
                session.replies.wait_for_all();
                let source = Source::Connection {
                    to,
                    head: ok,
                    crc: answering.crc,
                    channel: request.key.into(),
                    payload: request.value.into(),
                };
                self.pubsub.stand_in_line(source, course);
            }
        }
        self.publish_elsewhere(to, others, &frame, answering.crc);
    }

    /// Has other cores publish too.
    fn publish_elsewhere(&mut self, to: ReturnAddress, cores: Vec<u16>, frame: &[u8], crc: Crc) {
        for (part, owner) in (1u16..).zip(cores) {
            let forward = Forward {
                to: ReturnAddress { part, ..to },
                owner,
                frame: frame.to_vec(),
                stale: false,
                no_touch: false,
                crc,
                roll: None,
            };
            self.counts.forwarded += 1;
            // There was room for all of them.
            let queued = self.outbox.forward(forward);
            debug_assert!(queued.is_ok(), "room was looked for");
        }
    }
}
