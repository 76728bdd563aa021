//! A run as it will be done: the command line with every default filled in and every value
//! checked, before anything is connected or started.

use std::fmt::Display;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::args::Args;
use crate::distribution::Distribution;
use crate::key::Keys;
use crate::operation::Operation;
use crate::schedule::Arrivals;
use crate::size::Sizes;
use crate::target::TargetKind;
use crate::ttl::{Span, TtlMix};
use crate::usage::{allowed_cpus, parse_cpus};
use crate::workload::{Style, Workload};

/// Requests out at once over all connections: what is beyond serves no measurement.
const OUT_MAX: usize = 16 * 1024 * 1024;
/// More connections than ports between two addresses.
const CONNECTIONS_MAX: usize = 60_000;
/// Verification needs 16 bytes for each key.
const KEYS_MAX: u64 = 4_000_000_000;
/// Entries whose TTL is longer than the run and this are not expected to expire during it.
const FILL_MARGIN: Duration = Duration::from_secs(600);
/// Requests out on one connection in an open loop, unless asked for otherwise.
const OPEN_DEPTH_DEFAULT: usize = 1_024;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name in reports.
    pub label: String,
    /// Where the server is; `None` starts one.
    pub address: Option<String>,
    /// Which server.
    pub target: TargetKind,
    /// CPUs of the client cores.
    pub cpus: Vec<usize>,
    /// CPUs of a node of our own.
    pub server_cpus: Vec<usize>,
    /// Settings of a node of our own: name and text, as the node reads them.
    pub server_settings: Vec<(String, String)>,
    /// Connections in all.
    pub connections: usize,
    /// Requests out on each.
    pub depth: usize,
    /// Open loop: requests a second and how they are spaced.
    pub rate: Option<(f64, Arrivals)>,
    /// Length of the measurement.
    pub duration: Duration,
    /// Length of the warm-up.
    pub warmup: Duration,
    /// Most requests.
    pub ops: Option<u64>,
    /// Number of keys.
    pub keys: u64,
    /// Key sizes.
    pub key_sizes: Sizes,
    /// Value sizes.
    pub value_sizes: Sizes,
    /// What to do.
    pub workload: Workload,
    /// Keys of an operation with several.
    pub multi_items: usize,
    /// Which keys.
    pub distribution: Distribution,
    /// Times to live.
    pub ttl: TtlMix,
    /// Seed of all random numbers.
    pub seed: u64,
    /// All connections to one address.
    pub any_core: bool,
    /// Without checksums.
    pub without_crc: bool,
    /// Fill first.
    pub prefill: bool,
    /// Check answers.
    pub verify: bool,
    /// Entries may disappear.
    pub loss_expected: bool,
    /// Measure empty requests afterwards.
    pub noop: bool,
}

/// A command line that makes no run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// The value of a flag cannot be read.
    #[error("--{flag}: {reason}")]
    Flag {
        /// Which flag.
        flag: &'static str,
        /// Why not.
        reason: String,
    },
    /// The combination makes no sense.
    #[error("{0}")]
    Combination(String),
}

fn flag(flag: &'static str, reason: impl Display) -> PlanError {
    PlanError::Flag {
        flag,
        reason: reason.to_string(),
    }
}

fn read<T: FromStr<Err: Display>>(
    name: &'static str,
    text: Option<&String>,
    default: T,
) -> Result<T, PlanError> {
    text.map_or(Ok(default), |text| {
        text.parse().map_err(|error| flag(name, error))
    })
}

fn bounded<T: PartialOrd + Display>(
    name: &'static str,
    value: T,
    (least, most): (T, T),
) -> Result<T, PlanError> {
    if value >= least && value <= most {
        Ok(value)
    } else {
        Err(flag(name, format!("{value} is not from {least} to {most}")))
    }
}

