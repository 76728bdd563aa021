//! The task of one connection: it owns the socket, and ends with it.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::Poll;

use super::hub::Word;
use super::runtime::{Runtime, Socket, change, within};
use super::signal::Asking;
use crate::client::engine::{ConnectionId, Ended};

/// Bytes of one read.
const INPUT_BYTES: usize = 64 * 1024;

/// A connection that has heard nothing for so long is looked at before it is written to.
const IDLE_US: u64 = 100_000;

/// Reads in a row before the replies are delivered and other tasks have their turn.
const READS_MAX: usize = 8;

/// Connects, serves the connection until it ends, and tells the engine.
pub(crate) async fn run<R: Runtime>(runtime: R, connection: ConnectionId, address: Arc<str>) {
    // Told also where the runtime drops the task.
    let mut end = End {
        runtime,
        connection,
        ended: Ended::Closed,
    };
    let runtime = &end.runtime;
    end.ended = match dial(runtime, &address).await {
        Ok(mut socket) => {
            change(runtime, |hub, now_us| {
                hub.engine.connected(connection, now_us);
            });
            serve(runtime, connection, &mut socket).await;
            Ended::Closed
        }
        Err(error) => Ended::NotConnected {
            cause: error.to_string(),
        },
    };
}

struct End<R: Runtime> {
    runtime: R,
    connection: ConnectionId,
    ended: Ended,
}

impl<R: Runtime> Drop for End<R> {
    fn drop(&mut self) {
        let ended = std::mem::replace(&mut self.ended, Ended::Closed);
        change(&self.runtime, |hub, now_us| {
            hub.ended(self.connection, ended, now_us);
        });
    }
}

pub(super) async fn dial<R: Runtime>(runtime: &R, address: &str) -> io::Result<R::Socket> {
    let limit = runtime.with(|hub| hub.config.connect_timeout);
    let connected = within(runtime, limit, runtime.dial(address)).await;
    connected.unwrap_or_else(|| Err(ErrorKind::TimedOut.into()))
}

/// Serves until the peer closes or the engine wants it closed.
async fn serve<R: Runtime>(runtime: &R, connection: ConnectionId, socket: &mut R::Socket) {
    let mut output = Output::default();
    let mut input = vec![0; INPUT_BYTES];
    let mut heard_us = runtime.now_us();
    while runtime.with(|hub| hub.wants(connection)) {
        if heard_us.saturating_add(IDLE_US) < runtime.now_us() {
            // The runtime may not have looked at its sockets for as long as nothing was to be
            // done: have it look now, before a request is written to a closed connection.
            runtime.look_around().await;
            if read(runtime, connection, socket, &mut input).is_err() {
                return;
            }
            heard_us = runtime.now_us();
        }
        if output.write(runtime, connection, socket).is_err() {
            return;
        }
        let what = std::future::poll_fn(|context| {
            if let Poll::Ready(ready) = socket.poll_readable(context) {
                return Poll::Ready(ready.map(|()| What::Read));
            }
            if !output.is_empty()
                && let Poll::Ready(ready) = socket.poll_writable(context)
            {
                return Poll::Ready(ready.map(|()| What::Write));
            }
            let mut asking = Asking::of(context);
            let word = runtime.with(|hub| hub.poll_word(connection, &mut asking));
            word.map(|word| match word {
                Word::Write => Ok(What::Write),
                Word::Close => Ok(What::Close),
            })
        });
        match what.await {
            Ok(What::Write) => {}
            Ok(What::Read) => {
                if read(runtime, connection, socket, &mut input).is_err() {
                    return;
                }
                heard_us = runtime.now_us();
            }
            Ok(What::Close) | Err(_) => return,
        }
    }
}

/// What there is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Read,
    Write,
    Close,
}

/// Reads what is there; an error at the end of the connection. Replies are delivered as they come.
fn read<R: Runtime>(
    runtime: &R,
    connection: ConnectionId,
    socket: &R::Socket,
    input: &mut [u8],
) -> io::Result<()> {
    for _ in 0..READS_MAX {
        match socket.try_read(input) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                let bytes = input.get(..count).unwrap_or_default();
                change(runtime, |hub, now_us| {
                    hub.engine.received(connection, bytes, now_us);
                });
                if count < input.len() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
    fn write<R: Runtime>(
        &mut self,
        runtime: &R,
        connection: ConnectionId,
        socket: &R::Socket,
    ) -> io::Result<()> {
        loop {
            if self.is_empty() {
                self.bytes.clear();
                self.written = 0;
                let bytes = &mut self.bytes;
                change(runtime, |hub, now_us| {
                    hub.take_output(connection, bytes, now_us);
                });
                if self.bytes.is_empty() {
                    return Ok(());
                }
            }
            match socket.try_write(self.bytes.get(self.written..).unwrap_or_default()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
