//! Why a ring could not be made.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a ring could not be made.
#[derive(Debug)]
pub struct RingError {
    /// The step that failed.
    pub step: &'static str,
    /// What the kernel answered.
    pub source: io::Error,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "io_uring: {} failed: {}", self.step, self.source)
    }
}

impl Error for RingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
