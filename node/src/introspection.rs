//! What a node knows of itself beside its counters, for who asks through RESP: its identity, and
//! what the counters stood at when they were last to be forgotten.
//!
//! Nothing here is touched while requests are executed.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::node::random;
use crate::worker::stats::Counts;

/// Facts that do not change, and the few that commands change.
#[derive(Debug)]
pub(crate) struct Introspection {
    /// Forty hexadecimal digits, others at each start.
    pub(crate) run_id: String,
    /// The operating system, its version and the machine's kind.
    pub(crate) system: String,
    /// The path of this process' program.
    pub(crate) executable: String,
    /// The path of the configuration file; empty without one.
    pub(crate) config_file: String,
    /// The port that all cores serve; 0 where the node does not listen.
    pub(crate) port: u16,
    /// Memory of the machine.
    pub(crate) machine_bytes: u64,
    /// Whether commands are allowed that only tests need.
    pub(crate) debug_commands: bool,
    forgotten: Mutex<Counts>,
}

impl Introspection {
    pub(crate) fn new(config_file: &Path, port: u16, debug_commands: bool) -> Self {
        let config_file = std::path::absolute(config_file).unwrap_or_default();
        let executable = std::env::current_exe().unwrap_or_default();
        Self {
            run_id: format!("{:016x}{:016x}{:08x}", random(), random(), random() as u32),
            system: system(),
            executable: executable.to_string_lossy().into_owned(),
            config_file: config_file.to_string_lossy().into_owned(),
            port,
            machine_bytes: machine_bytes(),
            debug_commands,
            forgotten: Mutex::default(),
        }
    }

    /// What had been counted when CONFIG RESETSTAT was last executed.
    pub(crate) fn forgotten(&self) -> Counts {
        *self
            .forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// INFO counts from here on.
    pub(crate) fn forget(&self, counts: &Counts) {
        *self
            .forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = *counts;
    }
}

/// `Linux 6.1.0 x86_64`.
fn system() -> String {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        text.map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let (system, release) = (read("ostype"), read("osrelease"));
    format!("{system} {release} {}", std::env::consts::ARCH)
}

fn machine_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.unwrap_or(0) << 10
}
