//! The server's account of itself: its commands and its figures.

mod command;
pub(super) mod info;

use crate::resp::command::{Command, Flags, Run};

const ALWAYS: Flags = Flags::ALWAYS;

macro_rules! command {
    ($name:literal, $arity:literal, $run:expr, $summary:literal) => {
        Command::new($name, $arity, ALWAYS, Run::Here($run), $summary)
    };
}

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("info", -1, info::info, "Figures of the server, in sections."),
    command!("command", -1, command::all, "Every command, for clients.").with(command::SUBCOMMANDS),
];
