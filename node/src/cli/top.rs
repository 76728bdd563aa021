//! `jerboa top`: what each core of a node does now, again and again, or once.
//!
//! What is shown happened between two readings of the node's numbers; nothing is kept on the node.
//! At a terminal the view is drawn anew on a screen of its own, which is left as it was found however
//! the program ends. Elsewhere one view is written, or with `--json` one line for each interval.

mod sample;
mod screen;
mod view;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use argh::FromArgs;

use super::connection::{Connection, NoAnswer};
use sample::{Difference, Sample};
use screen::{Event, Screen, Waiter};

/// The shortest time between two readings.
const INTERVAL_MS_MIN: u64 = 50;
/// How long connecting and each answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Ended by a signal, as shells tell it.
const EXIT_SIGNAL: u8 = 130;
/// The node did not answer.
const EXIT_NO_ANSWER: u8 = 4;

/// Show what each core of a node does now: requests, latencies, memory, hits, connections, hot keys.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "top")]
pub(crate) struct Top {
    /// any port of the node; default 127.0.0.1:7400
    #[argh(option, default = "\"127.0.0.1:7400\".to_owned()")]
    addr: String,
    /// time between two readings; default 1000
    #[argh(option, default = "1000")]
    interval_ms: u64,
    /// show one interval and end
    #[argh(switch)]
    once: bool,
    /// write one JSON object for each interval
    #[argh(switch)]
    json: bool,
}

impl Top {
    /// Shows until told to stop.
    pub(crate) fn run(&self) -> ExitCode {
        let ended = Waiter::new().and_then(|waiter| self.watch(&waiter));
        match ended {
            Ok(status) => ExitCode::from(status),
            Err(error) => {
                eprintln!("jerboa: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.max(INTERVAL_MS_MIN))
    }

    fn watch(&self, waiter: &Waiter) -> io::Result<u8> {
        let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        if self.json || self.once || !is_terminal || screen::is_dumb() {
            return self.write_views(waiter);
        }
        let mut screen = Screen::open()?;
        let shown = self.draw_views(waiter, &mut screen);
        drop(screen);
        shown
    }

    /// One view after the other, as text or JSON; only one, unless JSON is to go on.
    fn write_views(&self, waiter: &Waiter) -> io::Result<u8> {
        let mut reader = Reader::new(&self.addr);
        loop {
            let first = reader.read();
            if let Err(why) = first {
                eprintln!("jerboa: {why}");
                return Ok(EXIT_NO_ANSWER);
            }
            if waiter.wait(self.interval(), false)? == Event::Signal {
                return Ok(EXIT_SIGNAL);
            }
            let view = match reader.read() {
                Ok(view) => view,
                Err(why) => {
                    eprintln!("jerboa: {why}");
                    return Ok(EXIT_NO_ANSWER);
                }
            };
            let Some(view) = view else { continue };
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{}", view::json(&view))?;
            } else {
                for line in view::lines(&view) {
                    writeln!(out, "{line}")?;
                }
            }
            out.flush()?;
            if self.once || !self.json {
                return Ok(0);
            }
        }
    }

    /// Draws until somebody ends it.
    fn draw_views(&self, waiter: &Waiter, screen: &mut Screen) -> io::Result<u8> {
        let mut reader = Reader::new(&self.addr);
        let mut lines = vec![format!("{}: the first interval is under way", self.addr)];
        let mut paused = false;
        loop {
            if !paused {
                match reader.read() {
                    Ok(Some(view)) => lines = view::lines(&view),
                    Ok(None) => {}
                    Err(why) => {
                        reader = Reader::new(&self.addr);
                        lines = vec![format!("{why}; trying again")];
                    }
                }
            }
            let hint = if paused { "paused" } else { "q ends, p pauses" };
            screen.draw(&lines, hint)?;
            match waiter.wait(self.interval(), true)? {
                Event::Key(b'q' | b'Q' | 0x03 | 0x04) => return Ok(0),
                Event::Key(b'p' | b'P' | b' ') => paused = !paused,
                Event::Signal => return Ok(EXIT_SIGNAL),
                Event::Ended => return Ok(0),
                Event::Key(_) | Event::Time => {}
            }
        }
    }
}

/// Reads a node and tells the difference to the reading before.
struct Reader {
    address: String,
    connection: Option<Connection>,
    before: Option<Sample>,
}

impl Reader {
    fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            connection: None,
            before: None,
        }
    }

    /// What happened since the reading before; `None` for the first one, and where the node was
    /// started anew.
    fn read(&mut self) -> Result<Option<Difference>, NoAnswer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address, TIMEOUT)?,
        };
        let sample = Sample::read(&mut connection)?;
        self.connection = Some(connection);
        let difference = self
            .before
            .as_ref()
            .and_then(|before| Difference::between(&self.address, before, &sample));
        self.before = Some(sample);
        Ok(difference)
    }
}
