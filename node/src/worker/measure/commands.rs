//! RESP commands by their names: how often each was executed, how long that took, how often it
//! failed or was rejected, and which errors were answered.
//!
//! A command is executed with others in a batch. The time of a batch, from the end of the one before
//! it (or from when its bytes came, if that is later) to its own end, is shared evenly by all that
//! was executed in it. So the clock is not read for a command, and the times of all commands add up
//! to the core's time, as those of Redis do. What another core does for a command is not part of it.
//!
//! A row of the table, on the core and for the others (`u64` each):
//!
//! ```text
//! calls | nanoseconds | failed | rejected | commands of each class of durations
//! ```
//!
//! Class `i` holds durations of at most `1024 << i` nanoseconds, the last one all longer ones too:
//! the classes of LATENCY HISTOGRAM in Redis.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arrayvec::ArrayVec;

use crate::resp::{Command, CommandNumber, numbered};
use crate::worker::budget::BATCH;

/// Classes of durations: up to 17 seconds.
const CLASSES: usize = 25;
const FIELDS: usize = CALLS_TO_CLASSES + CLASSES;
const CALLS: usize = 0;
const NANOSECONDS: usize = 1;
const FAILED: usize = 2;
const REJECTED: usize = 3;
const CALLS_TO_CLASSES: usize = 4;

/// Words that errors begin with. Any other one counts as the last.
const WORDS: [&str; 24] = [
    "ERR",
    "MOVED",
    "CROSSSLOT",
    "TRYAGAIN",
    "OOM",
    "WRONGTYPE",
    "NOPROTO",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "ASK",
    "CLUSTERDOWN",
    "LOADING",
    "READONLY",
    "EXECABORT",
    "NOSCRIPT",
    "KEYNOTFOUND",
    "KEYFOUND",
    "NOSUCHLOCK",
    "LOCKNOTACQUIRED",
    "KEYTOOLARGE",
    "ENTRYTOOLARGE",
    "INVALIDARGUMENT",
    "OTHER",
];

/// The word that an error begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::worker) struct ErrorWord(u8);

impl ErrorWord {
    /// That of an error's text.
    #[cold]
    pub(in crate::worker) fn of(text: &[u8]) -> Self {
        let end = text.iter().position(|byte| !byte.is_ascii_alphabetic());
        let word = &text[..end.unwrap_or(text.len())];
        let known = WORDS.iter().position(|known| known.as_bytes() == word);
        Self(known.unwrap_or(WORDS.len() - 1) as u8)
    }

    /// That of a reply, if it is an error.
    #[inline]
    pub(in crate::worker) fn of_reply(reply: &[u8]) -> Option<Self> {
        match reply.split_first() {
            Some((b'-', text)) => Some(Self::of(text)),
            _ => None,
        }
    }
}

/// A command that was executed before, and was answered with an error now.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(in crate::worker) struct Failed {
    pub(in crate::worker) command: CommandNumber,
    pub(in crate::worker) word: ErrorWord,
}

/// What one command did, on one core or on all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommandRow([u64; FIELDS]);

impl CommandRow {
    const NONE: Self = Self([0; FIELDS]);

    /// How often it was executed, whatever came of it.
    pub(crate) fn calls(&self) -> u64 {
        self.0[CALLS]
    }

    /// How long that took together.
    pub(crate) fn ns(&self) -> u64 {
        self.0[NANOSECONDS]
    }

    /// Of the calls, those that were answered with an error.
    pub(crate) fn failed(&self) -> u64 {
        self.0[FAILED]
    }

    /// How often it was refused before it was executed.
    pub(crate) fn rejected(&self) -> u64 {
        self.0[REJECTED]
    }

    /// Calls by the longest duration of their class, in nanoseconds; classes without any included.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (u64, u64)> {
        let classes = self.0.iter().skip(CALLS_TO_CLASSES);
        let numbered = classes.enumerate();
        numbered.map(|(class, calls)| (1024 << class, *calls))
    }

    fn add(&mut self, calls: u64, each_ns: u64) {
        self.0[CALLS] += calls;
        self.0[NANOSECONDS] += calls * each_ns;
        self.0[CALLS_TO_CLASSES + class_of(each_ns)] += calls;
    }
}

/// The class of a duration.
fn class_of(ns: u64) -> usize {
    let above = ns.saturating_sub(1) >> 10;
    ((u64::BITS - above.leading_zeros()) as usize).min(CLASSES - 1)
}

