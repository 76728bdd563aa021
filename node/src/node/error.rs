//! Why a node did not start, or ended by itself.

use std::error::Error;
use std::fmt;
use std::io;

use jerboa_core_shard::ShardSetupError;
use jerboa_wire::routing::TopologyError;

use crate::config::ConfigError;
use crate::host::HostError;

/// A node that did not start. Nothing is left running.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration contradicts itself.
    Config(ConfigError),
    /// The host cannot carry the configuration; the text names the remedy.
    Host(HostError),
    /// A core's memory could not be had.
    Memory {
        /// The core.
        core: u16,
        /// Why.
        source: ShardSetupError,
    },
    /// A core's executor could not be started.
    Executor {
        /// The core.
        core: u16,
        /// Why.
        reason: String,
    },
    /// The wake-up descriptors could not be had.
    Wake(io::Error),
    /// The addresses do not make a topology, for instance because a port is out of range.
    Topology(TopologyError),
    /// More maps have limits of their own than the memory of a core can keep apart.
    MapSettings {
        /// How many it can.
        limited_maps_max: u32,
    },
    /// A core ended while it started, without a word.
    CoreDied,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Host(error) => error.fmt(f),
            Self::Memory { core, source } => write!(f, "core {core}: {source}"),
            Self::Executor { core, reason } => {
                write!(f, "core {core}: its executor did not start: {reason}")
            }
            Self::Wake(source) => write!(f, "no eventfd for waking cores: {source}"),
            Self::Topology(error) => write!(f, "the node's addresses are no topology: {error}"),
            Self::MapSettings { limited_maps_max } => write!(
                f,
                "with this memory {limited_maps_max} maps can have keys_max, bytes_max or a \
                 when_full of their own: limit fewer maps, or give the node more memory"
            ),
            Self::CoreDied => f.write_str("a core died while it started; see the log"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Host(error) => Some(error),
            Self::Memory { source, .. } => Some(source),
            Self::Wake(source) => Some(source),
            Self::Topology(error) => Some(error),
            Self::Executor { .. } | Self::MapSettings { .. } | Self::CoreDied => None,
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<HostError> for StartError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// A node that ended without being asked to.
#[derive(Debug)]
#[non_exhaustive]
pub enum NodeError {
    /// A core's ring failed.
    Ring {
        /// The core.
        core: usize,
        /// What the kernel answered.
        source: io::Error,
    },
    /// A core's thread ended abnormally.
    Died {
        /// The core.
        core: usize,
        /// What its executor said.
        reason: String,
    },
    /// One of a node's own cores was to wait for the node to end. It ends all the same.
    OnCoreThread,
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring { core, source } => write!(f, "core {core}: io_uring failed: {source}"),
            Self::Died { core, reason } => write!(f, "core {core} ended: {reason}"),
            Self::OnCoreThread => f.write_str("a core cannot wait for its own node to end"),
        }
    }
}

impl Error for NodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Ring { source, .. } => Some(source),
            Self::Died { .. } | Self::OnCoreThread => None,
        }
    }
}