impl Plan {
    /// The run that a command line asks for.
    ///
    /// # Errors
    /// Names the flag and what is wrong with it.
    pub fn new(args: &Args) -> Result<Self, PlanError> {
        let target = read("target", args.target.as_ref(), TargetKind::Jerboa)?;
        let get_ratio = bounded("get-ratio", args.get_ratio.unwrap_or(0.9), (0.0, 1.0))?;
        let name = args.workload.as_deref().unwrap_or("mixed");
        let workload = Workload::named(name, get_ratio).map_err(|error| flag("workload", error))?;
        let (cpus, server_cpus) = cpus(args)?;
        let rate = rate(args)?;
        let (connections, depth) = concurrency(args, rate.is_some())?;
        let duration = read(
            "duration",
            args.duration.as_ref(),
            Span(Duration::from_secs(10)),
        )?
        .0;
        let warmup = read("warmup", args.warmup.as_ref(), Span(Duration::from_secs(2)))?.0;
        let ttl = read("ttl", args.ttl.as_ref(), workload.ttl.clone())?;
        let measured = matches!(workload.style, Style::Mixed | Style::CacheAside);
        let noop_sensible = measured && !workload.mix.has(Operation::Noop) && rate.is_none();
        let plan = Self {
            label: args
                .label
                .clone()
                .unwrap_or_else(|| target.name().to_owned()),
            address: args.addr.clone(),
            target,
            cpus,
            server_cpus,
            server_settings: server_settings(args)?,
            connections,
            depth,
            rate,
            duration,
            warmup,
            ops: args.ops,
            keys: bounded("keys", args.keys.unwrap_or(1_000_000), (1, KEYS_MAX))?,
            key_sizes: read(
                "key-size",
                args.key_size.as_ref(),
                workload.key_sizes.clone(),
            )?,
            value_sizes: read(
                "value-size",
                args.value_size.as_ref(),
                workload.value_sizes.clone(),
            )?,
            multi_items: bounded("multi-size", args.multi_size.unwrap_or(10), (1, 16_384))?,
            distribution: read(
                "distribution",
                args.distribution.as_ref(),
                workload.distribution,
            )?,
            seed: args.seed.unwrap_or_else(clock_seed),
            any_core: args.any_core,
            without_crc: args.no_crc,
            prefill: !args.no_prefill && wants_prefill(&workload),
            verify: !args.no_verify,
            loss_expected: args.allow_loss
                || workload.style == Style::Fill
                || ttl
                    .shortest()
                    .is_some_and(|ttl| ttl < warmup + duration + FILL_MARGIN),
            noop: noop_sensible && !args.no_noop && (args.noop || target == TargetKind::Jerboa),
            ttl,
            workload,
        };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), PlanError> {
        let refuse = |text: String| Err(PlanError::Combination(text));
        if self.address.is_none() && self.target != TargetKind::Jerboa {
            let port = self.target.default_port();
            return refuse(format!(
                "--target {} needs --addr, for instance --addr 127.0.0.1:{port}: only a Jerboa node can be started here",
                self.target.name()
            ));
        }
        if self.connections < self.cpus.len() {
            return refuse(format!(
                "--connections {} is fewer than the {} client cores",
                self.connections,
                self.cpus.len()
            ));
        }
        if self.rate.is_none() && self.connections.saturating_mul(self.depth) > OUT_MAX {
            return refuse(format!("more than {OUT_MAX} requests would be out at once"));
        }
        if self.duration.is_zero() && self.workload.style != Style::Fill {
            return Err(flag("duration", "there is nothing to measure in no time"));
        }
        Keys::new(self.key_sizes.clone(), self.keys).map_err(|error| flag("key-size", error))?;
        let most = self.target.key_bytes_max();
        if self.key_sizes.most() > most {
            let name = self.target.name();
            return Err(flag(
                "key-size",
                format!("{name} takes keys up to {most} bytes"),
            ));
        }
        let value_most = u64::from(jerboa_wire::limits::VALUE_BYTES_MAX_CEILING);
        if self.value_sizes.most() > value_most {
            return Err(flag(
                "value-size",
                format!("values may have up to {value_most} bytes"),
            ));
        }
        Ok(())
    }

    /// Whether the run increments counters.
    #[must_use]
    pub fn has_counters(&self) -> bool {
        self.workload.mix.has(Operation::Incr)
    }
}

/// Reads and deletes need something to find; overwriting is steadier to measure than filling.
fn wants_prefill(workload: &Workload) -> bool {
    let idle = workload.mix.has(Operation::Noop);
    !idle && workload.style != Style::CacheAside
}

/// Settings of a node of our own.
fn server_settings(args: &Args) -> Result<Vec<(String, String)>, PlanError> {
    let memory = args
        .memory
        .iter()
        .map(|text| ("memory".to_owned(), text.clone()));
    let mut settings: Vec<(String, String)> = memory.collect();
    for text in &args.node {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| flag("node", format!("{text:?} is not KEY=VALUE")))?;
        settings.push((name.to_owned(), value.to_owned()));
    }
    if args.addr.is_some() && !settings.is_empty() {
        let text = "--memory and --node are for a node started here: leave out --addr";
        return Err(PlanError::Combination(text.to_owned()));
    }
    Ok(settings)
}

/// Connections, and requests out on each.
fn concurrency(args: &Args, open_loop: bool) -> Result<(usize, usize), PlanError> {
    let connections = args.connections.unwrap_or(50);
    let depth = args
        .depth
        .unwrap_or(if open_loop { OPEN_DEPTH_DEFAULT } else { 1 });
    Ok((
        bounded("connections", connections, (1, CONNECTIONS_MAX))?,
        bounded("depth", depth, (1, OUT_MAX))?,
    ))
}

fn rate(args: &Args) -> Result<Option<(f64, Arrivals)>, PlanError> {
    let arrivals = read("arrivals", args.arrivals.as_ref(), Arrivals::Poisson)?;
    match args.rate {
        Some(rate) => Ok(Some((bounded("rate", rate, (0.1, 1e9))?, arrivals))),
        None if args.arrivals.is_some() => Err(PlanError::Combination(
            "--arrivals has a meaning only with --rate".to_owned(),
        )),
        None => Ok(None),
    }
}

