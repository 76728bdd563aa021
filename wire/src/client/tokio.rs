//! The driver for tokio runtimes, current-thread and multi-thread alike.
//!
//! Each connection has a task that owns its socket, and one task keeps the time. Callers put
//! their requests into the engine and wake the connection's task, which writes whatever has
//! gathered by then in one piece. Dropping the last [`Client`] ends the tasks.
//!
//! A client belongs to the runtime that it was connected on, which needs timers and sockets
//! (`enable_all`): without them `Client::connect` says so with [`Error::Runtime`]. Its calls may
//! be awaited under any other executor as well, subscriptions on such a runtime only. With the
//! runtime the client ends, and its calls fail.

use std::io;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpStream, UnixDatagram};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::api::typed_calls;
use super::channels::Channels;
use super::config::Config;
use super::dmap::DMap;
use super::engine::ConnectionId;
use super::error::{Error, RuntimeFault};
use super::inspect::inspecting_calls;
use super::operation::{InvalidCall, Operation};
use super::outcome::Response;
use super::tasks::{self, Hub, Runtime, Socket};
use super::transport::Transport;
use crate::limits;
use crate::opcode::Opcode;
use crate::routing::Table;
use crate::stats::{
    HotKey, MAP_STATS_AFTER, MAP_STATS_FROM, MAP_STATS_LATENCIES, MAP_STATS_ONE, MapStats,
    NodeStats,
};

/// A client for tokio: cheap to clone, to be shared by as many tasks as you like.
pub type Client = tasks::Client<Tokio>;

/// Messages of channels, awaited under tokio.
pub type Subscription = tasks::Subscription<Tokio>;

/// A client's state on a tokio runtime, shared by its tasks and callers.
#[derive(Clone, Debug)]
pub struct Tokio {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hub: Mutex<Hub>,
    began: Instant,
}

typed_calls!(Client, [async], [.await]);
inspecting_calls!(Client, [async], [.await]);

impl Client {
    /// Connects to a cluster by `host:port` of the any-core port of one or more nodes.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] with what the last address that was tried said, [`Error::TimedOut`],
    /// [`Error::Refused`] where the node takes no more connections, [`Error::Protocol`] where it is
    /// none, [`Error::Runtime`] where the runtime cannot serve a client.
    pub async fn connect(
        seeds: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, Error> {
        Self::connect_with(Config::new(seeds)).await
    }

    /// Connects with settings of its own. Returns when the topology is known and the core that
    /// owns the first slot has answered.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub async fn connect_with(mut config: Config) -> Result<Self, Error> {
        check_runtime().map_err(Error::Runtime)?;
        config.jitter_seed = config.seed_or_clock();
        let timeout = config.call_timeout;
        let shared = Arc::new(Shared {
            hub: Mutex::new(Hub::new(config)),
            began: Instant::now(),
        });
        let runtime = Tokio { shared };
        tokio::spawn(tasks::keep(runtime.clone()));
        Self::over(runtime, timeout).await
    }
}

impl Transport for Client {
    async fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        Self::call_all(self, operations).await
    }

    fn table(&self) -> Option<Arc<Table>> {
        Self::table(self)
    }

    fn with_timeout(&self, timeout: Duration) -> Self {
        Self::with_timeout(self, timeout)
    }
}

impl Runtime for Tokio {
    type Socket = Stream;
    type Sleep = Sleep;
    type Shared<T> = Arc<T>;

    fn share<T>(value: T) -> Arc<T> {
        Arc::new(value)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Hub) -> T) -> T {
        // A task that panicked has broken nothing: the hub is whole between its calls.
        act(&mut self
            .shared
            .hub
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.shared.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn sleep_until(&self, at_us: u64) -> Sleep {
        let at = self
            .shared
            .began
            .checked_add(Duration::from_micros(at_us))
            .unwrap_or_else(|| Instant::now() + FAR);
        sleep_until(at)
    }

    async fn dial(&self, address: &str) -> io::Result<Stream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Stream(stream))
    }

    fn spawn_connection(&self, connection: ConnectionId, address: Arc<str>) {
        tokio::spawn(tasks::run(self.clone(), connection, address));
    }

    async fn look_around(&self) {
        tokio::task::yield_now().await;
    }

    fn check_caller(&self) -> Result<(), RuntimeFault> {
        Ok(())
    }

    fn check_sockets(&self) -> Result<(), RuntimeFault> {
        check_runtime()
    }
}

/// Far ahead enough for whoever waits until the end of the clock.
const FAR: Duration = Duration::from_secs(86_400 * 365);

/// Whether this is a runtime that has what the driver needs. Tokio tells only by panics, which the
/// process reports as it does any other; better here than in a task that nobody looks at.
fn check_runtime() -> Result<(), RuntimeFault> {
    if Handle::try_current().is_err() {
        return Err(RuntimeFault::Missing);
    }
    let timer = catch_unwind(|| drop(sleep(Duration::ZERO)));
    timer.map_err(|_| RuntimeFault::NoTimer)?;
    // It is connected to nothing; that it cannot be had is no fault of the runtime.
    let socket = catch_unwind(|| drop(UnixDatagram::unbound()));
    socket.map_err(|_| RuntimeFault::NoSockets)
}

/// A socket of tokio's.
#[derive(Debug)]
pub struct Stream(TcpStream);

impl Socket for Stream {
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(context)
    }

    fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(context)
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }
}
