//! How much memory there is for entries: the machine's, or what a control group leaves of it.

use super::error::HostError;
use super::readings::{field, text};

/// Taken when nothing was asked for, if that much is there twice.
const DEFAULT_BYTES_MAX: u64 = 1 << 30;

/// Below this a core has no room for its index and a segment of each kind.
const CORE_BYTES_MIN: u64 = 16 << 20;

const GROUP_ROOT: &str = "/sys/fs/cgroup";

/// Memory of the machine and of the control groups that this process is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryReading {
    /// `MemAvailable` of the machine, in bytes.
    pub machine_available: u64,
    /// What each limiting control group has left, in bytes.
    pub groups: Vec<u64>,
}

impl MemoryReading {
    /// Reads the host.
    #[must_use]
    pub fn take() -> Self {
        let machine_available = field(&text("/proc/meminfo"), "MemAvailable")
            .and_then(|line| line.trim_end_matches("kB").trim().parse::<u64>().ok())
            // Unreadable: no restriction known here, the mapping itself will tell.
            .map_or(u64::MAX, |kib| kib << 10);
        let unified = group_files("", "memory.max")
            .into_iter()
            .filter_map(|limit| {
                let used = limit.replace("memory.max", "memory.current");
                left(
                    &text(&limit),
                    &text(&used),
                    &text(&sibling(&limit, "memory.stat")),
                )
            });
        let legacy = group_files("memory", "memory.limit_in_bytes")
            .into_iter()
            .filter_map(|limit| {
                let used = limit.replace("limit_in_bytes", "usage_in_bytes");
                left(
                    &text(&limit),
                    &text(&used),
                    &text(&sibling(&limit, "memory.stat")),
                )
            });
        Self {
            machine_available,
            groups: unified.chain(legacy).collect(),
        }
    }

    /// What this process may still take.
    #[must_use]
    pub fn available(&self) -> u64 {
        let group = self.groups.iter().copied().min().unwrap_or(u64::MAX);
        self.machine_available.min(group)
    }

    /// Whether a control group, not the machine, is what binds.
    #[must_use]
    pub fn is_group_bound(&self) -> bool {
        self.available() < self.machine_available
    }
}

/// Bytes for all cores together.
pub(super) fn choose(
    asked: Option<u64>,
    cores: usize,
    reading: &MemoryReading,
) -> Result<u64, HostError> {
    let available = reading.available();
    let bytes = asked.unwrap_or_else(|| (available / 2).min(DEFAULT_BYTES_MAX));
    let needed = CORE_BYTES_MIN * cores as u64;
    if bytes > available {
        return Err(HostError::MemoryAboveAvailable {
            asked: bytes,
            available,
            group: reading.is_group_bound(),
        });
    }
    if bytes < needed {
        return Err(HostError::MemoryBelowCores {
            bytes,
            cores,
            needed,
        });
    }
    Ok(bytes)
}

/// Paths of `file` in the control group of this process and in each of its parents, root last.
/// `controller` is empty for the unified hierarchy.
pub(super) fn group_files(controller: &str, file: &str) -> Vec<String> {
    let groups = text("/proc/self/cgroup");
    let Some(own) = group_path(&groups, controller) else {
        return Vec::new();
    };
    let mount = if controller.is_empty() {
        GROUP_ROOT.to_owned()
    } else {
        format!("{GROUP_ROOT}/{controller}")
    };
    ancestors(own)
        .map(|group| format!("{mount}{group}/{file}"))
        .collect()
}

/// The path after the colons of the line for `controller` in `/proc/self/cgroup`.
fn group_path<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let controllers = parts.next()?;
        let path = parts.next()?;
        controllers
            .split(',')
            .any(|name| name == controller)
            .then_some(path)
    })
}

/// `/a/b` gives `/a/b`, `/a` and the empty path of the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(path.trim_end_matches('/'));
    std::iter::from_fn(move || {
        let current = next?;
        next = current.rfind('/').map(|end| &current[..end]);
        Some(current)
    })
}

fn sibling(path: &str, file: &str) -> String {
    let folder = path.rfind('/').map_or("", |end| &path[..end]);
    format!("{folder}/{file}")
}

/// What a group with this limit and use has left; cached file pages count as free, since the
/// kernel gives them up first. `max` and a missing file stand for no limit.
fn left(limit: &str, used: &str, stat: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let used: u64 = used.trim().parse().ok()?;
    let cached = ["total_inactive_file ", "inactive_file "]
        .iter()
        .find_map(|name| stat.lines().find_map(|line| line.strip_prefix(name)))
        .and_then(|bytes| bytes.trim().parse().ok())
        .unwrap_or(0_u64);
    Some(limit.saturating_sub(used.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(available: u64) -> MemoryReading {
        MemoryReading {
            machine_available: available,
            groups: Vec::new(),
        }
    }

    #[test]
    fn nothing_asked_takes_a_gibibyte_or_half_of_a_small_machine() {
        assert_eq!(choose(None, 2, &machine(64 << 30)).unwrap(), 1 << 30);
        assert_eq!(choose(None, 2, &machine(512 << 20)).unwrap(), 256 << 20);
    }

    #[test]
    fn a_containers_limit_counts_not_the_machine_around_it() {
        let reading = MemoryReading {
            machine_available: 64 << 30,
            groups: vec![400 << 20, 4 << 30],
        };
        assert_eq!(choose(None, 1, &reading).unwrap(), 200 << 20);
        let error = choose(Some(1 << 30), 1, &reading).unwrap_err();
        assert!(error.to_string().contains("control group"), "{error}");
    }

    #[test]
    fn memory_above_what_is_there_is_refused_before_it_is_touched() {
        let error = choose(Some(32 << 30), 1, &machine(16 << 30)).unwrap_err();
        assert!(matches!(
            error,
            HostError::MemoryAboveAvailable { group: false, .. }
        ));
        assert!(error.to_string().contains("--memory"), "{error}");
    }

    #[test]
    fn memory_too_small_for_its_cores_is_refused_with_what_they_need() {
        let error = choose(Some(16 << 20), 4, &machine(16 << 30)).unwrap_err();
        match error {
            HostError::MemoryBelowCores { needed, .. } => {
                assert!(choose(Some(needed), 4, &machine(16 << 30)).is_ok());
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn groups_are_found_under_both_hierarchies() {
        let groups = "4:memory:/a/b\n2:cpu,cpuacct:/c\n0::/unified\n";
        assert_eq!(group_path(groups, "memory"), Some("/a/b"));
        assert_eq!(group_path(groups, "cpu"), Some("/c"));
        assert_eq!(group_path(groups, ""), Some("/unified"));
        assert_eq!(group_path(groups, "pids"), None);
        assert_eq!(ancestors("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", ""]);
        assert_eq!(ancestors("/").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn a_groups_cached_files_count_as_free() {
        assert_eq!(left("1000\n", "900\n", "inactive_file 300\n"), Some(400));
        assert_eq!(
            left("1000", "900", "inactive_file 1\ntotal_inactive_file 200"),
            Some(300)
        );
        assert_eq!(left("1000", "1900", ""), Some(0));
        assert_eq!(left("max", "900", ""), None);
        assert_eq!(left("", "", ""), None);
    }
}
