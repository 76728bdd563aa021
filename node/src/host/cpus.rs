//! Which CPUs run a data core.

use super::error::HostError;
use super::memory::group_files;
use super::readings::{Readings, text};
use crate::config::Cores;

/// The CPU of each core, in core order.
pub(super) fn choose(asked: Option<&Cores>, readings: &Readings) -> Result<Vec<usize>, HostError> {
    let allowed = &readings.cpus_allowed;
    if allowed.is_empty() {
        return Err(HostError::NoCpus);
    }
    match asked {
        None => {
            // More cores than the group's CPU time only take turns at being throttled.
            let count = readings
                .cpu_quota
                .unwrap_or(usize::MAX)
                .clamp(1, allowed.len());
            Ok(allowed[..count].to_vec())
        }
        Some(Cores::Count(count)) if *count <= allowed.len() => Ok(allowed[..*count].to_vec()),
        Some(Cores::Count(count)) => Err(HostError::TooManyCores {
            asked: *count,
            allowed: allowed.len(),
            online: readings.cpus_online.len(),
        }),
        Some(Cores::List(cpus)) => {
            cpus.iter().try_for_each(|cpu| usable(*cpu, readings))?;
            Ok(cpus.clone())
        }
    }
}

fn usable(cpu: usize, readings: &Readings) -> Result<(), HostError> {
    if !readings.cpus_online.contains(&cpu) {
        return Err(HostError::NoSuchCpu {
            cpu,
            online: readings.cpus_online.clone(),
        });
    }
    if !readings.cpus_allowed.contains(&cpu) {
        return Err(HostError::ForbiddenCpu {
            cpu,
            allowed: readings.cpus_allowed.clone(),
        });
    }
    Ok(())
}

/// A kernel CPU list: `0-3,6`.
pub(super) fn parse_list(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cpus)
}

/// Whole CPUs that the tightest control group of this process grants, rounded up.
pub(super) fn quota_cpus() -> Option<usize> {
    let unified = group_files("", "cpu.max")
        .into_iter()
        .filter_map(|path| quota_unified(&text(&path)));
    let legacy = group_files("cpu", "cpu.cfs_quota_us")
        .into_iter()
        .filter_map(|path| {
            let period = text(&path.replace("quota_us", "period_us"));
            quota(text(&path).trim(), period.trim())
        });
    unified.chain(legacy).min()
}

/// `max 100000` or `150000 100000`.
fn quota_unified(line: &str) -> Option<usize> {
    let (granted, period) = line.trim().split_once(' ')?;
    quota(granted, period)
}

/// `max` and `-1` stand for no limit.
fn quota(granted_us: &str, period_us: &str) -> Option<usize> {
    let granted: usize = granted_us.parse().ok()?;
    let period: usize = period_us.parse().ok()?;
    (period > 0).then(|| granted.div_ceil(period).max(1))
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::healthy;
    use super::*;

    fn host(allowed: &[usize], quota: Option<usize>) -> Readings {
        Readings {
            cpus_allowed: allowed.to_vec(),
            cpu_quota: quota,
            ..healthy()
        }
    }

    #[test]
    fn nothing_asked_takes_every_cpu_this_process_may_use() {
        assert_eq!(choose(None, &host(&[1, 3, 5], None)).unwrap(), [1, 3, 5]);
    }

    #[test]
    fn nothing_asked_stays_within_the_groups_cpu_time() {
        assert_eq!(choose(None, &host(&[1, 3, 5], Some(2))).unwrap(), [1, 3]);
        assert_eq!(choose(None, &host(&[1], Some(8))).unwrap(), [1]);
    }

    #[test]
    fn a_count_is_taken_from_the_allowed_cpus() {
        let cores = Cores::Count(2);
        assert_eq!(
            choose(Some(&cores), &host(&[4, 6, 7], None)).unwrap(),
            [4, 6]
        );
    }

    #[test]
    fn more_cores_than_exist_are_refused_with_both_numbers() {
        let error = choose(Some(&Cores::Count(9)), &healthy()).unwrap_err();
        assert!(matches!(
            error,
            HostError::TooManyCores {
                asked: 9,
                allowed: 8,
                online: 8
            }
        ));
        assert!(error.to_string().contains("--cores"), "{error}");
    }

    #[test]
    fn a_mask_narrower_than_the_machine_is_told_from_a_machine_too_small() {
        let error = choose(Some(&Cores::Count(3)), &host(&[0, 1], None)).unwrap_err();
        assert!(error.to_string().contains("affinity"), "{error}");
        let error = choose(Some(&Cores::List(vec![0, 5])), &host(&[0, 1], None)).unwrap_err();
        assert!(
            matches!(error, HostError::ForbiddenCpu { cpu: 5, .. }),
            "{error}"
        );
        let error = choose(Some(&Cores::List(vec![0, 64])), &host(&[0, 1], None)).unwrap_err();
        assert!(
            matches!(error, HostError::NoSuchCpu { cpu: 64, .. }),
            "{error}"
        );
    }

    #[test]
    fn kernel_lists_are_read() {
        assert_eq!(parse_list("0-2,5\n"), Some(vec![0, 1, 2, 5]));
        assert_eq!(parse_list(""), None);
    }

    #[test]
    fn quotas_are_read_as_whole_cpus() {
        assert_eq!(quota_unified("max 100000\n"), None);
        assert_eq!(quota_unified("150000 100000\n"), Some(2));
        assert_eq!(quota_unified("10000 100000\n"), Some(1));
        assert_eq!(quota("-1", "100000"), None);
        assert_eq!(quota("1", "0"), None);
    }
}
