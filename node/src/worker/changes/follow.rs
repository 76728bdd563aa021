//! A core that follows the changes: takes them over between two requests, and answers those who
//! asked it for one when all cores have taken that over. Settings for which some core had no room
//! are set back first, by a change of their own, so that all cores serve by them or none does.

use std::sync::Arc;

use jerboa_core_shard::{MapId, Shard};
use jerboa_wire::{Crc, Opcode, Reply, Request, Status};
use tracing::warn;

use super::{Change, Cursor, Outcome, What};
use crate::embedded::Call;
use crate::net::SocketId;
use crate::resp::Render;
use crate::worker::Worker;
use crate::worker::execute::{Answering, encode};
use crate::worker::executor::Executor;
use crate::worker::locking::Locks;
use crate::worker::mailbox::{Answer, Mailbox, Order, ReturnAddress};
use crate::worker::settings::view::SettingsView;
use crate::worker::settings::{Replaced, SettingChange};
use crate::worker::shared::Shared;

/// A core's side of the changes.
pub(crate) struct Follower {
    core: u16,
    cursor: Cursor,
    mailboxes: Arc<[Mailbox]>,
    settings: SettingsView,
    /// Changes that were asked for here and that some core has not taken over yet.
    asked: Vec<Asked>,
    /// Changes that this core is taking over in slices.
    walking: Vec<Arc<Change>>,
}

/// Who asked for a change.
struct Asked {
    change: Arc<Change>,
    /// What to set back where there is no room for the change.
    replaced: Option<Replaced>,
    by: Asker,
    /// The reply, but for what comes of it.
    head: Reply<'static>,
    text: String,
    crc: Crc,
}

/// A change that was made.
struct Made {
    change: Arc<Change>,
    replaced: Option<Replaced>,
    /// What is answered beside what comes of it.
    text: String,
}

/// Why there is none.
type Refusal = (Status, String);

