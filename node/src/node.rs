//! A running node: starts one worker per core, stops them, and tells where they listen.
//!
//! Everything that can fail fails before [`Node::start`] returns: the host is checked, all ports
//! are bound and every core has its memory and its ring, or nothing runs and the error says why.

mod builder;
mod error;
mod parts;
mod shutdown;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use jerboa_core_shard::{PageKind, Shard, ShardConfig};
use jerboa_wire::stats::{
    HotKey, MAP_STATS_AFTER, MAP_STATS_FROM, MAP_STATS_LATENCIES, MAP_STATS_ONE, MapStats,
    NodeStats, decode_maps,
};
use tracing::{error, info};

use builder::Beside;
pub use builder::Builder;
pub use error::{NodeError, StartError};
pub(crate) use parts::random;
use parts::{describe, find_room, shard_config, share};
use shutdown::Joining;

use crate::config::Config;
use crate::embedded::{DMap, Door, Embedded, Inlet, Subscriber, is_core_thread, mark_core_thread};
use crate::host::{self, Plan};
use crate::net::Waker;
use crate::worker::changes::Cursor;
use crate::worker::settings::view::SettingsView;
use crate::worker::shared::Shared;
use crate::worker::{Links, Listeners, Worker, WorkerConfig, mailboxes};

/// Memory that glommio reserves for its own file I/O on each core, of which there is none.
const EXECUTOR_IO_BYTES: usize = 64 << 10;
/// Entries of each of glommio's own rings, which carry its timers and nothing of the data path.
const EXECUTOR_RING_DEPTH: usize = 32;

/// A node that serves. Dropping it stops it.
#[derive(Debug)]
pub struct Node {
    addresses: Addresses,
    shared: Arc<Shared>,
    stopper: Stopper,
    doors: Arc<[Door]>,
    embedded: Embedded,
    executors: Vec<ExecutorJoinHandle<Result<(), NodeError>>>,
}

/// Stops a node from any thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    shared: Arc<Shared>,
    wakers: Arc<[Waker]>,
}

impl Stopper {
    /// Tells the cores to drain and end; returns at once.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for waker in self.wakers.iter() {
            waker.wake();
        }
    }
}

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The port that every core serves; port 0 where the node does not listen.
    pub any_core: SocketAddr,
    /// Each core's own port, in core order; none where the node does not listen.
    pub cores: Vec<SocketAddr>,
}

