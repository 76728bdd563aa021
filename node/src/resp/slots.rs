//! The slot map as cluster clients read it: every core of the node is a cluster node of its own,
//! with its own port, and serves the slots of its partitions.
//!
//! Long answers are rendered once, at the start: a node with 4096 partitions has up to as many
//! ranges. Where the node listens on one address, that stands in them. Where it listens on all of
//! them a client is told the address that it connected to, and the rendering has gaps for it:
//!
//! ```text
//! "*3 :0 :12 *4 " ▢ ":7401 $40 id …" ▢ ":7402 …"        ▢ = the host, as a bulk string
//! ```
//!
//! So every address costs the same, however many are used, and nothing is kept by address: a
//! client can choose among more than could be kept (all of 127.0.0.0/8 is one host).

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use jerboa_wire::resp::{Version, Writer};
use jerboa_wire::routing::{SLOTS, partition};

/// Stands for the host while an answer with gaps is rendered; nothing else in it is like this.
const GAP: &str = "\0host\0";
/// Clients expect a second port, that of the bus between nodes; there is none.
const BUS_PORT_DISTANCE: u16 = 10_000;

/// One core as a node of the cluster.
#[derive(Debug)]
pub(crate) struct CoreNode {
    /// Forty hexadecimal digits, the same in every run of a cluster's member.
    pub(crate) id: String,
    address: SocketAddr,
    /// First and last slot, in order.
    ranges: Vec<(u16, u16)>,
}

/// A rendering, with gaps where the host stands.
#[derive(Debug, Default)]
struct Rendering {
    /// What stands between the gaps: one more than there are of them.
    parts: Vec<Vec<u8>>,
}

/// Both long answers, in both versions, and the lines of CLUSTER NODES.
#[derive(Debug, Default)]
struct Rendered {
    slots: [Rendering; 2],
    shards: [Rendering; 2],
    /// Of each core: its id, what stands behind the host, what stands behind `myself,`.
    lines: Vec<(String, String, String)>,
}

/// Which core serves which slots, and where.
#[derive(Debug)]
pub(crate) struct SlotMaps {
    pub(crate) nodes: Vec<CoreNode>,
    epoch: u32,
    rendered: Rendered,
}

impl SlotMaps {
    /// The map of a node whose cores have these ports, and own the partitions so.
    pub(crate) fn new(
        member: u64,
        epoch: u32,
        addresses: &[SocketAddr],
        core_of_partition: &[u16],
    ) -> Self {
        let mut nodes: Vec<_> = (0u64..)
            .zip(addresses)
            .map(|(core, address)| CoreNode {
                id: format!("{member:016x}{core:024x}"),
                address: *address,
                ranges: Vec::new(),
            })
            .collect();
        let log2 = core_of_partition.len().max(1).ilog2();
        for slot in 0..SLOTS {
            let owner = core_of_partition.get(usize::from(partition(slot, log2)));
            let Some(node) = owner.and_then(|core| nodes.get_mut(usize::from(*core))) else {
                continue;
            };
            match node.ranges.last_mut() {
                Some((_, last)) if *last + 1 == slot => *last = slot,
                _ => node.ranges.push((slot, slot)),
            }
        }
        let mut maps = Self {
            nodes,
            epoch,
            rendered: Rendered::default(),
        };
        maps.rendered = maps.render();
        maps
    }

    /// The one address that the node listens on, if it is one.
    fn bound(&self) -> Option<IpAddr> {
        let first = self.nodes.first().map(|node| node.address.ip());
        first.filter(|ip| !ip.is_unspecified())
    }

    /// Where a core is reached by a client that is connected to `local`.
    pub(crate) fn address(&self, core: u16, local: Option<SocketAddr>) -> Option<SocketAddr> {
        let address = self.nodes.get(usize::from(core))?.address;
        Some(SocketAddr::new(self.announced(local), address.port()))
    }