/// The commands of one core, on the core.
#[derive(Debug)]
pub(in crate::worker) struct Commands {
    rows: Box<[CommandRow]>,
    errors: [u64; WORDS.len()],
    /// Rows that changed since they were published, a bit each.
    changed: Box<[u64]>,
    errors_changed: bool,
    /// Commands in a row of the batch that is being executed.
    runs: ArrayVec<(CommandNumber, u32), BATCH>,
    /// What else is executed in it.
    others: u32,
    /// When the last of them came, and when the batch before it ended.
    since: Instant,
    ended: Instant,
    /// How long the last batch took.
    took_ns: u64,
}

impl Default for Commands {
    fn default() -> Self {
        let count = numbered().count();
        let now = Instant::now();
        Self {
            rows: vec![CommandRow::NONE; count].into(),
            errors: [0; WORDS.len()],
            changed: vec![0; count.div_ceil(64)].into(),
            errors_changed: false,
            runs: ArrayVec::new(),
            others: 0,
            since: now,
            ended: now,
            took_ns: 0,
        }
    }
}

impl Commands {
    /// A command is executed whose bytes came at `since`; what is none counts as taking time.
    #[inline]
    pub(in crate::worker) fn begin(&mut self, command: CommandNumber, since: Instant) {
        if command == CommandNumber::NONE {
            self.others += 1;
            self.since = since;
            return;
        }
        if let Some((last, count)) = self.runs.last_mut()
            && *last == command
        {
            *count += 1;
            return;
        }
        if self.runs.is_full() {
            self.finish();
        }
        self.since = since;
        self.runs.push((command, 1));
    }

    /// Whether commands were executed whose time is not counted yet.
    #[inline]
    pub(super) fn are_open(&self) -> bool {
        !self.runs.is_empty()
    }

    /// What has begun is done. Returns how long it took; nothing where nothing had begun.
    pub(in crate::worker) fn finish(&mut self) -> u64 {
        if self.are_open() {
            self.finish_at(Instant::now());
            return self.took_ns;
        }
        self.others = 0;
        0
    }

    /// How long the last batch took.
    #[inline]
    pub(super) fn took_ns(&self) -> u64 {
        self.took_ns
    }

    #[inline]
    pub(super) fn finish_at(&mut self, now: Instant) {
        let begun = self.since.max(self.ended);
        self.ended = now;
        self.took_ns = now.saturating_duration_since(begun).as_nanos() as u64;
        let others = std::mem::take(&mut self.others);
        if self.runs.is_empty() {
            return;
        }
        let commands: u32 = self.runs.iter().map(|(_, count)| count).sum();
        let each_ns = self.took_ns / u64::from(commands.saturating_add(others).max(1));
        for (command, count) in std::mem::take(&mut self.runs) {
            if let Some(row) = self.row(command) {
                row.add(count.into(), each_ns);
            }
        }
    }

    #[inline]
    fn row(&mut self, command: CommandNumber) -> Option<&mut CommandRow> {
        let place = command.place();
        *self.changed.get_mut(place / 64)? |= 1 << (place % 64);
        self.rows.get_mut(place)
    }

    /// A command that was executed was answered with an error.
    #[cold]
    pub(in crate::worker) fn fail(&mut self, failed: Failed) {
        self.answer_error(failed.word);
        if let Some(row) = self.row(failed.command) {
            row.0[FAILED] += 1;
        }
    }

    /// A command was refused before it was executed.
    #[cold]
    pub(in crate::worker) fn reject(&mut self, failed: Failed) {
        self.answer_error(failed.word);
        if let Some(row) = self.row(failed.command) {
            row.0[REJECTED] += 1;
        }
    }

    fn answer_error(&mut self, word: ErrorWord) {
        self.errors[usize::from(word.0)] += 1;
        self.errors_changed = true;
    }

    /// Makes everything that changed visible to others.
    pub(in crate::worker) fn publish(&mut self, to: &Shared) {
        for (word, changed) in self.changed.iter_mut().enumerate() {
            while *changed != 0 {
                let place = word * 64 + changed.trailing_zeros() as usize;
                *changed &= *changed - 1;
                if let (Some(shared), Some(row)) = (to.rows.get(place), self.rows.get(place)) {
                    for (shared, count) in shared.0.iter().zip(row.0) {
                        shared.store(count, Ordering::Relaxed);
                    }
                }
            }
        }
        if std::mem::take(&mut self.errors_changed) {
            for (shared, count) in to.errors.iter().zip(self.errors) {
                shared.store(count, Ordering::Relaxed);
            }
        }
    }
}

#[derive(Debug)]
struct SharedRow([AtomicU64; FIELDS]);

/// The commands of one core that others read.
#[derive(Debug)]
pub(crate) struct Shared {
    rows: Box<[SharedRow]>,
    errors: [AtomicU64; WORDS.len()],
}

impl Default for Shared {
    fn default() -> Self {
        let rows = numbered().map(|_| SharedRow([const { AtomicU64::new(0) }; FIELDS]));
        Self {
            rows: rows.collect(),
            errors: [const { AtomicU64::new(0) }; WORDS.len()],
        }
    }
}

