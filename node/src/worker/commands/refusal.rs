//! Commands that are refused: answered with an error in their place, and counted as what they are.

use jerboa_wire::resp::{ProtocolError, Writer};

use super::{Flow, Place, Turn};
use crate::net::SocketId;
use crate::resp::{self, Command, CommandNumber, Refusal, Run};
use crate::worker::executor::Executor;
use crate::worker::measure::{ErrorWord, Failed};

/// What a command that is refused counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// None: bytes that are no command.
    Nothing,
    /// One that was not executed.
    Rejected(CommandNumber),
    /// One that was executed in vain.
    Failed(CommandNumber),
}

impl Executor<'_> {
    pub(super) fn broken(
        &mut self,
        place: Place,
        error: ProtocolError,
        turn: &mut Turn<'_, '_>,
    ) -> Flow {
        let flow = self.catch_up(place, turn);
        if flow == Flow::GoesOn {
            self.count_refusal(Refused::Nothing, error.reply().as_ref());
            self.refuse_unless_silent(place.socket, error.reply());
            turn.progress[place.index as usize].broken = true;
        }
        flow
    }

    /// Answers a command with an error.
    pub(super) fn refuse(
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
}

/// Whether a client that gets messages where it expects replies may still execute a command.
pub(super) fn is_for_listeners(command: &Command) -> bool {
    match command.run {
        Run::Channels(channels) => channels != resp::Channels::ShardPublish,
        _ => matches!(command.name, "ping" | "quit" | "reset"),
    }
}

/// The refusal of all others.
#[cold]
pub(super) fn only_for_listeners(command: &Command) -> Refusal {
    Refusal::format(format_args!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
         allowed in this context",
        command.name
    ))
}
