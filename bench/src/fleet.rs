//! All client cores together: orders a stage from each and gathers what they report.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use glommio::ExecutorJoinHandle;

use crate::accounting::{Accounting, Sample};
use crate::connect::{self, ConnectError, Lanes};
use crate::loader::Common;
use crate::report::text::{large, micros};
use crate::source::Source;
use crate::tally::Tally;
use crate::target::Protocol;
use crate::worker::{self, Event, Part, Report, Stage, WorkerSetup};

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
    /// Those of warm-up and drain.
    pub rest: Tally,
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
        mut accounting: Option<&mut Accounting>,
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
        let mut first: Option<(Sample, Instant)> = None;
        let mut last: Option<(Sample, f64)> = None;
        let measure_at = began + timing.warmup;
        let measure_end = timing.measure.map(|measure| measure_at + measure);
        let mut progress_at = began + Duration::from_secs(1) + PROGRESS_OFFSET;
        while gathering.running > 0 {
            let now = Instant::now();
            if first.is_none() && now >= measure_at {
                first = take(&mut accounting)?.map(|sample| (sample, Instant::now()));
                if first.is_none() {
                    first = Some((Sample::default(), now));
                }
            }
            if let (Some((_, since)), None, Some(end)) = (&first, &last, measure_end)
                && now >= end
            {
                let sample = take(&mut accounting)?.unwrap_or_default();
                last = Some((sample, since.elapsed().as_secs_f64()));
            }
            if now >= progress_at {
                gathering.progress(began.elapsed())?;
                progress_at += Duration::from_secs(1);
            }
            let mut wake = progress_at;
            if first.is_none() {
                wake = wake.min(measure_at);
            }
            if let (None, Some(end)) = (&last, measure_end) {
                wake = wake.min(end);
            }
            match self
                .events
                .recv_timeout(wake.saturating_duration_since(Instant::now()))
            {
                Ok(event) => gathering.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(FleetError::Died),
            }
        }
        if let (Some((_, since)), None) = (&first, &last) {
            let sample = take(&mut accounting)?.unwrap_or_default();
            last = Some((sample, since.elapsed().as_secs_f64()));
        }
        let mut outcome = gathering.outcome();
        if let (Some((before, _)), Some((after, seconds)), true) =
            (first, last, accounting.is_some())
        {
            outcome.samples = Some((before, after, seconds));
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

fn take(accounting: &mut Option<&mut Accounting>) -> Result<Option<Sample>, FleetError> {
    match accounting {
        Some(accounting) => Ok(Some(accounting.sample()?)),
        None => Ok(None),
    }
}

/// What came in so far from a stage.
struct Gathering {
    name: String,
    quiet: bool,
    running: usize,
    measured: Tally,
    rest: Tally,
    /// Answered requests, nanoseconds and busy nanoseconds of each core's measurement.
    cores: Vec<(u64, u64, u64)>,
    failures: Vec<String>,
    /// What came in since the last progress line.
    line: Tally,
    line_since: Duration,
    silent: Duration,
}

impl Gathering {
    fn new(name: &str, workers: usize, quiet: bool) -> Self {
        Self {
            name: name.to_owned(),
            quiet,
            running: workers,
            measured: Tally::default(),
            rest: Tally::default(),
            cores: vec![(0, 0, 0); workers],
            failures: Vec::new(),
            line: Tally::default(),
            line_since: Duration::ZERO,
            silent: Duration::ZERO,
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Over { failure, .. } => {
                self.running -= 1;
                self.failures.extend(failure);
            }
            Event::Report(report) => self.report(*report),
        }
    }

    fn report(&mut self, report: Report) {
        let Report {
            worker,
            part,
            elapsed_ns,
            busy_ns,
            tally,
            ..
        } = report;
        self.line.add(tally.clone());
        if part == Part::Measure {
            let (answered, elapsed, busy) = &mut self.cores[worker];
            *answered += tally.counts.operations();
            *elapsed += elapsed_ns;
            *busy += busy_ns;
            self.measured.add(tally);
        } else {
            self.rest.add(tally);
        }
    }

    /// The progress line of the last second.
    fn progress(&mut self, elapsed: Duration) -> Result<(), FleetError> {
        let mut line = std::mem::take(&mut self.line);
        let span = elapsed - self.line_since;
        self.line_since = elapsed;
        let answered = line.counts.operations();
        self.silent = if answered == 0 {
            self.silent + span
        } else {
            Duration::ZERO
        };
        if self.silent >= STALL {
            return Err(FleetError::Stalled);
        }
        if self.quiet {
            return Ok(());
        }
        let latency = line.all();
        let us = |quantile| micros(latency.value_at_quantile(quantile) as f64 / 1e3);
        let reads = line.counts.hits + line.counts.misses;
        let hits = match reads {
            0 => String::new(),
            reads => format!(
                "  hit {:.1} %",
                line.counts.hits as f64 * 100.0 / reads as f64
            ),
        };
        eprintln!(
            "{:>8} {:>4.0}s {:>9}/s  p50 {:>8}  p99 {:>8}  p99.9 {:>8}  max {:>8}{hits}  err {}  bad {}",
            self.name,
            elapsed.as_secs_f64(),
            large(answered as f64 / span.as_secs_f64()),
            us(0.5),
            us(0.99),
            us(0.999),
            micros(latency.max() as f64 / 1e3),
            line.counts.errors(),
            line.counts.verify_failures(),
        );
        Ok(())
    }

    fn outcome(self) -> Outcome {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let measured_cores = self.cores.iter().filter(|(_, elapsed, _)| *elapsed > 0);
        let rate = |(answered, elapsed, _): &(u64, u64, u64)| *answered as f64 / seconds(*elapsed);
        Outcome {
            ops_per_s: measured_cores.clone().map(rate).sum(),
            seconds: self
                .cores
                .iter()
                .map(|(_, elapsed, _)| seconds(*elapsed))
                .fold(0.0, f64::max),
            client_cpu: measured_cores
                .map(|(_, elapsed, busy)| *busy as f64 / *elapsed as f64)
                .collect(),
            measured: self.measured,
            rest: self.rest,
            samples: None,
            failures: self.failures,
        }
    }
}
