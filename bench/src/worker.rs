//! One client core: an executor pinned to a CPU that drives all its connections in one loop.
//!
//! No task per connection: the loop takes what the ring completed, hands received bytes to the
//! [`Loader`] and sends what it appended, as a server core does. A connection has at most one
//! send in flight; what is added meanwhile goes with the next.
//!
//! The main thread orders *stages* (fill, load, no-ops) over a channel and gets tallies back,
//! one a second and one whenever a part of the stage (warm-up, measurement, drain) ends.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use jerboa::net::{Completion, Ring, RingConfig, SocketId, Waker};

use crate::loader::{Common, Loader, Pace};
use crate::source::Source;
use crate::tally::Tally;
use crate::target::Protocol;
use crate::usage::thread_cpu_ns;

/// Memory that glommio reserves for its own file I/O, of which there is none.
const EXECUTOR_IO_BYTES: usize = 64 << 10;
/// Entries of glommio's own rings, which carry the wake-up and nothing else.
const EXECUTOR_RING_DEPTH: usize = 32;

/// Completions handled before their answers' next requests are sent.
const COMPLETIONS_PER_TURN: usize = 32;

/// Idle turns before the core parks.
const IDLE_TURNS: u32 = 32;

/// No sleep is longer, so that the ends of stages are noticed.
const SLEEP_NS_MAX: u64 = 20_000_000;

/// Open loop: a sleep ends this long before the next request is due, the rest is spun away.
const WAKE_EARLY_NS: u64 = 100_000;

const SECOND_NS: u64 = 1_000_000_000;

/// What a client core is made of.
pub struct WorkerSetup<P> {
    /// Its number.
    pub index: usize,
    /// The CPU that it runs on.
    pub cpu: usize,
    /// Its connections with the number of the address they lead to.
    pub sockets: Vec<(OwnedFd, u16)>,
    /// Its codec.
    pub protocol: P,
    /// What all share.
    pub common: Arc<Common>,
    /// Stands in until the first stage brings its own.
    pub idle: Source,
    /// The run's time zero.
    pub epoch: Instant,
    /// Orders.
    pub stages: Receiver<Stage>,
    /// Reports.
    pub events: Sender<Event>,
}

/// One stage as ordered from one client core. Times count from the run's epoch.
pub struct Stage {
    /// Where its requests come from.
    pub source: Source,
    /// How they are paced.
    pub pace: Pace,
    /// Closed loop: requests out for each connection.
    pub depth: usize,
    /// The warm-up ends here.
    pub measure_from_ns: u64,
    /// The measurement ends here, if the source does not end before.
    pub measure_until_ns: u64,
    /// How long answers are awaited after that.
    pub drain_ns: u64,
}

/// The parts of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Before the measurement.
    WarmUp,
    /// What counts.
    Measure,
    /// Awaiting the last answers.
    Drain,
}

/// What a client core reports.
pub enum Event {
    /// What was counted since the last report.
    Report(Box<Report>),
    /// The stage is over on this core.
    Over {
        /// Which core.
        worker: usize,
        /// Why it ended early, if it did.
        failure: Option<String>,
    },
}

/// What was counted in a stretch of one part.
pub struct Report {
    /// Which core.
    pub worker: usize,
    /// In which part.
    pub part: Part,
    /// The number of the second within the stage.
    pub second: u64,
    /// How long the stretch was.
    pub elapsed_ns: u64,
    /// CPU time that the core spent on work, idle spinning left out.
    pub busy_ns: u64,
    /// The counts and latencies.
    pub tally: Tally,
}

/// Starts a client core.
///
/// # Errors
/// The executor cannot be made; the text says why.
pub fn spawn<P: Protocol + Send + 'static>(
    setup: WorkerSetup<P>,
) -> Result<ExecutorJoinHandle<()>, String> {
    LocalExecutorBuilder::new(Placement::Fixed(setup.cpu))
        .name(&format!("bench-core-{}", setup.index))
        .io_memory(EXECUTOR_IO_BYTES)
        .ring_depth(EXECUTOR_RING_DEPTH)
        .spawn(move || run(setup))
        .map_err(|error| error.to_string())
}