impl Node {
    /// A node to be started inside this process, with the default settings until told otherwise.
    ///
    /// ```no_run
    /// # use jerboa::Node;
    /// let node = Node::builder().cores(2.into()).memory(256 << 20).start()?;
    /// # Ok::<(), jerboa::node::StartError>(())
    /// ```
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a node that listens, and returns when it serves.
    ///
    /// # Errors
    /// Names the cause and, where there is one, the remedy. Nothing is left running.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_as(config, true, &Beside::default())
    }

    fn start_as(config: &Config, listens: bool, beside: &Beside) -> Result<Self, StartError> {
        config.validate()?;
        let (plan, addresses, listeners) = if listens {
            find_room(config)?
        } else {
            let plan = host::prepare_unheard(config)?;
            let addresses = Addresses {
                any_core: plan.any_core,
                cores: Vec::new(),
            };
            let listeners = plan.cpus.iter().map(|_| Listeners::default()).collect();
            (plan, addresses, listeners)
        };
        let cores = plan.cpus.len();
        let topology = describe(config, &plan, &addresses)?;
        let shared = Arc::new(share(config, &plan, &topology, &addresses, beside));
        let wakers: Result<Arc<[Waker]>, _> = (0..cores).map(|_| Waker::new()).collect();
        let wakers = wakers.map_err(StartError::Wake)?;
        let door = |waker: &Waker| Door::new(config.mailbox_capacity, waker.clone());
        let doors: Arc<[Door]> = wakers.iter().map(door).collect();
        let embedded = Embedded::new(
            Arc::clone(&shared),
            Arc::clone(&doors),
            &topology,
            config.value_bytes_max,
            Duration::from_micros(config.spin_us.into()),
        );
        let stopper = Stopper {
            shared: Arc::clone(&shared),
            wakers,
        };
        let mut node = Self {
            addresses,
            shared,
            stopper,
            doors,
            embedded,
            executors: Vec::with_capacity(cores),
        };
        node.start_cores(config, &plan, listeners)?;
        Ok(node)
    }

    fn start_cores(
        &mut self,
        config: &Config,
        plan: &Plan,
        listeners: Vec<Listeners>,
    ) -> Result<(), StartError> {
        let cores = plan.cpus.len();
        let (mailboxes, inboxes) = mailboxes(&self.stopper.wakers, config.mailbox_capacity);
        for (stats, mailbox) in self.shared.stats.iter().zip(mailboxes.iter()) {
            // Set once: the cores are started once.
            let _ = stats.mailbox.set(mailbox.gauge());
        }
        let changes = Cursor::new();
        let (report, reports) = flume::bounded(cores);
        for (index, (listeners, inbox)) in listeners.into_iter().zip(inboxes).enumerate() {
            let core = index as u16;
            let links = Links {
                mailboxes: Arc::clone(&mailboxes),
                inbox,
                inlet: Inlet::new(Arc::clone(&self.doors), core),
                waker: self.stopper.wakers[index].clone(),
                changes: changes.clone(),
            };
            let shard = shard_config(config, plan, &self.shared, core);
            let stopper = self.stopper.clone();
            let worker = WorkerConfig::new(config, core);
            let report = report.clone();
            let executor = LocalExecutorBuilder::new(Placement::Fixed(plan.cpus[index]))
                .name(&format!("jerboa-core-{index}"))
                .io_memory(EXECUTOR_IO_BYTES)
                .ring_depth(EXECUTOR_RING_DEPTH)
                .spawn(move || run_core(worker, stopper, shard, links, listeners, report))
                .map_err(|source| StartError::Executor {
                    core,
                    reason: source.to_string(),
                })?;
            self.executors.push(executor);
        }
        drop(report);
        let mut failure = None;
        for _ in 0..cores {
            match reports.recv() {
                Ok(Ok((core, pages))) => {
                    info!(core, cpu = plan.cpus[usize::from(core)], %pages, "core is ready");
                }
                Ok(Err(error)) => failure = failure.or(Some(error)),
                Err(_) => failure = failure.or(Some(StartError::CoreDied)),
            }
        }
        // Dropping the node stops the cores that did start.
        failure.map_or(Ok(()), Err)
    }

    /// Where the node listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The way from any thread of this process to the node's maps.
    #[must_use]
    pub fn embedded(&self) -> &Embedded {
        &self.embedded
    }

    /// The map of this name, for any thread of this process. The empty name is the default map.
    #[must_use]
    pub fn dmap(&self, name: impl AsRef<[u8]>) -> DMap {
        DMap::new(self.embedded.clone(), name)
    }

    /// A subscriber to channels and patterns, for any thread of this process. Publishing, and what
    /// there is to know about channels, is at [`Node::embedded`].
    #[must_use]
    pub fn subscriber(&self) -> Subscriber {
        self.embedded.subscriber()
    }

    /// Stops the node: what is under way is answered, memory and threads are given back. Calls that
    /// come later fail. Dropping the future does not call the stop off.
    ///
    /// # Errors
    /// The first core that failed.
    pub async fn shutdown(mut self) -> Result<(), NodeError> {
        self.request_stop();
        let executors = std::mem::take(&mut self.executors);
        Joining::begin(move || join_all(executors)).await
    }

    /// As [`Node::shutdown`]; blocks the calling thread meanwhile.
    ///
    /// # Errors
    /// The first core that failed; [`NodeError::OnCoreThread`].
    pub fn shutdown_blocking(self) -> Result<(), NodeError> {
        self.request_stop();
        self.join()
    }

    /// Tells the cores to drain and end. Returns at once; [`Node::join`] waits.
    pub fn request_stop(&self) {
        self.stopper.stop();
    }

    /// A handle that stops the node from anywhere.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits until every core has ended, which they do after [`Node::request_stop`] or when one of
    /// them fails.
    ///
    /// # Errors
    /// The first core that failed.
    pub fn join(mut self) -> Result<(), NodeError> {
        self.wait()
    }

    /// Whether a core has ended although nobody asked for it.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.shared.failed.load(Ordering::SeqCst)
    }

    /// What the node counted and how long requests took, core by core, about a tenth of a second
    /// old at most.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        let mut stats = NodeStats::parse(&self.stats_text());
        for core in 1..=self.shared.stats.len() as u64 {
            stats.extend(&self.shared.stats_text(core).unwrap_or_default());
        }
        stats
    }

    /// The counters of the node as `name value` lines, as the Stats operation answers them.
    #[must_use]
    pub fn stats_text(&self) -> String {
        self.shared.stats_text(0).unwrap_or_default()
    }

    /// What all cores counted for a map; `None` where nobody wrote to it yet.
    #[must_use]
    pub fn map_stats(&self, map: impl AsRef<[u8]>) -> Option<MapStats> {
        let (section, _) = self.shared.map_stats_section(map.as_ref(), MAP_STATS_ONE)?;
        decode_maps(&section)?.pop()
    }

    /// The same with how long its requests took, by operation.
    #[must_use]
    pub fn map_stats_with_latencies(&self, map: impl AsRef<[u8]>) -> Option<MapStats> {
        let (section, _) = self
            .shared
            .map_stats_section(map.as_ref(), MAP_STATS_LATENCIES)?;
        decode_maps(&section)?.pop()
    }

    /// What all cores counted for every map, in the order of their names.
    #[must_use]
    pub fn all_map_stats(&self) -> Vec<MapStats> {
        let mut all = Vec::<MapStats>::new();
        let mut which = MAP_STATS_FROM;
        loop {
            let behind = all.last().map(|last| last.map.clone()).unwrap_or_default();
            let page = self.shared.map_stats_section(&behind, which);
            let Some((section, more)) = page else {
                return all;
            };
            all.extend(decode_maps(&section).unwrap_or_default());
            which = MAP_STATS_AFTER;
            if !more {
                return all;
            }
        }
    }

    /// The keys that are used most now, the most used first, at most `count` of them. The rates are
    /// estimates over the last ten seconds or so.
    #[must_use]
    pub fn hot_keys(&self, count: usize) -> Vec<HotKey> {
        self.shared.hot_keys(count as u64)
    }

    fn wait(&mut self) -> Result<(), NodeError> {
        let executors = std::mem::take(&mut self.executors);
        if is_core_thread() {
            // It would wait for itself. The cores end all the same.
            return Err(NodeError::OnCoreThread);
        }
        join_all(executors)
    }
}

