//! A recount of what a core holds, on request, in slices between the turns.
//!
//! One at a time for each core. Nobody waits for it: whoever asks is told how far it is.

use std::fmt::Write;

use jerboa_core_shard::{Corruption, Shard, VerifyCursor};
use tracing::{error, info};

use super::budget::VERIFY_STEP;

/// The recount that was asked for last.
#[derive(Debug, Default)]
pub(super) struct Verification {
    state: State,
    cursor: VerifyCursor,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    NeverAsked,
    Running,
    Sound,
    Damaged(Corruption),
}

impl Verification {
    /// Starts a recount if `start` says so and none is running; tells its state as the protocol's
    /// number and as text.
    pub(super) fn ask(&mut self, start: bool, core: u16) -> (u64, String) {
        if start && !matches!(self.state, State::Running) {
            info!(core, "recount starts");
            self.state = State::Running;
            self.cursor = VerifyCursor::default();
        }
        let report = self.cursor.report();
        let mut text = format!("core {core}\n");
        let number = match self.state {
            State::NeverAsked => 0,
            State::Running => 1,
            State::Sound => 2,
            State::Damaged(corruption) => {
                let _ = writeln!(text, "damage {corruption}");
                3
            }
        };
        let _ = writeln!(text, "entries {}", report.entries);
        let _ = writeln!(text, "live_bytes {}", report.live_bytes);
        let _ = writeln!(text, "buckets {}", report.buckets);
        let _ = writeln!(text, "stale_slots {}", report.stale_slots);
        let _ = writeln!(text, "segments {}", report.segments);
        (number, text)
    }

    /// One slice, if a recount is running; whether there is more to do.
    pub(super) fn step(&mut self, shard: &Shard) -> bool {
        if !matches!(self.state, State::Running) {
            return false;
        }
        match shard.verify_slice(&mut self.cursor, VERIFY_STEP) {
            Ok(()) if self.cursor.is_done() => {
                info!(
                    entries = self.cursor.report().entries,
                    "recount: everything in order"
                );
                self.state = State::Sound;
                false
            }
            Ok(()) => true,
            Err(corruption) => {
                error!(%corruption, "recount found damage");
                self.state = State::Damaged(corruption);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jerboa_core_shard::{MapId, PutOptions, ShardConfig};

    #[test]
    fn a_recount_is_told_from_none_and_ends_with_what_it_counted() {
        let mut shard = Shard::new(&ShardConfig::owning_all(32 << 20, 1024)).unwrap();
        for number in 0..5_000u32 {
            let key = number.to_le_bytes();
            let at = shard.address(MapId::DEFAULT, (number % 1024) as u16, &key);
            shard
                .put(at, &key, b"value", PutOptions::default(), 1_000_000)
                .unwrap();
        }
        let mut verification = Verification::default();
        assert_eq!(verification.ask(false, 3).0, 0);
        assert!(!verification.step(&shard), "nobody asked for it");
        assert_eq!(verification.ask(true, 3).0, 1);
        let mut slices = 0;
        while verification.step(&shard) {
            slices += 1;
        }
        assert!(slices > 10, "it was to be done in slices, not in {slices}");
        let (state, text) = verification.ask(false, 3);
        assert_eq!(state, 2);
        assert!(text.contains("core 3\nentries 5000\n"), "{text}");
    }
}
