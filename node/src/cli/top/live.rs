//! The view at a terminal: what is shown, what the keys change of it, and what is told of a node
//! that is silent.
//!
//! A node that goes away after it was there once is waited for: the last numbers stay, under a line
//! that says since when nothing came and why. Numbers of before and after are never put together.

use std::io;
use std::time::{Duration, Instant};

use super::feed::{Answer, Feed};
use super::keys::{Decoder, Key};
use super::order::Order;
use super::sample::Difference;
use super::screen::{Event, Screen, Waiter};
use super::view::{self, What};
use super::{EXIT_SIGNAL, INTERVAL_MS_MAX, INTERVAL_MS_MIN};

/// A node that does not answer is called silent after this, and one that is away is looked for as
/// often at least.
const SILENT: Duration = Duration::from_secs(1);
/// Lines at the top that do not scroll.
const FIXED: usize = 2;

const HINT: &str = "q quit  p pause  m cores/maps  s sort  r reverse  +/- interval  ? help";
const HELP: &[&str] = &[
    "q, ctrl-c    quit",
    "p, space     pause, go on",
    "m, tab       cores or maps",
    "s            sort by the next column, which has an arrow",
    "r            sort the other way round",
    "+  -         longer, shorter intervals",
    "j k, arrows, page up and down, home, end: other lines",
    "ctrl-l       draw everything anew",
    "ctrl-z       stop, until the shell brings it back",
    "?            these lines, or the numbers again",
    "",
    "Times are those of requests of the interval: half of them, 99 and 99.9 of a hundred took no longer.",
    "hits: reads that found a key. live: bytes of entries. fwd/s: requests sent on to another core.",
];

/// What became of the node.
enum Away {
    /// It answers.
    No,
    /// It did not, first at this time.
    Since(Instant, String),
}

/// What a key asks for beyond another drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    None,
    Quit,
    /// What is on the screen may be somebody else's.
    Redraw,
    Suspend,
}

/// The state of the view.
pub(super) struct Live {
    address: String,
    interval: Duration,
    what: What,
    orders: [Order; 2],
    paused: bool,
    help: bool,
    /// Lines passed over at the top.
    scrolled: usize,
    shown: Option<Difference>,
    away: Away,
    /// It answers after a time when it did not.
    again: bool,
    due: Instant,
    decoder: Decoder,
}

impl Live {
    pub(super) fn new(address: &str, interval: Duration, maps: bool) -> Self {
        Self {
            address: address.to_owned(),
            interval,
            what: if maps { What::Maps } else { What::Cores },
            orders: [Order::NAME, Order::REQUESTS],
            paused: false,
            help: false,
            scrolled: 0,
            shown: None,
            away: Away::No,
            again: false,
            due: Instant::now() + interval,
            decoder: Decoder::default(),
        }
    }

