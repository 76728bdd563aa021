//! Commands of RESP sessions in a turn: found where they lie, put into the batches as the requests
//! that they are, or answered at once.
//!
//! Invariants, beside those of the executor:
//! * C1 Commands of one connection are executed in order: one that does not go into the batch is
//!   executed only when the batch before it is.
//! * C2 Every command is answered once, whatever is wrong with it; bytes that are no command end
//!   the connection, behind the answers to all commands before them.

mod alone;
mod owner;
mod refusal;

use jerboa_wire::limits;
use jerboa_wire::resp::{
    Arguments, Parsed, Parser, ParserLimits, ProtocolError, Span, split_inline,
};

use self::alone::work_of;
use self::refusal::{Refused, is_for_listeners, only_for_listeners};
use super::budget::{POOLED_BUFFER_BYTES, WORK_PER_CONNECTION};
use super::executor::{Batch, Direction, Executor, Op, Task};
use super::turn::{Input, Progress};
use crate::net::SocketId;
use crate::resp::{self, Call, Command, CommandNumber, Form, Refusal, Render, Run};

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
        let version = client.version;
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
        // By reference: a request is large, and nothing waits for it but the batch.
        let mut translated = translate(&call, &mut self.scratch.section);
        let asked = match &mut translated {
            Ok(asked) => asked,
            Err(refusal) => {
                let section = std::mem::take(&mut self.scratch.section);
                self.scratch.keep_section(section);
                return match self.refused_elsewhere(place.socket, &call) {
                    Some(moved) => self.refuse(place, &moved, rejected, turn),
                    None => self.refuse(place, refusal, Refused::Failed(number), turn),
                };
            }
        };
        if asked.composed {
            *work += work_of(&asked.request);
            return self.composed(place, asked, &call, number, turn);
        }
        let direction = self.direct_command(place.socket, &mut asked.request);
        if let Direction::Elsewhere(core) = direction
            && let Some(moved) = self.moved(place.socket, &asked.request, core)
        {
            return self.refuse(place, &moved, rejected, turn);
        }
        // Whether the reply is wanted is asked when the command is executed, because it may have to
        // wait, and is found anew then.
        let render = Render::Resp(asked.form, version);
        self.put_into_batch(
            Op {
                input: place.index,
                end: place.end,
                render,
                raw: turn.line.unwrap_or_else(|| arguments.bytes()),
                command: number,
                task: Task {
                    request: asked.request,
                    direction,
                },
            },
            turn,
        )
    }

    #[inline(always)]
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

    /// How the reply to the command that is executed now is written; asked once for each.
    #[inline]
    pub(super) fn render(&mut self, socket: SocketId, form: Form) -> Render {
        let client = self.client(socket);
        let render = client.map_or(Render::Frame, |client| Render::Resp(form, client.version));
        self.unless_silent(socket, render)
    }

    /// How a reply is written, if the client wants one; asked once for each command.
    pub(super) fn unless_silent(&mut self, socket: SocketId, render: Render) -> Render {
        let session = self.sessions.get_mut(socket.0 as usize);
        match session.and_then(Option::as_mut) {
            Some(session) => session.unless_silent(render),
            None => render,
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
