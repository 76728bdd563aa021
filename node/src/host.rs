//! The host: what this process may use here, and whether a configuration fits it.
//!
//! [`prepare`] runs before anything starts. It reads the host once ([`Readings`]), decides with
//! pure functions, and either returns a [`Plan`] in which every "auto" is resolved or a
//! [`HostError`] that names cause and remedy. Tests inject readings.
//!
//! Invariants:
//! * H1: nothing but [`Readings::take`], `ports`, `ring` and `limits::raise` touches the system.
//! * H2: the only things changed are the soft limits of this process, raised to their hard limits.

mod cpus;
mod error;
mod limits;
mod memory;
mod ports;
mod readings;
mod ring;

use std::net::SocketAddr;

pub use error::HostError;
pub use limits::Limit;
pub use memory::MemoryReading;
pub use readings::Readings;
pub use ring::{Refusal, RingReading, RingStep};

use crate::config::{Config, Host};

/// What a node uses of this host: a [`Config`] with every "auto" decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// CPU of each data core, in core order.
    pub cpus: Vec<usize>,
    /// Bytes for all cores together.
    pub memory_bytes: u64,
    /// Connections accepted in all.
    pub connections_max: u32,
    /// Where every core listens; port 0 where none does.
    pub any_core: SocketAddr,
    /// Where each core listens alone, in core order; none where the node does not listen.
    pub cores: Vec<SocketAddr>,
    /// Where clients are told that it is.
    pub announced: Announced,
}

/// Where clients are told that a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// `None`: at the address that it is bound to, or that the client reached.
    pub host: Option<Host>,
    /// The port that every core serves.
    pub any_core_port: u16,
    /// Port of core 0; core `i` has this plus `i`.
    pub first_core_port: u16,
}

/// Reads the host, raises soft limits to hard ones, and fits `config` to it.
///
/// # Errors
/// The first thing that would keep a node with this configuration from starting here.
pub fn prepare(config: &Config) -> Result<Plan, HostError> {
    limits::raise();
    plan(config, &Readings::take())
}

/// As [`prepare`] for a node that does not listen: it needs no ports.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_unheard(config: &Config) -> Result<Plan, HostError> {
    limits::raise();
    let silent = |config: &Config, _| Ok((SocketAddr::new(config.bind, 0), Vec::new()));
    fit(config, &Readings::take(), silent)
}

/// Fits `config` to a host that reads as `readings`. Ports are tried on this machine.
///
/// # Errors
/// As [`prepare`].
pub fn plan(config: &Config, readings: &Readings) -> Result<Plan, HostError> {
    fit(config, readings, ports::choose)
}

fn fit(
    config: &Config,
    readings: &Readings,
    choose_ports: impl Fn(&Config, usize) -> Result<(SocketAddr, Vec<SocketAddr>), HostError>,
) -> Result<Plan, HostError> {
    let cpus = cpus::choose(config.cores.as_ref(), readings)?;
    ring::judge(readings)?;
    limits::check_memlock(cpus.len(), readings)?;
    let memory_bytes = memory::choose(config.memory, cpus.len(), &readings.memory)?;
    let connections_max = limits::choose_connections(config.connections_max, cpus.len(), readings)?;
    let (any_core, cores) = choose_ports(config, cpus.len())?;
    let announced = ports::announce(config, any_core, &cores)?;
    Ok(Plan {
        cpus,
        memory_bytes,
        connections_max,
        any_core,
        cores,
        announced,
    })
}

/// Whether a node that runs may accept so many connections from now on.
///
/// # Errors
/// The limit on open files forbids it.
pub(crate) fn check_connections(asked: u32, cores: usize) -> Result<(), HostError> {
    limits::check_connections(asked, cores)
}

/// What a failed ring set-up or registration at run time means on this host.
#[must_use]
pub fn explain_ring_failure(error: &std::io::Error) -> HostError {
    let refusal = Refusal {
        step: RingStep::Setup,
        errno: error.raw_os_error().unwrap_or(0),
    };
    ring::explain_refusal(refusal, &Readings::take())
}

/// What a refused bind to `address` means; `key` is the setting that moves its port.
#[must_use]
pub fn explain_bind_failure(
    address: SocketAddr,
    key: &'static str,
    error: &std::io::Error,
) -> HostError {
    ports::refused(address, key, error)
}
