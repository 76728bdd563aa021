//! Why a node cannot start here: each a cause, with the remedy in its text.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::ring::RingStep;

/// What keeps a node with this configuration from starting on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
    /// The process may run on no CPU that could be read.
    NoCpus,
    /// A count of cores above the CPUs that this process may use.
    TooManyCores {
        /// Cores asked for.
        asked: usize,
        /// CPUs in the affinity mask.
        allowed: usize,
        /// CPUs that are online.
        online: usize,
    },
    /// A CPU that does not exist or is offline.
    NoSuchCpu {
        /// The CPU asked for.
        cpu: usize,
        /// Those that are online.
        online: Vec<usize>,
    },
    /// A CPU outside the affinity mask.
    ForbiddenCpu {
        /// The CPU asked for.
        cpu: usize,
        /// Those that this process may use.
        allowed: Vec<usize>,
    },
    /// More memory than there is.
    MemoryAboveAvailable {
        /// Bytes asked for.
        asked: u64,
        /// Bytes that there are.
        available: u64,
        /// Whether a control group, not the machine, is what binds.
        group: bool,
    },
    /// Less memory than the cores need at least.
    MemoryBelowCores {
        /// Bytes asked for, or decided on.
        bytes: u64,
        /// Cores that share them.
        cores: usize,
        /// Bytes that these need.
        needed: u64,
    },
    /// The limit on locked memory does not cover the rings.
    MemlockTooLow {
        /// The limit, in bytes.
        limit: u64,
        /// What it must be.
        needed: u64,
    },
    /// The kernel had no memory for a ring: nearly always the limit on locked memory.
    RingMemory {
        /// The limit, in bytes.
        memlock: u64,
    },
    /// The limit on open files does not cover the connections.
    TooFewDescriptors {
        /// The limit.
        limit: u64,
        /// What it must be.
        needed: u64,
    },
    /// `kernel.io_uring_disabled` forbids rings.
    RingDisabled {
        /// 1: to unprivileged processes; 2: to all.
        level: u8,
    },
    /// Something other than that switch forbids rings.
    RingBlocked {
        /// The system's error number.
        errno: i32,
    },
    /// The kernel has no io_uring at all.
    NoRings {
        /// Its release.
        release: String,
    },
    /// The kernel's io_uring lacks something that the cores need.
    RingFeatureMissing {
        /// What is missing.
        feature: &'static str,
        /// The kernel's release.
        release: String,
    },
    /// A ring failed in a way that none of the above explains.
    RingRefused {
        /// Which call.
        step: RingStep,
        /// The system's error number.
        errno: i32,
    },
    /// Another socket listens there.
    PortInUse {
        /// The address.
        address: SocketAddr,
        /// The setting that moves this port.
        key: &'static str,
    },
    /// The port is reserved to privileged processes.
    PortForbidden {
        /// The address.
        address: SocketAddr,
        /// The setting that moves this port.
        key: &'static str,
    },
    /// The address to bind to belongs to no interface of this host.
    NotOurAddress {
        /// The address.
        bind: IpAddr,
    },
    /// A bind that failed in another way.
    BindFailed {
        /// The address.
        address: SocketAddr,
        /// The system's error number.
        errno: i32,
    },
    /// Core ports that leave the range of ports or cover the any-core port.
    PortsOutOfRange {
        /// The any-core port.
        port: u16,
        /// Port of core 0.
        first_core: u64,
        /// Number of cores.
        cores: usize,
    },
    /// Ports to be announced that leave the range of ports or cover each other.
    AnnouncedPortsOutOfRange {
        /// The any-core port.
        port: u16,
        /// Port of core 0.
        first_core: u16,
        /// Number of cores: each needs a port.
        cores: usize,
    },
    /// No run of free ports was found.
    NoFreePorts {
        /// The address.
        bind: IpAddr,
        /// Ports needed in a row.
        count: usize,
    },
}

