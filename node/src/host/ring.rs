//! Whether this kernel gives a core the ring it needs, tried with a small one.
//!
//! A version number does not tell: distributions port features back, containers block calls, and
//! a switch turns the whole interface off. So a ring is set up with the flags, operations and
//! buffer ring that the cores use, and what fails is explained from the error and the switch.

#![expect(
    unsafe_code,
    reason = "registers a buffer ring to see whether the kernel can"
)]

use std::io;
use std::thread;

use io_uring::{IoUring, Probe, cqueue, opcode, squeue};

use super::error::HostError;
use super::readings::Readings;

const TRIAL_ENTRIES: u32 = 8;
const BUFFER_RING_ENTRIES: u16 = 16;
const PAGE_BYTES: usize = 4096;

/// The operations that a core submits.
const OPERATIONS: &[(&str, u8)] = &[
    ("ACCEPT", opcode::Accept::CODE),
    ("RECV", opcode::Recv::CODE),
    ("SEND", opcode::Send::CODE),
    ("ASYNC_CANCEL", opcode::AsyncCancel::CODE),
    ("TIMEOUT", opcode::Timeout::CODE),
];

/// What came of the trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RingReading {
    /// Everything the cores need is there.
    Works,
    /// A call was refused.
    Refused(Refusal),
    /// The ring works but this operation does not exist.
    MissingOperation(&'static str),
}

/// A call that the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Which one.
    pub step: RingStep,
    /// The system's error number.
    pub errno: i32,
}

/// The calls of the trial, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingStep {
    /// Setting up any ring at all.
    Setup,
    /// Setting one up with SINGLE_ISSUER and DEFER_TASKRUN, when a plain one works.
    SetupFlags,
    /// Asking which operations exist.
    Operations,
    /// Registering a ring of provided buffers.
    BufferRing,
}

impl RingStep {
    /// What was being done, for a message.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Setup => "setting up a ring",
            Self::SetupFlags => "setting up a ring with SINGLE_ISSUER and DEFER_TASKRUN",
            Self::Operations => "asking for its operations",
            Self::BufferRing => "registering a buffer ring",
        }
    }
}

/// Sets a ring up as the cores do, and drops it.
///
/// On a thread of its own: the kernel tears a ring down later, on the thread that made it, which
/// would interrupt whatever the caller does by then (a blocking read of an embedding program gets
/// `EINTR`).
pub(super) fn probe() -> RingReading {
    let tried = thread::Builder::new()
        .name("ring-probe".to_owned())
        .spawn(try_ring)
        .map_or_else(|_| Ok(try_ring()), thread::JoinHandle::join);
    // A probe that dies says nothing; the cores' own rings will.
    match tried.unwrap_or(Ok(None)) {
        Ok(None) => RingReading::Works,
        Ok(Some(operation)) => RingReading::MissingOperation(operation),
        Err(refusal) => RingReading::Refused(refusal),
    }
}

fn try_ring() -> Result<Option<&'static str>, Refusal> {
    let ring: IoUring<squeue::Entry, cqueue::Entry> = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(TRIAL_ENTRIES)
        .map_err(|error| {
            // With a plain ring refused as well, the flags are not to blame.
            let is_flags = IoUring::new(TRIAL_ENTRIES).is_ok();
            refusal(
                if is_flags {
                    RingStep::SetupFlags
                } else {
                    RingStep::Setup
                },
                &error,
            )
        })?;
    let mut known = Probe::new();
    ring.submitter()
        .register_probe(&mut known)
        .map_err(|error| refusal(RingStep::Operations, &error))?;
    let missing = OPERATIONS
        .iter()
        .find(|(_, code)| !known.is_supported(*code))
        .map(|(name, _)| *name);
    if missing.is_none() {
        try_buffer_ring(&ring).map_err(|error| refusal(RingStep::BufferRing, &error))?;
    }
    Ok(missing)
}

/// The buffer ring must start on a page, hence twice a page to find one in.
fn try_buffer_ring(ring: &IoUring<squeue::Entry, cqueue::Entry>) -> io::Result<()> {
    let memory = vec![0_u8; PAGE_BYTES * 2];
    let address = (memory.as_ptr() as u64).next_multiple_of(PAGE_BYTES as u64);
    let submitter = ring.submitter();
    // SAFETY: 16 entries of 16 bytes fit the page at `address`, which lies inside `memory`;
    // `memory` outlives the registration, which is undone below or, if that fails, dies with the
    // ring: no operation that could use the buffers is ever submitted.
    unsafe { submitter.register_buf_ring_with_flags(address, BUFFER_RING_ENTRIES, 0, 0)? };
    submitter.unregister_buf_ring(0)
}

fn refusal(step: RingStep, error: &io::Error) -> Refusal {
    Refusal {
        step,
        errno: error.raw_os_error().unwrap_or(0),
    }
}

