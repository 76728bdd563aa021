//! The driver for glommio executors: for callers that have one thread per core.
//!
//! A client belongs to the executor that it was connected on and never leaves it: it is not
//! `Send`, takes no lock and shares nothing. Give each executor a client of its own. Its tasks run
//! in the task queue that it was connected in. What the tasks of the executor ask of one core
//! leaves in one write.
//!
//! glommio needs io_uring where the client runs, and so does this driver; containers often forbid
//! it, and glommio then says so when the executor is built. The other drivers do without.
//!
//! ```no_run
//! use jerboa_wire::client::glommio::Client;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = glommio::LocalExecutorBuilder::default().make()?;
//! executor.run(async {
//!     let orders = Client::connect(["127.0.0.1:7400"]).await?.dmap("orders");
//!     orders.put("17", "two lamps").await?;
//!     assert_eq!(orders.get("17").await?, Some("two lamps".to_owned()));
//!     Ok(())
//! })
//! # }
//! ```

mod sleep;
mod socket;

use std::cell::RefCell;
use std::io;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::glommio::{executor, spawn_local};

use super::api::typed_calls;
use super::channels::Channels;
use super::config::Config;
use super::dmap::DMap;
use super::engine::ConnectionId;
use super::error::{Error, RuntimeFault};
use super::inspect::inspecting_calls;
use super::operation::{InvalidCall, Operation};
use super::outcome::Response;
use super::tasks::{self, Hub, Runtime};
use super::transport::LocalTransport;
use crate::limits;
use crate::opcode::Opcode;
use crate::routing::Table;
use crate::stats::{
    HotKey, MAP_STATS_AFTER, MAP_STATS_FROM, MAP_STATS_LATENCIES, MAP_STATS_ONE, MapStats,
    NodeStats,
};
use sleep::Sleep;
use socket::Stream;

/// A client for one glommio executor: cheap to clone, to be shared by as many of its tasks as you
/// like. Outside of its executor calls fail with [`Error::Runtime`].
pub type Client = tasks::Client<Glommio>;

/// Messages of channels, awaited under glommio.
pub type Subscription = tasks::Subscription<Glommio>;

/// A client's state on a glommio executor, shared by its tasks and callers.
#[derive(Clone, Debug)]
pub struct Glommio {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hub: RefCell<Hub>,
    began: Instant,
    /// Where the tasks run.
    executor: usize,
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
        let executor = present().map_err(Error::Runtime)?;
        config.jitter_seed = config.seed_or_clock();
        let timeout = config.call_timeout;
        let shared = Rc::new(Shared {
            hub: RefCell::new(Hub::new(config)),
            began: Instant::now(),
            executor,
        });
        let runtime = Glommio { shared };
        spawn_local(tasks::keep(runtime.clone())).detach();
        Self::over(runtime, timeout).await
    }
}

impl LocalTransport for Client {
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

impl Runtime for Glommio {
    type Socket = Stream;
    type Sleep = Sleep;
    type Shared<T> = Rc<T>;

    fn share<T>(value: T) -> Rc<T> {
        Rc::new(value)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Hub) -> T) -> T {
        act(&mut self.shared.hub.borrow_mut())
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.shared.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn sleep_until(&self, at_us: u64) -> Sleep {
        let at = Duration::from_micros(at_us);
        Sleep::until(self.shared.began.checked_add(at))
    }

    async fn dial(&self, address: &str) -> io::Result<Stream> {
        socket::dial(address).await
    }

    /// Beside the keeper, in its task queue.
    fn spawn_connection(&self, connection: ConnectionId, address: Arc<str>) {
        spawn_local(tasks::run(self.clone(), connection, address)).detach();
    }

    /// Its sockets are asked themselves, whatever the executor has looked at.
    async fn look_around(&self) {}

    fn check_caller(&self) -> Result<(), RuntimeFault> {
        match present() {
            Ok(executor) if executor == self.shared.executor => Ok(()),
            Ok(_) => Err(RuntimeFault::Another),
            Err(fault) => Err(fault),
        }
    }

    fn check_sockets(&self) -> Result<(), RuntimeFault> {
        self.check_caller()
    }
}

/// The executor that runs here. glommio tells only by a panic that there is none.
fn present() -> Result<usize, RuntimeFault> {
    catch_unwind(|| executor().id()).map_err(|_| RuntimeFault::Missing)
}
