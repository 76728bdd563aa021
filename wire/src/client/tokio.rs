//! The driver for tokio runtimes, current-thread and multi-thread alike.
//!
//! Each connection has a task that owns its socket, and one task keeps the time. Callers put
//! their requests into the engine and wake the connection's task, which writes whatever has
//! gathered by then in one piece. Dropping the last [`Client`] ends the tasks.
//!
//! A client belongs to the runtime that it was connected on.

mod connection;
mod pending;
mod subscription;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle as RuntimeHandle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::api::typed_calls;
use super::channels::Channels;
use super::config::Config;
use super::dmap::DMap;
use super::engine::{Action, Completed, ConnectionId, Engine};
use super::error::Error;
use super::inspect::inspecting_calls;
use super::operation::{InvalidCall, Operation};
use super::outcome::Response;
use super::transport::Transport;
use crate::limits;
use crate::opcode::Opcode;
use crate::routing::{Table, Topology};
use crate::stats::{HotKey, MAP_STATS_AFTER, MAP_STATS_FROM, MAP_STATS_ONE, MapStats, NodeStats};

use pending::{Delivery, Pending};
pub use subscription::Subscription;

/// A client for tokio: cheap to clone, to be shared by as many tasks as you like.
///
/// A call whose future is dropped goes on in the background until its answer or its deadline. If
/// it asked for a lock, the lock is given back.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
    timeout: Duration,
}

/// Closes the engine with the last client.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

type Waiter = oneshot::Sender<Delivery>;

#[derive(Debug)]
struct Shared {
    engine: Mutex<Engine<Waiter>>,
    signals: Mutex<HashMap<ConnectionId, Arc<Signal>>>,
    began: Instant,
    /// Where the tasks run.
    runtime: RuntimeHandle,
    config: Config,
    /// When everything ends at the latest, set once the last client has gone.
    last_us: AtomicU64,
    /// Wakes the task that keeps the time.
    timer: Notify,
    /// When that task will look again.
    timer_at_us: AtomicU64,
}

/// Wakes the task of a connection.
#[derive(Debug, Default)]
struct Signal {
    notify: Notify,
    closing: AtomicBool,
}

typed_calls!(Client, [async], [.await]);
inspecting_calls!(Client, [async], [.await]);

