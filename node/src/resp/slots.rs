//! The slot map as cluster clients read it: every core of the node is a cluster node of its own,
//! with its own port, and serves the slots of its partitions.
//!
//! Long answers are rendered once, at the start: a node with 4096 partitions has up to as many
//! ranges. The host that is announced stands in them, or the one address that the node listens on.
//! Where it listens on all of them a client is told the address that it connected to, and the
//! rendering has gaps for it:
//!
//! ```text
//! "*3 :0 :12 *4 " ▢ ":7401 $40 id …" ▢ ":7402 …"        ▢ = the host, as a bulk string
//! ```
//!
//! So every address costs the same, however many are used, and nothing is kept by address: a
//! client can choose among more than could be kept (all of 127.0.0.0/8 is one host).

use std::borrow::Cow;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use jerboa_wire::resp::{Version, Writer};
use jerboa_wire::routing::{SLOTS, partition};

use crate::host::Announced;
use crate::node::Addresses;

/// Stands for the host while an answer with gaps is rendered; nothing else in it is like this.
const GAP: &str = "\0host\0";
/// Clients expect a second port, that of the bus between nodes; there is none.
const BUS_PORT_DISTANCE: u16 = 10_000;

/// One core as a node of the cluster.
#[derive(Debug)]
pub(crate) struct CoreNode {
    /// Forty hexadecimal digits, the same in every run of a cluster's member.
    pub(crate) id: String,
    port: u16,
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

/// Where clients are told that the cores are.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    /// The name under which they are, where they are to be told one.
    name: Option<String>,
    /// The address; none where it is the one that the client reached.
    address: Option<IpAddr>,
    /// Of the cores, in order.
    ports: Vec<u16>,
}

impl Announcement {
    /// Of a node that listens there.
    pub(crate) fn of(addresses: &Addresses, announced: &Announced) -> Self {
        let bound = addresses.any_core.ip();
        let host = announced.host.as_ref();
        let name = host.filter(|host| host.address().is_none());
        let address = host.and_then(|host| host.address());
        let bound = Some(bound).filter(|bound| !bound.is_unspecified());
        let ports = (announced.first_core_port..).take(addresses.cores.len());
        Self {
            name: name.map(ToString::to_string),
            address: address.or(bound),
            ports: ports.collect(),
        }
    }
}

/// Which core serves which slots, and where.
#[derive(Debug)]
pub(crate) struct SlotMaps {
    pub(crate) nodes: Vec<CoreNode>,
    name: Option<String>,
    address: Option<IpAddr>,
    epoch: u32,
    rendered: Rendered,
}

impl SlotMaps {
    /// The map of a node whose cores are there, and own the partitions so.
    pub(crate) fn new(
        member: u64,
        epoch: u32,
        announcement: Announcement,
        core_of_partition: &[u16],
    ) -> Self {
        let mut nodes: Vec<_> = (0u64..)
            .zip(announcement.ports)
            .map(|(core, port)| CoreNode {
                id: format!("{member:016x}{core:024x}"),
                port,
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
            name: announcement.name,
            address: announcement.address,
            epoch,
            rendered: Rendered::default(),
        };
        maps.rendered = maps.render();
        maps
    }

    /// Name or address, and port, at which a client that is connected to `local` reaches a core.
    pub(crate) fn place(
        &self,
        core: u16,
        local: Option<SocketAddr>,
    ) -> Option<(Cow<'_, str>, u16)> {
        let port = self.nodes.get(usize::from(core))?.port;
        Some((self.host(local), port))
    }

    /// Name or address at which a client that is connected to `local` reaches the node.
    pub(crate) fn host(&self, local: Option<SocketAddr>) -> Cow<'_, str> {
        match &self.name {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(self.address(local).to_string()),
        }
    }

    /// Writes the answer to CLUSTER SLOTS for a client that is connected to `local`.
    pub(crate) fn write_slots(&self, local: Option<SocketAddr>, out: &mut Writer<'_>) {
        let of_versions = &self.rendered.slots;
        of_versions[index_of(out.version())].write(self.address(local), out);
    }

    /// Writes the answer to CLUSTER SHARDS.
    pub(crate) fn write_shards(&self, local: Option<SocketAddr>, out: &mut Writer<'_>) {
        let of_versions = &self.rendered.shards;
        of_versions[index_of(out.version())].write(self.address(local), out);
    }

