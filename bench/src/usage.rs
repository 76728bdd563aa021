//! CPU time and limits of this process, from `/proc`.

use std::fs;

/// CPU time of the calling thread in nanoseconds; 0 where the kernel does not tell.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    // First field of schedstat: time on the CPU.
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

/// The processor's name, and how many CPUs there are.
#[must_use]
pub fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cpus = text
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{name}, {cpus} CPUs, Linux {}", kernel.trim())
}

/// CPUs that this process may run on, in ascending order.
#[must_use]
pub fn allowed_cpus() -> Vec<usize> {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = text
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.and_then(|list| parse_cpus(list.trim()).ok())
        .unwrap_or_else(|| vec![0])
}

/// A CPU list that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("cannot read CPU list {0:?}: expected numbers and ranges, as in 0-3,6")]
pub struct CpuListError(String);

/// CPUs above this are a typing error.
const CPU_MAX: usize = 8_191;

/// Reads a list such as `0-3,6`.
///
/// # Errors
/// It is not one.
pub fn parse_cpus(text: &str) -> Result<Vec<usize>, CpuListError> {
    let refuse = || CpuListError(text.to_owned());
    let mut cpus = Vec::new();
    for item in text.split(',') {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let first: usize = first.trim().parse().map_err(|_| refuse())?;
        let last: usize = last.trim().parse().map_err(|_| refuse())?;
        if first > last || last > CPU_MAX {
            return Err(refuse());
        }
        for cpu in first..=last {
            if !cpus.contains(&cpu) {
                cpus.push(cpu);
            }
        }
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_read_and_nonsense_is_refused() {
        assert_eq!(parse_cpus("0-2,6,1"), Ok(vec![0, 1, 2, 6]));
        for text in ["", "x", "3-1", "0-99999999", "1,,2", "-1"] {
            assert!(parse_cpus(text).is_err(), "{text:?}");
        }
        assert!(!allowed_cpus().is_empty());
    }

    #[test]
    fn a_busy_thread_uses_cpu_time() {
        let before = thread_cpu_ns();
        let mut burn = 0u64;
        while thread_cpu_ns() < before + 2_000_000 {
            burn = std::hint::black_box(burn + 1);
        }
        assert!(!machine().is_empty());
    }
}
