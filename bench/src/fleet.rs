//! All client cores together: orders a stage from each and gathers what they report.

mod gathering;
mod readings;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use glommio::ExecutorJoinHandle;

use crate::accounting::{Accounting, Sample};
use crate::connect::{self, ConnectError, Lanes};
use crate::loader::Common;
use crate::source::Source;
use crate::tally::Tally;
use crate::target::Protocol;
use crate::worker::{self, Event, Stage, WorkerSetup};
use gathering::Gathering;
use readings::Readings;

/// A stage in which no request is answered for this long has stalled.
const STALL: Duration = Duration::from_secs(10);

/// Reports of a second arrive just after it.
const PROGRESS_OFFSET: Duration = Duration::from_millis(120);

/// Why a stage could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A connection could not be set up.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A client core could not be started.
    #[error("client core {worker} could not be started: {reason}")]
    Start {
        /// Which.
        worker: usize,
        /// Why.
        reason: String,
    },
    /// A client core ended by itself.
    #[error("a client core ended unexpectedly")]
    Died,
    /// The server answers no more.
    #[error("no request was answered for {} s", STALL.as_secs())]
    Stalled,
}

/// The client cores of a run.
pub struct Fleet {
    orders: Vec<Sender<Stage>>,
    events: Receiver<Event>,
    executors: Vec<ExecutorJoinHandle<()>>,
    epoch: Instant,
    quiet: bool,
}

/// How long the parts of a stage take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Before the measurement.
    pub warmup: Duration,
    /// The measurement; `None` lasts until the source is empty.
    pub measure: Option<Duration>,
    /// How long the last answers are awaited.
    pub drain: Duration,
}

/// What a stage brought.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Counts and latencies of the measurement.
    pub measured: Tally,
    /// Those of the warm-up before it.
    pub warmup: Tally,
    /// Those of the drain after it.
    pub drain: Tally,
    /// Requests answered a second in the measurement, summed over the client cores.
    pub ops_per_s: f64,
    /// Length of the measurement.
    pub seconds: f64,
    /// Share of its CPU that each client core used.
    pub client_cpu: Vec<f64>,
    /// The server's own readings around the measurement, and the time between them.
    pub samples: Option<(Sample, Sample, f64)>,
    /// Why client cores ended early.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Server CPU time for each request of the measurement.
    #[must_use]
    pub fn server_cpu_us_per_op(&self) -> Option<f64> {
        let (before, after, seconds) = self.samples.as_ref()?;
        let used_us = after.cpu_us - before.cpu_us;
        let operations = self.ops_per_s * seconds;
        (operations > 0.0 && used_us > 0.0).then(|| used_us / operations)
    }
}

impl Fleet {
    /// Opens `connections` connections and starts a client core on each of `cpus`.
    ///
    /// # Errors
    /// A connection or a client core cannot be had; nothing is left running.
    pub fn start<P: Protocol + Clone + Send + 'static>(
        protocol: &P,
        lanes: &Lanes,
        connections: usize,
        cpus: &[usize],
        common: &Arc<Common>,
        idle: impl Fn() -> Source,
    ) -> Result<Self, FleetError> {
        let without_crc = lanes
            .view
            .as_ref()
            .is_some_and(|v| v.crc == jerboa_wire::Crc::Off);
        let spread = lanes.spread(connections, cpus.len())?;
        let (reports, events) = channel();
        let mut fleet = Self {
            orders: Vec::new(),
            events,
            executors: Vec::new(),
            epoch: Instant::now(),
            quiet: true,
        };
        for (index, (cpu, lane_numbers)) in cpus.iter().zip(spread).enumerate() {
            let mut sockets = Vec::with_capacity(lane_numbers.len());
            for lane in lane_numbers {
                let address = lanes.addresses[usize::from(lane)];
                let mut stream = connect::open(address)?;
                if lanes.view.is_some() {
                    connect::greet(&mut stream, address, without_crc)?;
                }
                sockets.push((stream.into(), lane));
            }
            let (order, stages) = channel();
            let setup = WorkerSetup {
                index,
                cpu: *cpu,
                sockets,
                protocol: protocol.clone(),
                common: Arc::clone(common),
                idle: idle(),
                epoch: fleet.epoch,
                stages,
                events: reports.clone(),
            };
            let executor = worker::spawn(setup).map_err(|reason| FleetError::Start {
                worker: index,
                reason,
            })?;
            fleet.orders.push(order);
            fleet.executors.push(executor);
        }
        Ok(fleet)
    }

    /// Whether progress lines are left out.
    pub const fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// Number of client cores.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Nanoseconds since the run's epoch.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Runs one stage on all client cores. `order` makes each core's part of it from its number
    /// and the begin in nanoseconds; its times are set here.
    ///
    /// # Errors
    /// A client core died, or the server stopped answering.
    pub fn stage(
        &mut self,
        name: &str,
        timing: Timing,
        mut order: impl FnMut(usize, u64) -> Stage,
        accounting: Option<&mut Accounting>,
    ) -> Result<Outcome, FleetError> {
        let began = Instant::now();
        let began_ns = self.now_ns();
        let nanos = |span: Duration| span.as_nanos() as u64;
        let from_ns = began_ns + nanos(timing.warmup);
        let until_ns = timing
            .measure
            .map_or(u64::MAX, |measure| from_ns + nanos(measure));
        for (worker, orders) in self.orders.iter().enumerate() {
            let mut stage = order(worker, began_ns);
            stage.measure_from_ns = from_ns;
            stage.measure_until_ns = until_ns;
            stage.drain_ns = nanos(timing.drain);
            orders.send(stage).map_err(|_| FleetError::Died)?;
        }
        let mut gathering = Gathering::new(name, self.orders.len(), self.quiet);
        let measure_at = began + timing.warmup;
        let measure_end = timing.measure.map(|measure| measure_at + measure);
        let mut readings = Readings::new(accounting, measure_at, measure_end);
        let mut progress_at = began + Duration::from_secs(1) + PROGRESS_OFFSET;
        while gathering.is_running() {
            readings.take_due();
            if Instant::now() >= progress_at {
                gathering.progress(began.elapsed())?;
                progress_at += Duration::from_secs(1);
            }
            let wake = readings
                .next()
                .map_or(progress_at, |at| at.min(progress_at));
            let wait = wake.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(wait) {
                Ok(event) => gathering.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(FleetError::Died),
            }
        }
        let mut outcome = gathering.outcome();
        match readings.finish() {
            Ok(samples) => outcome.samples = samples,
            Err(error) => outcome
                .failures
                .push(format!("the server's own figures are missing: {error}")),
        }
        Ok(outcome)
    }

    /// Ends all client cores.
    ///
    /// # Errors
    /// One of them had died.
    pub fn finish(self) -> Result<(), FleetError> {
        drop(self.orders);
        for executor in self.executors {
            executor.join().map_err(|_| FleetError::Died)?;
        }
        Ok(())
    }
}