    /// The text of CLUSTER NODES, asked for on the port of the core `own`.
    pub(crate) fn nodes_text(&self, local: Option<SocketAddr>, own: u16) -> String {
        let host = self.address(local).to_string();
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

    /// The address that a client is told.
    fn address(&self, local: Option<SocketAddr>) -> IpAddr {
        self.address
            .or_else(|| local.map(|local| local.ip()))
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn render(&self) -> Rendered {
        let known = self.address.map(|address| address.to_string());
        let address = known.as_deref().unwrap_or(GAP);
        let both = |render: &dyn Fn(&mut Writer<'_>)| {
            [Version::Two, Version::Three].map(|version| {
                let mut bytes = Vec::new();
                render(&mut Writer::new(&mut bytes, version));
                Rendering::of(&bytes)
            })
        };
        Rendered {
            slots: both(&|out| self.render_slots(address, out)),
            shards: both(&|out| self.render_shards(address, out)),
            lines: self.nodes.iter().map(|node| self.line(node)).collect(),
        }
    }

    fn render_slots(&self, address: &str, out: &mut Writer<'_>) {
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
            out.bulk(self.name.as_deref().unwrap_or(address));
            out.integer(node.port.into());
            out.bulk(&node.id);
            // Beside a name the address that it had better lead to.
            out.map(usize::from(self.name.is_some()));
            if self.name.is_some() {
                out.bulk("ip");
                out.bulk(address);
            }
        }
    }

    fn render_shards(&self, address: &str, out: &mut Writer<'_>) {
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
            out.map(7 + usize::from(self.name.is_some()));
            out.bulk("id");
            out.bulk(&node.id);
            out.bulk("port");
            out.integer(node.port.into());
            let name = self.name.as_deref();
            let named = name.map(|name| ("hostname", name));
            let place = [("ip", address), ("endpoint", name.unwrap_or(address))];
            for (field, value) in place.into_iter().chain(named).chain([("role", "master")]) {
                out.bulk(field);
                out.bulk(value);
            }
            out.bulk("replication-offset");
            out.integer(0);
            out.bulk("health");
            out.bulk("online");
        }
    }

    fn line(&self, node: &CoreNode) -> (String, String, String) {
        let port = node.port;
        let name = self.name.as_ref();
        let name = name.map(|name| format!(",{name}")).unwrap_or_default();
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
        (
            format!("{} ", node.id),
            format!(":{port}@{bus}{name} "),
            state,
        )
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
        announced(host, None)
    }

    fn announced(bind: &str, host: Option<&str>) -> SlotMaps {
        let address = |port: u16| SocketAddr::new(bind.parse().unwrap(), port);
        let addresses = Addresses {
            any_core: address(7400),
            cores: (7401..7404).map(address).collect(),
        };
        let announced = Announced {
            host: host.map(|host| host.parse().unwrap()),
            any_core_port: 7400,
            first_core_port: 7401,
        };
        let owners: Vec<u16> = (0..1024).map(|partition| partition / 400).collect();
        SlotMaps::new(7, 3, Announcement::of(&addresses, &announced), &owners)
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
        assert_eq!(maps.place(2, local), Some(("10.0.0.9".into(), 7403)));
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
    fn a_name_that_is_announced_stands_beside_the_address_that_the_client_reached() {
        let maps = announced("0.0.0.0", Some("cache.example"));
        let local = Some("10.0.0.9:7402".parse().unwrap());
        assert_eq!(maps.place(2, local), Some(("cache.example".into(), 7403)));
        let text = maps.nodes_text(local, 1);
        assert!(
            text.contains(" 10.0.0.9:7401@17401,cache.example master"),
            "{text}"
        );
        let written = |write: fn(&SlotMaps, Option<SocketAddr>, &mut Writer<'_>)| {
            let mut bytes = Vec::new();
            write(&maps, local, &mut Writer::new(&mut bytes, Version::Three));
            String::from_utf8(bytes).unwrap().replace("\r\n", " ")
        };
        let slots = written(SlotMaps::write_slots);
        let place = format!(
            "*4 $13 cache.example :7401 $40 {} %1 $2 ip $8 10.0.0.9 ",
            maps.nodes[0].id
        );
        assert!(slots.contains(&place), "{slots}");
        let shards = written(SlotMaps::write_shards);
        let place =
            "$2 ip $8 10.0.0.9 $8 endpoint $13 cache.example $8 hostname $13 cache.example ";
        assert_eq!(shards.matches(place).count(), 3, "{shards}");
        let translated = announced("10.0.0.9", Some("203.0.113.7"));
        assert_eq!(
            translated.place(0, local),
            Some(("203.0.113.7".into(), 7401))
        );
        assert_eq!(
            translated.nodes_text(local, 1),
            announced("203.0.113.7", None).nodes_text(None, 1)
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