    /// Writes the answer to CLUSTER SLOTS for a client that is connected to `local`.
    pub(crate) fn write_slots(&self, local: Option<SocketAddr>, out: &mut Writer<'_>) {
        let of_versions = &self.rendered.slots;
        of_versions[index_of(out.version())].write(self.announced(local), out);
    }

    /// Writes the answer to CLUSTER SHARDS.
    pub(crate) fn write_shards(&self, local: Option<SocketAddr>, out: &mut Writer<'_>) {
        let of_versions = &self.rendered.shards;
        of_versions[index_of(out.version())].write(self.announced(local), out);
    }

    /// The text of CLUSTER NODES, asked for on the port of the core `own`.
    pub(crate) fn nodes_text(&self, local: Option<SocketAddr>, own: u16) -> String {
        let host = self.announced(local).to_string();
        let mut text = String::new();
        for (core, (id, place, state)) in self.rendered.lines.iter().enumerate() {
            text.push_str(id);
            text.push_str(&host);
            text.push_str(place);
            if core == usize::from(own) {
                text.push_str("myself,");
            }
            text.push_str(state);
        }
        text
    }

    /// The host that a client is told.
    fn announced(&self, local: Option<SocketAddr>) -> IpAddr {
        self.bound()
            .or_else(|| local.map(|local| local.ip()))
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn render(&self) -> Rendered {
        let bound = self.bound().map(|ip| ip.to_string());
        let host = bound.as_deref().unwrap_or(GAP);
        let both = |render: &dyn Fn(&mut Writer<'_>)| {
            [Version::Two, Version::Three].map(|version| {
                let mut bytes = Vec::new();
                render(&mut Writer::new(&mut bytes, version));
                Rendering::of(&bytes)
            })
        };
        Rendered {
            slots: both(&|out| self.render_slots(host, out)),
            shards: both(&|out| self.render_shards(host, out)),
            lines: self.nodes.iter().map(|node| self.line(node)).collect(),
        }
    }

    fn render_slots(&self, host: &str, out: &mut Writer<'_>) {
        let mut ranges: Vec<_> = self
            .nodes
            .iter()
            .flat_map(|node| node.ranges.iter().map(move |range| (*range, node)))
            .collect();
        ranges.sort_unstable_by_key(|(range, _)| *range);
        out.array(ranges.len());
        for ((first, last), node) in ranges {
            out.array(3);
            out.integer(first.into());
            out.integer(last.into());
            out.array(4);
            out.bulk(host);
            out.integer(node.address.port().into());
            out.bulk(&node.id);
            out.map(0);
        }
    }

    fn render_shards(&self, host: &str, out: &mut Writer<'_>) {
        out.array(self.nodes.len());
        for node in &self.nodes {
            out.map(2);
            out.bulk("slots");
            out.array(node.ranges.len() * 2);
            for (first, last) in &node.ranges {
                out.integer((*first).into());
                out.integer((*last).into());
            }
            out.bulk("nodes");
            out.array(1);
            out.map(7);
            out.bulk("id");
            out.bulk(&node.id);
            out.bulk("port");
            out.integer(node.address.port().into());
            for (name, value) in [("ip", host), ("endpoint", host), ("role", "master")] {
                out.bulk(name);
                out.bulk(value);
            }
            out.bulk("replication-offset");
            out.integer(0);
            out.bulk("health");
            out.bulk("online");
        }
    }

    fn line(&self, node: &CoreNode) -> (String, String, String) {
        let port = node.address.port();
        let bus = port.saturating_add(BUS_PORT_DISTANCE);
        let mut state = format!("master - 0 0 {} connected", self.epoch);
        for (first, last) in &node.ranges {
            let written = if first == last {
                write!(state, " {first}")
            } else {
                write!(state, " {first}-{last}")
            };
            debug_assert!(written.is_ok(), "a string takes everything");
        }
        state.push('\n');
        (format!("{} ", node.id), format!(":{port}@{bus} "), state)
    }
}

impl Rendering {
    /// Of bytes in which [`GAP`] stands wherever the host is to stand.
    fn of(bytes: &[u8]) -> Self {
        let gap = format!("${}\r\n{GAP}\r\n", GAP.len()).into_bytes();
        let mut parts = Vec::new();
        let mut rest = bytes;
        while let Some(at) = rest.windows(gap.len()).position(|window| window == gap) {
            parts.push(rest[..at].to_vec());
            rest = &rest[at + gap.len()..];
        }
        parts.push(rest.to_vec());
        Self { parts }
    }

