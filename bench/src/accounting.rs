//! What the server says about itself: the CPU time it used and what each of its cores did.
//!
//! Taken from the server's own accounting over its own protocol, on a connection apart from the
//! load, at the beginning and the end of the measurement.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use jerboa_wire::{Crc, Opcode, Request, stats};

use crate::connect::{self, ConnectError};
use crate::target::TargetKind;

/// Answers longer than this are none of ours.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// CPU time used since the server started.
    pub cpu_us: f64,
    /// Operations of each core since then, where the server tells.
    pub core_ops: Vec<u64>,
    /// Requests that came to a wrong core and were forwarded.
    pub forwarded: u64,
    /// Entries evicted to make room.
    pub evicted: u64,
}

/// A connection for readings.
#[derive(Debug)]
pub struct Accounting {
    target: TargetKind,
    address: SocketAddr,
    stream: TcpStream,
}

impl Accounting {
    /// Connects to the server at `address`.
    ///
    /// # Errors
    /// Nobody answers there, or not as expected.
    pub fn open(target: TargetKind, address: SocketAddr) -> Result<Self, ConnectError> {
        let mut stream = connect::open(address)?;
        if target == TargetKind::Jerboa {
            connect::greet(&mut stream, address, false)?;
        }
        Ok(Self {
            target,
            address,
            stream,
        })
    }

    /// Takes a reading.
    ///
    /// # Errors
    /// The connection broke.
    pub fn sample(&mut self) -> Result<Sample, ConnectError> {
        let address = self.address;
        let talk = |source| ConnectError::Talk { address, source };
        match self.target {
            TargetKind::Jerboa => {
                let request = Request::new(Opcode::Stats);
                let text = connect::exchange(&mut self.stream, address, &request, Crc::On)?;
                Ok(jerboa(&String::from_utf8_lossy(&text)))
            }
            TargetKind::Redis => {
                let command = b"*1\r\n$4\r\nINFO\r\n";
                let text = self.ask(command, bulk).map_err(talk)?;
                Ok(redis(&text))
            }
            TargetKind::Memcached => {
                let ended = |answer: &[u8]| answer.ends_with(b"END\r\n").then_some(answer.len());
                let text = self.ask(b"stats\r\n", ended).map_err(talk)?;
                Ok(memcached(&text))
            }
        }
    }

    /// Sends a command and reads until `whole` finds the end of the answer.
    fn ask(
        &mut self,
        command: &[u8],
        whole: impl Fn(&[u8]) -> Option<usize>,
    ) -> io::Result<String> {
        self.stream.write_all(command)?;
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        while answer.len() < ANSWER_BYTES_MAX {
            if let Some(end) = whole(&answer) {
                return Ok(String::from_utf8_lossy(&answer[..end]).into_owned());
            }
            let got = self.stream.read(&mut chunk)?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&chunk[..got]);
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// The end of a RESP bulk string, or of an error line.
fn bulk(answer: &[u8]) -> Option<usize> {
    let head = answer.iter().position(|byte| *byte == b'\n')? + 1;
    if answer.first() != Some(&b'$') {
        return Some(head);
    }
    let length: usize = std::str::from_utf8(&answer[1..head - 2])
        .ok()?
        .parse()
        .ok()?;
    (answer.len() >= head + length + 2).then_some(head + length)
}

fn jerboa(text: &str) -> Sample {
    let number = |name: &str| stats::number(text, name);
    let mut core_ops = Vec::new();
    while let Some(ops) = number(&format!("core.{}.ops", core_ops.len())) {
        core_ops.push(ops);
    }
    let sum = |field: &str| -> u64 {
        (0..core_ops.len())
            .filter_map(|core| number(&format!("core.{core}.{field}")))
            .sum()
    };
    Sample {
        cpu_us: number("node.cpu_us").unwrap_or(0) as f64,
        forwarded: sum("forwarded"),
        evicted: sum("evicted"),
        core_ops,
    }
}

fn redis(text: &str) -> Sample {
    // The children's lines begin alike and are no part of serving.
    let number = |name| number_after(text, name);
    Sample {
        cpu_us: (number("used_cpu_sys:") + number("used_cpu_user:")) * 1e6,
        evicted: number("evicted_keys:") as u64,
        ..Sample::default()
    }
}

fn memcached(text: &str) -> Sample {
    let number = |name| number_after(text, name);
    Sample {
        cpu_us: (number("STAT rusage_user ") + number("STAT rusage_system ")) * 1e6,
        evicted: number("STAT evictions ") as u64,
        ..Sample::default()
    }
}

/// The number on the line that begins so; 0 where there is none.
fn number_after(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|value| value.trim().parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_servers_own_words_are_understood() {
        let jerboa = jerboa(
            "node.cpu_us 120\ncore.0.ops 5\ncore.0.forwarded 1\ncore.1.ops 7\ncore.1.evicted 9\n",
        );
        let expected = Sample {
            cpu_us: 120.0,
            core_ops: vec![5, 7],
            forwarded: 1,
            evicted: 9,
        };
        assert_eq!(jerboa, expected);
        let redis = redis(
            "# CPU\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\nused_cpu_sys_children:9.0\r\n\
             used_cpu_user_main_thread:2.2\r\nevicted_keys:3\r\n",
        );
        assert_eq!((redis.cpu_us, redis.evicted), (3_750_000.0, 3));
        let memcached = memcached(
            "STAT pid 1\r\nSTAT rusage_user 0.5\r\nSTAT rusage_system 0.25\r\nSTAT evictions 4\r\n",
        );
        assert_eq!((memcached.cpu_us, memcached.evicted), (750_000.0, 4));
    }

    #[test]
    fn a_bulk_answer_is_whole_only_with_its_last_byte() {
        let answer = b"$5\r\nab\r\nc\r\n";
        for cut in 0..answer.len() {
            assert_eq!(bulk(&answer[..cut]), None, "{cut}");
        }
        assert_eq!(bulk(answer), Some(9));
        assert_eq!(bulk(b"-NOAUTH\r\n"), Some(9));
    }
}
