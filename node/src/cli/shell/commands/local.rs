//! Commands of the shell itself, which ask the node nothing.

use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::help;
use crate::cli::shell::session::Session;

pub(crate) const GROUP: Group = Group {
    title: "Shell",
    commands: &[
        Command {
            name: "help",
            aliases: &["?"],
            words: "[COMMAND]",
            summary: "the commands, or one of them in full",
            details: "`help quoting` tells how keys and values are written, `help exit-status` what \
                      the exit status means.\n",
            run: show_help,
        },
        Command {
            name: "json",
            aliases: &[],
            words: "[ON|OFF]",
            summary: "answer with JSON objects, or for people again",
            details: "",
            run: json,
        },
        Command {
            name: "exit",
            aliases: &["quit"],
            words: "",
            summary: "leave the shell, as Ctrl-D does",
            details: "",
            run: leave,
        },
    ],
};

fn show_help(_: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let topic = words.next();
    words.end()?;
    help::of(topic.as_deref()).map(|text| Answer::Text("help", text))
}

fn json(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    session.json = match words.option().as_deref() {
        Some("ON") => true,
        Some("OFF") => false,
        None => !session.json,
        Some(other) => return Err(words.unknown_option(other)),
    };
    words.end()?;
    Ok(Answer::One("json", Field::Yes(session.json)))
}

fn leave(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    session.ended = true;
    Ok(Answer::DONE)
}
