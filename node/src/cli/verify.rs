//! `jerboa verify`: asks every core of a running node to recount what it holds, and waits.

use std::error::Error;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use argh::FromArgs;
use jerboa_wire::routing::Topology;
use jerboa_wire::{Opcode, Request, Status};

use super::connection::{Answered, Connection, NoAnswer};

/// How long connecting and each answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Wait between two questions how far a core is.
const POLL: Duration = Duration::from_millis(50);
/// A longer time than this many seconds, about three thousand years, is as good as this.
const TIMEOUT_S_MAX: u64 = 100_000_000_000;

/// Recount every entry, index slot and segment of a running node, in slices beside its work.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "verify")]
pub(crate) struct Verify {
    /// any port of the node; default 127.0.0.1:7400
    #[argh(option, default = "\"127.0.0.1:7400\".to_owned()")]
    addr: String,
    /// give up after this many seconds; default 600
    #[argh(option, default = "600")]
    timeout_s: u64,
}

/// Why a node was not found in order.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is not in order.
    Damaged { core: u16, text: String },
    /// It answered, but not the question.
    Unexpected { asked: &'static str, status: Status },
    /// The recount takes longer than allowed.
    Timeout { core: u16 },
    /// It did not answer.
    NoAnswer(NoAnswer),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { core, text } => write!(f, "core {core} is damaged:\n{text}"),
            Self::Unexpected { asked, status } => write!(f, "{asked} was answered with: {status}"),
            Self::Timeout { core } => write!(f, "core {core} is still counting"),
            Self::NoAnswer(why) => why.fmt(f),
        }
    }
}

impl Error for Failure {}

impl From<NoAnswer> for Failure {
    fn from(why: NoAnswer) -> Self {
        Self::NoAnswer(why)
    }
}

impl Verify {
    /// A recount of the node at this address.
    pub(crate) const fn of(addr: String, timeout_s: u64) -> Self {
        Self { addr, timeout_s }
    }

    /// What each core counted, as text.
    pub(crate) fn run(&self) -> Result<String, Failure> {
        let mut node = Connection::open(&self.addr, TIMEOUT)?;
        let topology = ask(&mut node, Request::new(Opcode::Topology), "Topology")?;
        let topology = Topology::decode(&topology.value).map_err(|_| NoAnswer::NotAFrame)?;
        let limit = Duration::from_secs(self.timeout_s.min(TIMEOUT_S_MAX));
        let deadline = Instant::now() + limit;
        let mut counted = String::new();
        for member in topology.members().iter().filter(|member| member.alive) {
            for core in 0..member.cores {
                let address = format!("{}:{}", bracketed(&member.host), member.core_port(core));
                counted.push_str(&verify_core(&address, core, deadline)?);
            }
        }
        Ok(counted)
    }
}

fn ask(
    connection: &mut Connection,
    request: Request<'_>,
    asked: &'static str,
) -> Result<Answered, Failure> {
    let answer = connection.ask(&request)?;
    match answer.status {
        Status::Ok => Ok(answer),
        status => Err(Failure::Unexpected { asked, status }),
    }
}

fn verify_core(address: &str, core: u16, deadline: Instant) -> Result<String, Failure> {
    let mut connection = Connection::open(address, TIMEOUT)?;
    let mut start = 1;
    loop {
        let request = Request {
            arg: start,
            ..Request::new(Opcode::Verify)
        };
        let answer = ask(&mut connection, request, "Verify")?;
        let text = String::from_utf8_lossy(&answer.value).into_owned();
        match answer.arg {
            2 => return Ok(format!("{text}in order\n")),
            3 => return Err(Failure::Damaged { core, text }),
            _ if Instant::now() >= deadline => return Err(Failure::Timeout { core }),
            _ => thread::sleep(POLL),
        }
        start = 0;
    }
}

/// An IPv6 address needs brackets before a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}
