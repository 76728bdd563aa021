//! The task of one connection: it owns the socket, and ends with it.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Shared, Signal, lock};
use crate::client::engine::{ConnectionId, Ended};

/// Bytes of one read.
const INPUT_BYTES: usize = 64 * 1024;

/// A connection that has heard nothing for so long is looked at before it is written to.
const IDLE_US: u64 = 100_000;

/// Reads in a row before the replies are delivered and other tasks have their turn.
const READS_MAX: usize = 8;

/// Connects, serves the connection until it ends, and tells the engine.
pub(super) async fn run(
    shared: Arc<Shared>,
    connection: ConnectionId,
    address: Arc<str>,
    signal: Arc<Signal>,
) {
    let ended = match dial(&shared, &address).await {
        Ok(stream) => {
            shared.engine().connected(connection, shared.now_us());
            shared.settle();
            serve(&shared, connection, &stream, &signal).await
        }
        Err(error) => Some(Ended::NotConnected {
            cause: error.to_string(),
        }),
    };
    lock(&shared.signals).remove(&connection);
    if let Some(ended) = ended {
        shared
            .engine()
            .disconnected(connection, ended, shared.now_us());
    }
    shared.settle();
}

pub(super) async fn dial(shared: &Shared, address: &str) -> io::Result<TcpStream> {
    let connected = timeout(shared.config.connect_timeout, TcpStream::connect(address)).await;
    let stream = connected.map_err(|_| io::Error::from(ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Serves until the peer closes (then `Some`) or the engine wants it closed (then `None`).
async fn serve(
    shared: &Arc<Shared>,
    connection: ConnectionId,
    stream: &TcpStream,
    signal: &Signal,
) -> Option<Ended> {
    let mut output = Output::default();
    let mut input = vec![0; INPUT_BYTES];
    let mut heard_us = shared.now_us();
    loop {
        if signal.closing.load(Ordering::Acquire) {
            return None;
        }
        if heard_us.saturating_add(IDLE_US) < shared.now_us() {
            // The runtime may not have looked at its sockets for as long as nothing was to be
            // done: have it look now, before a request is written to a closed connection.
            tokio::task::yield_now().await;
            if read(shared, connection, stream, &mut input) {
                return Some(Ended::Closed);
            }
            heard_us = shared.now_us();
        }
        if output.write(shared, connection, stream).is_err() {
            return Some(Ended::Closed);
        }
        tokio::select! {
            () = signal.notify.notified() => continue,
            ready = stream.writable(), if !output.is_empty() => {
                if ready.is_err() {
                    return Some(Ended::Closed);
                }
                continue;
            }
            ready = stream.readable() => {
                if ready.is_err() {
                    return Some(Ended::Closed);
                }
            }
        }
        let over = read(shared, connection, stream, &mut input);
        heard_us = shared.now_us();
        shared.settle();
        if over {
            return Some(Ended::Closed);
        }
    }
}

/// Reads what is there; true at the end of the connection.
fn read(shared: &Shared, connection: ConnectionId, stream: &TcpStream, input: &mut [u8]) -> bool {
    for _ in 0..READS_MAX {
        match stream.try_read(input) {
            Ok(0) => return true,
            Ok(count) => {
                let bytes = input.get(..count).unwrap_or_default();
                shared.engine().received(connection, bytes, shared.now_us());
                if count < input.len() {
                    return false;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return true,
        }
    }
    false
}

/// The bytes on their way to the socket.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// Writes until there is nothing left or the socket takes no more.
    fn write(
        &mut self,
        shared: &Shared,
        connection: ConnectionId,
        stream: &TcpStream,
    ) -> io::Result<()> {
        loop {
            if self.is_empty() {
                self.bytes.clear();
                self.written = 0;
                shared
                    .engine()
                    .take_output(connection, &mut self.bytes, shared.now_us());
                if self.bytes.is_empty() {
                    return Ok(());
                }
            }
            match stream.try_write(self.bytes.get(self.written..).unwrap_or_default()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
