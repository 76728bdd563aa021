//! Commands that do not go into a batch: answered here, about channels or connections, or requests
//! whose value section lies in a buffer that the next command uses. Each is executed once the batch
//! before it is (C1).

use jerboa_wire::resp::Writer;
use jerboa_wire::{Opcode, Request};

use super::refusal::Refused;
use super::{Flow, Place, Turn};
use crate::net::SocketId;
use crate::resp::{self, Asked, Call, CommandNumber, Here, Render, Run};
use crate::worker::budget::{POOLED_BUFFER_BYTES, WORK_OF_SCAN, WORK_OF_STATS};
use crate::worker::executor::{Direction, Executor, Task};
use crate::worker::measure::{ErrorWord, Failed};
use crate::worker::walk::Listed;

impl Executor<'_> {
    /// A command that becomes no request.
    pub(super) fn apart(
        &mut self,
        place: Place,
        call: &Call<'_, '_>,
        number: CommandNumber,
        work: &mut usize,
        turn: &mut Turn<'_, '_>,
    ) -> Flow {
        match call.command.run {
            Run::Here(answer) => {
                let is_fast = call.command.flags.contains(resp::Flags::FAST);
                *work += if is_fast { 0 } else { WORK_OF_STATS / 4 };
                self.answer(place, call, number, answer, turn)
            }
            Run::Channels(channels) => {
                *work += call.len();
                self.channels(place, call, number, channels, turn)
            }
            Run::Clients(ask) => {
                *work += WORK_OF_STATS;
                self.clients(place, call, number, ask, turn)
            }
            Run::Container | Run::Request(_) => {
                let refusal = resp::wrong_arity(call.command.name);
                self.refuse(place, &refusal, Refused::Rejected(number), turn)
            }
        }
    }

    /// A command that is answered here and now.
    fn answer(
        &mut self,
        place: Place,
        call: &Call<'_, '_>,
        number: CommandNumber,
        answer: resp::Answer,
        turn: &mut Turn<'_, '_>,
    ) -> Flow {
        let flow = self.catch_up(place, turn);
        if flow == Flow::Blocked {
            return flow;
        }
        self.counts.ops += 1;
        let is_fast = call.command.flags.contains(resp::Flags::FAST);
        if !is_fast {
            // Its time is its own, and it may be about what was counted before it.
            self.measures.commands.finish();
            let stats = &self.shared.stats[usize::from(self.config.core)];
            self.measures.commands.publish(&stats.measured.commands);
        }
        self.begin_command(place, number, turn);
        let mut out = std::mem::take(&mut self.scratch.answer);
        out.clear();
        let session = self.sessions[place.socket.0 as usize].as_mut();
        let Some(client) = session.and_then(|session| session.client.as_deref_mut()) else {
            return Flow::Blocked;
        };
        let was_silent = client.is_silent();
        let mut writer = Writer::new(&mut out, client.version);
        let mut here = Here {
            client,
            shared: self.shared,
            changes: self.changes,
        };
        let answered = answer(&mut here, call, &mut writer);
        let version = here.client.version;
        // What turns replies on again is answered itself.
        let is_silent = was_silent && here.client.replies != resp::Replies::On;
        let leaves = here.client.leaving;
        let unsubscribes = std::mem::take(&mut here.client.unsubscribes);
        if let Err(refusal) = answered {
            out.clear();
            Writer::new(&mut out, version).error(refusal.as_bytes());
            self.counts.errors += 1;
        }
        if let Some(word) = ErrorWord::of_reply(&out) {
            let command = number;
            self.measures.commands.fail(Failed { command, word });
        }
        if !is_fast || self.notes_all() {
            self.note_alone_if_slow(place.socket, call.arguments);
        }
        // Settings hold for the next command already.
        self.refresh();
        if unsubscribes {
            self.leave_channels(place.socket);
        }
        if !is_silent {
            self.append(place.socket, &out);
        }
        if out.capacity() <= POOLED_BUFFER_BYTES {
            self.scratch.answer = out;
        }
        let progress = &mut turn.progress[place.index as usize];
        progress.consumed = place.end as usize;
        progress.leaves = leaves;
        Flow::GoesOn
    }

    /// A command about channels.
    fn channels(
        &mut self,
        place: Place,
        call: &Call<'_, '_>,
        number: CommandNumber,
        channels: resp::Channels,
        turn: &mut Turn<'_, '_>,
    ) -> Flow {
        let flow = self.catch_up(place, turn);
        if flow == Flow::Blocked {
            return flow;
        }
        if let Some(session) = self.sessions[place.socket.0 as usize].as_mut() {
            session.replies.asked_by(number);
        }
        match self.channels_command(place.socket, channels, call) {
            None => {
                turn.progress[place.index as usize].deferred = true;
                Flow::Blocked
            }
            Some(Ok(())) => {
                turn.progress[place.index as usize].consumed = place.end as usize;
                self.begin_command(place, number, turn);
                self.count_failure(place.socket, number);
                self.note_alone_if_slow(place.socket, call.arguments);
                Flow::GoesOn
            }
            Some(Err(refusal)) => self.refuse(place, &refusal, Refused::Failed(number), turn),
        }
    }

    /// A command about the connections of all cores.
    fn clients(
        &mut self,
        place: Place,
        call: &Call<'_, '_>,
        number: CommandNumber,
        ask: resp::Ask,
        turn: &mut Turn<'_, '_>,
    ) -> Flow {
        let flow = self.catch_up(place, turn);
        if flow == Flow::Blocked {
            return flow;
        }
        let Some(client) = self.client(place.socket) else {
            return Flow::Blocked;
        };
        match ask(client, call) {
            Err(refusal) => self.refuse(place, &refusal, Refused::Failed(number), turn),
            Ok(query) => {
                self.counts.ops += 1;
                self.begin_command(place, number, turn);
                self.begin_roll(place.socket, query);
                turn.progress[place.index as usize].consumed = place.end as usize;
                Flow::GoesOn
            }
        }
    }

    /// A request whose value section lies in the scratch buffer: executed by itself.
    pub(super) fn composed(
        &mut self,
        place: Place,
        asked: &Asked<'_>,
        call: &Call<'_, '_>,
        number: CommandNumber,
        turn: &mut Turn<'_, '_>,
    ) -> Flow {
        let flow = self.catch_up(place, turn);
        if flow == Flow::Blocked {
            return flow;
        }
        let section = std::mem::take(&mut self.scratch.section);
        let mut request = Request {
            value: &section,
            ..asked.request
        };
        let direction = self.direct_command(place.socket, &mut request);
        let moved = match direction {
            Direction::Elsewhere(core) => self.moved(place.socket, &request, core),
            Direction::Other(_) if request.count > 0 => self.many_moved(place.socket, &request),
            _ => None,
        };
        if let Some(moved) = moved {
            self.scratch.keep_section(section);
            return self.refuse(place, &moved, Refused::Rejected(number), turn);
        }
        let render = self.render(place.socket, asked.form);
        turn.progress[place.index as usize].consumed = place.end as usize;
        self.begin_command(place, number, turn);
        match (Listed::of(asked.form), render) {
            (Some(listed), Render::Resp(form, version)) => {
                self.counts.ops += 1;
                self.begin_walk(place.socket, (listed, request.value), form, version);
            }
            _ => self.execute(place.socket, &Task { request, direction }, render),
        }
        self.count_failure(place.socket, number);
        self.note_alone_if_slow(place.socket, call.arguments);
        self.scratch.keep_section(section);
        Flow::GoesOn
    }

    /// A command is executed outside of a batch.
    pub(super) fn begin_command(
        &mut self,
        place: Place,
        number: CommandNumber,
        turn: &Turn<'_, '_>,
    ) {
        if let Some(session) = self.sessions[place.socket.0 as usize].as_mut() {
            session.replies.asked_by(number);
        }
        let since = turn.entries[place.index as usize].since;
        self.measures.commands.begin(number, since);
    }

    /// Appends bytes in the place of the reply that comes now.
    pub(super) fn append(&mut self, socket: SocketId, bytes: &[u8]) {
        if let Some(session) = self.open_session(socket) {
            session.reply(|out| out.extend_from_slice(bytes));
        }
    }
}

/// What a request weighs in its connection's share of a turn.
pub(super) fn work_of(request: &Request<'_>) -> usize {
    match request.opcode {
        Opcode::Scan | Opcode::SlotKeys | Opcode::Channels => WORK_OF_SCAN,
        _ => request.count as usize,
    }
}
