//! Commands of RESP sessions in a turn: found where they lie, put into the batches as the requests
//! that they are, or answered at once.
//!
//! Invariants, beside those of the executor:
//! * C1 Commands of one connection are executed in order: one that does not go into the batch is
//!   executed only when the batch before it is.
//! * C2 Every command is answered once, whatever is wrong with it; bytes that are no command end
//!   the connection, behind the answers to all commands before them.

use jerboa_wire::opcode::Kind;
use jerboa_wire::resp::{
    Arguments, Parsed, Parser, ParserLimits, ProtocolError, Span, Writer, split_inline,
};
use jerboa_wire::routing::{partition_of, slot};
use jerboa_wire::{Opcode, Request, RequestFlags, limits};

use super::budget::{POOLED_BUFFER_BYTES, WORK_OF_SCAN, WORK_OF_STATS, WORK_PER_CONNECTION};
use super::executor::{Batch, Executor, Op, Task};
use super::measure::{ErrorWord, Failed};
use super::turn::{Input, Progress};
use crate::net::SocketId;
use crate::resp::{self, Asked, Call, Command, CommandNumber, Form, Here, Refusal, Render, Run};

/// Most arguments of one command: half as many keys and values, or as many keys.
const ARGUMENTS_MAX: u32 = 1 << 20;

/// Bytes that a command has beside the largest value.
const COMMAND_OVERHEAD_BYTES: usize = 1 << 20;

/// What commands of all sessions share in a turn.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    parser: Parser,
    /// The value section of the request that is being made.
    section: Vec<u8>,
    /// The reply that is being written as RESP.
    pub(super) frame: Vec<u8>,
    /// What a command answered.
    answer: Vec<u8>,
}

impl Scratch {
    /// Takes a buffer for the next section, unless a large one made it grow.
    fn keep_section(&mut self, section: Vec<u8>) {
        if section.capacity() <= POOLED_BUFFER_BYTES {
            self.section = section;
        }
    }
}

/// How a command's execution leaves its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    GoesOn,
    /// The session has to wait; the command was not executed.
    Blocked,
}

/// What the commands of a turn are executed from and with.
pub(super) struct Turn<'t, 'a> {
    pub(super) batch: &'t mut Batch<'a>,
    pub(super) entries: &'t [Input],
    pub(super) progress: &'t mut [Progress],
    /// The line that the command is, where it is one.
    pub(super) line: Option<&'a [u8]>,
}

/// What a command that is refused counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refused {
    /// None: bytes that are no command.
    Nothing,
    /// One that was not executed.
    Rejected(CommandNumber),
    /// One that was executed in vain.
    Failed(CommandNumber),
}

/// Where a command stands: its input, and the offset behind it.
#[derive(Clone, Copy)]
struct Place {
    index: u32,
    socket: SocketId,
    end: u32,
}

