//! Where Olric's clients are told to go: the routing table and the members.
//!
//! Olric's partitions and this node's are made by different hashes, so that none of theirs lies on
//! one core. To its clients there is one partition, whose owner is the port that serves every key.

use jerboa_wire::resp::Writer;
use jerboa_wire::routing::Topology;

use crate::resp::call::{Call, Here};
use crate::resp::refusal::Refusal;

type Result = std::result::Result<(), Refusal>;

pub(super) fn routing_table(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    let name = name(here)?;
    out.array(1);
    out.array(3);
    out.integer(0);
    out.array(1);
    out.bulk(name);
    // Nobody has a copy.
    out.array(0);
    Ok(())
}

pub(super) fn members(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    let name = name(here)?;
    out.array(1);
    out.array(3);
    out.bulk(name);
    out.integer(birthdate_ns(here).cast_signed());
    // The only member coordinates.
    out.bulk("true");
    Ok(())
}

/// When the node started, in Unix nanoseconds.
pub(super) fn birthdate_ns(here: &Here<'_>) -> u64 {
    here.shared.started_ms.saturating_mul(1_000_000)
}

/// The port that serves every key, at the host that this client is told.
pub(super) fn name(here: &Here<'_>) -> std::result::Result<String, Refusal> {
    let failed = || Refusal::text("ERR the node does not know its own address");
    let topology = Topology::decode(&here.shared.topology).map_err(|_| failed())?;
    let own = topology
        .members()
        .iter()
        .find(|member| member.id == here.shared.member)
        .ok_or_else(failed)?;
    let (host, port) = (here.shared.slots.host(here.client.local), own.any_core_port);
    Ok(if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })
}