async fn run<P: Protocol>(mut setup: WorkerSetup<P>) {
    let (index, events) = (setup.index, setup.events.clone());
    let sockets = std::mem::take(&mut setup.sockets);
    let mut worker = match Worker::new(setup, sockets) {
        Ok(worker) => worker,
        Err(failure) => {
            // Nobody listens any more where the run was given up: nothing to tell then.
            let _ = events.send(Event::Over {
                worker: index,
                failure: Some(failure),
            });
            return;
        }
    };
    // Between stages nothing is out, so nothing has to be driven while this waits.
    while let Ok(stage) = worker.stages.recv() {
        worker.stage(stage).await;
        let failure = worker.failure.take();
        if events
            .send(Event::Over {
                worker: index,
                failure,
            })
            .is_err()
        {
            return;
        }
    }
}

struct Worker<P> {
    index: usize,
    loader: Loader<P>,
    ring: Ring,
    sockets: Vec<SocketId>,
    /// The connection of a socket, by the socket's number.
    sessions: Vec<usize>,
    completions: Vec<Completion>,
    dirty: Vec<usize>,
    spare_buffers: Vec<Vec<u8>>,
    epoch: Instant,
    stages: Receiver<Stage>,
    events: Sender<Event>,
    tick_armed: bool,
    failure: Option<String>,
    clock: StageClock,
}

/// Where a stage stands.
struct StageClock {
    part: Part,
    began_ns: u64,
    /// Begin of the stretch that the next report covers.
    since_ns: u64,
    since_cpu_ns: u64,
    /// Time spun away in it.
    spun_ns: u64,
    second: u64,
}

impl<P: Protocol> Worker<P> {
    fn new(setup: WorkerSetup<P>, sockets: Vec<(OwnedFd, u16)>) -> Result<Self, String> {
        let waker = Waker::new().map_err(|error| format!("wake-up descriptor: {error}"))?;
        let mut ring =
            Ring::new(&RingConfig::default(), waker).map_err(|error| error.to_string())?;
        let lanes: Vec<u16> = sockets.iter().map(|(_, lane)| *lane).collect();
        let sockets: Vec<SocketId> = sockets
            .into_iter()
            .map(|(socket, _)| ring.add(socket))
            .collect();
        let mut sessions = Vec::new();
        for (session, socket) in sockets.iter().enumerate() {
            let number = socket.0 as usize;
            sessions.resize(sessions.len().max(number + 1), usize::MAX);
            sessions[number] = session;
        }
        Ok(Self {
            index: setup.index,
            loader: Loader::new(setup.protocol, setup.common, &lanes, setup.idle),
            ring,
            sockets,
            sessions,
            completions: Vec::with_capacity(COMPLETIONS_PER_TURN),
            dirty: Vec::new(),
            spare_buffers: Vec::new(),
            epoch: setup.epoch,
            stages: setup.stages,
            events: setup.events,
            tick_armed: false,
            failure: None,
            clock: StageClock {
                part: Part::Drain,
                began_ns: 0,
                since_ns: 0,
                since_cpu_ns: 0,
                spun_ns: 0,
                second: 0,
            },
        })
    }

