//! The stages of a run: fill, audit, load, empty requests, rest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::accounting::Accounting;
use crate::connect::Lanes;
use crate::distribution::Sampler;
use crate::fleet::{Fleet, FleetError, Outcome, Timing};
use crate::key::KeyClass;
use crate::loader::Pace;
use crate::operation::Operation;
use crate::plan::Plan;
use crate::report::{AuditReport, Latency, NoopReport, Parameters, PrefillReport, RunReport};
use crate::rng::{Rng, mix};
use crate::schedule::Schedule;
use crate::source::{Source, SourceKind};
use crate::tally::Tally;
use crate::usage::machine;
use crate::worker::Stage;
use crate::workload::{Mix, Style};

/// Requests out on each connection while the server is filled or read back.
const FILL_DEPTH: usize = 64;
/// How long the last answers of a stage are awaited.
const DRAIN: Duration = Duration::from_secs(10);
/// After this the server's own counts are up to date: its cores publish them once a tick.
const SETTLE: Duration = Duration::from_millis(50);
/// Longest measurement of empty requests.
const NOOP_MAX: Duration = Duration::from_secs(3);

/// What the stages of a run have in common.
pub(super) struct Load<'p> {
    pub(super) plan: &'p Plan,
    pub(super) address: SocketAddr,
    /// Of the distributions that have one.
    pub(super) cursor: Arc<AtomicU64>,
}