impl Client {
    /// Connects to a cluster by `host:port` of the any-core port of one or more nodes.
    pub async fn connect(
        seeds: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, Error> {
        Self::connect_with(Config::new(seeds)).await
    }

    /// Connects with settings of its own. Returns when the topology is known and the core that
    /// owns the first slot has answered.
    pub async fn connect_with(mut config: Config) -> Result<Self, Error> {
        config.jitter_seed = config.seed_or_clock();
        let timeout = config.call_timeout;
        let shared = Arc::new(Shared {
            engine: Mutex::new(Engine::new(config.clone())),
            signals: Mutex::new(HashMap::new()),
            began: Instant::now(),
            runtime: RuntimeHandle::current(),
            config,
            last_us: AtomicU64::new(u64::MAX),
            timer: Notify::new(),
            timer_at_us: AtomicU64::new(u64::MAX),
        });
        tokio::spawn(keep_time(Arc::clone(&shared)));
        let client = Self {
            handle: Arc::new(Handle { shared }),
            timeout,
        };
        client.call(Operation::probe()).await?.done()?;
        Ok(client)
    }

    /// The same client with another deadline for its calls.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
            timeout,
        }
    }

    /// The topology that calls are routed by.
    #[must_use]
    pub fn topology(&self) -> Option<Arc<Topology>> {
        self.handle.shared.engine().topology().cloned()
    }

    /// The owners of that topology.
    #[must_use]
    pub fn table(&self) -> Option<Arc<Table>> {
        self.handle.shared.engine().table().cloned()
    }

    /// Closes every connection. Calls that are under way fail, and so do later ones.
    pub fn close(&self) {
        self.handle.shared.close();
    }

    /// Makes one call.
    pub async fn call(&self, operation: Operation) -> Result<Response, Error> {
        let mut answers = self.call_all(vec![operation]).await;
        answers.pop().unwrap_or(Err(Error::UnexpectedReply))
    }

    /// Makes many calls at once; their answers in the order of the operations.
    pub async fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        let mut pending = self.begin(operations);
        for pending in &mut pending {
            pending.arrive().await;
        }
        // Only now: a lock among the answers is given back if the future is dropped before.
        pending.into_iter().map(Pending::take).collect()
    }

    fn begin(&self, operations: Vec<Operation>) -> Vec<Pending> {
        let shared = &self.handle.shared;
        let now_us = shared.now_us();
        let mut engine = shared.engine();
        let begin = |operation: Operation| {
            // What the node itself may let wait has that time as well.
            let limit = self.timeout.saturating_add(operation.wait());
            let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
            let deadline_us = now_us.saturating_add(limit_us);
            let (waiter, answer) = oneshot::channel();
            match engine.call(operation, waiter, deadline_us, now_us) {
                Ok(key) => Pending::new(key, answer, Arc::clone(shared)),
                Err(error) => Pending::failed(error, Arc::clone(shared)),
            }
        };
        let begun = operations.into_iter().map(begin).collect();
        drop(engine);
        shared.settle();
        begun
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

impl Drop for Handle {
    /// The tasks end at once, or as soon as the locks that nobody waits for any more are given
    /// back.
    fn drop(&mut self) {
        let shared = &self.shared;
        let limit_us = u64::try_from(shared.config.call_timeout.as_micros()).unwrap_or(u64::MAX);
        let last_us = shared.now_us().saturating_add(limit_us);
        if shared.engine().owes() {
            shared.last_us.store(last_us, Ordering::Release);
            shared.timer.notify_one();
        } else {
            shared.close();
        }
    }
}

impl Shared {
    fn engine(&self) -> MutexGuard<'_, Engine<Waiter>> {
        lock(&self.engine)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn close(self: &Arc<Self>) {
        self.engine().close();
        self.settle();
        self.timer.notify_one();
    }

    /// When to look again (`u64::MAX`: not before a call), or `None` where the engine is closed.
    fn tick(self: &Arc<Self>) -> Option<u64> {
        let mut engine = self.engine();
        let now_us = self.now_us();
        let last_us = self.last_us.load(Ordering::Acquire);
        if last_us != u64::MAX && (now_us >= last_us || !engine.owes()) {
            engine.close();
        }
        engine.tick(now_us);
        let closed = engine.is_closed();
        let next_us = engine.next_tick_us().unwrap_or(u64::MAX).min(last_us);
        self.timer_at_us.store(next_us, Ordering::Release);
        drop(engine);
        self.settle();
        (!closed).then_some(next_us)
    }

    /// Gives a lock back whose caller has gone.
    fn give_back(self: &Arc<Self>, unlock: Operation) {
        let now_us = self.now_us();
        self.engine().give_back(unlock, now_us);
    }

    /// Delivers what is completed and does what the engine wants done.
    fn settle(self: &Arc<Self>) {
        let mut completed: Vec<Completed<Waiter>> = Vec::new();
        let mut actions = Vec::new();
        let mut engine = self.engine();
        engine.take_completed(&mut completed);
        engine.take_actions(&mut actions);
        let next_us = engine.next_tick_us().unwrap_or(u64::MAX);
        drop(engine);
        let leaving = self.last_us.load(Ordering::Acquire) != u64::MAX;
        if leaving || next_us < self.timer_at_us.load(Ordering::Acquire) {
            self.timer.notify_one();
        }
        let mut owes = false;
        for completed in completed {
            let Completed { waiter, result, .. } = completed;
            let delivery = Delivery {
                result,
                give_back: completed.give_back,
            };
            // A caller that has gone does not mind, but leaves its lock.
            if let Err(Delivery {
                give_back: Some(unlock),
                ..
            }) = waiter.send(delivery)
            {
                self.give_back(unlock);
                owes = true;
            }
        }
        if owes {
            self.engine().take_actions(&mut actions);
        }
        for action in actions {
            match action {
                Action::Connect {
                    connection,
                    address,
                } => {
                    let signal = Arc::new(Signal::default());
                    lock(&self.signals).insert(connection, Arc::clone(&signal));
                    let shared = Arc::clone(self);
                    // A future may be dropped where there is no runtime.
                    self.runtime
                        .spawn(connection::run(shared, connection, address, signal));
                }
                Action::Flush(connection) => {
                    if let Some(signal) = lock(&self.signals).get(&connection) {
                        signal.notify.notify_one();
                    }
                }
                Action::Close(connection) => {
                    if let Some(signal) = lock(&self.signals).remove(&connection) {
                        signal.closing.store(true, Ordering::Release);
                        signal.notify.notify_one();
                    }
                }
            }
        }
    }
}

/// Lets time pass for the engine until it is closed.
async fn keep_time(shared: Arc<Shared>) {
    while let Some(next_us) = shared.tick() {
        if next_us == u64::MAX {
            shared.timer.notified().await;
            continue;
        }
        let at = shared.began + Duration::from_micros(next_us);
        tokio::select! {
            () = sleep_until(at) => {}
            () = shared.timer.notified() => {}
        }
    }
}

/// A task that panicked has broken nothing: what the locks guard is whole between its calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