fn join_all(executors: Vec<ExecutorJoinHandle<Result<(), NodeError>>>) -> Result<(), NodeError> {
    let mut outcome = Ok(());
    for (core, executor) in executors.into_iter().enumerate() {
        let ended = executor
            .join()
            .map_err(|error| NodeError::Died {
                core,
                reason: error.to_string(),
            })
            .flatten();
        outcome = outcome.and(ended);
    }
    outcome
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.executors.is_empty() {
            return;
        }
        self.request_stop();
        if let Err(error) = self.wait() {
            error!(%error, "a core had failed");
        }
    }
}

type Report = flume::Sender<Result<(u16, PageKind), StartError>>;

/// Runs on the core's own thread: the shard's memory is touched here, so it is local to the core.
async fn run_core(
    config: WorkerConfig,
    stopper: Stopper,
    shard: ShardConfig,
    links: Links,
    listeners: Listeners,
    report: Report,
) -> Result<(), NodeError> {
    mark_core_thread();
    let core = config.core;
    let failed = |error| {
        let _ = report.send(Err(error));
        Ok(())
    };
    let mut shard = match Shard::new(&shard) {
        Ok(shard) => shard,
        Err(source) => return failed(StartError::Memory { core, source }),
    };
    if !SettingsView::default().take_all(&mut shard, &stopper.shared.settings) {
        let limited_maps_max = shard.limited_maps_max();
        return failed(StartError::MapSettings { limited_maps_max });
    }
    let pages = shard.page_kind();
    let worker = match Worker::new(config, Arc::clone(&stopper.shared), shard, links, listeners) {
        Ok(worker) => worker,
        Err(source) => return failed(host::explain_ring_failure(&source.source).into()),
    };
    let _ = report.send(Ok((core, pages)));
    drop(report);
    let ended = worker.run().await;
    if let Err(source) = ended {
        error!(core, %source, "core failed; the node stops");
        stopper.shared.failed.store(true, Ordering::SeqCst);
        stopper.stop();
        return Err(NodeError::Ring {
            core: usize::from(core),
            source,
        });
    }
    Ok(())
}
