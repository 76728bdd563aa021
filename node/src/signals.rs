//! SIGTERM and SIGINT: the first drains, the second ends the process at once.
//!
//! Both are blocked in every thread and taken by one that waits for them, so that no handler ever
//! runs in the middle of anything. [`block`] must come before the first thread is started, since
//! threads inherit the mask.

use std::io;
use std::process;
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use tracing::{info, warn};

/// Proof that the signals are blocked in this thread and those that it will start.
#[derive(Debug)]
pub(crate) struct Blocked {
    signals: SigSet,
}

/// Blocks both signals from here on.
pub(crate) fn block() -> io::Result<Blocked> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    Ok(Blocked { signals })
}

impl Blocked {
    /// Calls `stop` on the first signal, on a thread of its own.
    pub(crate) fn watch(self, stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || self.wait(stop))
            .map(drop)
    }

    fn wait(&self, stop: impl FnOnce()) {
        match self.signals.wait() {
            Ok(signal) => info!(%signal, "stopping; a second signal ends the process at once"),
            Err(error) => {
                warn!(%error, "cannot wait for signals");
                return;
            }
        }
        stop();
        if let Ok(signal) = self.signals.wait() {
            warn!(%signal, "second signal: leaving without draining");
            process::exit(128 + signal as i32);
        }
    }
}