/// The commands of all cores together.
#[derive(Clone, Debug)]
pub(crate) struct CommandTotals {
    rows: Box<[CommandRow]>,
    errors: [u64; WORDS.len()],
}

impl Default for CommandTotals {
    fn default() -> Self {
        Self {
            rows: vec![CommandRow::NONE; numbered().count()].into(),
            errors: [0; WORDS.len()],
        }
    }
}

impl CommandTotals {
    /// Adds what a core counts.
    pub(crate) fn add(&mut self, core: &Shared) {
        for (sum, row) in self.rows.iter_mut().zip(&core.rows) {
            for (sum, count) in sum.0.iter_mut().zip(&row.0) {
                *sum += count.load(Ordering::Relaxed);
            }
        }
        for (sum, count) in self.errors.iter_mut().zip(&core.errors) {
            *sum += count.load(Ordering::Relaxed);
        }
    }

    /// Takes away what was counted before.
    pub(crate) fn since(&mut self, earlier: &Self) {
        for (row, earlier) in self.rows.iter_mut().zip(&earlier.rows) {
            for (count, earlier) in row.0.iter_mut().zip(earlier.0) {
                *count = count.saturating_sub(earlier);
            }
        }
        for (count, earlier) in self.errors.iter_mut().zip(earlier.errors) {
            *count = count.saturating_sub(earlier);
        }
    }

    /// The commands that were executed or rejected; subcommands by themselves.
    pub(crate) fn commands(&self) -> impl Iterator<Item = (&'static Command, &CommandRow)> {
        let all = numbered().zip(&self.rows);
        all.filter(|(_, row)| row.calls() + row.rejected() > 0)
    }

    /// Errors that were answered, by the word that they begin with.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = WORDS.into_iter().zip(self.errors);
        all.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_time_of_a_batch_is_shared_by_all_in_it_and_counted_once() {
        let (get, set) = (CommandNumber::of_place(3), CommandNumber::of_place(5));
        let mut commands = Commands::default();
        let since = commands.ended + Duration::from_secs(1);
        for command in [get, get, CommandNumber::NONE, set, get] {
            commands.begin(command, since);
        }
        let end = since + Duration::from_micros(50);
        commands.finish_at(end);
        // What comes while the batch before it is executed begins when that is done.
        commands.begin(set, since + Duration::from_micros(1));
        commands.finish_at(end + Duration::from_millis(3));
        let shared = Shared::default();
        commands.publish(&shared);
        let mut totals = CommandTotals::default();
        totals.add(&shared);
        totals.add(&shared);
        let rows: Vec<_> = totals.commands().map(|(_, row)| *row).collect();
        assert_eq!((rows[0].calls(), rows[0].ns()), (6, 60_000));
        assert_eq!((rows[1].calls(), rows[1].ns()), (4, 2 * 3_010_000));
        let classes: Vec<_> = rows[1].classes().filter(|(_, calls)| *calls > 0).collect();
        assert_eq!(classes, [(1024 << 4, 2), (1024 << 12, 2)]);
    }

    #[test]
    fn errors_are_counted_by_their_word_and_unknown_ones_together() {
        let mut commands = Commands::default();
        let command = CommandNumber::of_place(1);
        for text in [&b"ERR a"[..], b"MOVED 1 :1", b"SURPRISE", b"", b"ERR"] {
            let word = ErrorWord::of(text);
            commands.fail(Failed { command, word });
        }
        let word = ErrorWord::of_reply(b"-OOM x\r\n").unwrap();
        commands.reject(Failed { command, word });
        assert_eq!(ErrorWord::of_reply(b"+OK\r\n"), None);
        let shared = Shared::default();
        commands.publish(&shared);
        let mut totals = CommandTotals::default();
        totals.add(&shared);
        let errors: Vec<_> = totals.errors().collect();
        assert_eq!(errors, [("ERR", 2), ("MOVED", 1), ("OOM", 1), ("OTHER", 2)]);
        let (_, row) = totals.commands().next().unwrap();
        assert_eq!((row.failed(), row.rejected(), row.calls()), (5, 1, 0));
        let earlier = totals.clone();
        totals.since(&earlier);
        assert_eq!(totals.commands().count() + totals.errors().count(), 0);
    }

    #[test]
    fn a_duration_has_the_class_that_it_fits_in() {
        assert_eq!(class_of(0), 0);
        assert_eq!(class_of(1024), 0);
        assert_eq!(class_of(1025), 1);
        assert_eq!(class_of(2048), 1);
        assert_eq!(class_of(2049), 2);
        assert_eq!(class_of(u64::MAX), CLASSES - 1);
    }
}
