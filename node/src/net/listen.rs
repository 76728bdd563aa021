//! Listening sockets: one shared port for all cores, one port of its own for each core.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Connections the kernel queues for one listener before it drops handshakes.
const BACKLOG: i32 = 4096;

/// Silence after which the kernel asks whether the peer is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// Wait between two unanswered questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Unanswered questions after which the connection is broken.
const KEEPALIVE_PROBES: u32 = 3;

/// A listener that could not be had.
#[derive(Debug)]
pub struct ListenError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the kernel answered.
    pub source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.source)
    }
}

impl Error for ListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// A listener that nobody else may share; port 0 lets the kernel choose.
///
/// # Errors
/// The address is taken or not this host's.
pub fn bind_exclusive(address: SocketAddr) -> Result<(OwnedFd, SocketAddr), ListenError> {
    bind(address, false).map_err(|source| ListenError { address, source })
}

/// `count` listeners on one address, between which the kernel spreads connections.
///
/// Sharing a port is allowed to any process of the same user, so a second node on the port would
/// silently take half of the connections. Binding it exclusively first makes that an error.
///
/// # Errors
/// The address is taken or not this host's.
pub fn bind_shared(
    address: SocketAddr,
    count: usize,
) -> Result<(Vec<OwnedFd>, SocketAddr), ListenError> {
    let (probe, address) = bind_exclusive(address)?;
    drop(probe);
    let listeners: io::Result<Vec<OwnedFd>> =
        (0..count).map(|_| Ok(bind(address, true)?.0)).collect();
    match listeners {
        Ok(listeners) => Ok((listeners, address)),
        Err(source) => Err(ListenError { address, source }),
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<(OwnedFd, SocketAddr)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A port in TIME_WAIT after a restart is ours to take again.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Inherited by accepted connections: a peer that vanished without a word is noticed.
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_PROBES),
    )?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let local = socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("the kernel named a local address that is not IP"))?;
    Ok((socket.into(), local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_node_on_the_shared_port_is_refused_and_not_given_half_the_connections() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (first, address) = bind_shared(any, 2).unwrap();
        assert_eq!(first.len(), 2);
        let error = bind_shared(address, 2).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address.to_string()));
    }

    #[test]
    fn a_peer_whose_host_vanished_does_not_hold_its_connection_for_ever() {
        let (listener, address) = bind_exclusive("127.0.0.1:0".parse().unwrap()).unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (accepted, _) = Socket::from(listener).accept().unwrap();
        assert!(accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
        assert_eq!(accepted.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
    }
}
