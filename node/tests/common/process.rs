//! The binary as a child process, so that its memory and descriptors can be looked at from outside.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// A node in its own process; killed when dropped.
pub(crate) struct NodeProcess {
    child: Child,
    pub(crate) any_core: SocketAddr,
    pub(crate) cores: Vec<SocketAddr>,
}

impl NodeProcess {
    /// Starts `jerboa serve` with small sizes and `flags`, which win.
    pub(crate) fn start(cores: u16, flags: &[&str]) -> Self {
        let cores_text = cores.to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_jerboa"))
            .args(["serve", "--port", "0", "--partitions", "1024"])
            .args(["--cores", &cores_text, "--log-level", "error"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let ready = line
            .strip_prefix("ready node=")
            .and_then(|rest| rest.trim().split_once(" cores="))
            .unwrap_or_else(|| panic!("not a ready line: {line:?}"));
        Self {
            child,
            any_core: ready.0.parse().unwrap(),
            cores: ready.1.split(',').map(|one| one.parse().unwrap()).collect(),
        }
    }

    /// Resident bytes, all of them: the test's bound is on what the machine has to give.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib: u64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .and_then(|kib| kib.parse().ok())
            .unwrap();
        kib * 1024
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        let entries = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        entries.count()
    }

    /// Sends SIGTERM and waits; returns the exit status.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "the node does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
