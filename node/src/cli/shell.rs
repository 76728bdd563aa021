//! `jerboa cli`: the shell. One command from the command line, commands from the standard input, or
//! a person at a terminal.
//!
//! Answers go to the standard output, faults and advice to the standard error; with `--json` both go
//! to the standard output, one object a line. The exit status is a contract, see `help exit-status`.

mod answer;
mod arguments;
mod command;
mod commands;
mod editor;
mod fault;
mod help;
mod session;
mod words;

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use argh::FromArgs;

use arguments::Arguments;
use editor::{LineEditor, Typed};
use fault::Fault;
use session::Session;

pub(super) use answer::base64;
pub(super) use words::quoted;

/// The answer is no.
const EXIT_NO: u8 = 1;
/// What a broken pipe ends with.
const EXIT_OUTPUT: u8 = 4;

/// Talk to a node: one command, commands from the standard input, or a shell. `jerboa cli help` lists
/// the commands.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "cli")]
pub(crate) struct Cli {
    /// any port of the node; default 127.0.0.1:7400
    #[argh(option, default = "\"127.0.0.1:7400\".to_owned()")]
    addr: String,
    /// map that commands mean; without it: the default map
    #[argh(option, default = "String::new()")]
    map: String,
    /// answer with one JSON object a line
    #[argh(switch)]
    json: bool,
    /// how long connecting and each answer may take; default 5000
    #[argh(option, default = "5000")]
    timeout_ms: u64,
    /// read escapes like \x00 in the words of the command
    #[argh(switch)]
    escapes: bool,
    /// take the last word of the command from the standard input
    #[argh(switch, short = 'x')]
    stdin: bool,
    /// end with the first command of the standard input that fails
    #[argh(switch)]
    stop_on_error: bool,
    /// keep no history of what is typed
    #[argh(switch)]
    no_history: bool,
    /// the command; without it: a shell, or the standard input's lines
    #[argh(positional, greedy)]
    command: Vec<String>,
}

impl Cli {
    /// Does what was asked, to the end.
    pub(crate) fn run(&self) -> ExitCode {
        let timeout = Duration::from_millis(self.timeout_ms.max(1));
        let map = self.map.clone().into_bytes();
        let mut session = Session::new(self.addr.clone(), map, timeout);
        session.json = self.json;
        session.is_terminal = io::stdout().is_terminal();
        let ended = if !self.command.is_empty() {
            self.run_one(&mut session)
        } else if io::stdin().is_terminal() && session.is_terminal {
            self.run_shell(&mut session)
        } else {
            self.run_lines(&mut session)
        };
        // A reader that went away is not worth a message, but a status.
        ExitCode::from(ended.unwrap_or(EXIT_OUTPUT))
    }

    fn run_one(&self, session: &mut Session) -> io::Result<u8> {
        let mut words = Vec::new();
        for word in &self.command {
            match self.word(word) {
                Ok(word) => words.push(word),
                Err(fault) => return report(session, Err(fault)),
            }
        }
        if self.stdin {
            let mut last = Vec::new();
            io::stdin().lock().read_to_end(&mut last)?;
            words.push(last);
        }
        execute(session, words)
    }

    /// A word of the command line as bytes.
    fn word(&self, word: &str) -> Result<Vec<u8>, Fault> {
        if !self.escapes {
            return Ok(word.as_bytes().to_vec());
        }
        words::unescape(word.as_bytes()).map_err(Fault::Line)
    }

    fn run_lines(&self, session: &mut Session) -> io::Result<u8> {
        let mut input = io::stdin().lock();
        let mut worst = 0;
        let mut line = Vec::new();
        while !session.ended {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let status = execute_line(session, &line)?;
            worst = worst.max(status);
            if self.stop_on_error && status > EXIT_NO {
                break;
            }
        }
        Ok(worst)
    }

    fn run_shell(&self, session: &mut Session) -> io::Result<u8> {
        let mut editor = LineEditor::new(!self.no_history).map_err(io::Error::other)?;
        while !session.ended {
            let map = match &session.map[..] {
                [] => String::new(),
                map => format!("/{}", quoted(map)),
            };
            let prompt = format!("{}{map}> ", session.address);
            match editor.read(&prompt).map_err(io::Error::other)? {
                Typed::Line(line) => {
                    execute_line(session, line.as_bytes())?;
                }
                Typed::Nothing => {}
                Typed::End => break,
            }
        }
        Ok(0)
    }
}

/// Does what a line says; the exit status that it would have alone.
fn execute_line(session: &mut Session, line: &[u8]) -> io::Result<u8> {
    match words::split(line) {
        Ok(words) if words.is_empty() => Ok(0),
        Ok(words) => execute(session, words),
        Err(why) => report(session, Err(Fault::Line(why))),
    }
}

fn execute(session: &mut Session, mut words: Vec<Vec<u8>>) -> io::Result<u8> {
    let name = words.remove(0);
    let outcome = command::find(&name)
        .and_then(|command| (command.run)(session, Arguments::new(command, words)));
    report(session, outcome)
}

/// Writes the answer or the fault.
fn report(session: &Session, outcome: Result<answer::Answer, Fault>) -> io::Result<u8> {
    let mut out = io::stdout().lock();
    let status = match outcome {
        Ok(answer) => {
            if session.json {
                answer.write_json(&mut out)?;
            } else {
                answer.write_text(&mut out, !session.is_terminal)?;
            }
            if answer.is_yes() { 0 } else { EXIT_NO }
        }
        Err(fault) => {
            if session.json {
                answer::write_json_fault(&fault, &mut out)?;
            } else {
                let mut err = io::stderr().lock();
                writeln!(err, "jerboa: {fault}")?;
                if let Some(advice) = fault.advice() {
                    writeln!(err, "  {advice}")?;
                }
            }
            fault.exit()
        }
    };
    out.flush()?;
    Ok(status)
}