impl Executor<'_> {
    /// Finds the commands of one input and executes them, in batches where they are requests.
    pub(super) fn decode_commands<'a>(
        &mut self,
        index: u32,
        bytes: &'a [u8],
        turn: &mut Turn<'_, 'a>,
    ) {
        let socket = turn.entries[index as usize].socket;
        let Some(client) = self.client(socket) else {
            return;
        };
        let mut parser = std::mem::take(&mut client.parser);
        if !parser.is_amid() {
            parser = std::mem::take(&mut self.scratch.parser);
            parser.reset();
        }
        let parsed_to = self.decode_with(&mut parser, (index, socket), bytes, turn);
        if parser.is_amid() {
            if let Some(client) = self.client(socket) {
                client.parser = parser;
                client.parsed_to = parsed_to;
            }
        } else if parser.held_bytes() <= POOLED_BUFFER_BYTES {
            self.scratch.parser = parser;
        }
    }

    /// Returns the offset behind the last command that was found.
    fn decode_with<'a>(
        &mut self,
        parser: &mut Parser,
        (index, socket): (u32, SocketId),
        bytes: &'a [u8],
        turn: &mut Turn<'_, 'a>,
    ) -> usize {
        let limits = self.parser_limits();
        let (mut at, mut work) = (0, 0);
        loop {
            let rest = &bytes[at..];
            let parsed = parser.parse(rest, &limits);
            if parsed == Ok(Parsed::Incomplete) {
                return at;
            }
            if work >= WORK_PER_CONNECTION {
                turn.progress[index as usize].unfinished = true;
                parser.reset();
                return at;
            }
            let consumed = match &parsed {
                Ok(Parsed::Nothing { consumed })
                | Ok(Parsed::Command { consumed })
                | Ok(Parsed::Inline { consumed, .. }) => *consumed,
                Ok(Parsed::Incomplete) | Err(_) => 0,
            };
            at += consumed;
            let place = Place {
                index,
                socket,
                end: at as u32,
            };
            work += 1;
            let flow = match parsed {
                Ok(Parsed::Incomplete) => return at,
                Ok(Parsed::Nothing { .. }) => self.pass(place, turn),
                Ok(Parsed::Command { .. }) => {
                    let arguments = parser.arguments(rest);
                    self.command(place, arguments, &mut work, turn)
                }
                Ok(Parsed::Inline { line, .. }) => self.inline(place, line, &mut work, turn),
                Err(error) => self.broken(place, error, turn),
            };
            let progress = &turn.progress[index as usize];
            if flow == Flow::Blocked || progress.broken || progress.leaves {
                parser.reset();
                return at;
            }
        }
    }

    /// What the parser accepts: no argument beyond the largest value, no command beyond what a
    /// connection may hold.
    fn parser_limits(&self) -> ParserLimits {
        let argument_bytes_max = limits::section_bytes_max(self.config.value_bytes_max);
        let command_bytes_max = self
            .config
            .input_bytes_max
            .max(argument_bytes_max as usize + COMMAND_OVERHEAD_BYTES);
        ParserLimits {
            argument_bytes_max,
            arguments_max: ARGUMENTS_MAX,
            command_bytes_max: u32::try_from(command_bytes_max).unwrap_or(u32::MAX),
        }
    }

    /// Executes what is in the batch, so that what comes now is in order.
    fn catch_up(&mut self, place: Place, turn: &mut Turn<'_, '_>) -> Flow {
        self.run(turn.batch, turn.entries, turn.progress);
        let output_limit = self.output_limit;
        let progress = &mut turn.progress[place.index as usize];
        let session = self.sessions[place.socket.0 as usize].as_ref();
        if session.is_none_or(|session| session.blocked(output_limit)) {
            progress.blocked = true;
        }
        if progress.blocked || progress.deferred {
            return Flow::Blocked;
        }
        Flow::GoesOn
    }

    /// An empty command: nothing to do, nothing to answer; but a command that may be skipped.
    fn pass(&mut self, place: Place, turn: &mut Turn<'_, '_>) -> Flow {
        let flow = self.catch_up(place, turn);
        if flow == Flow::GoesOn {
            if let Some(client) = self.client(place.socket) {
                client.is_silent();
            }
            turn.progress[place.index as usize].consumed = place.end as usize;
        }
        flow
    }

    fn broken(&mut self, place: Place, error: ProtocolError, turn: &mut Turn<'_, '_>) -> Flow {
        let flow = self.catch_up(place, turn);
        if flow == Flow::GoesOn {
            self.count_refusal(Refused::Nothing, error.reply().as_ref());
            self.refuse_unless_silent(place.socket, error.reply());
            turn.progress[place.index as usize].broken = true;
        }
        flow
    }

    /// A line that a person typed: executed by itself, because its arguments are copies.
    fn inline(
        &mut self,
        place: Place,
        line: &[u8],
        work: &mut usize,
        turn: &mut Turn<'_, '_>,
    ) -> Flow {
        let (mut text, mut spans) = (Vec::new(), Vec::<Span>::new());
        if !split_inline(line, &mut text, &mut spans) {
            let error = ProtocolError::UnbalancedQuotes;
            return self.broken(place, error, turn);
        }
        if spans.is_empty() {
            return self.pass(place, turn);
        }
        self.run(turn.batch, turn.entries, turn.progress);
        let arguments = Arguments::new(&text, &spans);
        let mut batch = Batch::new();
        let mut alone = Turn {
            batch: &mut batch,
            entries: turn.entries,
            progress: turn.progress,
            line: Some(line),
        };
        let flow = self.command(place, arguments, work, &mut alone);
        self.catch_up(place, &mut alone);
        flow
    }

    /// One command.
    #[inline]
    fn command<'a>(
        &mut self,
        place: Place,
        arguments: Arguments<'_, 'a>,
        work: &mut usize,
        turn: &mut Turn<'_, 'a>,
    ) -> Flow {
        let (command, number) = match resolve(arguments) {
            Ok(resolved) => resolved,
            Err((refusal, number)) => {
                return self.refuse(place, &refusal, Refused::Rejected(number), turn);
            }
        };
        let rejected = Refused::Rejected(number);
        let (now_ms, value_bytes_max) = (self.now_ms, self.config.value_bytes_max);
        let Some(client) = self.client(place.socket) else {
            return Flow::Blocked;
        };
        client.active_ms = now_ms;
        client.last_command = command.name;
        let call = Call {
            command,
            arguments,
            now_ms,
            value_bytes_max,
        };
        if client.only_listens() && !is_for_listeners(command) {
            return self.refuse(place, &only_for_listeners(command), rejected, turn);
        }
        if self.shared.pause.holds(command, now_ms) {
            let flow = self.catch_up(place, turn);
            turn.progress[place.index as usize].held = flow == Flow::GoesOn;
            return Flow::Blocked;
        }
        let Run::Request(translate) = command.run else {
            return self.apart(place, &call, number, work, turn);
        };
        self.scratch.section.clear();
        let asked = match translate(&call, &mut self.scratch.section) {
            Ok(asked) => asked,
            Err(refusal) => {
                let section = std::mem::take(&mut self.scratch.section);
                self.scratch.keep_section(section);
                return self.refuse(place, &refusal, Refused::Failed(number), turn);
            }
        };
        if asked.composed {
            *work += work_of(&asked.request);
            return self.composed(place, &asked, &call, number, turn);
        }
        let task = self.command_task(place.socket, asked.request);
        if let Task::Elsewhere { request, core } = &task
            && let Some(moved) = self.moved(place.socket, request, *core)
        {
            return self.refuse(place, &moved, rejected, turn);
        }
        let render = self.render_aloud(place.socket, asked.form);
        self.put_into_batch(
            Op {
                input: place.index,
                end: place.end,
                render,
                raw: turn.line.unwrap_or_else(|| arguments.bytes()),
                command: number,
                task,
            },
            turn,
        )
    }

    #[inline]
    fn put_into_batch<'a>(&mut self, op: Op<'a>, turn: &mut Turn<'_, 'a>) -> Flow {
        let index = op.input as usize;
        turn.batch.push(op);
        if turn.batch.is_full() {
            self.run(turn.batch, turn.entries, turn.progress);
        }
        let progress = &turn.progress[index];
        if progress.blocked || progress.deferred {
            return Flow::Blocked;
        }
        Flow::GoesOn
    }

    /// A request whose value section lies in the scratch buffer: executed by itself.
    fn composed(
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
        let request = Request {
            value: &section,
            ..asked.request
        };
        let task = self.command_task(place.socket, request);
        let moved = match &task {
            Task::Elsewhere { request, core } => self.moved(place.socket, request, *core),
            Task::Other { request, .. } if request.count > 0 => {
                self.many_moved(place.socket, request)
            }
            _ => None,
        };
        if let Some(moved) = moved {
            self.scratch.keep_section(section);
            return self.refuse(place, &moved, Refused::Rejected(number), turn);
        }
        let render = self.render(place.socket, asked.form);
        turn.progress[place.index as usize].consumed = place.end as usize;
        self.begin_command(place, number, turn);
        match (asked.form, render) {
            (Form::AllKeys, Render::Resp(form, version)) => {
                self.counts.ops += 1;
                self.begin_walk(place.socket, request.value, form, version);
            }
            _ => self.execute(place.socket, &task, render),
        }
        self.count_failure(place.socket, number);
        self.note_alone_if_slow(place.socket, call.arguments);
        self.scratch.keep_section(section);
        Flow::GoesOn
    }

    /// What a request of a command needs; its partition is not known yet.
    #[inline]
    fn command_task<'a>(&mut self, socket: SocketId, mut request: Request<'a>) -> Task<'a> {
        if request
            .opcode
            .shape()
            .flags
            .contains(RequestFlags::THIS_CORE)
            && self
                .client(socket)
                .is_some_and(|client| client.is_on_core_port)
        {
            // To a cluster client each core is a node of its own.
            request.flags = request.flags | RequestFlags::THIS_CORE;
        }
        let partition = if request.key.is_empty() {
            0
        } else {
            partition_of(request.key, self.shared.partition_count)
        };
        self.task(Request {
            partition,
            ..request
        })
    }

    /// Where a client on a core's own port is sent with a key of another core.
    #[cold]
    fn moved(&mut self, socket: SocketId, request: &Request<'_>, core: u16) -> Option<Refusal> {
        if request.opcode.shape().kind != Kind::Key {
            return None;
        }
        self.moved_to(socket, slot(request.key), core)
    }

    /// The same with many keys, which must be of one slot.
    fn many_moved(&mut self, socket: SocketId, request: &Request<'_>) -> Option<Refusal> {
        if !self.client(socket)?.is_on_core_port {
            return None;
        }
        let (one, is_one) = if request.opcode == Opcode::MultiPut {
            one_slot(request.entries().map(|entry| entry.key))?
        } else {
            one_slot(request.keys())?
        };
        if !is_one {
            let text = "CROSSSLOT Keys in request don't hash to the same slot";
            return Some(Refusal::text(text));
        }
        let core = self.shared.core_of_slot(one.into())?;
        if core == self.config.core {
            return None;
        }
        self.moved_to(socket, one, core)
    }

    fn moved_to(&mut self, socket: SocketId, slot: u16, core: u16) -> Option<Refusal> {
        let shared = self.shared;
        let client = self.client(socket)?;
        if !client.is_on_core_port {
            return None;
        }
        let address = shared.slots.address(core, client.local)?;
        self.counts.moved += 1;
        // Clients split at the last colon: an IPv6 address stands without brackets.
        let (ip, port) = (address.ip(), address.port());
        Some(Refusal::format(format_args!("MOVED {slot} {ip}:{port}")))
    }

    /// How the reply to the command that is executed now is written; asked once for each.
    #[inline]
    pub(super) fn render(&mut self, socket: SocketId, form: Form) -> Render {
        let render = self.render_aloud(socket, form);
        self.unless_silent(socket, render)
    }

    /// The same for a command that goes into the batch: whether its reply is wanted is asked when
    /// it is executed, because it may have to wait, and is found anew then.
    #[inline]
    fn render_aloud(&mut self, socket: SocketId, form: Form) -> Render {
        self.client(socket)
            .map_or(Render::Frame, |client| Render::Resp(form, client.version))
    }

    /// How a reply is written, if the client wants one; asked once for each command.
    #[inline]
    pub(super) fn unless_silent(&mut self, socket: SocketId, render: Render) -> Render {
        match render {
            Render::Frame => render,
            Render::Resp(form, version) => {
                let client = self.client(socket);
                let is_silent = client.is_some_and(resp::Client::is_silent);
                Render::Resp(if is_silent { Form::Silent } else { form }, version)
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

    /// A command that becomes no request.
    fn apart(
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

    /// A command is executed outside of a batch.
    fn begin_command(&mut self, place: Place, number: CommandNumber, turn: &Turn<'_, '_>) {
        if let Some(session) = self.sessions[place.socket.0 as usize].as_mut() {
            session.replies.asked_by(number);
        }
        let since = turn.entries[place.index as usize].since;
        self.measures.commands.begin(number, since);
    }

    /// Answers a command with an error.
    fn refuse(
        &mut self,
        place: Place,
        refusal: &Refusal,
        counted_as: Refused,
        turn: &mut Turn<'_, '_>,
    ) -> Flow {
        let flow = self.catch_up(place, turn);
        if flow == Flow::Blocked {
            return flow;
        }
        if let Refused::Failed(number) = counted_as {
            self.begin_command(place, number, turn);
        }
        self.count_refusal(counted_as, refusal.as_bytes());
        self.refuse_unless_silent(place.socket, refusal.as_bytes());
        turn.progress[place.index as usize].consumed = place.end as usize;
        Flow::GoesOn
    }

    fn count_refusal(&mut self, counted_as: Refused, text: &[u8]) {
        self.counts.errors += 1;
        let word = ErrorWord::of(text);
        let commands = &mut self.measures.commands;
        match counted_as {
            Refused::Failed(command) => commands.fail(Failed { command, word }),
            Refused::Rejected(command) => commands.reject(Failed { command, word }),
            Refused::Nothing => {
                let command = CommandNumber::NONE;
                commands.reject(Failed { command, word });
            }
        }
    }

    fn refuse_unless_silent(&mut self, socket: SocketId, text: impl AsRef<[u8]>) {
        let Some(client) = self.client(socket) else {
            return;
        };
        if client.is_silent() {
            return;
        }
        let version = client.version;
        let mut out = Vec::new();
        Writer::new(&mut out, version).error(text);
        self.append(socket, &out);
    }

    /// Appends bytes in the place of the reply that comes now.
    fn append(&mut self, socket: SocketId, bytes: &[u8]) {
        if let Some(session) = self.open_session(socket) {
            session.reply(|out| out.extend_from_slice(bytes));
        }
    }

    #[inline]
    pub(super) fn client(&mut self, socket: SocketId) -> Option<&mut resp::Client> {
        let session = self.sessions.get_mut(socket.0 as usize)?.as_mut()?;
        session.client.as_deref_mut()
    }
}

/// The command or subcommand that is meant, if its arguments are as many as it takes.
#[inline]
fn resolve(
    arguments: Arguments<'_, '_>,
) -> Result<(&'static Command, CommandNumber), (Refusal, CommandNumber)> {
    let Some((mut command, mut number)) = resp::find_numbered(arguments.at(0)) else {
        return Err((resp::unknown_command(arguments), CommandNumber::NONE));
    };
    if !command.subcommands.is_empty() && arguments.len() >= 2 {
        (command, number) = command
            .numbered_subcommand(arguments.at(1), number)
            .ok_or_else(|| {
                let refusal = resp::unknown_subcommand(command, arguments.at(1));
                (refusal, CommandNumber::NONE)
            })?;
    }
    if command.takes(arguments.len()) {
        Ok((command, number))
    } else {
        Err((resp::wrong_arity(command.name), number))
    }
}

/// The slot of the first key, and whether it is that of all.
fn one_slot<'k>(mut keys: impl Iterator<Item = &'k [u8]>) -> Option<(u16, bool)> {
    let first = slot(keys.next()?);
    Some((first, keys.all(|key| slot(key) == first)))
}

/// Whether a client that gets messages where it expects replies may still execute a command.
fn is_for_listeners(command: &Command) -> bool {
    match command.run {
        Run::Channels(channels) => channels != resp::Channels::ShardPublish,
        _ => matches!(command.name, "ping" | "quit" | "reset"),
    }
}

/// The refusal of all others.
#[cold]
fn only_for_listeners(command: &Command) -> Refusal {
    Refusal::format(format_args!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
         allowed in this context",
        command.name
    ))
}

/// What a request weighs in its connection's share of a turn.
fn work_of(request: &Request<'_>) -> usize {
    match request.opcode {
        Opcode::Scan | Opcode::SlotKeys | Opcode::Channels => WORK_OF_SCAN,
        _ => request.count as usize,
    }
}
