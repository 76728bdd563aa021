//! The terminal: a screen of its own, keys as they are typed, and everything as it was afterwards.
//!
//! Half a dozen escape sequences that every terminal of the last decades knows, and the terminal's
//! settings; no more is needed for a view that is drawn anew each second.

use std::env;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic;
use std::time::Instant;

use nix::sys::signal::{SigSet, Signal, raise};
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

const CLEAR_ALL: &str = "\x1b[2J";

/// Bytes of keys taken at once.
const KEYS_AT_ONCE: usize = 64;
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
        let mut screen = Self {
            before: tcgetattr(io::stdin())?,
        };
        let told = panic::take_hook();
        let settings = screen.before.clone();
        panic::set_hook(Box::new(move |info| {
            give_back(&settings);
            told(info);
        }));
        screen.enter()?;
        Ok(screen)
    }

    /// Takes the terminal again after somebody else had it; the next drawing is a whole one.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        write(ENTER)?;
        self.clear()
    }

    /// Gives the terminal back and stops the process, as a shell has it; [`Event::Resumed`] tells
    /// when the shell goes on with it.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back(&self.before);
        Ok(raise(Signal::SIGSTOP)?)
    }

    /// Forgets what is on the screen.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        write(CLEAR_ALL)
    }

    /// Lines that fit beside the hint.
    pub(super) fn rows(&self) -> usize {
        match size() {
            (rows @ 0..=1, _) => rows,
            (rows, _) => rows - 1,
        }
    }

    /// Draws lines, as many and as much of them as fit, and the hint in the last line, unless that
    /// is the only one.
    pub(super) fn draw(&mut self, lines: &[String], hint: &str) -> io::Result<()> {
        let (rows, columns) = size();
        let shown = lines.len().min(self.rows());
        let mut text = String::from(HOME);
        for (index, line) in lines.iter().take(shown).enumerate() {
            match index {
                0 => text.push_str(&format!("{BOLD}{}{PLAIN}", filling(line, columns))),
                _ => text.push_str(&format!("\r\n{}", filling(line, columns))),
            }
        }
        if rows > shown {
            text.push_str(&format!("\r\n{CLEAR_BELOW}"));
            text.push_str(&format!("\x1b[{rows};1H{}", filling(hint, columns)));
        }
        write(&text)
    }
}

/// A line cut to the width of the screen, or with what is left of it cleared.
fn filling(line: &str, columns: usize) -> String {
    let mut cut: String = line.chars().take(columns).collect();
    // Behind a line as wide as the screen the cursor stands on its last character.
    if cut.chars().count() < columns {
        cut.push_str(CLEAR_LINE);
    }
    cut
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

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What ended a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Time,
    /// What was typed.
    Keys(Vec<u8>),
    /// The bell was rung.
    Answer,
    /// The terminal has another size.
    Resized,
    /// Somebody wants the program to stop for a while.
    Suspend,
    /// It goes on after it was stopped.
    Resumed,
    /// The keyboard is no more.
    Ended,
    /// Somebody wants the program to end, by this signal.
    Signal(u8),
}

/// Waits for time, keys, answers and signals, which are blocked so that none comes between two
/// drawings. To be made before the first thread.
pub(super) struct Waiter {
    signals: SignalFd,
}

impl Waiter {
    pub(super) fn new() -> io::Result<Self> {
        let mut signals = SigSet::empty();
        signals.extend([
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
            Signal::SIGTSTP,
            Signal::SIGCONT,
            Signal::SIGWINCH,
        ]);
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self {
            signals: SignalFd::with_flags(&signals, flags)?,
        })
    }

    /// Waits until then at most; for keys only where they are asked for, which is where there is a
    /// screen to give back before the process stops.
    pub(super) fn wait(
        &self,
        until: Option<Instant>,
        keys: bool,
        bell: BorrowedFd<'_>,
    ) -> io::Result<Event> {
        let stdin = io::stdin();
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout = left.map(|left| Timespec::try_from(left).unwrap_or_default());
            let mut sources = vec![
                PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(bell, PollFlags::IN),
            ];
            if keys {
                sources.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
            }
            match poll(&mut sources, timeout.as_ref()) {
                Ok(0) => return Ok(Event::Time),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let is_ready = |index: usize| {
                let source = sources.get(index);
                source.is_some_and(|source| !source.revents().is_empty())
            };
            if is_ready(0) {
                match self.signal(keys)? {
                    Some(event) => return Ok(event),
                    None => continue,
                }
            }
            if is_ready(2) {
                let mut bytes = [0; KEYS_AT_ONCE];
                return Ok(match rustix::io::read(&stdin, &mut bytes) {
                    Ok(count @ 1..) => Event::Keys(bytes.get(..count).unwrap_or_default().into()),
                    Err(rustix::io::Errno::INTR) => continue,
                    _ => Event::Ended,
                });
            }
            return Ok(Event::Answer);
        }
    }

    /// What a signal that has come means.
    fn signal(&self, screen: bool) -> io::Result<Option<Event>> {
        let Some(info) = self.signals.read_signal()? else {
            return Ok(None);
        };
        let number = i32::try_from(info.ssi_signo).unwrap_or(0);
        Ok(match Signal::try_from(number) {
            Ok(Signal::SIGWINCH) if screen => Some(Event::Resized),
            Ok(Signal::SIGCONT) if screen => Some(Event::Resumed),
            Ok(Signal::SIGTSTP) if screen => Some(Event::Suspend),
            Ok(Signal::SIGWINCH | Signal::SIGCONT) => None,
            Ok(Signal::SIGTSTP) => {
                raise(Signal::SIGSTOP)?;
                None
            }
            _ => Some(Event::Signal(info.ssi_signo as u8)),
        })
    }
}
