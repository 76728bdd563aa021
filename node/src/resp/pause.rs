//! CLIENT PAUSE: for a time, commands of all clients wait, or those that write.
//!
//! A command that waits keeps its client from being read from: nothing grows meanwhile but what has
//! arrived already. CLIENT itself never waits, so that a pause can be ended. Connections that speak
//! frames are not paused.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::command::{Command, Flags};

/// The longest pause.
pub(crate) const PAUSE_MS_MAX: u64 = 3_600_000;

/// The pause of one node, seen by all of its cores.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// When it ends, in Unix milliseconds.
    until_ms: AtomicU64,
    /// Reading is paused too.
    is_of_all: AtomicBool,
}

impl Pause {
    /// Begins a pause, or makes the one that is on longer and stricter.
    pub(crate) fn begin(&self, now_ms: u64, timeout_ms: u64, is_of_all: bool) {
        let was_on = self.is_on(now_ms);
        let is_of_all = is_of_all || was_on && self.is_of_all.load(Ordering::Relaxed);
        self.is_of_all.store(is_of_all, Ordering::Relaxed);
        let until_ms = now_ms.saturating_add(timeout_ms.min(PAUSE_MS_MAX));
        self.until_ms.fetch_max(until_ms, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.until_ms.store(0, Ordering::Relaxed);
    }

    /// Whether there is one.
    #[inline]
    pub(crate) fn is_on(&self, now_ms: u64) -> bool {
        self.until_ms.load(Ordering::Relaxed) > now_ms
    }

    /// Whether a command has to wait for its end.
    #[inline]
    pub(crate) fn holds(&self, command: &Command, now_ms: u64) -> bool {
        self.is_on(now_ms) && self.is_held(command)
    }

    #[cold]
    fn is_held(&self, command: &Command) -> bool {
        let writes =
            command.flags.contains(Flags::WRITE) || matches!(command.name, "publish" | "spublish");
        let is_exempt = command.name.starts_with("client|");
        !is_exempt && (writes || self.is_of_all.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::command::find;

    fn held(pause: &Pause, name: &str, now_ms: u64) -> bool {
        pause.holds(find(name.as_bytes()).unwrap(), now_ms)
    }

    #[test]
    fn a_pause_of_writing_lets_reading_through_and_ends_by_itself() {
        let pause = Pause::default();
        assert!(!held(&pause, "set", 100));
        pause.begin(100, 50, false);
        for (name, is_held) in [
            ("set", true),
            ("publish", true),
            ("get", false),
            ("ping", false),
        ] {
            assert_eq!(held(&pause, name, 149), is_held, "{name}");
            assert!(!held(&pause, name, 150), "{name}");
        }
    }

    #[test]
    fn a_second_pause_makes_the_first_neither_shorter_nor_weaker() {
        let pause = Pause::default();
        pause.begin(100, 50, true);
        pause.begin(100, 10, false);
        assert!(held(&pause, "get", 149));
        pause.end();
        assert!(!held(&pause, "set", 101));
        pause.begin(101, 10, false);
        assert!(
            !held(&pause, "get", 105),
            "the one that was stricter is over"
        );
        pause.begin(0, u64::MAX, false);
        assert!(!held(&pause, "set", PAUSE_MS_MAX + 200));
    }
}