enum Asker {
    /// A place among the replies of a session.
    Session(ReturnAddress),
    /// A thread that is no core.
    Call(Call),
    /// It was answered already.
    Nobody,
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
            walking: Vec::new(),
        }
    }

    /// Whether there is something to take over or to answer.
    #[inline]
    pub(in crate::worker) fn has_work(&self) -> bool {
        self.cursor.is_behind() || self.settings.is_walking() || self.has_outcomes()
    }

    /// Whether somebody waits for an answer.
    pub(in crate::worker) fn owes_answers(&self) -> bool {
        !self.asked.is_empty()
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
            let mut here = Outcome::TAKEN;
            match &change.what {
                What::Nothing => {}
                What::Destroyed(name) => {
                    if let Some(map) = shard.find_map(name) {
                        here.removed = shard.destroy_map(map, now_ms).unwrap_or(0);
                        locks.map_was_destroyed(map);
                    }
                }
                What::SettingsOf(name) => {
                    here.lacked_room = !self.settings.take_map(name, shard, &shared.settings);
                }
                What::Settings => {
                    self.settings.begin_walk(shard, &shared.settings);
                    self.walking.push(change);
                    continue;
                }
            }
            self.took_over(&change, here, shared);
        }
    }

    fn took_over(&self, change: &Change, here: Outcome, shared: &Shared) {
        if change.take_over(here) {
            shared.changes.end();
            if change.asker != self.core {
                self.mailboxes[usize::from(change.asker)].wake();
            }
        }
    }

    /// Goes on with what is taken over in slices.
    pub(in crate::worker) fn walk_on(&mut self, shard: &mut Shard, shared: &Shared) {
        if !self.settings.is_walking() {
            return;
        }
        self.settings.walk_on(shard, &shared.settings);
        if !self.settings.is_walking() {
            let here = Outcome {
                lacked_room: self.settings.lacks_room(),
                ..Outcome::TAKEN
            };
            for change in std::mem::take(&mut self.walking) {
                self.took_over(&change, here, shared);
            }
        }
    }

    /// Whether maps may have other limits than they are to have.
    pub(in crate::worker) fn is_walking(&self) -> bool {
        self.settings.is_walking()
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

    /// Makes the change that a request asks for, or refuses it. This core still has to refresh.
    fn make(&self, request: &Request<'_>, shared: &Shared) -> Result<Made, Refusal> {
        let Ok(leave) = shared.changes.begin() else {
            let text = "too many changes for all cores are under way".to_owned();
            return Err((Status::Busy, text));
        };
        if request.opcode == Opcode::Destroy {
            return Ok(Made {
                change: self.announce(What::Destroyed(request.map.into()), leave),
                replaced: None,
                text: String::new(),
            });
        }
        let (text, replaced) = shared.settings.set(request)?;
        Ok(Made {
            change: self.announce(what_of(&replaced), leave),
            replaced: Some(replaced),
            text,
        })
    }

    /// Sets back what there was no room for, which is answered when all cores have taken that over;
    /// not now if there are too many changes.
    fn set_back(&mut self, mut asked: Asked, replaced: Replaced, shared: &Shared) {
        let Ok(leave) = shared.changes.begin() else {
            asked.replaced = Some(replaced);
            self.asked.push(asked);
            return;
        };
        shared.settings.restore(&replaced);
        warn!(
            map = replaced
                .map
                .as_deref()
                .map(<[u8]>::escape_ascii)
                .map(tracing::field::display),
            "settings were set back: a core had no room for them"
        );
        asked.change = self.announce(what_of(&replaced), leave);
        asked.head.status = Status::TooManyMaps;
        asked.text = "a core has no room for it, or not yet: maps are being set free".to_owned();
        self.asked.push(asked);
    }

    /// Changes several settings of maps, or none. This core still has to refresh.
    ///
    /// # Errors
    /// The number of the change that cannot be, and why.
    pub(crate) fn set_settings(
        &mut self,
        changes: &[SettingChange<'_>],
        shared: &Shared,
    ) -> Result<(), (usize, String)> {
        let too_many = |_| (0, "too many changes for all cores are under way".to_owned());
        // Each map by itself, which a core takes over at once; what all inherit, in slices.
        let mut maps: Vec<Option<&[u8]>> = changes.iter().map(|change| change.map).collect();
        maps.sort_unstable();
        maps.dedup();
        let leaves: Result<Vec<_>, _> = maps.iter().map(|_| shared.changes.begin()).collect();
        let leaves = leaves.map_err(too_many)?;
        let replaced = shared.settings.change_all(changes, &maps)?;
        for (replaced, leave) in replaced.into_iter().zip(leaves) {
            let change = self.announce(what_of(&replaced), leave);
            self.asked.push(Asked {
                change,
                replaced: Some(replaced),
                by: Asker::Nobody,
                head: Reply::new(Opcode::SettingsSet, Status::Ok, 0),
                text: String::new(),
                crc: Crc::Off,
            });
        }
        Ok(())
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
        if !changes_all(request.opcode) {
            return true;
        }
        let session = self.sessions[socket.0 as usize].as_mut();
        session.is_none_or(|session| !session.replies.wait_for_all())
    }

    /// Changes something for all cores; the reply comes when all have taken it over.
    pub(in crate::worker) fn execute_change(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        answering: &Answering,
        render: Render,
    ) {
        let Some(session) = self.sessions[socket.0 as usize].as_mut() else {
            return;
        };
        self.measures
            .note(request.opcode, map_of(self.shard, request), self.since);
        let made = if request.opcode.is_everywhere() && request.hops > 0 {
            Err((Status::NotOwner, String::new()))
        } else {
            self.changes.make(request, self.shared)
        };
        let head = answering.head(request, Status::Ok);
        match made {
            Ok(made) => {
                let to = ReturnAddress {
                    core: self.config.core,
                    socket,
                    serial: session.serial,
                    number: session.replies.wait(render),
                    part: 0,
                };
                if request.opcode == Opcode::SettingsSet {
                    // It holds for the next request already.
                    session.replies.wait_for_all();
                }
                self.changes.asked.push(Asked {
                    change: made.change,
                    replaced: made.replaced,
                    by: Asker::Session(to),
                    head,
                    text: made.text,
                    crc: answering.crc,
                });
                self.refresh();
            }
            Err((status, text)) => {
                self.counts.busy += u64::from(status == Status::Busy);
                let value = text.as_bytes();
                let reply = Reply {
                    status,
                    value,
                    ..head
                };
                session.reply_as(render, &mut self.scratch.frame, |out| {
                    encode(&reply, out, answering.crc);
                });
            }
        }
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

    /// Makes the change for all cores that a call asks for, which is answered when all have taken it
    /// over. The call itself if it asks for something else.
    pub(in crate::worker) fn change_for_call(
        &mut self,
        mut call: Call,
        answering: &Answering,
        now_ms: u64,
    ) -> Option<Call> {
        let Some([operation]) = call.job().map(|job| &job.operations[..]) else {
            return Some(call);
        };
        let request = operation.request();
        if !changes_all(request.opcode) {
            return Some(call);
        }
        self.counts.ops += 1;
        self.counts.called += 1;
        self.measures.note(
            request.opcode,
            map_of(&self.shard, &request),
            self.foreign.taken(),
        );
        let head = answering.head(&request, Status::Ok);
        match self.changes.make(&request, &self.shared) {
            Ok(made) => {
                self.changes.asked.push(Asked {
                    change: made.change,
                    replaced: made.replaced,
                    by: Asker::Call(call),
                    head,
                    text: made.text,
                    crc: answering.crc,
                });
                self.refresh(now_ms);
            }
            Err((status, text)) => {
                self.counts.busy += u64::from(status == Status::Busy);
                let value = text.as_bytes();
                let reply = Reply {
                    status,
                    value,
                    ..head
                };
                self.answer_changed_call(call, &reply, now_ms);
            }
        }
        None
    }

    /// Goes on with what is taken over in slices.
    pub(in crate::worker) fn walk_on_with_changes(&mut self) {
        self.changes.walk_on(&mut self.shard, &self.shared);
    }

    /// Answers those whose changes all cores have taken over.
    pub(in crate::worker) fn answer_changes(&mut self, now_ms: u64) {
        if !self.changes.has_outcomes() {
            return;
        }
        let is_done = |asked: &mut Asked| asked.change.outcome().is_some();
        let done: Vec<_> = self.changes.asked.extract_if(.., is_done).collect();
        for mut asked in done {
            let outcome = asked.change.outcome().unwrap_or(Outcome::TAKEN);
            let replaced = asked.replaced.take();
            if let Some(replaced) = replaced.filter(|_| outcome.lacked_room) {
                self.changes.set_back(asked, replaced, &self.shared);
                self.refresh(now_ms);
                continue;
            }
            let reply = Reply {
                arg: outcome.removed,
                value: asked.text.as_bytes(),
                ..asked.head
            };
            match asked.by {
                Asker::Nobody => {}
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

/// What the cores hear of settings that were set, or set back.
fn what_of(replaced: &Replaced) -> What {
    match &replaced.map {
        None => What::Settings,
        Some(map) => What::SettingsOf(map[..].into()),
    }
}

/// Whether a request changes something for all cores at one moment.
pub(in crate::worker) const fn changes_all(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::Destroy | Opcode::SettingsSet)
}

/// The map whose operations a request counts among.
fn map_of(shard: &Shard, request: &Request<'_>) -> Option<MapId> {
    let of_map = request.opcode == Opcode::Destroy;
    of_map.then(|| shard.find_map(request.map)).flatten()
}
