//! Measures time twice: wall time, and the time that this thread was given a processor.
//!
//! The second is what the code costs; the first also counts what other processes took meanwhile.

#![expect(clippy::disallowed_types, reason = "a benchmark measures wall time")]
#![expect(unsafe_code, reason = "no safe call reads a thread's processor time")]

use std::time::Instant;

/// A measurement under way.
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu_ns: u64,
}

/// A finished measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Elapsed {
    pub(crate) wall_ns: u64,
    pub(crate) cpu_ns: u64,
}

impl Stopwatch {
    #[inline]
    pub(crate) fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu_ns: thread_cpu_ns(),
        }
    }

    #[inline]
    pub(crate) fn stop(&self) -> Elapsed {
        let cpu_ns = thread_cpu_ns() - self.cpu_ns;
        let wall_ns = u64::try_from(self.wall.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Elapsed { wall_ns, cpu_ns }
    }
}

#[inline]
fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec that lives until after the call.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(answer, 0, "every Linux thread has a processor clock");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