    #[inline]
    fn now_ns(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    async fn stage(&mut self, stage: Stage) {
        let Stage {
            source,
            pace,
            depth,
            measure_from_ns,
            measure_until_ns,
            drain_ns,
        } = stage;
        let mut now = self.now_ns();
        self.clock = StageClock {
            part: Part::WarmUp,
            began_ns: now,
            since_ns: now,
            since_cpu_ns: thread_cpu_ns(),
            spun_ns: 0,
            second: 0,
        };
        self.loader.begin(source, pace, depth, now);
        let mut idle_turns = 0;
        while self.failure.is_none() {
            let due = self.loader.send_due(now);
            self.flush();
            self.advance(now, measure_from_ns, measure_until_ns);
            if !self.loader.is_generating() && self.finished(now, measure_until_ns, drain_ns) {
                break;
            }
            let before = now;
            let consumed = self.turn();
            now = self.now_ns();
            if consumed > 0 {
                idle_turns = 0;
                continue;
            }
            idle_turns += 1;
            match due {
                Some(due) if due < now + WAKE_EARLY_NS => self.clock.spun_ns += now - before,
                _ if idle_turns < IDLE_TURNS => {}
                due => {
                    let sleep = due.map_or(SLEEP_NS_MAX, |due| due - now - WAKE_EARLY_NS);
                    self.sleep(sleep).await;
                    now = self.now_ns();
                }
            }
        }
        self.loader.stop();
        self.report(self.now_ns());
    }

    /// Takes what is done and handles it; returns how much it was.
    fn turn(&mut self) -> usize {
        if let Err(error) = self.ring.enter() {
            self.failure = Some(format!("io_uring: {error}"));
            return 0;
        }
        let mut completions = std::mem::take(&mut self.completions);
        let consumed = self.ring.reap(&mut completions, COMPLETIONS_PER_TURN);
        for completion in completions.drain(..) {
            self.handle(completion);
        }
        self.completions = completions;
        self.ring.publish();
        consumed
    }

    #[inline]
    fn handle(&mut self, completion: Completion) {
        match completion {
            Completion::Received { socket, chunk } => {
                let session = self.sessions[socket.0 as usize];
                let now_ns = self.now_ns();
                let outcome = self
                    .loader
                    .receive(session, self.ring.bytes(&chunk), now_ns);
                self.ring.release(chunk);
                if let Err(error) = outcome {
                    self.lose(socket, &error.to_string());
                }
            }
            Completion::Sent { socket, buffer } => {
                self.spare_buffers.push(buffer);
                self.send(self.sessions[socket.0 as usize]);
            }
            Completion::Ended { socket, error } => {
                let text = match error {
                    Some(error) => format!("connection broke: {error}"),
                    None => "the server closed a connection".to_owned(),
                };
                self.lose(socket, &text);
            }
            Completion::Tick => self.tick_armed = false,
            // This ring listens on nothing.
            Completion::Accepted { .. } | Completion::AcceptFailed { .. } => {}
        }
    }

    /// A lost connection ends the stage: what it held cannot be told from an error of the server,
    /// and the load would no longer be the one that was asked for.
    #[cold]
    fn lose(&mut self, socket: SocketId, text: &str) {
        self.loader.lost(self.sessions[socket.0 as usize], text);
        self.ring.close(socket);
        self.failure.get_or_insert_with(|| text.to_owned());
    }

    /// Sends what was added to connections since the last time.
    #[inline]
    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        self.loader.take_dirty(&mut dirty);
        for session in &dirty {
            self.send(*session);
        }
        self.dirty = dirty;
    }

    #[inline]
    fn send(&mut self, session: usize) {
        let socket = self.sockets[session];
        let output = self.loader.output(session);
        if output.is_empty() || self.ring.sending(socket) {
            return;
        }
        let spare = self.spare_buffers.pop().unwrap_or_default();
        self.ring.send(socket, std::mem::replace(output, spare));
    }

    /// Passes from one part of the stage to the next, and reports every second.
    #[inline]
    fn advance(&mut self, now: u64, measure_from_ns: u64, measure_until_ns: u64) {
        match self.clock.part {
            Part::WarmUp if now >= measure_from_ns => {
                self.report(now);
                self.clock.part = Part::Measure;
                self.loader.record_from(now);
            }
            Part::Measure if now >= measure_until_ns => {
                self.report(now);
                self.clock.part = Part::Drain;
                self.loader.stop();
            }
            _ => {
                let second = (now - self.clock.began_ns) / SECOND_NS;
                if second > self.clock.second {
                    self.report(now);
                    self.clock.second = second;
                }
            }
        }
    }

    /// Nothing is sent any more: whether the last answer has come, or is no longer awaited.
    fn finished(&mut self, now: u64, measure_until_ns: u64, drain_ns: u64) -> bool {
        if self.loader.waiting() == 0 {
            return true;
        }
        let expired = now >= measure_until_ns.saturating_add(drain_ns);
        if expired {
            self.loader.abandon();
            self.failure = Some(format!(
                "{} requests were still unanswered {:.1} s after the end",
                self.loader.waiting(),
                drain_ns as f64 / 1e9
            ));
        }
        expired
    }

    /// Sleeps until something happens, at most about this long.
    async fn sleep(&mut self, ns: u64) {
        if !self.tick_armed {
            self.ring
                .arm_tick(Duration::from_nanos(ns.min(SLEEP_NS_MAX)));
            self.tick_armed = true;
        }
        if let Err(error) = self.ring.park(None, || false) {
            self.failure = Some(format!("io_uring: {error}"));
        }
    }

    fn report(&mut self, now: u64) {
        let cpu_ns = thread_cpu_ns();
        let clock = &mut self.clock;
        let report = Report {
            worker: self.index,
            part: clock.part,
            second: clock.second,
            elapsed_ns: now - clock.since_ns,
            busy_ns: (cpu_ns - clock.since_cpu_ns).saturating_sub(clock.spun_ns),
            tally: std::mem::take(&mut self.loader.tally),
        };
        clock.since_ns = now;
        clock.since_cpu_ns = cpu_ns;
        clock.spun_ns = 0;
        // As above: without a listener there is nothing to tell.
        let _ = self.events.send(Event::Report(Box::new(report)));
    }
}
