//! Opening connections and finding out where keys live, before the load begins. Blocking.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use jerboa_wire::routing::Topology;
use jerboa_wire::{
    Crc, DecodeOptions, Decoded, Hello, HelloReply, Opcode, Reply, Request, Status, decode_reply,
};

use crate::target::jerboa::View;

/// How long any step of setting up may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a connection could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address does not resolve.
    #[error("{address} is no address: expected HOST:PORT")]
    Address {
        /// As given.
        address: String,
    },
    /// Nobody answers there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke while it was set up.
    #[error("talking to {address} failed: {source}")]
    Talk {
        /// Where to.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Something answers, but not as a Jerboa node does.
    #[error("{address} does not answer as a Jerboa node: {what}")]
    NotJerboa {
        /// Where to.
        address: SocketAddr,
        /// What is wrong.
        what: String,
    },
    /// Too few connections to reach every core from every client core.
    #[error(
        "{connections} connections are too few: {clients} client cores × {lanes} server cores need {needed} (or use --any-core)"
    )]
    TooFew {
        /// As asked for.
        connections: usize,
        /// Client cores.
        clients: usize,
        /// Addresses of the server.
        lanes: usize,
        /// Their product.
        needed: usize,
    },
}

/// Resolves `HOST:PORT`.
///
/// # Errors
/// It is none, or the host has no address.
pub fn resolve(address: &str) -> Result<SocketAddr, ConnectError> {
    let mut found = address.to_socket_addrs().ok().into_iter().flatten();
    found.next().ok_or_else(|| ConnectError::Address {
        address: address.to_owned(),
    })
}

/// Opens one connection.
///
/// # Errors
/// Nobody answers there.
pub fn open(address: SocketAddr) -> Result<TcpStream, ConnectError> {
    let failed = |source| ConnectError::Connect { address, source };
    let stream = TcpStream::connect_timeout(&address, STEP_TIMEOUT).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    stream
        .set_read_timeout(Some(STEP_TIMEOUT))
        .map_err(failed)?;
    stream
        .set_write_timeout(Some(STEP_TIMEOUT))
        .map_err(failed)?;
    Ok(stream)
}

/// A server's addresses, each a lane, and how to speak to it.
#[derive(Clone, Debug)]
pub struct Lanes {
    /// One address for each core that can be asked directly, or just one.
    pub addresses: Vec<SocketAddr>,
    /// Jerboa: partitions and their lanes.
    pub view: Option<Arc<View>>,
}

impl Lanes {
    /// The lane of each of a client core's connections: connection `number` of `client`.
    ///
    /// # Errors
    /// There are fewer connections than pairs of client core and lane.
    pub fn spread(
        &self,
        connections: usize,
        clients: usize,
    ) -> Result<Vec<Vec<u16>>, ConnectError> {
        let lanes = self.addresses.len();
        if connections < clients * lanes {
            let needed = clients * lanes;
            return Err(ConnectError::TooFew {
                connections,
                clients,
                lanes,
                needed,
            });
        }
        let mut spread = vec![Vec::new(); clients];
        for number in 0..connections {
            spread[number % clients].push((number / clients % lanes) as u16);
        }
        Ok(spread)
    }
}

/// Asks a Jerboa node for its topology. `any_core` leaves all routing to the node.
///
/// # Errors
/// It cannot be reached or is no Jerboa node.
pub fn discover(
    address: SocketAddr,
    any_core: bool,
    without_crc: bool,
) -> Result<Lanes, ConnectError> {
    let mut stream = open(address)?;
    let hello = greet(&mut stream, address, without_crc)?;
    let crc = if hello.crc_on { Crc::On } else { Crc::Off };
    let mut view = View {
        lanes: Vec::new(),
        partition_count: hello.partition_count,
        epoch: hello.epoch,
        crc,
    };
    if any_core {
        return Ok(Lanes {
            addresses: vec![address],
            view: Some(Arc::new(view)),
        });
    }
    let not_jerboa = |what: String| ConnectError::NotJerboa { address, what };
    let payload = exchange(&mut stream, address, &Request::new(Opcode::Topology), crc)?;
    let topology =
        Topology::decode(&payload).map_err(|error| not_jerboa(format!("topology: {error}")))?;
    let mut addresses = Vec::new();
    let mut first_lane = Vec::new();
    for member in topology.members() {
        first_lane.push(addresses.len() as u16);
        for core in 0..member.cores {
            if member.alive {
                addresses.push(core_address(address, &member.host, member.core_port(core))?);
            }
        }
    }
    let table = topology.table();
    view.lanes = (0..topology.partition_count())
        .map(|partition| {
            let owner = table.owner(partition);
            first_lane[usize::from(owner.member)] + owner.core
        })
        .collect();
    view.epoch = topology.epoch();
    Ok(Lanes {
        addresses,
        view: Some(Arc::new(view)),
    })
}