impl Display for HostError {
    #[expect(
        clippy::too_many_lines,
        reason = "one arm an error: the list is the point"
    )]
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCpus => f.write_str(
                "no CPU that this process may use could be read from /proc/self/status: mount /proc",
            ),
            Self::TooManyCores { asked, allowed, online } if allowed < online => write!(
                f,
                "{asked} cores were asked for, but the CPU affinity of this process (taskset, \
                 cpuset, container) allows {allowed} of the {online} that are online: lower \
                 --cores or widen the affinity"
            ),
            Self::TooManyCores { asked, allowed, .. } => write!(
                f,
                "{asked} cores were asked for, but this machine has {allowed}: lower --cores"
            ),
            Self::NoSuchCpu { cpu, online } => write!(
                f,
                "CPU {cpu} does not exist or is offline; online are {}: change --cores",
                Listed(online)
            ),
            Self::ForbiddenCpu { cpu, allowed } => write!(
                f,
                "CPU {cpu} is outside the CPU affinity of this process (taskset, cpuset, \
                 container), which allows {}: change --cores or widen the affinity",
                Listed(allowed)
            ),
            Self::MemoryAboveAvailable { asked, available, group } => write!(
                f,
                "{} of memory were asked for, but {} has {} available: lower --memory or free \
                 some",
                Bytes(*asked),
                if *group { "the control group of this process" } else { "this machine" },
                Bytes(*available)
            ),
            Self::MemoryBelowCores { bytes, cores, needed } => write!(
                f,
                "{} of memory are too little for {cores} core(s), which need {}: raise --memory \
                 or lower --cores",
                Bytes(*bytes),
                Bytes(*needed)
            ),
            Self::MemlockTooLow { limit, needed } => write!(
                f,
                "the limit on locked memory (RLIMIT_MEMLOCK) is {}, and the cores' io_uring \
                 rings need {}: {}",
                Bytes(*limit),
                Bytes(*needed),
                MEMLOCK_REMEDY
            ),
            Self::RingMemory { memlock } => write!(
                f,
                "the kernel had no memory for an io_uring ring; the limit on locked memory \
                 (RLIMIT_MEMLOCK) is {} for all processes of this user together: {}",
                Bytes(*memlock),
                MEMLOCK_REMEDY
            ),
            Self::TooFewDescriptors { limit, needed } => write!(
                f,
                "the limit on open files (RLIMIT_NOFILE) is {limit}, and the node needs {needed}: \
                 raise it (ulimit -n, LimitNOFILE= in the systemd unit) or lower \
                 --connections-max"
            ),
            Self::RingDisabled { level: 1 } => f.write_str(
                "the kernel forbids io_uring to unprivileged processes \
                 (kernel.io_uring_disabled = 1): run sysctl -w kernel.io_uring_disabled=0, or \
                 add this user to the group that kernel.io_uring_group names",
            ),
            Self::RingDisabled { level } => write!(
                f,
                "the kernel forbids io_uring (kernel.io_uring_disabled = {level}): run \
                 sysctl -w kernel.io_uring_disabled=0"
            ),
            Self::RingBlocked { errno } => write!(
                f,
                "io_uring is blocked ({}) although the kernel allows it; most likely a seccomp \
                 filter, as container runtimes install: allow io_uring_setup, io_uring_enter and \
                 io_uring_register in its profile",
                Errno(*errno)
            ),
            Self::NoRings { release } => write!(
                f,
                "kernel {release} has no io_uring, or a filter pretends so: {KERNEL_REMEDY}"
            ),
            Self::RingFeatureMissing { feature, release } => write!(
                f,
                "io_uring of kernel {release} lacks {feature}: {KERNEL_REMEDY}"
            ),
            Self::RingRefused { step, errno } => {
                write!(f, "io_uring failed at {}: {}", step.name(), Errno(*errno))
            }
            Self::PortInUse { address, key } => write!(
                f,
                "port {} of {} is in use by another process: stop it (ss -ltnp shows it) or \
                 choose another with {}",
                address.port(),
                address.ip(),
                Flag(key)
            ),
            Self::PortForbidden { address, key } => write!(
                f,
                "port {} is reserved to privileged processes: choose one above 1023 with {} or \
                 grant CAP_NET_BIND_SERVICE",
                address.port(),
                Flag(key)
            ),
            Self::NotOurAddress { bind } => write!(
                f,
                "{bind} is no address of this host (ip addr shows them): change --bind"
            ),
            Self::BindFailed { address, errno } => {
                write!(f, "cannot bind to {address}: {}", Errno(*errno))
            }
            Self::PortsOutOfRange { port, first_core, cores } => write!(
                f,
                "the {cores} core port(s) from {first_core} on leave the range 1 to 65535 or \
                 cover the any-core port {port}: change --port or --core-port"
            ),
            Self::AnnouncedPortsOutOfRange { port, first_core, cores } => write!(
                f,
                "clients would be told of {cores} core port(s) from {first_core} on, which leave the \
                 range 1 to 65535 or cover the any-core port {port}: change --announce-port or \
                 --announce-core-port"
            ),
            Self::NoFreePorts { bind, count } => {
                write!(f, "found no {count} free ports in a row on {bind}: choose with --port")
            }
        }
    }
}

impl Error for HostError {}

const MEMLOCK_REMEDY: &str = "raise it (ulimit -l, memlock in /etc/security/limits.conf, \
                              LimitMEMLOCK= in the systemd unit) or lower --cores";

const KERNEL_REMEDY: &str = "Linux 6.1 or later is needed";

/// Bytes in the largest unit that leaves a readable number.
struct Bytes(u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        match [(30, "GiB"), (20, "MiB"), (10, "KiB")]
            .into_iter()
            .find(|(shift, _)| bytes >> shift >= 10 || bytes.is_multiple_of(1 << shift))
        {
            Some((shift, unit)) => write!(f, "{} {unit}", bytes >> shift),
            None => write!(f, "{bytes} bytes"),
        }
    }
}

/// The flag of a key.
struct Flag(&'static str);

impl Display for Flag {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "--{}", self.0.replace('_', "-"))
    }
}

/// The system's text for an error number.
struct Errno(i32);

impl Display for Errno {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", io::Error::from_raw_os_error(self.0))
    }
}

struct Listed<'a>(&'a [usize]);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&texts.join(","))
    }
}
