//! Fear: `ready` said too early or in a form that scripts cannot read, a stop that loses the exit
//! status or never comes, ports that stay taken.

#![expect(clippy::unwrap_used, reason = "test harness")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::sync::mpsc;
use std::time::Duration;

use jerboa::config::Config;
use jerboa_wire::limits::HEADER_BYTES;
use jerboa_wire::routing::partition_of;
use jerboa_wire::{Crc, Opcode, Request};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::child::{self, Cage, Outcome, PATIENCE};

/// A node that said it is ready.
struct Running {
    /// Taken by `finish`; a test that fails before leaves no node behind.
    child: Option<Child>,
    any_core: SocketAddr,
    cores: Vec<SocketAddr>,
    /// What stdout holds after the first line, once it is closed.
    rest: mpsc::Receiver<String>,
}

impl Running {
    fn start(cage: &Cage, arguments: &[&str]) -> Self {
        let mut child = child::start(cage, arguments);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (said, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            said.send(line).unwrap();
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            let _ = said.send(rest);
        });
        let line = lines.recv_timeout(PATIENCE).unwrap();
        let Some((any_core, cores)) = addresses(&line) else {
            child.kill().unwrap();
            panic!("not a ready line: {line:?}: {:?}", child::finish(child));
        };
        Self {
            child: Some(child),
            any_core,
            cores,
            rest: lines,
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(id as i32), signal).unwrap();
    }

    /// How it ended; its stdout is what came after the `ready` line.
    fn finish(mut self) -> Outcome {
        let mut outcome = child::finish(self.child.take().unwrap());
        outcome.stdout = self.rest.recv_timeout(PATIENCE).unwrap();
        outcome
    }

    /// Ends it with `signal` and checks that it drained and said nothing more.
    fn stop(self, signal: Signal) {
        self.signal(signal);
        let outcome = self.finish();
        assert_eq!(outcome.status, Some(0), "{signal}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{signal}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `ready node=HOST:PORT cores=HOST:PORT,HOST:PORT` and nothing else.
fn addresses(line: &str) -> Option<(SocketAddr, Vec<SocketAddr>)> {
    let (node, cores) = line
        .strip_suffix('\n')?
        .strip_prefix("ready node=")?
        .split_once(" cores=")?;
    let cores: Result<_, _> = cores.split(',').map(str::parse).collect();
    Some((node.parse().ok()?, cores.ok()?))
}

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["serve", "--port", "0", "--memory", "128MiB", "--cores", "1"]
        .iter()
        .chain(more)
        .copied()
        .collect()
}

#[test]
fn ready_means_that_every_address_answers() {
    let node = Running::start(&Cage::default(), &arguments(&[]));
    assert_eq!(node.cores.len(), 1);
    for address in node.cores.iter().chain([&node.any_core]) {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection.write_all(&noop()).unwrap();
        let mut header = [0_u8; HEADER_BYTES];
        connection.read_exact(&mut header).unwrap();
    }
    node.stop(Signal::SIGTERM);
}

#[test]
fn the_log_says_which_pages_each_core_got() {
    let kinds = |setting| -> &[&str] {
        match setting {
            "off" => &["plain pages"],
            _ => &[
                "explicit huge pages",
                "transparent huge pages",
                "plain pages",
            ],
        }
    };
    for setting in ["off", "auto"] {
        let node = Running::start(&Cage::default(), &arguments(&["--huge-pages", setting]));
        node.signal(Signal::SIGTERM);
        let log = node.finish().stderr;
        let line = log.lines().find(|line| line.contains("core is ready"));
        let line = line.unwrap_or_else(|| panic!("{setting}: {log}"));
        let is_said = |kind: &&str| line.ends_with(&format!("pages={kind}"));
        assert!(kinds(setting).iter().any(is_said), "{setting}: {line}");
    }
}

#[test]
fn both_signals_end_the_node_with_status_zero_even_with_clients_connected() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let node = Running::start(&Cage::default(), &arguments(&[]));
        let _idle = TcpStream::connect(node.any_core).unwrap();
        node.stop(signal);
    }
}

#[test]
fn a_stopped_node_leaves_its_ports_to_the_next() {
    let node = Running::start(&Cage::default(), &arguments(&[]));
    let (any_core, core) = (node.any_core, node.cores[0]);
    // A connection that the node closes first leaves its port in TIME_WAIT.
    let _connected = TcpStream::connect(core).unwrap();
    node.stop(Signal::SIGTERM);
    let port = any_core.port().to_string();
    let again = [
        "serve",
        "--memory",
        "128MiB",
        "--cores",
        "1",
        "--port",
        port.as_str(),
    ];
    let node = Running::start(&Cage::default(), &again);
    assert_eq!((node.any_core, node.cores[0]), (any_core, core));
    node.stop(Signal::SIGTERM);
}

#[test]
fn a_second_node_on_the_same_ports_is_refused_not_given_half_of_the_connections() {
    let node = Running::start(&Cage::default(), &arguments(&[]));
    let port = node.any_core.port().to_string();
    let second = [
        "serve",
        "--memory",
        "128MiB",
        "--cores",
        "1",
        "--port",
        port.as_str(),
    ];
    super::refuses(&Cage::default(), &second, &[&port, "in use"]);
    node.stop(Signal::SIGTERM);
}

#[test]
fn a_second_signal_ends_a_drain_that_waits_for_a_client_who_never_reads() {
    let patient = [
        "--drain-timeout-ms",
        "600000",
        "--slow-client-timeout-ms",
        "600000",
    ];
    let node = Running::start(&Cage::default(), &arguments(&patient));
    let mut deaf = TcpStream::connect(node.cores[0]).unwrap();
    deaf.set_read_timeout(Some(PATIENCE)).unwrap();
    deaf.write_all(&put(&vec![7; 1 << 20])).unwrap();
    for _ in 0..200 {
        deaf.write_all(&get()).unwrap();
    }
    // The first replies are there, so the rest is owed, and more than the kernel buffers.
    let mut replies = [0_u8; 2 * HEADER_BYTES];
    deaf.read_exact(&mut replies).unwrap();
    node.signal(Signal::SIGTERM);
    // The first signal is taken before the second is sent, or the two would be one.
    while TcpStream::connect(node.cores[0]).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    node.signal(Signal::SIGTERM);
    assert_eq!(node.finish().status, Some(128 + Signal::SIGTERM as i32));
}

#[test]
fn json_logs_are_one_object_a_line_and_never_on_stdout() {
    let logs = ["--log-format", "json", "--log-level", "debug"];
    let node = Running::start(&Cage::default(), &arguments(&logs));
    node.signal(Signal::SIGTERM);
    let outcome = node.finish();
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(0), ""));
    assert!(!outcome.stderr.is_empty());
    for line in outcome.stderr.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
}

fn noop() -> Vec<u8> {
    encoded(&Request::new(Opcode::Noop))
}

fn put(value: &[u8]) -> Vec<u8> {
    encoded(&Request {
        key: b"key",
        value,
        ..Request::new(Opcode::Put)
    })
}

fn get() -> Vec<u8> {
    encoded(&Request {
        key: b"key",
        ..Request::new(Opcode::Get)
    })
}

fn encoded(request: &Request<'_>) -> Vec<u8> {
    let partition = partition_of(request.key, Config::default().partitions);
    let mut frame = Vec::new();
    Request {
        partition,
        ..*request
    }
    .encode(&mut frame, Crc::On)
    .unwrap();
    frame
}