/// A node that listens everywhere is reached where it was found.
fn core_address(found: SocketAddr, host: &str, port: u16) -> Result<SocketAddr, ConnectError> {
    let mut address = resolve(&if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })?;
    if address.ip().is_unspecified() {
        address.set_ip(found.ip());
    }
    Ok(address)
}

/// Says hello on a connection.
///
/// # Errors
/// The connection broke, or what answers is no Jerboa node.
pub fn greet(
    stream: &mut TcpStream,
    address: SocketAddr,
    without_crc: bool,
) -> Result<HelloReply, ConnectError> {
    let hello = Hello::new(without_crc).encode();
    let request = Request {
        value: &hello,
        ..Request::new(Opcode::Hello)
    };
    let payload = exchange(stream, address, &request, Crc::On)?;
    HelloReply::decode(&payload).ok_or_else(|| ConnectError::NotJerboa {
        address,
        what: "unreadable hello".to_owned(),
    })
}

/// Sends one request and returns the value of its reply.
///
/// # Errors
/// The connection broke, or the reply is no frame or an error.
pub fn exchange(
    stream: &mut TcpStream,
    address: SocketAddr,
    request: &Request<'_>,
    crc: Crc,
) -> Result<Vec<u8>, ConnectError> {
    let not_jerboa = |what: String| ConnectError::NotJerboa { address, what };
    let talk = |source| ConnectError::Talk { address, source };
    let mut out = Vec::new();
    request
        .encode(&mut out, crc)
        .map_err(|error| not_jerboa(error.to_string()))?;
    stream.write_all(&out).map_err(talk)?;
    let options = DecodeOptions {
        crc: jerboa_wire::CrcMode::Optional,
        ..DecodeOptions::default()
    };
    let mut input = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match decode_reply(&input, &options).map_err(|error| not_jerboa(error.to_string()))? {
            Decoded::Frame {
                frame:
                    Reply {
                        status: Status::Ok,
                        value,
                        ..
                    },
                ..
            } => {
                return Ok(value.to_vec());
            }
            Decoded::Frame { frame, .. } => {
                return Err(not_jerboa(format!(
                    "{:?}: {}",
                    frame.status,
                    frame.status.text()
                )));
            }
            Decoded::Incomplete { .. } => {}
        }
        let got = stream.read(&mut chunk).map_err(talk)?;
        if got == 0 {
            return Err(talk(io::ErrorKind::UnexpectedEof.into()));
        }
        input.extend_from_slice(&chunk[..got]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(count: u16) -> Lanes {
        let addresses = (0..count)
            .map(|n| SocketAddr::from(([127, 0, 0, 1], 7401 + n)))
            .collect();
        Lanes {
            addresses,
            view: None,
        }
    }

    #[test]
    fn every_client_core_reaches_every_server_core() {
        let spread = lanes(3).spread(50, 4).unwrap();
        assert_eq!(spread.iter().map(Vec::len).sum::<usize>(), 50);
        for client in &spread {
            for lane in 0..3 {
                assert!(client.contains(&lane), "{spread:?}");
            }
        }
        assert!(matches!(
            lanes(3).spread(11, 4),
            Err(ConnectError::TooFew { needed: 12, .. })
        ));
    }

    #[test]
    fn a_node_that_listens_everywhere_is_reached_where_it_was_found() {
        let found = SocketAddr::from(([10, 0, 0, 7], 7400));
        let address = core_address(found, "0.0.0.0", 7402).unwrap();
        assert_eq!(address, SocketAddr::from(([10, 0, 0, 7], 7402)));
        let address = core_address(found, "::1", 7402).unwrap();
        assert_eq!(address.to_string(), "[::1]:7402");
    }

    #[test]
    fn a_refused_connection_and_a_bad_address_say_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = open(address).unwrap_err().to_string();
        assert!(error.contains("cannot connect") && error.contains(&address.to_string()));
        assert!(matches!(
            resolve("no port"),
            Err(ConnectError::Address { .. })
        ));
    }
}
