//! The slot map as cluster clients read it: every core of the node is a cluster node of its own,
//! with its own port, and serves the slots of its partitions.
//!
//! Long answers are rendered once: a node with 4096 partitions has up to as many ranges. Where the
//! node listens on one address the rendering is made at the start; where it listens on all of
//! them, a client is told the address that it connected to, and the first to use an address pays
//! for its rendering.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use jerboa_wire::resp::{Version, Writer};
use jerboa_wire::routing::{SLOTS, partition};

/// Addresses that renderings are kept for.
const KEPT_MAX: usize = 8;
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

/// Answers for clients that know the node by one address.
#[derive(Debug)]
pub(crate) struct Rendered {
    slots: [Vec<u8>; 2],
    shards: [Vec<u8>; 2],
    /// The line of each core in CLUSTER NODES, around the place of `myself,`.
    lines: Vec<(String, String)>,
}

/// Which core serves which slots, and where.
#[derive(Debug)]
pub(crate) struct SlotMaps {
    pub(crate) nodes: Vec<CoreNode>,
    epoch: u32,
    rendered: Mutex<Vec<(IpAddr, Arc<Rendered>)>>,
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
        let maps = Self {
            nodes,
            epoch,
            rendered: Mutex::default(),
        };
        if let Some(first) = maps.nodes.first().map(|node| node.address.ip())
            && !first.is_unspecified()
        {
            maps.rendered(first);
        }
        maps
    }

    /// Where a core is reached by a client that is connected to `local`.
    pub(crate) fn address(&self, core: u16, local: Option<SocketAddr>) -> Option<SocketAddr> {
        let address = self.nodes.get(usize::from(core))?.address;
        Some(SocketAddr::new(self.announced(local), address.port()))
    }

    /// The answers for a client that is connected to `local`.
    pub(crate) fn for_client(&self, local: Option<SocketAddr>) -> Arc<Rendered> {
        self.rendered(self.announced(local))
    }

    /// The host that a client is told.
    fn announced(&self, local: Option<SocketAddr>) -> IpAddr {
        let bound = self.nodes.first().map(|node| node.address.ip());
        let specific = bound.filter(|ip| !ip.is_unspecified());
        specific
            .or_else(|| local.map(|local| local.ip()))
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn rendered(&self, host: IpAddr) -> Arc<Rendered> {
        let kept = || self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = kept().iter().find(|(of, _)| *of == host) {
            return Arc::clone(found);
        }
        let made = Arc::new(self.render(host));
        let mut kept = kept();
        if kept.len() < KEPT_MAX {
            kept.push((host, Arc::clone(&made)));
        }
        made
    }

    fn render(&self, host: IpAddr) -> Rendered {
        let both = |render: &dyn Fn(&mut Writer<'_>)| {
            [Version::Two, Version::Three].map(|version| {
                let mut bytes = Vec::new();
                render(&mut Writer::new(&mut bytes, version));
                bytes
            })
        };
        Rendered {
            slots: both(&|out| self.render_slots(host, out)),
            shards: both(&|out| self.render_shards(host, out)),
            lines: self
                .nodes
                .iter()
                .map(|node| self.line(node, host))
                .collect(),
        }
    }

    fn render_slots(&self, host: IpAddr, out: &mut Writer<'_>) {
        let mut ranges: Vec<_> = self
            .nodes
            .iter()
            .flat_map(|node| node.ranges.iter().map(move |range| (*range, node)))
            .collect();
        ranges.sort_unstable_by_key(|(range, _)| *range);
        let host = host.to_string();
        out.array(ranges.len());
        for ((first, last), node) in ranges {
            out.array(3);
            out.integer(first.into());
            out.integer(last.into());
            out.array(4);
            out.bulk(&host);
            out.integer(node.address.port().into());
            out.bulk(&node.id);
            out.map(0);
        }
    }

    fn render_shards(&self, host: IpAddr, out: &mut Writer<'_>) {
        let host = host.to_string();
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
            for (name, value) in [
                ("ip", host.as_str()),
                ("endpoint", &host),
                ("role", "master"),
            ] {
                out.bulk(name);
                out.bulk(value);
            }
            out.bulk("replication-offset");
            out.integer(0);
            out.bulk("health");
            out.bulk("online");
        }
    }

    fn line(&self, node: &CoreNode, host: IpAddr) -> (String, String) {
        let port = node.address.port();
        let bus = port.saturating_add(BUS_PORT_DISTANCE);
        let head = format!("{} {host}:{port}@{bus} ", node.id);
        let mut tail = format!("master - 0 0 {} connected", self.epoch);
        for (first, last) in &node.ranges {
            let written = if first == last {
                write!(tail, " {first}")
            } else {
                write!(tail, " {first}-{last}")
            };
            debug_assert!(written.is_ok(), "a string takes everything");
        }
        tail.push('\n');
        (head, tail)
    }
}

impl Rendered {
    /// The answer to CLUSTER SLOTS.
    pub(crate) fn slots(&self, version: Version) -> &[u8] {
        &self.slots[usize::from(version == Version::Three)]
    }

    /// The answer to CLUSTER SHARDS.
    pub(crate) fn shards(&self, version: Version) -> &[u8] {
        &self.shards[usize::from(version == Version::Three)]
    }

    /// The text of CLUSTER NODES, asked for on the port of this core.
    pub(crate) fn nodes(&self, own: u16) -> String {
        let mut text = String::new();
        for (core, (head, tail)) in self.lines.iter().enumerate() {
            text.push_str(head);
            if core == usize::from(own) {
                text.push_str("myself,");
            }
            text.push_str(tail);
        }
        text
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
        let text = maps.for_client(local).nodes(1);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains(" 10.0.0.9:7401@17401 master - 0 0 3 connected 0-6399"));
        assert!(lines[1].contains(" myself,master "));
        let slots = maps.for_client(local);
        assert!(
            slots.slots(Version::Two).starts_with(
                b"*3\r\n*3\r\n:0\r\n:6399\r\n*4\r\n$8\r\n10.0.0.9\r\n:7401\r\n$40\r\n"
            )
        );
    }

    #[test]
    fn renderings_for_many_addresses_are_not_kept_without_end() {
        let maps = maps("0.0.0.0");
        for last in 0..100 {
            let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 7401);
            maps.for_client(Some(local));
        }
        assert_eq!(maps.rendered.lock().unwrap().len(), KEPT_MAX);
    }
}
