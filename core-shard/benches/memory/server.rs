//! A server process of somebody else's, on a free port of the loopback, ended with its handle.

#![expect(clippy::disallowed_types, reason = "the other stores are servers")]
#![expect(clippy::disallowed_methods, reason = "a server needs time to start")]

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::mix::mix;

const PATIENCE: Duration = Duration::from_secs(60);
const PORTS_TRIED: u64 = 5;
const BUFFER_BYTES: usize = 256 << 10;

/// A running server.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts it with arguments made for a port. `None`, with a line on why, if it cannot.
    pub(crate) fn start(command: &str, arguments: &dyn Fn(u16) -> Vec<String>) -> Option<Self> {
        for attempt in 0..PORTS_TRIED {
            let port = free_port(attempt)?;
            let mut process = Command::new(command)
                .args(arguments(port))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .inspect_err(|error| eprintln!("{command}: {error}"))
                .ok()?;
            for _ in 0..500 {
                sleep(Duration::from_millis(10));
                if process.try_wait().ok()?.is_some() {
                    // The port was taken meanwhile, most likely.
                    break;
                }
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Some(Self { process, port });
                }
            }
            stop(&mut process);
        }
        eprintln!("{command}: did not start");
        None
    }

    pub(crate) fn connect(&self) -> Option<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        Some(Connection {
            reader: BufReader::new(stream.try_clone().ok()?),
            stream,
            pending: Vec::with_capacity(BUFFER_BYTES + 1024),
        })
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        resident_bytes(&self.process.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.process);
    }
}

fn stop(process: &mut Child) {
    // Both fail only if it has ended already.
    let _ = process.kill();
    let _ = process.wait();
}

fn free_port(salt: u64) -> Option<u16> {
    // Below the range from which the kernel gives ports to connections.
    let first = 20_000 + mix(u64::from(std::process::id()) ^ salt) % 10_000;
    (first..first + 1_000)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

/// A connection that gathers what it sends.
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) reader: BufReader<TcpStream>,
    pub(crate) pending: Vec<u8>,
}

impl Connection {
    /// Sends what is gathered if it is much, or if `all`.
    pub(crate) fn flush(&mut self, all: bool) -> Option<()> {
        if all || self.pending.len() >= BUFFER_BYTES {
            self.stream.write_all(&self.pending).ok()?;
            self.pending.clear();
        }
        Some(())
    }
}

/// Resident memory of a process, by its number or `self`.
pub(crate) fn resident_bytes(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| {
        rest.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.unwrap_or_default() << 10
}