    fn write(&self, host: IpAddr, out: &mut Writer<'_>) {
        let mut gap = Vec::new();
        Writer::new(&mut gap, out.version()).bulk(host.to_string());
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                out.rendered(&gap);
            }
            out.rendered(part);
        }
    }
}

const fn index_of(version: Version) -> usize {
    match version {
        Version::Two => 0,
        Version::Three => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(host: &str) -> SlotMaps {
        let addresses: Vec<SocketAddr> = (7401..7404)
            .map(|port| format!("{host}:{port}").parse().unwrap())
            .collect();
        let owners: Vec<u16> = (0..1024).map(|partition| partition / 400).collect();
        SlotMaps::new(7, 3, &addresses, &owners)
    }

    #[test]
    fn every_slot_has_exactly_one_core() {
        let maps = maps("127.0.0.1");
        let mut owned = vec![0; usize::from(SLOTS)];
        for node in &maps.nodes {
            assert_eq!(node.id.len(), 40);
            for (first, last) in &node.ranges {
                for slot in *first..=*last {
                    owned[usize::from(slot)] += 1;
                }
            }
        }
        assert!(owned.iter().all(|owners| *owners == 1));
        assert_eq!(maps.nodes[0].ranges, [(0, 6399)]);
    }

    #[test]
    fn a_node_on_all_addresses_announces_the_one_that_the_client_reached() {
        let maps = maps("0.0.0.0");
        let local = Some("10.0.0.9:7402".parse().unwrap());
        assert_eq!(
            maps.address(2, local),
            Some("10.0.0.9:7403".parse().unwrap())
        );
        let text = maps.nodes_text(local, 1);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains(" 10.0.0.9:7401@17401 master - 0 0 3 connected 0-6399"));
        assert!(lines[1].contains(" myself,master "));
        let mut slots = Vec::new();
        maps.write_slots(local, &mut Writer::new(&mut slots, Version::Two));
        assert!(
            slots.starts_with(
                b"*3\r\n*3\r\n:0\r\n:6399\r\n*4\r\n$8\r\n10.0.0.9\r\n:7401\r\n$40\r\n"
            )
        );
    }

    #[test]
    fn what_is_announced_for_any_address_is_what_a_node_on_that_address_announces() {
        let open = maps("0.0.0.0");
        // Far more than could be kept, and the first once more: nobody pays for the others.
        for last in (0..200).chain([0]) {
            let host = format!("10.0.0.{last}");
            let bound = maps(&host);
            let local = Some(format!("{host}:7401").parse().unwrap());
            for version in [Version::Two, Version::Three] {
                let written = |maps: &SlotMaps| {
                    let mut bytes = Vec::new();
                    let mut out = Writer::new(&mut bytes, version);
                    maps.write_slots(local, &mut out);
                    maps.write_shards(local, &mut out);
                    String::from_utf8(bytes).unwrap()
                };
                assert_eq!(written(&open), written(&bound));
            }
            assert_eq!(open.nodes_text(local, 2), bound.nodes_text(local, 2));
        }
        let parts = |maps: &SlotMaps| maps.rendered.slots[0].parts.len();
        assert_eq!((parts(&open), parts(&maps("10.0.0.1"))), (4, 1));
    }
}
