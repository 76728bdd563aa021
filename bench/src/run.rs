//! A whole run: start or find the server, fill it, load it, compare with empty requests, report.

mod stages;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use jerboa::Node;
use jerboa::config::{Config, Cores, Origin};

use crate::accounting::Accounting;
use crate::check::{Checker, Counters};
use crate::connect::{self, ConnectError, Lanes};
use crate::fleet::{Fleet, FleetError};
use crate::key::Keys;
use crate::ledger::Ledger;
use crate::loader::Common;
use crate::operation::Operation;
use crate::plan::Plan;
use crate::report::RunReport;
use crate::rng::mix;
use crate::source::SourceKind;
use crate::tally::Tally;
use crate::target::jerboa::Jerboa;
use crate::target::memcached::Memcached;
use crate::target::redis::Redis;
use crate::target::{Protocol, TargetKind};
use crate::value::Values;
use crate::workload::{Mix, Style};
use stages::{Load, Running};

/// Why a run could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The node could not be started.
    #[error("the node could not be started: {0}")]
    Node(String),
    /// The server could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The load could not be finished.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The keys do not fit.
    #[error(transparent)]
    Keys(#[from] crate::key::KeysTooShort),
}

/// A finished run.
#[derive(Debug)]
pub struct Finished {
    /// The report.
    pub report: RunReport,
    /// The latencies in full.
    pub tally: Tally,
    /// Why it ended early, if it did: the report then covers what there is.
    pub failures: Vec<String>,
}

/// Does a run.
///
/// # Errors
/// The server or the client cores could not be had, or the server stopped answering.
pub fn run(plan: &Plan, quiet: bool) -> Result<Finished, RunError> {
    // Ignored where it is not allowed: connecting then says what is missing.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut node = match plan.address {
        Some(_) => None,
        None => Some(start_node(plan)?),
    };
    let address = match (&plan.address, &node) {
        (_, Some(node)) => node.addresses().any_core,
        (address, None) => connect::resolve(address.as_deref().unwrap_or_default())?,
    };
    let finished = match plan.target {
        TargetKind::Jerboa => {
            let lanes = connect::discover(address, plan.any_core, plan.without_crc)?;
            match lanes.view.clone() {
                Some(view) => load(plan, quiet, address, &Jerboa::new(view), &lanes),
                None => Err(RunError::Node("it has no topology".to_owned())),
            }
        }
        TargetKind::Redis => {
            let lanes = Lanes {
                addresses: vec![address],
                view: None,
            };
            let protocol = Redis::new(plan.ttl.shortest().is_some());
            load(plan, quiet, address, &protocol, &lanes)
        }
        TargetKind::Memcached => {
            let lanes = Lanes {
                addresses: vec![address],
                view: None,
            };
            load(plan, quiet, address, &Memcached, &lanes)
        }
    };
    if finished.is_err() {
        // A node that answers no more may not stop either: the reason is worth more than its end.
        let node = node.take();
        std::thread::spawn(move || drop(node));
    }
    if let Some(node) = node {
        node.request_stop();
        node.join()
            .map_err(|error| RunError::Node(error.to_string()))?;
    }
    finished
}

fn start_node(plan: &Plan) -> Result<Node, RunError> {
    let mut config = Config {
        port: 0,
        cores: Some(Cores::List(plan.server_cpus.clone())),
        ..Config::default()
    };
    for (name, text) in &plan.server_settings {
        config
            .set(name, text, &Origin::Flag)
            .map_err(|error| RunError::Node(error.to_string()))?;
    }
    Node::start(&config).map_err(|error| RunError::Node(error.to_string()))
}

/// The run against a server that is there.
fn load<P: Protocol + Clone + Send + 'static>(
    plan: &Plan,
    quiet: bool,
    address: SocketAddr,
    protocol: &P,
    lanes: &Lanes,
) -> Result<Finished, RunError> {
    let common = Arc::new(common(plan)?);
    let load = Load {
        plan,
        address,
        cursor: Arc::new(AtomicU64::new(0)),
    };
    let idle = || {
        load.source(
            0,
            "idle",
            SourceKind::Mix(Mix::new(&[(Operation::Noop, 1.0)])),
            None,
        )
    };
    let mut fleet = Fleet::start(protocol, lanes, plan.connections, &plan.cpus, &common, idle)?;
    fleet.set_quiet(quiet);
    let mut run = Running {
        load,
        fleet,
        accounting: Accounting::open(plan.target, address)?,
        report: RunReport {
            label: plan.label.clone(),
            ..RunReport::default()
        },
        tally: Tally::default(),
        failures: Vec::new(),
    };
    run.report.parameters = run.load.parameters(lanes);
    run.all()?;
    let Running {
        fleet,
        report,
        tally,
        failures,
        ..
    } = run;
    fleet.finish()?;
    Ok(Finished {
        report,
        tally,
        failures,
    })
}

fn common(plan: &Plan) -> Result<Common, RunError> {
    let entries = if plan.verify { plan.keys } else { 0 };
    let counters = if plan.verify && plan.has_counters() {
        plan.keys
    } else {
        0
    };
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // Differs from run to run although the seed may not, so that values of earlier runs are known.
    let run_number = mix(plan.seed ^ since.as_nanos() as u64) as u32;
    Ok(Common {
        keys: Keys::new(plan.key_sizes.clone(), plan.keys)?,
        checker: Checker {
            ledger: Ledger::new(entries),
            values: Values::new(plan.value_sizes.clone(), run_number),
            counters: Counters::new(counters, plan.prefill),
            loss_expected: plan.loss_expected,
            enabled: plan.verify,
        },
        ttl: plan.ttl.clone(),
        multi_items: plan.multi_items,
        cache_aside: plan.workload.style == Style::CacheAside,
    })
}
