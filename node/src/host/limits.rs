//! Resource limits: locked memory for the rings, descriptors for the connections.
//!
//! What was seen to happen (kernel 6.18, glommio-ng 0.12): the runtime refuses any executor below
//! 512 KiB of memlock, even for root. Beyond that, a process without CAP_IPC_LOCK has all its
//! rings charged to the limit of its user, and setting up the ring that goes past it fails with
//! ENOMEM. Kernels before 6.14 do not charge rings.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

use super::error::HostError;
use super::readings::Readings;
use crate::config::CONNECTIONS_DEFAULT;

/// What glommio asks for before it starts an executor.
const MEMLOCK_RUNTIME_BYTES: u64 = 512 << 10;

/// What the rings of one core are charged with: 140 KiB for the core's own ring and its buffer
/// ring, some 60 KiB for the three rings of its executor and 192 KiB for their registered buffers.
const MEMLOCK_CORE_BYTES: u64 = 512 << 10;

/// First kernel that charges rings to the limit.
const RINGS_CHARGED_SINCE: (u32, u32) = (6, 14);

/// Descriptors of one core that are not connections: rings, event descriptors, listeners.
const CORE_DESCRIPTORS: u64 = 24;

/// Descriptors of the process beside its cores: standard streams, logs, tools.
const PROCESS_DESCRIPTORS: u64 = 64;

/// A node that could accept fewer connections than this is of no use to anyone.
const CONNECTIONS_LEAST: u64 = 16;

/// A resource limit of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What binds.
    pub soft: u64,
    /// What the soft limit may be raised to.
    pub hard: u64,
}

impl Limit {
    /// The limit on locked memory, in bytes.
    #[must_use]
    pub fn memlock() -> Self {
        Self::read(Resource::RLIMIT_MEMLOCK)
    }

    /// The limit on open descriptors.
    #[must_use]
    pub fn open_files() -> Self {
        Self::read(Resource::RLIMIT_NOFILE)
    }

    /// A limit that cannot be read binds nothing that is known here.
    fn read(resource: Resource) -> Self {
        let (soft, hard) = getrlimit(resource).unwrap_or((u64::MAX, u64::MAX));
        Self { soft, hard }
    }
}

/// Raises the soft limits that a node needs to the hard ones. What cannot be raised is left: the
/// checks that follow say what is missing.
pub(super) fn raise() {
    for (name, resource) in [
        ("RLIMIT_MEMLOCK", Resource::RLIMIT_MEMLOCK),
        ("RLIMIT_NOFILE", Resource::RLIMIT_NOFILE),
    ] {
        let limit = Limit::read(resource);
        if limit.soft >= limit.hard {
            continue;
        }
        match setrlimit(resource, limit.hard, limit.hard) {
            Ok(()) => info!(
                name,
                from = limit.soft,
                to = limit.hard,
                "raised a soft limit"
            ),
            Err(error) => warn!(name, %error, "could not raise a soft limit"),
        }
    }
}

/// Whether the rings of so many cores fit the limit on locked memory.
pub(super) fn check_memlock(cores: usize, readings: &Readings) -> Result<(), HostError> {
    let is_charged = !readings.memlock_exempt && readings.kernel_version() >= RINGS_CHARGED_SINCE;
    let rings = if is_charged {
        MEMLOCK_CORE_BYTES * cores as u64
    } else {
        0
    };
    let needed = rings.max(MEMLOCK_RUNTIME_BYTES);
    if readings.memlock.soft < needed {
        return Err(HostError::MemlockTooLow {
            limit: readings.memlock.soft,
            needed,
        });
    }
    Ok(())
}

/// Whether the limit on open files allows so many connections.
pub(super) fn check_connections(asked: u32, cores: usize) -> Result<(), HostError> {
    let limit = Limit::read(Resource::RLIMIT_NOFILE).soft;
    let needed = PROCESS_DESCRIPTORS + CORE_DESCRIPTORS * cores as u64 + u64::from(asked);
    if needed > limit {
        return Err(HostError::TooFewDescriptors { limit, needed });
    }
    Ok(())
}

/// How many connections the node accepts in all.
pub(super) fn choose_connections(
    asked: Option<u32>,
    cores: usize,
    readings: &Readings,
) -> Result<u32, HostError> {
    let limit = readings.open_files.soft;
    let own = PROCESS_DESCRIPTORS + CORE_DESCRIPTORS * cores as u64;
    let wanted = u64::from(asked.unwrap_or(CONNECTIONS_DEFAULT));
    let possible = limit.saturating_sub(own);
    if wanted <= possible {
        return Ok(asked.unwrap_or(CONNECTIONS_DEFAULT));
    }
    // A number that someone chose is a promise; a default is not.
    if asked.is_some() || possible < CONNECTIONS_LEAST {
        let needed = own
            + if asked.is_some() {
                wanted
            } else {
                CONNECTIONS_LEAST
            };
        return Err(HostError::TooFewDescriptors { limit, needed });
    }
    warn!(
        connections_max = possible,
        open_files = limit,
        "accepting fewer connections than the default: the limit on open files is low"
    );
    Ok(u32::try_from(possible).unwrap_or(CONNECTIONS_DEFAULT))
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::healthy;
    use super::*;

    fn memlock(bytes: u64) -> Limit {
        Limit {
            soft: bytes,
            hard: bytes,
        }
    }

    #[test]
    fn the_limit_of_old_distributions_is_refused_even_for_root() {
        let readings = Readings {
            memlock: memlock(64 << 10),
            memlock_exempt: true,
            ..healthy()
        };
        let error = check_memlock(1, &readings).unwrap_err();
        assert!(matches!(
            error,
            HostError::MemlockTooLow { limit: 65_536, .. }
        ));
        let text = error.to_string();
        assert!(
            text.contains("64 KiB") && text.contains("LimitMEMLOCK"),
            "{text}"
        );
    }

    #[test]
    fn rings_of_many_cores_are_counted_where_the_kernel_charges_them() {
        let charged = Readings {
            memlock: memlock(8 << 20),
            kernel_release: "6.18.0".to_owned(),
            ..healthy()
        };
        assert!(check_memlock(16, &charged).is_ok());
        assert!(check_memlock(17, &charged).is_err());
        let exempt = Readings {
            memlock_exempt: true,
            ..charged.clone()
        };
        assert!(check_memlock(64, &exempt).is_ok());
        let older = Readings {
            kernel_release: "6.12.0".to_owned(),
            ..charged
        };
        assert!(check_memlock(64, &older).is_ok());
    }

    fn files(limit: u64) -> Readings {
        Readings {
            open_files: Limit {
                soft: limit,
                hard: limit,
            },
            ..healthy()
        }
    }

    #[test]
    fn connections_that_were_asked_for_are_had_or_refused() {
        assert_eq!(
            choose_connections(Some(50_000), 2, &files(65_536)).unwrap(),
            50_000
        );
        match choose_connections(Some(65_536), 2, &files(65_536)).unwrap_err() {
            HostError::TooFewDescriptors { needed, .. } => {
                assert!(choose_connections(Some(65_536), 2, &files(needed)).is_ok());
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_default_number_of_connections_shrinks_to_a_low_limit() {
        assert_eq!(
            choose_connections(None, 1, &files(1 << 20)).unwrap(),
            CONNECTIONS_DEFAULT
        );
        assert_eq!(
            choose_connections(None, 1, &files(1024)).unwrap(),
            1024 - 64 - 24
        );
        assert!(matches!(
            choose_connections(None, 1, &files(64)).unwrap_err(),
            HostError::TooFewDescriptors { .. }
        ));
    }
}
