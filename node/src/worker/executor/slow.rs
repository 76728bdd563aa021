//! Which of the commands that were executed belong into the slow log.
//!
//! What shares a batch shares its time. A command is noted if its share is as long as the threshold.
//! Where no share is, but the whole batch took as long, the one that is noted is the last, with the
//! time of all: a command that moves much ends its batch, so that it is the last, and otherwise
//! something held up the core, whatever it was executing.

use jerboa_wire::resp::{Arguments, Parsed, Parser, ParserLimits, Span, split_inline};

use super::super::pauses::Pause;
use super::super::slow::{SlowCommand, kept, kept_of_frame, shortened};
use super::super::turn::{Input, Progress};
use super::{Executor, Op};
use crate::net::SocketId;
use crate::resp::CommandNumber;

const NS_PER_US: u64 = 1000;

impl Executor<'_> {
    /// From how long on a command is noted.
    #[inline]
    fn slow_from_ns(&self) -> u64 {
        let us = u64::try_from(self.shared.slow_log.slower_than_us());
        us.map_or(u64::MAX, |us| us.saturating_mul(NS_PER_US))
    }

    /// Whether every command is noted.
    #[inline]
    pub(in crate::worker) fn notes_all(&self) -> bool {
        self.shared.slow_log.slower_than_us() == 0
    }

    /// Commands were executed in a batch that took so long.
    #[inline]
    pub(super) fn note_if_slow(
        &mut self,
        batch: &[Op<'_>],
        entries: &[Input],
        progress: &[Progress],
        took_ns: u64,
    ) {
        if took_ns >= self.slow_from_ns() {
            self.note_slow(batch, entries, progress, took_ns);
        }
        self.note_if_pause(took_ns);
    }

    #[inline]
    fn note_if_pause(&mut self, took_ns: u64) {
        let pauses = &self.shared.pauses;
        if took_ns >= pauses.threshold_ns() {
            let to = (self.config.core, pauses);
            self.pauses.keep(Pause::Command, self.now_ms, took_ns, to);
        }
    }

    #[cold]
    fn note_slow(
        &mut self,
        batch: &[Op<'_>],
        entries: &[Input],
        progress: &[Progress],
        took_ns: u64,
    ) {
        // What had to wait was not executed, nor anything of its connection behind it.
        let was_executed = |op: &&Op<'_>| op.end as usize <= progress[op.input as usize].consumed;
        let count = batch.iter().filter(was_executed).count().max(1) as u64;
        let all_are_slow = took_ns / count >= self.slow_from_ns();
        let slow = |op: &&Op<'_>| all_are_slow && was_executed(op);
        for op in batch.iter().filter(slow) {
            let socket = entries[op.input as usize].socket;
            self.note(socket, arguments_of(op), took_ns / count);
        }
        if !all_are_slow && let Some(last) = batch.iter().rfind(was_executed) {
            let socket = entries[last.input as usize].socket;
            self.note(socket, arguments_of(last), took_ns);
        }
    }

    /// A command was executed by itself: ends its time.
    pub(in crate::worker) fn note_alone_if_slow(
        &mut self,
        socket: SocketId,
        arguments: Arguments<'_, '_>,
    ) {
        let took_ns = self.measures.finish();
        self.note_if_pause(took_ns);
        if took_ns > 0 && took_ns >= self.slow_from_ns() {
            self.note(socket, kept(arguments), took_ns);
        }
    }

    #[cold]
    fn note(&mut self, socket: SocketId, arguments: Vec<Vec<u8>>, took_ns: u64) {
        let client = self.client(socket);
        let (address, name) = client.map_or((None, Vec::new()), |client| {
            (client.peer, client.name.clone())
        });
        let command = SlowCommand {
            id: 0,
            at_ms: self.now_ms,
            took_us: took_ns / NS_PER_US,
            arguments,
            client: address,
            client_name: name,
        };
        self.slow
            .keep(command, self.config.core, &self.shared.slow_log);
    }
}

/// What is kept of an operation: a command's arguments, or what a frame asks for.
fn arguments_of(op: &Op<'_>) -> Vec<Vec<u8>> {
    if op.command == CommandNumber::NONE {
        return kept_of_frame(op.raw);
    }
    let limits = ParserLimits {
        argument_bytes_max: u32::MAX,
        arguments_max: u32::MAX,
        command_bytes_max: u32::MAX,
    };
    let mut parser = Parser::default();
    if op.raw.first() == Some(&b'*')
        && matches!(parser.parse(op.raw, &limits), Ok(Parsed::Command { .. }))
    {
        return kept(parser.arguments(op.raw));
    }
    let (mut text, mut spans) = (Vec::new(), Vec::<Span>::new());
    if split_inline(op.raw, &mut text, &mut spans) {
        return kept(Arguments::new(&text, &spans));
    }
    vec![shortened(op.raw)]
}