    /// Draws until somebody ends it; the exit status.
    pub(super) fn run(
        mut self,
        waiter: &Waiter,
        feed: &mut Feed,
        screen: &mut Screen,
    ) -> io::Result<u8> {
        loop {
            let now = Instant::now();
            if !self.paused && now >= self.due && feed.asked().is_none() {
                feed.ask(self.what == What::Maps)?;
                self.due = now + self.interval;
            }
            self.draw(screen, feed.asked(), now)?;
            // The seconds of a silence are counted.
            let tick = now + SILENT;
            let until = match feed.asked() {
                Some(_) => Some(tick),
                None if self.paused => None,
                None => Some(self.due),
            };
            match waiter.wait(until, true, feed.bell())? {
                Event::Keys(bytes) => {
                    for byte in bytes {
                        match self.decoder.push(byte).map(|key| self.press(key)) {
                            None | Some(Wish::None) => {}
                            Some(Wish::Quit) => return Ok(0),
                            Some(Wish::Redraw) => screen.clear()?,
                            Some(Wish::Suspend) => screen.suspend()?,
                        }
                    }
                }
                Event::Answer => {
                    if let Some(answer) = feed.take()? {
                        self.take(answer);
                    }
                }
                Event::Signal(signal) => return Ok(EXIT_SIGNAL.saturating_add(signal)),
                Event::Suspend => screen.suspend()?,
                Event::Resumed => screen.enter()?,
                Event::Resized => screen.clear()?,
                Event::Ended => return Ok(0),
                Event::Time => {}
            }
        }
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Ok(shown) => {
                self.again = matches!(self.away, Away::Since(..));
                self.away = Away::No;
                self.shown = shown;
            }
            Err(why) => {
                let since = match self.away {
                    Away::Since(since, _) => since,
                    Away::No => Instant::now(),
                };
                self.away = Away::Since(since, why.to_string());
                self.due = self.due.min(Instant::now() + SILENT);
            }
        }
    }

    fn press(&mut self, key: Key) -> Wish {
        match key {
            Key::Char('q' | 'Q') | Key::Control('c' | 'd') => return Wish::Quit,
            Key::Control('z') => return Wish::Suspend,
            Key::Control('l') => return Wish::Redraw,
            Key::Char('p' | 'P' | ' ') => self.paused = !self.paused,
            Key::Char('m' | 'M') | Key::Control('i') => {
                self.what = self.what.other();
                self.scrolled = 0;
                // What is shown next takes two readings of it.
                self.due = Instant::now();
            }
            Key::Char('s' | 'S') => *self.order() = self.order().next(self.what),
            Key::Char('r' | 'R') => *self.order() = self.order().reverse(),
            Key::Char('+' | '=') => self.set_interval(self.interval.saturating_mul(2)),
            Key::Char('-') => self.set_interval(self.interval / 2),
            Key::Char('?' | 'h' | 'H') => self.help = !self.help,
            Key::Char('j') | Key::Down => self.scrolled = self.scrolled.saturating_add(1),
            Key::Char('k') | Key::Up => self.scrolled = self.scrolled.saturating_sub(1),
            Key::PageDown => self.scrolled = self.scrolled.saturating_add(10),
            Key::PageUp => self.scrolled = self.scrolled.saturating_sub(10),
            Key::Home => self.scrolled = 0,
            Key::End => self.scrolled = usize::MAX,
            Key::Char(_) | Key::Control(_) => {}
        }
        Wish::None
    }

    fn order(&mut self) -> &mut Order {
        let [cores, maps] = &mut self.orders;
        match self.what {
            What::Cores => cores,
            What::Maps => maps,
        }
    }

    fn set_interval(&mut self, interval: Duration) {
        let shortest = Duration::from_millis(INTERVAL_MS_MIN);
        let longest = Duration::from_millis(INTERVAL_MS_MAX);
        let before = std::mem::replace(&mut self.interval, interval.clamp(shortest, longest));
        // The reading that is awaited comes when it would have come had it been so before.
        self.due = self
            .due
            .checked_sub(before)
            .map_or_else(Instant::now, |asked| asked + self.interval);
    }

    fn draw(
        &mut self,
        screen: &mut Screen,
        asked: Option<Instant>,
        now: Instant,
    ) -> io::Result<()> {
        let order = *self.order();
        let mut lines = match &self.shown {
            Some(shown) => view::lines(shown, self.what, order),
            None => {
                let again = if self.again { "connected again, " } else { "" };
                let address = &self.address;
                vec![format!("{address}: {again}the first interval is under way")]
            }
        };
        if self.help {
            lines.truncate(FIXED);
            lines.resize(FIXED + 1, String::new());
            lines.extend(HELP.iter().map(|line| (*line).to_owned()));
        }
        if let Some(silence) = self.silence(asked, now)
            && let Some(title) = lines.first_mut()
        {
            *title = silence;
        }
        let shown = screen.rows().max(FIXED + 1);
        self.scrolled = self.scrolled.min(lines.len().saturating_sub(shown));
        if self.scrolled > 0 {
            lines.drain(FIXED..FIXED + self.scrolled);
        }
        let hint = match (self.paused, self.interval.as_millis()) {
            (true, _) => format!("paused  {HINT}"),
            (false, interval_ms) => format!("every {interval_ms} ms  {HINT}"),
        };
        screen.draw(&lines, &hint)
    }

    /// What is told of a node that does not answer.
    fn silence(&self, asked: Option<Instant>, now: Instant) -> Option<String> {
        if let Away::Since(since, why) = &self.away {
            let seconds = now.saturating_duration_since(*since).as_secs();
            return Some(format!(
                "NO ANSWER for {seconds} s, trying again: {why}; what is shown is of before"
            ));
        }
        let waited = now.saturating_duration_since(asked?);
        (waited >= SILENT).then(|| {
            format!(
                "NO ANSWER for {} s from {}; what is shown is of before",
                waited.as_secs(),
                self.address
            )
        })
    }
}
