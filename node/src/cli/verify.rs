//! `jerboa verify`: asks every core of a running node to recount what it holds, and waits.

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use argh::FromArgs;
use jerboa_wire::routing::Topology;
use jerboa_wire::{Crc, DecodeOptions, Decoded, Opcode, Request, Status, decode_reply};

/// How long connecting and each answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Wait between two questions how far a core is.
const POLL: Duration = Duration::from_millis(50);

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
enum Refusal {
    /// It is not in order.
    Damaged { core: u16, text: String },
    /// It answered, but not the question.
    Unexpected { asked: &'static str, status: Status },
    /// It did not answer with a frame.
    NotAFrame,
    /// The recount takes longer than allowed.
    Timeout { core: u16 },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { core, text } => write!(f, "core {core} is damaged:\n{text}"),
            Self::Unexpected { asked, status } => write!(f, "{asked} was answered with: {status}"),
            Self::NotAFrame => f.write_str("the peer does not speak the binary protocol"),
            Self::Timeout { core } => write!(f, "core {core} is still counting"),
        }
    }
}

impl Error for Refusal {}

impl Verify {
    /// What each core counted, as text.
    pub(crate) fn run(&self) -> Result<String, Box<dyn Error>> {
        let mut node = Connection::open(&self.addr)?;
        let (_, topology) = node.ask(Request::new(Opcode::Topology), "Topology")?;
        let topology = Topology::decode(&topology)?;
        let deadline = Instant::now() + Duration::from_secs(self.timeout_s);
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

fn verify_core(address: &str, core: u16, deadline: Instant) -> Result<String, Box<dyn Error>> {
    let mut connection = Connection::open(address)?;
    let mut start = 1;
    loop {
        let request = Request {
            arg: start,
            ..Request::new(Opcode::Verify)
        };
        let (state, value) = connection.ask(request, "Verify")?;
        let text = String::from_utf8_lossy(&value).into_owned();
        match state {
            2 => return Ok(format!("{text}in order\n")),
            3 => return Err(Refusal::Damaged { core, text }.into()),
            _ if Instant::now() >= deadline => return Err(Refusal::Timeout { core }.into()),
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

/// One question at a time.
struct Connection {
    stream: TcpStream,
}

impl Connection {
    fn open(address: &str) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(TIMEOUT))?;
                    stream.set_write_timeout(Some(TIMEOUT))?;
                    return Ok(Self { stream });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The `arg` and the value of the reply.
    fn ask(
        &mut self,
        request: Request<'_>,
        asked: &'static str,
    ) -> Result<(u64, Vec<u8>), Box<dyn Error>> {
        let mut frame = Vec::new();
        request.encode(&mut frame, Crc::On)?;
        self.stream.write_all(&frame)?;
        let options = DecodeOptions::default();
        let mut input = Vec::new();
        loop {
            match decode_reply(&input, &options).map_err(|_| Refusal::NotAFrame)? {
                Decoded::Frame { frame, .. } if frame.status == Status::Ok => {
                    return Ok((frame.arg, frame.value.to_vec()));
                }
                Decoded::Frame { frame, .. } => {
                    return Err(Refusal::Unexpected {
                        asked,
                        status: frame.status,
                    }
                    .into());
                }
                Decoded::Incomplete { .. } => {
                    let mut bytes = [0; 4096];
                    let count = self.stream.read(&mut bytes)?;
                    if count == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                    input.extend_from_slice(&bytes[..count]);
                }
            }
        }
    }
}
