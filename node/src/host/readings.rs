//! Everything the start reads of the host, taken once, as plain values that tests can make up.
//!
//! A file that is missing or unreadable reads as "no restriction": the real call then fails with
//! its own error, which is explained by the same code.

use std::fs;

use super::cpus::{parse_list, quota_cpus};
use super::limits::Limit;
use super::memory::MemoryReading;
use super::ring::{self, RingReading};

/// The capability that frees a process from the memlock limit.
const CAP_IPC_LOCK: u32 = 14;

/// One look at the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
    /// CPUs that exist and are online.
    pub cpus_online: Vec<usize>,
    /// CPUs that this process may run on.
    pub cpus_allowed: Vec<usize>,
    /// Whole CPUs' worth of time that a control group grants, if it limits it.
    pub cpu_quota: Option<usize>,
    /// Memory of the machine and its control groups.
    pub memory: MemoryReading,
    /// `RLIMIT_MEMLOCK`, in bytes.
    pub memlock: Limit,
    /// Whether this process may lock memory beyond that limit.
    pub memlock_exempt: bool,
    /// `RLIMIT_NOFILE`, in descriptors.
    pub open_files: Limit,
    /// `kernel.io_uring_disabled`, where the kernel has it.
    pub io_uring_disabled: Option<u8>,
    /// Kernel release, as the kernel says it.
    pub kernel_release: String,
    /// What came of trying a ring like the ones that the cores use.
    pub ring: RingReading,
}

impl Readings {
    /// Reads the host.
    #[must_use]
    pub fn take() -> Self {
        let status = text("/proc/self/status");
        let cpus_allowed = field(&status, "Cpus_allowed_list")
            .and_then(parse_list)
            .unwrap_or_default();
        let cpus_online = parse_list(&text("/sys/devices/system/cpu/online"))
            .unwrap_or_else(|| cpus_allowed.clone());
        Self {
            cpus_online,
            cpus_allowed,
            cpu_quota: quota_cpus(),
            memory: MemoryReading::take(),
            memlock: Limit::memlock(),
            memlock_exempt: may_lock_memory(&status),
            open_files: Limit::open_files(),
            io_uring_disabled: text("/proc/sys/kernel/io_uring_disabled")
                .trim()
                .parse()
                .ok(),
            kernel_release: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            ring: ring::probe(),
        }
    }

    /// Major and minor version of the kernel; zeros when the release cannot be read.
    #[must_use]
    pub fn kernel_version(&self) -> (u32, u32) {
        let mut numbers = self
            .kernel_release
            .split(|c: char| !c.is_ascii_digit())
            .map(|digits| digits.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

/// The text of a file, or nothing.
pub(super) fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value of a `Name: value` line.
pub(super) fn field<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    lines.lines().find_map(|line| {
        line.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(':'))
            .map(str::trim)
    })
}

fn may_lock_memory(status: &str) -> bool {
    field(status, "CapEff")
        .and_then(|hex| u64::from_str_radix(hex, 16).ok())
        .is_some_and(|effective| effective & (1 << CAP_IPC_LOCK) != 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A host on which the defaults start.
    pub(in crate::host) fn healthy() -> Readings {
        Readings {
            cpus_online: (0..8).collect(),
            cpus_allowed: (0..8).collect(),
            cpu_quota: None,
            memory: MemoryReading {
                machine_available: 16 << 30,
                groups: Vec::new(),
            },
            memlock: Limit {
                soft: 64 << 20,
                hard: 64 << 20,
            },
            memlock_exempt: false,
            open_files: Limit {
                soft: 1 << 20,
                hard: 1 << 20,
            },
            io_uring_disabled: Some(0),
            kernel_release: "6.12.1-amd64".to_owned(),
            ring: RingReading::Works,
        }
    }

    #[test]
    fn kernel_releases_as_distributions_write_them_are_read() {
        for (release, version) in [
            ("6.18.44-fc-v669", (6, 18)),
            ("5.14.0-503.el9.x86_64", (5, 14)),
            ("6.1-rc1", (6, 1)),
            ("", (0, 0)),
        ] {
            let readings = Readings {
                kernel_release: release.to_owned(),
                ..healthy()
            };
            assert_eq!(readings.kernel_version(), version, "{release}");
        }
    }

    #[test]
    fn the_capability_that_frees_from_memlock_is_bit_fourteen() {
        assert!(may_lock_memory("Name:\tx\nCapEff:\t0000000000004000\n"));
        assert!(!may_lock_memory("CapEff:\t0000000000000000\n"));
        assert!(!may_lock_memory(""));
    }

    #[test]
    fn this_machine_can_be_read() {
        let readings = Readings::take();
        assert!(!readings.cpus_allowed.is_empty());
        assert!(readings.memory.available() > 0);
        assert!(readings.kernel_version() > (3, 0));
        assert!(readings.open_files.hard > 0);
    }
}
