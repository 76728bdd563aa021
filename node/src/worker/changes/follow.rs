//! A core that follows the changes: takes them over between two requests, and answers those who
//! asked it for one when all cores have taken that over.

use std::sync::Arc;

use jerboa_core_shard::Shard;
use jerboa_wire::{Crc, Opcode, Reply, Request, Status};

use super::{Change, Cursor, What};
use crate::embedded::Call;
use crate::net::SocketId;
use crate::resp::Render;
use crate::worker::Worker;
use crate::worker::execute::{Answering, encode};
use crate::worker::executor::Executor;
use crate::worker::locking::Locks;
use crate::worker::mailbox::{Answer, Mailbox, Order, ReturnAddress};
use crate::worker::settings::SettingsView;
use crate::worker::shared::Shared;

/// A core's side of the changes.
pub(in crate::worker) struct Follower {
    core: u16,
    cursor: Cursor,
    mailboxes: Arc<[Mailbox]>,
    settings: SettingsView,
    /// Changes that were asked for here and that some core has not taken over yet.
    asked: Vec<Asked>,
}

/// Who asked for a change.
struct Asked {
    change: Arc<Change>,
    by: Asker,
    /// The reply, but for what comes of it.
    head: Reply<'static>,
    crc: Crc,
}

enum Asker {
    /// A place among the replies of a session.
    Session(ReturnAddress),
    /// A thread that is no core.
    Call(Call),
}

/// What a core changes when it takes changes over.
pub(in crate::worker) struct Changed<'w> {
    pub(in crate::worker) shard: &'w mut Shard,
    pub(in crate::worker) locks: &'w mut Locks,
    pub(in crate::worker) shared: &'w Shared,
    pub(in crate::worker) now_ms: u64,
}

impl Follower {
    pub(in crate::worker) fn new(core: u16, cursor: Cursor, mailboxes: Arc<[Mailbox]>) -> Self {
        Self {
            core,
            cursor,
            mailboxes,
            settings: SettingsView::default(),
            asked: Vec::new(),
        }
    }

    /// Whether there is something to take over or to answer.
    #[inline]
    pub(in crate::worker) fn has_work(&self) -> bool {
        self.cursor.is_behind() || self.has_outcomes()
    }

    fn has_outcomes(&self) -> bool {
        let mut asked = self.asked.iter();
        asked.any(|asked| asked.change.outcome().is_some())
    }

    /// Takes over what has changed. To be called between whatever came in and its execution.
    #[inline(always)]
    pub(in crate::worker) fn refresh(&mut self, changed: Changed<'_>) {
        if self.cursor.is_behind() {
            self.catch_up(changed);
        }
    }

    #[cold]
    fn catch_up(&mut self, changed: Changed<'_>) {
        let Changed {
            shard,
            locks,
            shared,
            now_ms,
        } = changed;
        while let Some(change) = self.cursor.advance() {
            let mut removed = 0;
            match &change.what {
                What::Nothing => {}
                What::Destroyed(name) => {
                    if let Some(map) = shard.find_map(name) {
                        removed = shard.destroy_map(map, now_ms).unwrap_or(0);
                        locks.map_was_destroyed(map);
                    }
                }
                What::Settings => {
                    self.settings.take(shard, &shared.settings);
                }
            }
            if change.take_over(removed) {
                shared.changes.end();
                if change.asker != self.core {
                    self.mailboxes[usize::from(change.asker)].wake();
                }
            }
        }
    }

    /// Makes a change and has the others hear of it.
    fn announce(&self, what: What, leave: super::Leave<'_>) -> Arc<Change> {
        let change = self.cursor.append(what, self.core, leave);
        for (core, mailbox) in (0u16..).zip(&*self.mailboxes) {
            if core != self.core {
                mailbox.wake();
            }
        }
        change
    }

    /// Destroys a map on all cores, if that can be done now. This core still has to refresh.
    fn destroy(&self, name: &[u8], shared: &Shared) -> Result<Arc<Change>, super::TooMany> {
        let leave = shared.changes.begin()?;
        Ok(self.announce(What::Destroyed(name.into()), leave))
    }

    /// Executes SettingsGet or SettingsSet. This core still has to refresh.
    pub(in crate::worker) fn settings(
        &self,
        request: &Request<'_>,
        shared: &Shared,
    ) -> (Status, String) {
        if request.opcode != Opcode::SettingsSet {
            return shared.settings.execute(request);
        }
        let Ok(leave) = shared.changes.begin() else {
            let text = "too many changes are under way".to_owned();
            return (Status::Busy, text);
        };
        let answer = shared.settings.execute(request);
        if answer.0 == Status::Ok {
            self.announce(What::Settings, leave);
        }
        answer
    }

