//! What a node is made of before its cores run: its ports, its place in a cluster, what its cores
//! share, and the memory of each.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::time::Instant;

use jerboa_core_shard::{FullPolicy, ShardConfig, TagScan};
use jerboa_wire::routing::{Member, Topology, core_table};

use super::Addresses;
use super::builder::Beside;
use super::error::StartError;
use crate::config::{Config, Host, HugePages, WhenFull};
use crate::host::{self, HostError, Plan};
use crate::introspection::Introspection;
use crate::net;
use crate::resp::{Announcement, Pause, SlotMaps};
use crate::worker::Listeners;
use crate::worker::changes::Changes;
use crate::worker::events::EventMask;
use crate::worker::pauses::Pauses;
use crate::worker::pubsub::directory::Directory;
use crate::worker::settings::SettingsStore;
use crate::worker::shared::Shared;
use crate::worker::slow::SlowLog;
use crate::worker::stats::CoreStats;
use crate::worker::tuning::Tuning;

/// Runs of free ports that a start with port 0 tries.
const FREE_PORT_TRIES: u32 = 8;
/// The first epoch of a node that is its own cluster.
const FIRST_EPOCH: u32 = 1;

/// Fits the configuration to the host and binds its ports.
///
/// A run of free ports was found by looking: before it is bound, another process or an outgoing
/// connection may take one of them. Then the next run is tried; ports that were asked for by
/// number are not negotiable.
pub(super) fn find_room(config: &Config) -> Result<(Plan, Addresses, Vec<Listeners>), HostError> {
    let mut tries = if config.port == 0 { FREE_PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let plan = host::prepare(config)?;
        match listen(&plan) {
            Err(HostError::PortInUse { .. }) if tries > 0 => {}
            listening => {
                let (addresses, listeners) = listening?;
                return Ok((plan, addresses, listeners));
            }
        }
    }
}

fn listen(plan: &Plan) -> Result<(Addresses, Vec<Listeners>), HostError> {
    let refused = |key| {
        move |error: net::ListenError| host::explain_bind_failure(error.address, key, &error.source)
    };
    let (any_core, any_address) =
        net::bind_shared(plan.any_core, plan.cpus.len()).map_err(refused("port"))?;
    let mut listeners = Vec::with_capacity(plan.cores.len());
    let mut cores = Vec::with_capacity(plan.cores.len());
    for (any_core, address) in any_core.into_iter().zip(&plan.cores) {
        let (own_core, address) = net::bind_exclusive(*address).map_err(refused("core_port"))?;
        cores.push(address);
        listeners.push(Listeners {
            any_core: vec![any_core],
            own_core: Some(own_core),
        });
    }
    let addresses = Addresses {
        any_core: any_address,
        cores,
    };
    Ok((addresses, listeners))
}

/// The node as the only member of its cluster.
pub(super) fn describe(
    config: &Config,
    plan: &Plan,
    addresses: &Addresses,
) -> Result<Topology, StartError> {
    let announced = &plan.announced;
    let bound = || addresses.any_core.ip().to_string();
    let host = announced.host.as_ref().map_or_else(bound, Host::to_string);
    let member = Member {
        id: random(),
        alive: true,
        cores: plan.cpus.len() as u16,
        host,
        any_core_port: announced.any_core_port,
        first_core_port: announced.first_core_port,
    };
    Topology::single(FIRST_EPOCH, config.partitions, member).map_err(StartError::Topology)
}

pub(super) fn share(
    config: &Config,
    plan: &Plan,
    topology: &Topology,
    addresses: &Addresses,
    beside: &Beside,
) -> Shared {
    let cores = plan.cpus.len() as u16;
    let mut encoded = Vec::new();
    topology.encode(&mut encoded);
    let member = topology.members().first().map_or(0, |member| member.id);
    let core_of_partition = core_table(config.partitions, cores);
    Shared {
        slots: SlotMaps::new(
            member,
            FIRST_EPOCH,
            Announcement::of(addresses, &plan.announced),
            &core_of_partition,
        ),
        core_of_partition,
        partition_count: config.partitions,
        epoch: FIRST_EPOCH,
        member,
        topology: encoded,
        stats: (0..cores).map(|_| CoreStats::default()).collect(),
        directory: Directory::new(cores),
        commands_reset: Default::default(),
        subscriber_bytes_max: config.subscriber_bytes_max,
        events: EventMask::new(config.events),
        changes: Changes::new(cores),
        settings: SettingsStore::new(&config.maps, config.when_full, cores),
        pauses: Pauses::new(cores),
        slow_log: SlowLog::new(cores),
        introspection: Introspection::new(
            &beside.config_file,
            addresses.any_core.port(),
            beside.debug_commands,
        ),
        tuning: Tuning::new(config),
        memory_bytes: plan.memory_bytes,
        value_bytes_max: config.value_bytes_max,
        connections: AtomicU32::new(0),
        connections_max: AtomicU32::new(plan.connections_max),
        pause: Pause::default(),
        clients: AtomicU64::new(0),
        started: Instant::now(),
        started_ms: crate::worker::now_ms(),
        stopping: AtomicBool::new(false),
        failed: AtomicBool::new(false),
        draining: AtomicUsize::new(usize::from(cores)),
    }
}

pub(super) fn shard_config(
    config: &Config,
    plan: &Plan,
    shared: &Shared,
    core: u16,
) -> ShardConfig {
    let owned = (0u16..)
        .zip(&shared.core_of_partition)
        .filter(|(_, owner)| **owner == core);
    ShardConfig {
        memory_bytes: plan.memory_bytes as usize / plan.cpus.len(),
        partition_count: config.partitions,
        partitions: owned.map(|(partition, _)| partition).collect(),
        hash_seed: random(),
        huge_pages: match config.huge_pages {
            HugePages::Auto => jerboa_core_shard::HugePages::Auto,
            HugePages::Off => jerboa_core_shard::HugePages::Off,
        },
        prefault: config.prefault,
        value_bytes_max: config.value_bytes_max,
        full_policy: match config.when_full {
            WhenFull::Evict => FullPolicy::Evict,
            WhenFull::Refuse => FullPolicy::Refuse,
        },
        tag_scan: TagScan::Auto,
    }
}

/// A number that nobody outside can guess: the standard library seeds its hash maps from the
/// operating system's randomness.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