/// CPUs of the clients, and of a node of our own: apart where there are enough.
fn cpus(args: &Args) -> Result<(Vec<usize>, Vec<usize>), PlanError> {
    let allowed = allowed_cpus();
    let list = |name, text: &String| {
        let cpus = parse_cpus(text).map_err(|error| flag(name, error))?;
        match cpus.iter().find(|cpu| !allowed.contains(cpu)) {
            Some(cpu) => Err(flag(
                name,
                format!("CPU {cpu} is not among those allowed here"),
            )),
            None => Ok(cpus),
        }
    };
    let half = allowed.len().div_ceil(2);
    let lower = allowed.get(..half).unwrap_or(&allowed).to_vec();
    let upper = match allowed.get(half..) {
        Some(upper) if !upper.is_empty() => upper.to_vec(),
        _ => allowed.clone(),
    };
    let rest = |taken: &[usize], default: Vec<usize>| {
        let rest: Vec<usize> = allowed
            .iter()
            .copied()
            .filter(|cpu| !taken.contains(cpu))
            .collect();
        if rest.is_empty() { default } else { rest }
    };
    match (&args.cores, &args.server_cores) {
        (None, None) => Ok((upper, lower)),
        (Some(clients), None) => {
            let clients = list("cores", clients)?;
            let servers = rest(&clients, lower);
            Ok((clients, servers))
        }
        (None, Some(servers)) => {
            let servers = list("server-cores", servers)?;
            Ok((rest(&servers, upper), servers))
        }
        (Some(clients), Some(servers)) => {
            Ok((list("cores", clients)?, list("server-cores", servers)?))
        }
    }
}

fn clock_seed() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| since.as_nanos() as u64 & 0xFFFF_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argh::FromArgs;

    fn plan(words: &str) -> Result<Plan, PlanError> {
        let words: Vec<&str> = words.split_whitespace().collect();
        Plan::new(&Args::from_args(&["jerboa-bench"], &words).unwrap())
    }

    #[test]
    fn no_arguments_make_the_canonical_run() {
        let plan = plan("").unwrap();
        assert_eq!(plan.workload.mix.to_string(), "get:90 set:10");
        assert_eq!(
            (plan.connections, plan.depth, plan.keys),
            (50, 1, 1_000_000)
        );
        assert!(plan.prefill && plan.verify && plan.noop && !plan.loss_expected);
        assert_ne!(plan.seed, 0);
        if allowed_cpus().len() > 1 {
            assert!(plan.cpus.iter().all(|cpu| !plan.server_cpus.contains(cpu)));
        }
    }

    #[test]
    fn a_preset_brings_sizes_that_flags_override() {
        let preset = plan("--workload tw-cache52 --value-size 100").unwrap();
        assert_eq!(preset.key_sizes, Sizes::Fixed(20));
        assert_eq!(preset.value_sizes, Sizes::Fixed(100));
        assert_eq!(preset.distribution, Distribution::Zipf(1.21));
        assert!(!preset.loss_expected, "its TTLs are longer than the run");
        assert!(
            plan("--workload tw-big37").unwrap().loss_expected,
            "its entries expire"
        );
    }

    #[test]
    fn an_open_loop_has_room_for_requests_and_no_noop_run() {
        let open = plan("--rate 1000 --arrivals fixed").unwrap();
        assert_eq!(
            (open.depth, open.rate),
            (1_024, Some((1_000.0, Arrivals::Fixed)))
        );
        assert!(!open.noop);
    }

    #[test]
    fn every_refusal_names_its_flag() {
        for (words, named) in [
            ("--target etcd", "--target"),
            ("--workload x", "--workload"),
            ("--get-ratio 1.5", "--get-ratio"),
            ("--connections 0", "--connections"),
            ("--depth 0", "--depth"),
            ("--duration soon", "--duration"),
            ("--duration 0", "--duration"),
            ("--keys 0", "--keys"),
            ("--key-size 2", "--key-size"),
            ("--key-size 300 --target memcached --addr a:1", "--key-size"),
            ("--value-size 5000000000", "--value-size"),
            ("--distribution gauss", "--distribution"),
            ("--ttl 1", ""),
            ("--ttl x", "--ttl"),
            ("--rate 0", "--rate"),
            ("--arrivals fixed", "--arrivals"),
            ("--cores 9999", "--cores"),
            ("--target redis", "--addr"),
            ("--addr a:1 --memory 1GiB", "--memory"),
            ("--node when_full", "--node"),
            ("--connections 1000 --depth 1000000", "at once"),
        ] {
            match plan(words) {
                Ok(_) => assert_eq!(named, "", "{words} was accepted"),
                Err(error) => {
                    assert!(
                        error.to_string().contains(named) && !named.is_empty(),
                        "{error}"
                    );
                }
            }
        }
    }
}
