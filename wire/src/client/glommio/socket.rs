//! A socket that is read and written at once where it is ready, and else watched by the executor.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::task::{Context, Poll};

use ::glommio::executor;
use ::glommio::io::{PollState, PollableFd};
use socket2::{Domain, Protocol, Type};

use crate::client::tasks::Socket;

/// A connected socket.
#[derive(Debug)]
pub struct Stream {
    socket: PollableFd<TcpStream>,
    /// Watches that are on their way; they stay from one poll to the next.
    readable: PollState,
    writable: PollState,
}

/// Connects to `host:port`, to the first of its addresses that answers.
pub(super) async fn dial(address: &str) -> io::Result<Stream> {
    let mut failure = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in resolve(address).await? {
        match connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Names are looked up on another thread: that may take seconds.
async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = address.parse() {
        return Ok(vec![address]);
    }
    let name = address.to_owned();
    let looked_up = executor().spawn_blocking(move || name.to_socket_addrs().map(Vec::from_iter));
    looked_up.await
}

async fn connect(address: SocketAddr) -> io::Result<Stream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, kind, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    let stream = Stream {
        socket: PollableFd::new(TcpStream::from(socket))?,
        readable: PollState::new(),
        writable: PollState::new(),
    };
    stream.socket.writable().await?;
    match stream.socket.get_ref().take_error()? {
        Some(error) => Err(error),
        None => Ok(stream),
    }
}

/// A socket that does not block says so, and its descriptor tells the outcome later.
fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS) || error.kind() == ErrorKind::Interrupted
}

impl Socket for Stream {
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.socket.poll_readable(context, &mut self.readable);
        polled.map_err(io::Error::from)
    }

    fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.socket.poll_writable(context, &mut self.writable);
        polled.map_err(io::Error::from)
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.get_ref().read(into)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.get_ref().write(bytes)
    }
}