impl Load<'_> {
    pub(super) fn source(
        &self,
        worker: usize,
        stage: &str,
        kind: SourceKind,
        budget: Option<Arc<AtomicU64>>,
    ) -> Source {
        let plan = self.plan;
        let sampler = Sampler::new(plan.distribution, plan.keys, Arc::clone(&self.cursor));
        Source::new(kind, sampler, self.rng(worker, stage), budget)
    }

    /// Random numbers of one core in one stage, which no other core or stage shares.
    fn rng(&self, worker: usize, stage: &str) -> Rng {
        let name = stage
            .bytes()
            .fold(0u64, |sum, byte| sum.wrapping_mul(131) + u64::from(byte));
        Rng::new(self.plan.seed, mix(name) ^ worker as u64)
    }

    pub(super) fn parameters(&self, lanes: &Lanes) -> Parameters {
        let plan = self.plan;
        let loop_kind = match plan.rate {
            None => "closed loop".to_owned(),
            Some((_, arrivals)) => format!("open loop, {arrivals:?} arrivals").to_lowercase(),
        };
        Parameters {
            target: plan.target.name().to_owned(),
            address: self.address.to_string(),
            own_node: plan.address.is_none(),
            workload: plan.workload.name.clone(),
            mix: plan.workload.mix.to_string(),
            keys: plan.keys,
            key_size: plan.key_sizes.to_string(),
            value_size: plan.value_sizes.to_string(),
            distribution: plan.distribution.to_string(),
            ttl: plan.ttl.to_string(),
            multi_size: plan.multi_items,
            loop_kind,
            connections: plan.connections,
            depth: plan.depth,
            rate: plan.rate.map(|(rate, _)| rate),
            duration_s: plan.duration.as_secs_f64(),
            warmup_s: plan.warmup.as_secs_f64(),
            client_cpus: plan.cpus.clone(),
            lanes: lanes.addresses.len(),
            checksums: lanes
                .view
                .as_ref()
                .is_some_and(|view| view.crc == jerboa_wire::Crc::On),
            verify: plan.verify,
            seed: plan.seed,
            machine: machine(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// A run under way.
pub(super) struct Running<'p> {
    pub(super) load: Load<'p>,
    pub(super) fleet: Fleet,
    pub(super) accounting: Accounting,
    pub(super) report: RunReport,
    pub(super) tally: Tally,
    pub(super) failures: Vec<String>,
}

impl Running<'_> {
    pub(super) fn all(&mut self) -> Result<(), FleetError> {
        let plan = self.load.plan;
        self.notes();
        let evicted = self.accounting.sample()?.evicted;
        if plan.prefill {
            self.fill()?;
        }
        match plan.workload.style {
            _ if !self.failures.is_empty() => {}
            Style::Fill => self.audit()?,
            Style::Idle => self.rest()?,
            Style::Mixed | Style::CacheAside => self.measure()?,
        }
        if plan.noop && self.failures.is_empty() && self.report.ops_per_s > 0.0 {
            self.noop()?;
        }
        // A connection that broke has said enough.
        if self.failures.is_empty() {
            std::thread::sleep(SETTLE);
            let now = self.accounting.sample()?.evicted;
            self.report.enter_evictions(now.saturating_sub(evicted));
        }
        Ok(())
    }

    fn notes(&mut self) {
        let plan = self.load.plan;
        if self.load.address.ip().is_loopback() {
            self.report.notes.push(
                "loopback: client and server share this machine, and no network is in between"
                    .to_owned(),
            );
        }
        if plan.address.is_none() && plan.cpus.iter().any(|cpu| plan.server_cpus.contains(cpu)) {
            self.report
                .notes
                .push("client and server share CPUs".to_owned());
        }
        if plan.verify && plan.value_sizes.least() < 8 {
            self.report.notes.push(
                "values below 8 bytes carry no version: only foreign ones are recognised"
                    .to_owned(),
            );
        }
    }

    /// Enters the faults of a stage, and why it ended early.
    fn faults(&mut self, outcome: &mut Outcome) {
        for tally in [&outcome.warmup, &outcome.measured, &outcome.drain] {
            self.report.enter_faults(&tally.counts, tally.refusals());
        }
        self.failures.append(&mut outcome.failures);
    }

    /// One pass over every key with one operation.
    fn each(
        &mut self,
        name: &str,
        operation: Operation,
        class: KeyClass,
    ) -> Result<Outcome, FleetError> {
        let timing = Timing {
            warmup: Duration::ZERO,
            measure: None,
            drain: DRAIN,
        };
        let cursor = Arc::new(AtomicU64::new(0));
        let load = &self.load;
        let keys = load.plan.keys;
        let order = |worker, _| {
            let cursor = Arc::clone(&cursor);
            let kind = SourceKind::Each {
                operation,
                class,
                keys,
                cursor,
            };
            let depth = FILL_DEPTH;
            closed(load.source(worker, name, kind, None), depth)
        };
        let mut outcome = self.fleet.stage(name, timing, order, None)?;
        self.faults(&mut outcome);
        Ok(outcome)
    }

    fn fill(&mut self) -> Result<(), FleetError> {
        let mut sum = PrefillReport::default();
        let mut classes = vec![KeyClass::Entry];
        let mix = &self.load.plan.workload.mix;
        let counters = self.load.plan.has_counters();
        if counters {
            classes.push(KeyClass::Counter);
        }
        let only_counters = counters && !mix.reads_entries() && !mix.has(Operation::Set);
        if only_counters {
            classes.remove(0);
        }
        for class in classes {
            let outcome = self.each("fill", Operation::Set, class)?;
            let counts = outcome.measured.counts;
            sum.stored += counts.operations() - counts.refused;
            sum.refused += counts.refused;
            sum.seconds += outcome.seconds;
        }
        if sum.refused > 0 {
            self.report.notes.push(format!(
                "the server does not hold all keys: {} of {} were refused while it was filled",
                sum.refused, self.load.plan.keys
            ));
        }
        self.report.prefill = Some(sum);
        Ok(())
    }

    fn audit(&mut self) -> Result<(), FleetError> {
        let mut outcome = self.each("audit", Operation::Get, KeyClass::Entry)?;
        let counts = outcome.measured.counts;
        self.report.audit = Some(AuditReport {
            present: counts.hits,
            missing: counts.misses,
        });
        let (rate, seconds) = (outcome.ops_per_s, outcome.seconds);
        self.report.enter(&mut outcome.measured, rate, seconds);
        self.tally = outcome.measured;
        Ok(())
    }

    fn measure(&mut self) -> Result<(), FleetError> {
        let Self {
            load,
            fleet,
            accounting,
            ..
        } = self;
        let plan = load.plan;
        let timing = Timing {
            warmup: plan.warmup,
            measure: Some(plan.duration),
            drain: DRAIN,
        };
        let budget = plan.ops.map(|ops| Arc::new(AtomicU64::new(ops)));
        let workers = fleet.len() as f64;
        let order = |worker, begin_ns| {
            let kind = SourceKind::Mix(plan.workload.mix.clone());
            let source = load.source(worker, "load", kind, budget.clone());
            let Some((rate, arrivals)) = plan.rate else {
                return closed(source, plan.depth);
            };
            let rng = load.rng(worker, "arrivals");
            let schedule = Schedule::new(arrivals, rate / workers, begin_ns, rng);
            Stage {
                pace: Pace::Open(schedule, plan.depth),
                ..closed(source, plan.depth)
            }
        };
        let mut outcome = fleet.stage("load", timing, order, Some(accounting))?;
        self.faults(&mut outcome);
        self.report.server_cpu_us_per_op = outcome.server_cpu_us_per_op();
        if let Some((before, after, _)) = &outcome.samples {
            self.report.enter_cores(&before.core_ops, &after.core_ops);
            self.report.forwarded = after.forwarded - before.forwarded;
        }
        self.report.client_cpu.clone_from(&outcome.client_cpu);
        self.report.offered_ops_per_s = plan.rate.map(|(rate, _)| rate);
        let (rate, seconds) = (outcome.ops_per_s, outcome.seconds);
        if plan.rate.is_some() {
            // Requests that were due in the measurement count, whenever their answers came.
            outcome.measured.adopt_latencies(&mut outcome.drain);
        }
        self.report.enter(&mut outcome.measured, rate, seconds);
        self.tally = outcome.measured;
        if let Some((offered, _)) = plan.rate
            && rate < offered * 0.98
        {
            self.report.notes.push(
                "the offered rate was not reached: latencies grow with the length of the run"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn noop(&mut self) -> Result<(), FleetError> {
        let Self {
            load,
            fleet,
            accounting,
            ..
        } = self;
        let plan = load.plan;
        let measure = plan.duration.min(NOOP_MAX);
        let timing = Timing {
            warmup: plan.warmup.min(measure / 4),
            measure: Some(measure),
            drain: DRAIN,
        };
        let order = |worker, _| {
            let kind = SourceKind::Mix(Mix::new(&[(Operation::Noop, 1.0)]));
            closed(load.source(worker, "noop", kind, None), plan.depth)
        };
        let mut outcome = fleet.stage("noop", timing, order, Some(accounting))?;
        self.faults(&mut outcome);
        let latency_us = Latency::of(&outcome.measured.all());
        self.report.noop = Some(NoopReport {
            ops_per_s: outcome.ops_per_s,
            latency_us,
            server_cpu_us_per_op: outcome.server_cpu_us_per_op(),
            share: self.report.ops_per_s / outcome.ops_per_s.max(1.0),
        });
        Ok(())
    }

    /// Holds the connections open and does nothing, so that what they cost can be seen.
    fn rest(&mut self) -> Result<(), FleetError> {
        let before = self.accounting.sample()?;
        std::thread::sleep(self.load.plan.duration);
        let after = self.accounting.sample()?;
        let share = (after.cpu_us - before.cpu_us) / 1e6 / self.load.plan.duration.as_secs_f64();
        self.report.notes.push(format!(
            "{} idle connections: the server used {:.3} % of a CPU",
            self.load.plan.connections,
            share * 100.0
        ));
        self.report.idle_cpu = Some(share);
        Ok(())
    }
}

/// A closed-loop stage; the fleet sets its times.
const fn closed(source: Source, depth: usize) -> Stage {
    Stage {
        source,
        pace: Pace::Closed,
        depth,
        measure_from_ns: 0,
        measure_until_ns: u64::MAX,
        drain_ns: 0,
    }
}
