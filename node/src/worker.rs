//! A data core: one shard, its sessions and its ring, run by one pinned executor.
//!
//! A turn ([`Worker::turn`]): submit and collect completions → hand received bytes to sessions →
//! decode and execute all ready requests in batches ([`turn`]) → one send per session → mailboxes →
//! one slice of the engine's background work. Nothing is executed inside a completion's handler, so
//! requests of all ready connections share the batches, which is where prefetching pays.
//!
//! Requests may wait for other cores; replies never wait for anything (see [`mailbox`]).

mod budget;
mod buffer;
pub(crate) mod changes;
mod clients;
mod commands;
mod connection;
pub(crate) mod events;
mod execute;
mod executor;
mod foreign;
mod gather;
mod grants;
mod housekeeping;
mod intake;
mod locking;
mod mailbox;
pub(crate) mod measure;
mod owned;
mod patience;
pub(crate) mod pauses;
pub(crate) mod pubsub;
mod rates;
mod refused;
mod replies;
mod scan;
mod session;
pub(crate) mod settings;
pub(crate) mod shared;
pub(crate) mod slow;
pub(crate) mod stats;
pub(crate) mod tuning;
mod turn;
mod verification;
mod waiters;
mod walk;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jerboa_core_shard::Shard;
use jerboa_wire::event::EventKinds;

use crate::config::Config;
use crate::embedded::Inlet;
use crate::net::{Completion, Ring, RingConfig, RingError, SocketId, Waker};
use budget::{COMPLETIONS_PER_TURN, POOLED_BUFFER_BYTES, TICK_MS, TURNS_PER_YIELD};
use buffer::Pool;
use changes::Cursor;
use changes::follow::Follower;
use commands::Scratch;
use foreign::Foreign;
pub(crate) use gather::Gather;
use locking::Locks;
pub(crate) use mailbox::mailboxes;
use mailbox::{Inbox, Mailbox, Message, Outbox};
use measure::Measures;
use patience::patience;
use pauses::OwnPauses;
use pubsub::{PubSub, SubscriptionLimits};
use rates::Rates;
use refused::Refused;
pub(crate) use scan::core_of_cursor;
use session::Session;
use shared::Shared;
use slow::SlowCommands;
use stats::Counts;
use turn::Inputs;
use verification::Verification;

/// What a worker is told.
#[derive(Clone, Debug)]
pub(crate) struct WorkerConfig {
    pub(crate) core: u16,
    pub(crate) spin: Duration,
    /// How long a parked core waits for more than one request; zero: not at all.
    pub(crate) gather: Duration,
    pub(crate) value_bytes_max: u32,
    /// Received bytes that one session may hold.
    pub(crate) input_bytes_max: usize,
    /// Unsent bytes above which a session is blocked.
    pub(crate) output_bytes_max: usize,
    /// Bytes that all sessions of this core may hold.
    pub(crate) buffer_bytes_max: usize,
    pub(crate) idle_timeout_ms: u64,
    pub(crate) slow_client_timeout_ms: u64,
    pub(crate) drain_timeout_ms: u64,
    pub(crate) mailbox_capacity: usize,
    /// Messages, in bytes, that may wait for one subscriber.
    pub(crate) subscriber_bytes_max: usize,
    pub(crate) subscriptions: SubscriptionLimits,
}

impl WorkerConfig {
    /// What one core is told.
    pub(crate) fn new(config: &Config, core: u16) -> Self {
        Self {
            core,
            spin: Duration::from_micros(config.spin_us.into()),
            gather: Duration::from_micros(config.gather_us.into()),
            value_bytes_max: config.value_bytes_max,
            input_bytes_max: config.input_bytes_max,
            output_bytes_max: config.output_bytes_max,
            buffer_bytes_max: config.buffer_bytes_max,
            idle_timeout_ms: config.idle_timeout_ms,
            slow_client_timeout_ms: config.slow_client_timeout_ms,
            drain_timeout_ms: config.drain_timeout_ms,
            mailbox_capacity: config.mailbox_capacity,
            subscriber_bytes_max: config.subscriber_bytes_max,
            subscriptions: SubscriptionLimits {
                per_connection: config.connection_subscriptions_max as usize,
                per_core: config.core_subscriptions_max as usize,
            },
        }
    }
}

/// The ends of a worker's connections to the others.
pub(crate) struct Links {
    pub(crate) mailboxes: Arc<[Mailbox]>,
    pub(crate) inbox: Inbox,
    /// The way in for threads that are no cores.
    pub(crate) inlet: Inlet,
    pub(crate) waker: Waker,
    /// Where the changes for all cores begin.
    pub(crate) changes: Cursor,
}