    /// A map was forgotten: there may be room for settings that found none.
    pub(in crate::worker) fn room_was_made(&mut self, shard: &mut Shard, shared: &Shared) {
        self.settings.room_was_made(shard, &shared.settings);
    }
}

impl Executor<'_> {
    /// Takes over what has changed.
    #[inline]
    pub(in crate::worker) fn refresh(&mut self) {
        self.changes.refresh(Changed {
            shard: self.shard,
            locks: self.locks,
            shared: self.shared,
            now_ms: self.now_ms,
        });
    }

    /// Whether a request may be executed now that changes something for all cores: everything that
    /// its connection asked for before has to be done, on whichever core. If not, nothing behind it
    /// is executed until then either.
    pub(in crate::worker) fn may_change_all(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
    ) -> bool {
        if request.opcode != Opcode::Destroy {
            return true;
        }
        let session = self.sessions[socket.0 as usize].as_mut();
        session.is_none_or(|session| !session.replies.wait_for_all())
    }

    /// Destroys a map on all cores; the reply comes when all have taken it over.
    pub(in crate::worker) fn execute_destroy(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        answering: &Answering,
        render: Render,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        let map = self.shard.find_map(request.map);
        self.measures.note(request.opcode, map, self.since);
        let refusal = if request.hops > 0 {
            Status::NotOwner
        } else {
            match self.changes.destroy(request.map, self.shared) {
                Ok(change) => {
                    let to = ReturnAddress {
                        core: self.config.core,
                        socket,
                        serial: session.serial,
                        number: session.replies.wait(render),
                        part: 0,
                    };
                    self.changes.asked.push(Asked {
                        change,
                        by: Asker::Session(to),
                        head: answering.head(request, Status::Ok),
                        crc: answering.crc,
                    });
                    return self.refresh();
                }
                Err(super::TooMany) => {
                    self.counts.busy += 1;
                    Status::Busy
                }
            }
        };
        session.reply_as(render, &mut self.scratch.frame, |out| {
            answering.status(request, refusal, out);
        });
    }
}

impl Worker {
    /// Takes over what has changed.
    #[inline]
    pub(in crate::worker) fn refresh(&mut self, now_ms: u64) {
        self.changes.refresh(Changed {
            shard: &mut self.shard,
            locks: &mut self.locks,
            shared: &self.shared,
            now_ms,
        });
    }

    /// Destroys the map that a call names, which is answered when all cores have taken it over.
    /// `None` if the call is not about that.
    pub(in crate::worker) fn destroy_for_call(
        &mut self,
        mut call: Call,
        answering: &Answering,
        now_ms: u64,
    ) -> Option<Call> {
        let Some([operation]) = call.job().map(|job| &job.operations[..]) else {
            return Some(call);
        };
        let request = operation.request();
        if request.opcode != Opcode::Destroy {
            return Some(call);
        }
        let head = answering.head(&request, Status::Ok);
        let destroyed = self.changes.destroy(request.map, &self.shared);
        match destroyed {
            Ok(change) => {
                self.changes.asked.push(Asked {
                    change,
                    by: Asker::Call(call),
                    head,
                    crc: answering.crc,
                });
                self.refresh(now_ms);
            }
            Err(super::TooMany) => {
                self.counts.busy += 1;
                let status = Status::Busy;
                self.answer_changed_call(call, &Reply { status, ..head }, now_ms);
            }
        }
        None
    }

    /// Answers those whose changes all cores have taken over.
    pub(in crate::worker) fn answer_changes(&mut self, now_ms: u64) {
        if !self.changes.has_outcomes() {
            return;
        }
        let is_done = |asked: &mut Asked| asked.change.outcome().is_some();
        let done: Vec<_> = self.changes.asked.extract_if(.., is_done).collect();
        for asked in done {
            let reply = Reply {
                arg: asked.change.outcome().unwrap_or(0),
                ..asked.head
            };
            match asked.by {
                Asker::Call(call) => self.answer_changed_call(call, &reply, now_ms),
                Asker::Session(to) => {
                    let mut frame = Vec::new();
                    encode(&reply, &mut frame, asked.crc);
                    let answer = Answer {
                        to,
                        from: self.config.core,
                        request_bytes: 0,
                        reply: frame,
                        order: Order::InTurn,
                        grant: None,
                    };
                    self.deliver_answer(answer, now_ms);
                }
            }
        }
    }

    fn answer_changed_call(&mut self, mut call: Call, reply: &Reply<'_>, now_ms: u64) {
        if let Some(job) = call.job() {
            encode(reply, &mut job.replies, Crc::Off);
        }
        self.answer_call(call, now_ms);
    }
}
