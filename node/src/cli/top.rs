//! `jerboa top`: what each core or each map of a node does now, again and again, or once.
//!
//! What is shown happened between two readings of the node's numbers; nothing is kept on the node.
//! At a terminal the view is drawn anew on a screen of its own, which is left as it was found however
//! the program ends. Elsewhere one view is written, or with `--json` one line for each interval.
//!
//! ```text
//!  Feed ── its own thread, asks the node ──▶ Difference ──▶ Live (state, keys) ──▶ view ──▶ Screen
//!      ╰─ wakes ─▶ Waiter ◀─ keys, signals, time
//! ```
//! The program itself never waits for the node: keys and signals are heeded while it is silent.

mod feed;
mod keys;
mod live;
mod maps;
mod order;
mod sample;
mod screen;
mod view;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use argh::FromArgs;

use super::connection::NoAnswer;
use feed::Feed;
use live::Live;
use order::Order;
use screen::{Event, Screen, Waiter};

/// The shortest and the longest time between two readings.
const INTERVAL_MS_MIN: u64 = 50;
const INTERVAL_MS_MAX: u64 = 3_600_000;
/// Added to the number of the signal that ended the program, as shells tell it.
const EXIT_SIGNAL: u8 = 128;
/// The node did not answer.
const EXIT_NO_ANSWER: u8 = 4;

/// Show what each core of a node does now: requests, latencies, memory, hits, connections, hot keys;
/// or what is done with each map.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "top")]
pub(crate) struct Top {
    /// any port of the node; default 127.0.0.1:7400
    #[argh(option, default = "\"127.0.0.1:7400\".to_owned()")]
    addr: String,
    /// time between two readings, 50 to 3600000; default 1000
    #[argh(option, default = "1000", from_str_fn(interval_ms))]
    interval_ms: u64,
    /// begin with the maps instead of the cores; with --json, both
    #[argh(switch)]
    maps: bool,
    /// show one interval and end
    #[argh(switch)]
    once: bool,
    /// write one JSON object for each interval
    #[argh(switch)]
    json: bool,
}

/// The argument of `--interval-ms`.
fn interval_ms(text: &str) -> Result<u64, String> {
    let within = INTERVAL_MS_MIN..=INTERVAL_MS_MAX;
    match text.parse() {
        Ok(interval_ms) if within.contains(&interval_ms) => Ok(interval_ms),
        _ => Err(format!(
            "{INTERVAL_MS_MIN} to {INTERVAL_MS_MAX} milliseconds are possible"
        )),
    }
}

/// How a part of the program ended: to go on with what it found, or with an exit status.
enum Came<T> {
    Here(T),
    ToEnd(u8),
}

impl Top {
    /// Shows until told to stop.
    pub(crate) fn run(&self) -> ExitCode {
        let ended = Waiter::new().and_then(|waiter| self.watch(&waiter));
        match ended {
            Ok(status) => ExitCode::from(status),
            // Whoever read what is written has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("jerboa: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn watch(&self, waiter: &Waiter) -> io::Result<u8> {
        let mut feed = Feed::start(&self.addr)?;
        // A node that is not there from the start is a mistake to be told, not one to wait for.
        if let Came::ToEnd(status) = self.reading(waiter, &mut feed)? {
            return Ok(status);
        }
        let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        if self.json || self.once || !is_terminal || screen::is_dumb() {
            return self.write_views(waiter, &mut feed);
        }
        let mut screen = Screen::open()?;
        let interval = Duration::from_millis(self.interval_ms);
        let ended = Live::new(&self.addr, interval, self.maps).run(waiter, &mut feed, &mut screen);
        drop(screen);
        ended
    }

    /// One view after the other, as text or JSON; only one, unless JSON is to go on.
    fn write_views(&self, waiter: &Waiter, feed: &mut Feed) -> io::Result<u8> {
        loop {
            let until = Instant::now() + Duration::from_millis(self.interval_ms);
            loop {
                match waiter.wait(Some(until), false, feed.bell())? {
                    Event::Signal(signal) => return Ok(EXIT_SIGNAL.saturating_add(signal)),
                    Event::Time => break,
                    _ => {}
                }
            }
            let view = match self.reading(waiter, feed)? {
                Came::ToEnd(status) => return Ok(status),
                // The node was started anew since the reading before.
                Came::Here(None) => continue,
                Came::Here(Some(view)) => view,
            };
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{}", view::json(&view))?;
            } else {
                let (what, order) = if self.maps {
                    (view::What::Maps, Order::REQUESTS)
                } else {
                    (view::What::Cores, Order::NAME)
                };
                for line in view::lines(&view, what, order) {
                    writeln!(out, "{line}")?;
                }
            }
            out.flush()?;
            if self.once || !self.json {
                return Ok(0);
            }
        }
    }

    /// Asks and waits for the answer, with nothing on the screen meanwhile.
    fn reading(
        &self,
        waiter: &Waiter,
        feed: &mut Feed,
    ) -> io::Result<Came<Option<sample::Difference>>> {
        feed.ask(self.maps)?;
        loop {
            match waiter.wait(None, false, feed.bell())? {
                Event::Signal(signal) => {
                    return Ok(Came::ToEnd(EXIT_SIGNAL.saturating_add(signal)));
                }
                Event::Answer => {}
                _ => continue,
            }
            return Ok(match feed.take()? {
                None => continue,
                Some(Ok(difference)) => Came::Here(difference),
                Some(Err(why)) => Came::ToEnd(tell(&why)),
            });
        }
    }
}

fn tell(why: &NoAnswer) -> u8 {
    eprintln!("jerboa: {why}");
    EXIT_NO_ANSWER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_no_clock_could_add_is_refused_and_not_a_panic() {
        assert_eq!(interval_ms("50"), Ok(50));
        assert_eq!(interval_ms("3600000"), Ok(3_600_000));
        for bad in ["49", "0", "3600001", "18446744073709551615", "-1", "1s", ""] {
            assert!(interval_ms(bad).is_err(), "{bad}");
        }
    }
}
