//! The driver for threads. It has no thread of its own: callers do the work.
//!
//! The caller whose request is the first to leave writes, and with it whatever others have put
//! behind it meanwhile. Of those who wait for replies on a connection one reads for all; when it
//! has its own reply it hands the reading to another. So one caller alone pays no hand-over
//! between threads, and many share every write and read.
//!
//! Lock order: a socket's writer or reader, then the engine; never the other way round, and no
//! lock is held while another thread is told anything.

mod channels;
mod dmap;
mod scan;
mod socket;
mod subscription;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::api::typed_calls;
use super::config::Config;
use super::engine::{Action, CallKey, Completed, ConnectionId, Ended, Engine};
use super::error::Error;
use super::inspect::inspecting_calls;
use super::operation::{InvalidCall, Operation};
use super::outcome::Response;
use super::transport::BlockingTransport;
use crate::limits;
use crate::opcode::Opcode;
use crate::routing::{Table, Topology};
use crate::stats::{
    HotKey, MAP_STATS_AFTER, MAP_STATS_FROM, MAP_STATS_LATENCIES, MAP_STATS_ONE, MapStats,
    NodeStats,
};
use socket::{Flushed, Heard, Socket};

pub use channels::Channels;
pub use dmap::DMap;
pub use scan::Scan;
pub use subscription::Subscription;

/// A client for threads: cheap to clone, to be shared by as many as you like.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    timeout: Duration,
}

#[derive(Debug)]
struct Shared {
    engine: Mutex<Engine<Arc<Waiter>>>,
    sockets: Mutex<HashMap<ConnectionId, Arc<Socket>>>,
    began: Instant,
    config: Config,
}

/// One call's place to wait.
#[derive(Debug, Default)]
struct Waiter {
    state: Mutex<WaiterState>,
    told: Condvar,
}

#[derive(Debug, Default)]
struct WaiterState {
    result: Option<Result<Response, Error>>,
    /// There is something to do: the reader of the connection has left.
    nudged: bool,
}

/// Longest wait without a look around. It bounds how late a deadline is noticed.
const SLICE: Duration = Duration::from_millis(10);

typed_calls!(Client, [], []);
inspecting_calls!(Client, [], []);

impl Client {
    /// Connects to a cluster by `host:port` of the any-core port of one or more nodes.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] with what the last address that was tried said, [`Error::TimedOut`],
    /// [`Error::Refused`] where the node takes no more connections, [`Error::Protocol`] where it is
    /// none.
    pub fn connect(seeds: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, Error> {
        Self::connect_with(Config::new(seeds))
    }

    /// Connects with settings of its own. Returns when the topology is known and the core that
    /// owns the first slot has answered.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub fn connect_with(mut config: Config) -> Result<Self, Error> {
        config.jitter_seed = config.seed_or_clock();
        let timeout = config.call_timeout;
        let shared = Shared {
            engine: Mutex::new(Engine::new(config.clone())),
            sockets: Mutex::new(HashMap::new()),
            began: Instant::now(),
            config,
        };
        let client = Self {
            shared: Arc::new(shared),
            timeout,
        };
        client.call(Operation::probe())?.done()?;
        Ok(client)
    }

    /// The same client with another deadline for its calls.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            timeout,
        }
    }

    /// The topology that calls are routed by.
    #[must_use]
    pub fn topology(&self) -> Option<Arc<Topology>> {
        self.shared.engine().topology().cloned()
    }

    /// The owners of that topology.
    #[must_use]
    pub fn table(&self) -> Option<Arc<Table>> {
        self.shared.engine().table().cloned()
    }

    /// Closes every connection. Calls that are under way fail, and so do later ones.
    pub fn close(&self) {
        self.shared.engine().close();
        self.shared.settle(Instant::now());
    }

    /// Makes one call.
    ///
    /// # Errors
    ///
    /// Those that [`Error`] lists, but for a refusal, which is an answer here; [`Error::outcome`]
    /// says whether anything may have been done.
    pub fn call(&self, operation: Operation) -> Result<Response, Error> {
        let mut answers = self.call_all(vec![operation]);
        answers.pop().unwrap_or(Err(Error::UnexpectedReply))
    }

    /// Makes many calls at once; their answers in the order of the operations.
    pub fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        let shared = &self.shared;
        let now = Instant::now();
        let now_us = shared.micros(now);
        let mut engine = shared.engine();
        let begun: Vec<_> = operations
            .into_iter()
            .map(|operation| {
                let waiter = Arc::new(Waiter::default());
                // What the node itself may let wait has that time as well.
                let deadline = later(now, self.timeout.saturating_add(operation.wait()));
                let deadline_us = shared.micros(deadline);
                let call = engine.call(operation, Arc::clone(&waiter), deadline_us, now_us);
                call.map(|key| (key, waiter, deadline))
            })
            .collect();
        drop(engine);
        let wait = |(key, waiter, deadline): (CallKey, Arc<Waiter>, Instant)| {
            shared.wait(key, &waiter, deadline)
        };
        let answers = begun
            .into_iter()
            .map(|begun| begun.and_then(wait))
            .collect();
        shared.finish_refresh(later(now, self.timeout));
        answers
    }
}