/// One data core.
pub(crate) struct Worker {
    config: WorkerConfig,
    /// The changes of the node's settings that are in it.
    tuned: u64,
    shared: Arc<Shared>,
    shard: Shard,
    ring: Ring,
    inbox: Inbox,
    outbox: Outbox,
    foreign: Foreign,
    sessions: Vec<Option<Session>>,
    session_count: usize,
    /// Bytes that the sessions hold, as of their last [`Worker::account`].
    buffered_bytes: usize,
    serial: u64,
    pool: Pool,
    counts: Counts,
    measures: Measures,
    rates: Rates,
    slow: SlowCommands,
    pauses: OwnPauses,
    /// When this turn's bytes were taken from the kernel.
    arrived: Instant,
    /// When a message of another core or of an embedded caller came last.
    heard: Instant,
    completions: Vec<Completion>,
    inputs: Inputs,
    /// Passing use by commands.
    scratch: Scratch,
    /// Requests of other cores that wait until their core has picked up its answers.
    forwards: std::vec::IntoIter<Message>,
    /// When those were put into the mailbox.
    forwards_sent: Instant,
    /// Sessions with output to send.
    dirty: Vec<SocketId>,
    /// Sessions with input left for the next turn.
    ready: Vec<SocketId>,
    /// Sessions with input left for the end of a pause.
    held: Vec<SocketId>,
    refused: Refused,
    /// The first `any_core_listeners` listener indexes are the shared port's.
    any_core_listeners: usize,
    /// Where the look for time-outs goes on.
    cursor: usize,
    locks: Locks,
    changes: Follower,
    pubsub: PubSub,
    /// Kinds of events that the engine notes for.
    watched: EventKinds,
    shard_busy: bool,
    /// The recount that was asked for last.
    verification: Verification,
    stepped_ms: u64,
    published_ms: u64,
    drain_until: Option<Instant>,
    /// This core no longer counts as draining.
    drained: bool,
}

/// What a turn found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    Busy,
    Idle,
}

impl Worker {
    /// A worker on the calling executor, which nothing else may use for long.
    ///
    /// # Errors
    /// The ring cannot be made.
    pub(crate) fn new(
        config: WorkerConfig,
        shared: Arc<Shared>,
        shard: Shard,
        links: Links,
        listeners: Listeners,
    ) -> Result<Self, RingError> {
        // What a core gathers for is told in microseconds, and by habit the kernel ends sleeps 50
        // late; where it does not let us say otherwise they stay so.
        let _ = nix::sys::prctl::set_timerslack(1);
        let mut ring = Ring::new(&RingConfig::default(), links.waker)?;
        let any_core_listeners = listeners.any_core.len();
        for listener in listeners.any_core.into_iter().chain(listeners.own_core) {
            ring.listen(listener);
        }
        shared.stats[usize::from(config.core)].adopt_thread();
        let pubsub = PubSub::new(config.core, config.subscriptions);
        let changes = Follower::new(config.core, links.changes, Arc::clone(&links.mailboxes));
        let outbox = Outbox::new(links.mailboxes, config.mailbox_capacity);
        Ok(Self {
            config,
            tuned: 0,
            shared,
            shard,
            ring,
            inbox: links.inbox,
            outbox,
            foreign: Foreign::new(links.inlet),
            sessions: Vec::new(),
            session_count: 0,
            buffered_bytes: 0,
            serial: 0,
            pool: Pool::default(),
            counts: Counts::default(),
            measures: Measures::default(),
            rates: Rates::default(),
            slow: SlowCommands::default(),
            pauses: OwnPauses::default(),
            arrived: Instant::now(),
            heard: Instant::now(),
            completions: Vec::with_capacity(COMPLETIONS_PER_TURN),
            inputs: Inputs::default(),
            scratch: Scratch::default(),
            forwards: Vec::new().into_iter(),
            forwards_sent: Instant::now(),
            dirty: Vec::new(),
            ready: Vec::new(),
            held: Vec::new(),
            refused: Refused::default(),
            any_core_listeners,
            cursor: 0,
            locks: Locks::default(),
            changes,
            pubsub,
            watched: EventKinds::NONE,
            shard_busy: false,
            verification: Verification::default(),
            stepped_ms: 0,
            published_ms: 0,
            drain_until: None,
            drained: false,
        })
    }

