//! What can be wrong with a configuration, each with where it was written and what to do.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of a configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
    },
    /// The command line.
    Flag,
    /// The program that embeds the node.
    Code,
}

/// Why a text is no value for its key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueError {
    /// Not a whole, non-negative number.
    NotANumber,
    /// Not a number of bytes.
    NotASize,
    /// Above what the type of the setting holds.
    TooLarge,
    /// Not an IP address.
    NotAnAddress,
    /// Neither an IP address that a client could connect to nor the name of a host.
    NotAHost,
    /// Not one of the words listed.
    NotOneOf(Vec<&'static str>),
    /// Neither a count nor a list of CPUs.
    NotACoreList,
    /// A node has at least one core.
    NoCores,
    /// A range of CPUs whose end lies before its start.
    BackwardsRange(String),
    /// A CPU that is listed twice.
    CoreTwice(usize),
    /// A TOML array, table, date or float where a string, whole number or boolean belongs.
    NotAScalar,
    /// Something else where a table of settings belongs.
    NotATable,
    /// No value of a map's setting; what is one.
    NotASetting(&'static str),
    /// A map's name beyond 255 bytes.
    MapNameTooLong,
    /// More tables of maps than this.
    TooManyMaps(usize),
}

/// Why a configuration was refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    Syntax {
        /// Where.
        origin: Origin,
        /// What the parser said.
        message: String,
    },
    /// A key that does not exist.
    UnknownKey {
        /// As written.
        name: String,
        /// The key it most likely meant.
        nearest: Option<&'static str>,
        /// Where it was written.
        origin: Origin,
    },
    /// A value that its key cannot take.
    Value {
        /// The key.
        key: &'static str,
        /// As written.
        text: String,
        /// What is wrong with it.
        reason: ValueError,
        /// Where it was written.
        origin: Origin,
    },
    /// A number outside its limits.
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The value asked for.
        value: u64,
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// A number of partitions that is no power of two.
    NotAPowerOfTwo {
        /// The number asked for.
        partitions: u16,
    },
    /// A buffer limit that could not hold one frame with the largest value.
    BufferBelowFrame {
        /// The key of the buffer limit.
        key: &'static str,
        /// Its value.
        value: u64,
        /// What it must be at least.
        needed: u64,
    },
    /// An address that others can reach, while nothing authenticates them.
    Exposed {
        /// The address.
        bind: IpAddr,
    },
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Flag => f.write_str("command line"),
            Self::Code => f.write_str("embedding program"),
        }
    }
}

impl Display for ValueError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("expected a whole number"),
            Self::NotASize => f.write_str("expected a size such as 4096, 64KiB, 512MiB or 2g"),
            Self::TooLarge => f.write_str("the number is too large"),
            Self::NotAnAddress => f.write_str("expected an IP address such as 127.0.0.1 or ::1"),
            Self::NotAHost => f.write_str(
                "expected an address or a name that clients can connect to, without a port, such as \
                 203.0.113.7 or cache.example",
            ),
            Self::NotOneOf(words) => write!(f, "expected one of: {}", words.join(", ")),
            Self::NotACoreList => f.write_str("expected a count (4) or a list of CPUs (0-3,6)"),
            Self::NoCores => f.write_str("a node needs at least one core; for CPU 0 write 0-0"),
            Self::BackwardsRange(range) => write!(f, "the range {range} runs backwards"),
            Self::CoreTwice(cpu) => write!(f, "CPU {cpu} is listed twice"),
            Self::NotAScalar => f.write_str("expected a string, a whole number or a boolean"),
            Self::NotATable => f.write_str("expected a table, as in [maps.orders]"),
            Self::NotASetting(expected) => write!(f, "expected {expected}"),
            Self::MapNameTooLong => f.write_str("the name of a map has at most 255 bytes"),
            Self::TooManyMaps(most) => write!(f, "at most {most} maps can have settings"),
        }
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => {
                write!(
                    f,
                    "cannot read the configuration file {}: {source}",
                    path.display()
                )
            }
            Self::Syntax { origin, message } => write!(f, "{origin}: not valid TOML: {message}"),
            Self::UnknownKey {
                name,
                nearest,
                origin,
            } => {
                write!(f, "{origin}: unknown key `{name}`")?;
                nearest.map_or(Ok(()), |known| write!(f, "; did you mean `{known}`?"))
            }
            Self::Value {
                key,
                text,
                reason,
                origin,
            } => {
                write!(f, "{origin}: {key} = {text}: {reason}")
            }
            Self::OutOfRange {
                key,
                value,
                min,
                max,
            } => {
                write!(
                    f,
                    "{key} = {value} is out of range: it must be from {min} to {max}"
                )
            }
            Self::NotAPowerOfTwo { partitions } => {
                write!(
                    f,
                    "partitions = {partitions}: it must be a power of two, such as 4096"
                )
            }
            Self::BufferBelowFrame { key, value, needed } => write!(
                f,
                "{key} = {value} cannot hold one frame with the largest value: raise {key} to at \
                 least {needed} or lower value_bytes_max"
            ),
            Self::Exposed { bind } => write!(
                f,
                "bind = {bind} can be reached by other machines and nothing authenticates them: \
                 bind to a loopback address, or pass --insecure if the network is trusted"
            ),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}