/// Passes or explains what the trial gave.
pub(super) fn judge(readings: &Readings) -> Result<(), HostError> {
    match readings.ring {
        RingReading::Works => Ok(()),
        RingReading::MissingOperation(feature) => Err(missing(feature, readings)),
        RingReading::Refused(refusal) => Err(explain_refusal(refusal, readings)),
    }
}

/// Cause and remedy of a refused call.
pub(super) fn explain_refusal(refusal: Refusal, readings: &Readings) -> HostError {
    match (refusal.errno, refusal.step) {
        (libc::EPERM | libc::EACCES, _) => match readings.io_uring_disabled {
            Some(level @ 1..) => HostError::RingDisabled { level },
            _ => HostError::RingBlocked {
                errno: refusal.errno,
            },
        },
        (libc::ENOSYS, RingStep::Setup) => HostError::NoRings {
            release: readings.kernel_release.clone(),
        },
        (libc::ENOMEM, _) => HostError::RingMemory {
            memlock: readings.memlock.soft,
        },
        (libc::EMFILE | libc::ENFILE, _) => HostError::TooFewDescriptors {
            limit: readings.open_files.soft,
            needed: readings.open_files.soft.saturating_add(1),
        },
        (libc::EINVAL, RingStep::SetupFlags) => {
            missing("SINGLE_ISSUER and DEFER_TASKRUN", readings)
        }
        (libc::EINVAL, RingStep::Operations) => missing("REGISTER_PROBE", readings),
        (libc::EINVAL, RingStep::BufferRing) => missing("provided buffer rings", readings),
        (errno, step) => HostError::RingRefused { step, errno },
    }
}

fn missing(feature: &'static str, readings: &Readings) -> HostError {
    HostError::RingFeatureMissing {
        feature,
        release: readings.kernel_release.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::healthy;
    use super::*;

    fn refused(step: RingStep, errno: i32, switch: Option<u8>, release: &str) -> HostError {
        let readings = Readings {
            ring: RingReading::Refused(Refusal { step, errno }),
            io_uring_disabled: switch,
            kernel_release: release.to_owned(),
            ..healthy()
        };
        judge(&readings).unwrap_err()
    }

    #[test]
    fn the_switch_is_named_with_its_level_and_its_remedy() {
        for level in [1, 2] {
            let error = refused(RingStep::Setup, libc::EPERM, Some(level), "6.12.0");
            assert!(matches!(error, HostError::RingDisabled { level: named } if named == level));
            let text = error.to_string();
            assert!(
                text.contains("sysctl -w kernel.io_uring_disabled=0"),
                "{text}"
            );
        }
    }

    #[test]
    fn eperm_with_the_switch_open_means_seccomp() {
        for switch in [None, Some(0)] {
            let error = refused(RingStep::Setup, libc::EPERM, switch, "6.12.0");
            assert!(matches!(error, HostError::RingBlocked { .. }), "{error}");
            assert!(error.to_string().contains("seccomp"), "{error}");
        }
    }

    #[test]
    fn an_old_kernel_is_told_from_a_kernel_without_rings() {
        let error = refused(
            RingStep::SetupFlags,
            libc::EINVAL,
            None,
            "5.15.0-91-generic",
        );
        let text = error.to_string();
        assert!(
            text.contains("5.15.0-91-generic") && text.contains("6.1"),
            "{text}"
        );
        let error = refused(RingStep::Setup, libc::ENOSYS, None, "5.0.0");
        assert!(matches!(error, HostError::NoRings { .. }), "{error}");
        let error = refused(RingStep::BufferRing, libc::EINVAL, None, "5.18.0");
        assert!(error.to_string().contains("buffer rings"), "{error}");
    }

    #[test]
    fn a_ring_that_memlock_does_not_pay_for_is_a_memlock_error() {
        let error = refused(RingStep::Setup, libc::ENOMEM, Some(0), "6.18.0");
        assert!(error.to_string().contains("LimitMEMLOCK"), "{error}");
    }

    #[test]
    fn an_error_nobody_foresaw_keeps_its_number() {
        let error = refused(RingStep::SetupFlags, libc::EIO, Some(0), "6.18.0");
        assert!(
            matches!(
                error,
                HostError::RingRefused {
                    errno: libc::EIO,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn the_trial_itself_is_sound_here() {
        // Where rings are forbidden the trial must say so rather than fail otherwise.
        match probe() {
            RingReading::Works => {}
            RingReading::Refused(refusal) => assert!(
                [libc::EPERM, libc::ENOSYS, libc::EINVAL, libc::ENOMEM].contains(&refusal.errno),
                "{refusal:?}"
            ),
            RingReading::MissingOperation(name) => panic!("{name}"),
        }
    }
}