    /// Serves until the node stops.
    ///
    /// # Errors
    /// The kernel refused the ring's system call; the core cannot go on.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        self.ring.arm_tick(Duration::from_millis(TICK_MS));
        self.tell_start(now_ms());
        let mut idle_since: Option<Instant> = None;
        let mut turns = 0;
        loop {
            if self.turn()? == Activity::Busy {
                idle_since = None;
                turns += 1;
                if turns % TURNS_PER_YIELD == 0 {
                    glommio::executor().yield_now().await;
                }
                // A peer that goes on sending keeps its core busy, but not beyond this.
                if self.drain_until.is_none_or(|until| Instant::now() < until) {
                    continue;
                }
            }
            if self.stopped() {
                self.measures.tick(Duration::ZERO);
                self.publish(now_ms());
                return Ok(());
            }
            let now = Instant::now();
            let quiet = now.duration_since(self.heard);
            let patience = patience(self.config.gather, self.session_count, quiet);
            let spun = now.duration_since(*idle_since.get_or_insert(now));
            if patience.is_none() && spun < self.config.spin {
                glommio::executor().yield_now().await;
                continue;
            }
            idle_since = None;
            self.counts.parks += 1;
            self.publish(now_ms());
            let (inbox, foreign, shared) = (&self.inbox, &self.foreign, &self.shared);
            let changes = &self.changes;
            let (stopping, drain) = (&shared.stopping, &self.drain_until);
            let has_work = || {
                let messages = !inbox.is_empty() || !foreign.is_empty() || changes.has_work();
                messages || (stopping.load(Ordering::SeqCst) && drain.is_none())
            };
            self.ring.park(patience, has_work)?;
        }
    }

    fn turn(&mut self) -> io::Result<Activity> {
        self.ring.enter()?;
        let mut completions = std::mem::take(&mut self.completions);
        let reaped = self.ring.reap(&mut completions, COMPLETIONS_PER_TURN);
        let messages =
            !self.inbox.is_empty() || !self.foreign.is_empty() || self.forwards.len() > 0;
        let work = messages || self.shard_busy || self.locks.have_work();
        let work = work || self.pubsub.has_work() || self.shard.has_departed();
        let work = work || self.changes.has_work();
        if reaped == 0 && self.ready.is_empty() && !work {
            self.completions = completions;
            self.begin_drain_if_asked();
            return Ok(Activity::Idle);
        }
        let now_ms = now_ms();
        self.arrived = Instant::now();
        if messages {
            self.heard = self.arrived;
        }
        for completion in completions.drain(..) {
            self.take_in(completion, now_ms);
        }
        self.completions = completions;
        self.publish_line(now_ms);
        self.resume_held(now_ms);
        self.queue_ready();
        self.retune();
        self.refresh(now_ms);
        self.execute_inputs(now_ms);
        self.take_answers(now_ms);
        self.take_requests(now_ms);
        self.take_calls(now_ms);
        self.serve_locks(now_ms);
        self.tell_departed(now_ms);
        self.walk_on_with_changes();
        self.answer_changes(now_ms);
        self.send_messages();
        self.flush(now_ms);
        self.push_messages(now_ms);
        self.step_shard(now_ms);
        self.counts.turns += 1;
        self.begin_drain_if_asked();
        Ok(Activity::Busy)
    }

    /// Takes over settings of the node that have changed.
    #[inline]
    fn retune(&mut self) {
        let changes = self.shared.tuning.changes();
        if changes != self.tuned {
            self.tuned = changes;
            self.config = WorkerConfig::new(&self.shared.tuning.config(), self.config.core);
        }
    }

    /// How much unsent output blocks a session now: less when the core's sessions together hold
    /// more than they may.
    fn output_limit(&self) -> usize {
        if self.buffered_bytes > self.config.buffer_bytes_max {
            self.config.output_bytes_max.min(POOLED_BUFFER_BYTES)
        } else {
            self.config.output_bytes_max
        }
    }

    /// Bytes that the core's sessions may hold beyond what they do.
    fn room(&self) -> usize {
        self.config
            .buffer_bytes_max
            .saturating_sub(self.buffered_bytes)
    }

    /// Brings what the core knows of a session's buffers up to date.
    fn account(&mut self, socket: SocketId) {
        let in_flight = self.ring.in_flight_bytes(socket);
        if let Some(session) = self
            .sessions
            .get_mut(socket.0 as usize)
            .and_then(Option::as_mut)
        {
            let held = session.held_bytes() + in_flight;
            self.buffered_bytes = self.buffered_bytes + held - session.accounted_bytes;
            session.accounted_bytes = held;
            session.in_flight_bytes = in_flight;
        }
    }

    /// The session on a socket. Sockets of the ring without a session are being closed.
    fn session(&mut self, socket: SocketId) -> Option<&mut Session> {
        self.sessions.get_mut(socket.0 as usize)?.as_mut()
    }
}

/// The listening sockets of one core; none where the node does not listen.
#[derive(Default)]
pub(crate) struct Listeners {
    /// This core's share of the port that all cores serve.
    pub(crate) any_core: Vec<OwnedFd>,
    /// This core's own port.
    pub(crate) own_core: Option<OwnedFd>,
}

/// The wall clock, in Unix milliseconds: what expiry is measured by.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