impl BlockingTransport for Client {
    fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        Self::call_all(self, operations)
    }

    fn table(&self) -> Option<Arc<Table>> {
        Self::table(self)
    }

    fn with_timeout(&self, timeout: Duration) -> Self {
        Self::with_timeout(self, timeout)
    }
}

impl Shared {
    fn engine(&self) -> MutexGuard<'_, Engine<Arc<Waiter>>> {
        lock(&self.engine)
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    fn now_us(&self) -> u64 {
        self.micros(Instant::now())
    }

    /// Does what it takes until the call is answered.
    fn wait(
        &self,
        key: CallKey,
        waiter: &Arc<Waiter>,
        deadline: Instant,
    ) -> Result<Response, Error> {
        let mut last = None;
        loop {
            self.settle(deadline);
            if let Some(result) = waiter.take() {
                if let Some(connection) = last {
                    self.hand_over(connection);
                }
                return result;
            }
            let now = Instant::now();
            let until = deadline.min(now + SLICE);
            let engine = self.engine();
            // A call that is not sent yet may wait for the topology: then that is read for.
            let connection = engine.connection_of(key).or_else(|| engine.is_refreshing());
            drop(engine);
            match connection.and_then(|connection| self.socket(connection)) {
                Some(socket) if now < deadline => {
                    last = connection;
                    self.read_or_park(&socket, waiter, until, deadline);
                }
                _ => {
                    let mut engine = self.engine();
                    engine.tick(self.now_us());
                    let next_us = engine.next_tick_us();
                    drop(engine);
                    let next = next_us.map(|us| later(self.began, Duration::from_micros(us)));
                    // What the tick has set going is looked after first.
                    self.settle(deadline);
                    waiter.park(next.map_or(until, |next| next.min(until)));
                }
            }
        }
    }

    /// Reads for everyone on the connection if nobody does, else waits to be told.
    fn read_or_park(&self, socket: &Socket, waiter: &Waiter, until: Instant, deadline: Instant) {
        if socket.has_unwritten() {
            self.flush(socket.id, deadline);
        }
        let connection = socket.id;
        let heard = socket.read(until, |bytes| {
            let now_us = self.now_us();
            self.engine().received(connection, bytes, now_us);
        });
        match heard {
            Heard::Something => {}
            Heard::Nothing => self.engine().tick(self.now_us()),
            Heard::End => self.lost(connection),
            Heard::AnotherReads => waiter.park(until),
        }
    }

    /// Tells one of those who wait on a connection that nobody reads there any more.
    fn hand_over(&self, connection: ConnectionId) {
        let next = self.engine().anyone_on(connection).cloned();
        if let Some(next) = next {
            next.nudge();
        }
    }

    /// A caller that learned of a new topology fetches it before it goes: nobody else may come
    /// to read the answer.
    fn finish_refresh(&self, deadline: Instant) {
        loop {
            let now = Instant::now();
            let refreshing = self.engine().is_refreshing();
            let Some(connection) = refreshing.filter(|_| now < deadline) else {
                return;
            };
            let Some(socket) = self.socket(connection) else {
                return;
            };
            let waiter = Waiter::default();
            self.read_or_park(&socket, &waiter, deadline.min(now + SLICE), deadline);
            self.settle(deadline);
        }
    }

