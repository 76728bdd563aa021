//! One blocking socket shared by many callers: at any time at most one of them writes and one
//! reads.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::ConnectionId;

/// A connected socket. Its read and write timeouts are short: waiting for long is looping.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: ConnectionId,
    stream: TcpStream,
    writer: Mutex<Writer>,
    reader: Mutex<Vec<u8>>,
    /// A writer left at its deadline: there is something to write before anything else.
    unwritten: AtomicBool,
    /// Somebody had something to write while another was writing: it looks again before it goes.
    missed: AtomicBool,
}

#[derive(Debug)]
struct Writer {
    bytes: Vec<u8>,
    written: usize,
    used: Instant,
}

/// What came of flushing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flushed {
    /// There is nothing left to write.
    All,
    /// Another caller is writing and takes this along.
    AnotherWrites,
    /// The deadline came first; what is left goes first next time.
    Later,
    /// The connection is of no use any more.
    Lost,
}

/// What came of reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// Bytes, which were handed on.
    Something,
    /// No byte in time.
    Nothing,
    /// The end of the connection.
    End,
    /// Another caller is reading.
    AnotherReads,
}

const INPUT_BYTES: usize = 64 * 1024;

/// A connection that was not used for so long is looked at before something is written: the
/// node may have closed it.
const IDLE: Duration = Duration::from_millis(100);

impl Socket {
    pub(super) fn new(id: ConnectionId, stream: TcpStream) -> Self {
        let writer = Writer {
            bytes: Vec::new(),
            written: 0,
            used: Instant::now(),
        };
        Self {
            id,
            stream,
            writer: Mutex::new(writer),
            reader: Mutex::new(Vec::new()),
            unwritten: AtomicBool::new(false),
            missed: AtomicBool::new(false),
        }
    }

    /// Whether a writer left before it was done.
    pub(super) fn has_unwritten(&self) -> bool {
        self.unwritten.load(Ordering::Acquire)
    }

    /// Writes what `take` yields until it yields nothing, or until `deadline`. A peer that takes
    /// nothing for as long as `stall` is given up.
    pub(super) fn flush(
        &self,
        take: impl Fn(&mut Vec<u8>),
        deadline: Instant,
        stall: Duration,
    ) -> Flushed {
        loop {
            let Some(mut writer) = self.writer_or_miss() else {
                return Flushed::AnotherWrites;
            };
            let flushed = self.write_all(&mut writer, &take, deadline, stall);
            drop(writer);
            // Whoever came between the last look and the unlocking left word.
            if !self.missed.swap(false, Ordering::AcqRel) || flushed != Flushed::All {
                return flushed;
            }
        }
    }

    /// The right to write, or a word left for whoever has it.
    fn writer_or_miss(&self) -> Option<MutexGuard<'_, Writer>> {
        let attempt = || match self.writer.try_lock() {
            Ok(writer) => Some(writer),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        // The second attempt is for the writer that let go before it could see the word.
        attempt().or_else(|| {
            self.missed.store(true, Ordering::Release);
            attempt()
        })
    }

    fn write_all(
        &self,
        writer: &mut Writer,
        take: &impl Fn(&mut Vec<u8>),
        deadline: Instant,
        stall: Duration,
    ) -> Flushed {
        if writer.used.elapsed() > IDLE && self.is_over() {
            return Flushed::Lost;
        }
        writer.used = Instant::now();
        loop {
            let Writer {
                bytes,
                written,
                used,
            } = &mut *writer;
            if *written == bytes.len() {
                bytes.clear();
                *written = 0;
                take(bytes);
                if bytes.is_empty() {
                    self.unwritten.store(false, Ordering::Release);
                    return Flushed::All;
                }
            }
            match (&self.stream).write(bytes.get(*written..).unwrap_or_default()) {
                Ok(0) => return Flushed::Lost,
                Ok(count) => {
                    *written += count;
                    *used = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(error.kind()) && used.elapsed() < stall => {
                    if Instant::now() >= deadline {
                        self.unwritten.store(true, Ordering::Release);
                        return Flushed::Later;
                    }
                }
                Err(_) => return Flushed::Lost,
            }
        }
    }

    /// Reads once, for at most until `until` or the socket's own timeout, and hands the bytes to
    /// `deliver`.
    pub(super) fn read(&self, until: Instant, deliver: impl FnOnce(&[u8])) -> Heard {
        let mut buffer = match self.reader.try_lock() {
            Ok(buffer) => buffer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Heard::AnotherReads,
        };
        buffer.resize(INPUT_BYTES, 0);
        let left = until.saturating_duration_since(Instant::now());
        let hurried = left < super::SLICE / 2;
        if hurried {
            // Zero would mean for ever.
            let _ = self
                .stream
                .set_read_timeout(Some(left.max(Duration::from_micros(100))));
        }
        let result = (&self.stream).read(&mut buffer);
        if hurried {
            let _ = self.stream.set_read_timeout(Some(super::SLICE));
        }
        match result {
            Ok(0) => Heard::End,
            Ok(count) => {
                deliver(buffer.get(..count).unwrap_or_default());
                Heard::Something
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Heard::Something,
            Err(error) if is_timeout(error.kind()) => Heard::Nothing,
            Err(_) => Heard::End,
        }
    }

    /// Ends the connection; whoever reads or writes on it finds out.
    pub(super) fn shut_down(&self) {
        // It may be over already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Whether the peer has closed the connection. A byte that is there says that it has not.
    fn is_over(&self) -> bool {
        let Ok(_reader) = self.reader.try_lock() else {
            return false;
        };
        if self.stream.set_nonblocking(true).is_err() {
            return true;
        }
        let peeked = self.stream.peek(&mut [0]);
        let blocking = self.stream.set_nonblocking(false);
        match peeked {
            Ok(count) => count == 0 || blocking.is_err(),
            Err(error) => error.kind() != ErrorKind::WouldBlock || blocking.is_err(),
        }
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
