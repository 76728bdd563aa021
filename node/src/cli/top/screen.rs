//! The terminal: a screen of its own, keys as they are typed, and everything as it was afterwards.
//!
//! Half a dozen escape sequences that every terminal of the last decades knows, and the terminal's
//! settings; no more is needed for a view that is drawn anew each second.

use std::env;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Its own screen, without cursor and without line breaks of its own.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// To the upper left corner; the rest of the line; the rest of the screen.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Where nobody says how large the terminal is.
const SIZE: (usize, usize) = (24, 80);

/// Whether the terminal can only write one line after the other.
pub(super) fn is_dumb() -> bool {
    env::var("TERM").map_or(true, |term| term.is_empty() || term == "dumb")
}

/// The terminal while it is ours. Dropping it gives it back.
pub(super) struct Screen {
    before: Termios,
}

impl Screen {
    /// Takes the terminal. If the program panics, it is given back before the message is written.
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let screen = Self { before };
        let told = panic::take_hook();
        let settings = screen.before.clone();
        panic::set_hook(Box::new(move |info| {
            give_back(&settings);
            told(info);
        }));
        let mut out = io::stdout().lock();
        out.write_all(ENTER.as_bytes())?;
        out.flush()?;
        Ok(screen)
    }

    /// Draws lines, as many and as much of them as fit.
    pub(super) fn draw(&mut self, lines: &[String], hint: &str) -> io::Result<()> {
        let (rows, columns) = size();
        let mut text = String::from(HOME);
        for (index, line) in lines.iter().take(rows.saturating_sub(1)).enumerate() {
            let line: String = line.chars().take(columns).collect();
            let (before, after) = if index == 0 { (BOLD, PLAIN) } else { ("", "") };
            text.push_str(&format!("{before}{line}{after}{CLEAR_LINE}\r\n"));
        }
        let hint: String = hint.chars().take(columns).collect();
        text.push_str(&format!("{hint}{CLEAR_BELOW}"));
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back(&self.before);
        let _ = panic::take_hook();
    }
}

/// Puts the terminal back as it was found. There is nobody to tell that it cannot be done.
fn give_back(before: &Termios) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(LEAVE.as_bytes());
    let _ = out.flush();
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
}

fn size() -> (usize, usize) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => SIZE,
    }
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Time,
    Key(u8),
    /// The keyboard is no more.
    Ended,
    /// Somebody wants the program to end.
    Signal,
}

/// Waits for time, keys and signals, which are blocked so that none comes between two drawings.
pub(super) struct Waiter {
    signals: SignalFd,
}

impl Waiter {
    pub(super) fn new() -> io::Result<Self> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            signals.add(signal);
        }
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self {
            signals: SignalFd::with_flags(&signals, flags)?,
        })
    }

    /// Waits so long at most; for keys only where they are asked for.
    pub(super) fn wait(&self, time: Duration, keys: bool) -> io::Result<Event> {
        let until = Instant::now() + time;
        let stdin = io::stdin();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).unwrap_or_default();
            let mut sources = vec![PollFd::from_borrowed_fd(
                self.signals.as_fd(),
                PollFlags::IN,
            )];
            if keys {
                sources.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
            }
            match poll(&mut sources, Some(&timeout)) {
                Ok(0) => return Ok(Event::Time),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if !sources[0].revents().is_empty() {
                return Ok(Event::Signal);
            }
            let mut key = [0];
            return Ok(match rustix::io::read(&stdin, &mut key) {
                Ok(1..) => Event::Key(key[0]),
                _ => Event::Ended,
            });
        }
    }
}