    /// Delivers what is completed and does what the engine wants done.
    fn settle(&self, deadline: Instant) {
        let mut completed: Vec<Completed<Arc<Waiter>>> = Vec::new();
        let mut actions = Vec::new();
        loop {
            let mut engine = self.engine();
            engine.take_completed(&mut completed);
            engine.take_actions(&mut actions);
            drop(engine);
            for Completed { waiter, result, .. } in completed.drain(..) {
                // A thread that waits is still there.
                waiter.complete(result);
            }
            if actions.is_empty() {
                return;
            }
            // Connecting may take long: whatever is ready goes first.
            let (slow, quick): (Vec<_>, Vec<_>) = actions
                .drain(..)
                .partition(|action| matches!(action, Action::Connect { .. }));
            for action in quick.into_iter().chain(slow) {
                match action {
                    Action::Connect {
                        connection,
                        address,
                    } => self.connect(connection, &address),
                    Action::Flush(connection) => self.flush(connection, deadline),
                    Action::Close(connection) => self.forget(connection),
                }
            }
        }
    }

    fn connect(&self, connection: ConnectionId, address: &str) {
        match self.dial(address) {
            Ok(stream) => {
                let socket = Arc::new(Socket::new(connection, stream));
                lock(&self.sockets).insert(connection, socket);
                self.engine().connected(connection, self.now_us());
            }
            Err(error) => {
                let ended = Ended::NotConnected {
                    cause: error.to_string(),
                };
                self.engine().disconnected(connection, ended, self.now_us());
            }
        }
    }

    fn dial(&self, address: &str) -> std::io::Result<TcpStream> {
        let mut failure = std::io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.config.connect_timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(SLICE))?;
                    stream.set_write_timeout(Some(SLICE))?;
                    return Ok(stream);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn flush(&self, connection: ConnectionId, deadline: Instant) {
        let Some(socket) = self.socket(connection) else {
            return;
        };
        let take = |bytes: &mut Vec<u8>| {
            let now_us = self.now_us();
            self.engine().take_output(connection, bytes, now_us);
        };
        match socket.flush(take, deadline, self.config.stall) {
            Flushed::All | Flushed::AnotherWrites | Flushed::Later => {}
            Flushed::Lost => self.lost(connection),
        }
    }

    fn lost(&self, connection: ConnectionId) {
        self.forget(connection);
        self.engine()
            .disconnected(connection, Ended::Closed, self.now_us());
    }

    fn forget(&self, connection: ConnectionId) {
        let socket = lock(&self.sockets).remove(&connection);
        if let Some(socket) = socket {
            socket.shut_down();
        }
    }

    fn socket(&self, connection: ConnectionId) -> Option<Arc<Socket>> {
        lock(&self.sockets).get(&connection).cloned()
    }
}

impl Drop for Shared {
    /// Locks that were granted to calls that had timed out are given back before the last client
    /// goes: nobody else would.
    fn drop(&mut self) {
        let deadline = later(Instant::now(), self.config.call_timeout);
        let waiter = Waiter::default();
        while self.engine().owes() && Instant::now() < deadline {
            self.settle(deadline);
            let until = deadline.min(Instant::now() + SLICE);
            let connection = self.engine().owes_on();
            match connection.and_then(|connection| self.socket(connection)) {
                Some(socket) => self.read_or_park(&socket, &waiter, until, deadline),
                None => {
                    self.engine().tick(self.now_us());
                    self.settle(deadline);
                    waiter.park(until);
                }
            }
        }
    }
}

/// A moment that far ahead; a far one where there is no such.
fn later(now: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(86_400 * 365);
    now.checked_add(by).unwrap_or(now + FAR)
}

impl Waiter {
    fn complete(&self, result: Result<Response, Error>) {
        lock(&self.state).result = Some(result);
        self.told.notify_one();
    }

    fn nudge(&self) {
        lock(&self.state).nudged = true;
        self.told.notify_one();
    }

    fn take(&self) -> Option<Result<Response, Error>> {
        lock(&self.state).result.take()
    }

    /// Waits to be told something.
    fn park(&self, until: Instant) {
        let mut state = lock(&self.state);
        while state.result.is_none() && !state.nudged {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.told.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.nudged = false;
    }
}

/// A caller that panicked has broken nothing: what the locks guard is whole between its calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
