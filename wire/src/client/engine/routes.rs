//! Which connection serves what: from the owner of a key to an address to a connection, and what
//! a new topology means for those that there are.

use std::collections::{HashSet, VecDeque};

use super::Engine;
use super::calls::Place;
use super::connections::{Connection, State};
use crate::routing::{Member, Owner};

impl<W> Engine<W> {
    /// The connection to an address, made up where there is none.
    pub(super) fn connection_to(&mut self, address: &str, seed: bool) -> u32 {
        let known = self
            .connections
            .iter_mut()
            .position(|place| *place.address == *address);
        if let Some(index) = known {
            if let Some(place) = self.connections.get_mut(index) {
                place.gone = false;
                place.seed |= seed;
            }
            return index as u32;
        }
        let fresh = Connection {
            address: address.into(),
            state: State::Down { retry_at_us: 0 },
            waiting: VecDeque::new(),
            failures: 0,
            seed,
            gone: false,
            flushing: false,
            incarnation: 0,
        };
        // A connection that is over and gone leaves its number to the next.
        let over = |place: &Connection| {
            place.gone && place.waiting.is_empty() && matches!(place.state, State::Down { .. })
        };
        match self
            .connections
            .iter_mut()
            .enumerate()
            .find(|(_, place)| over(place))
        {
            Some((index, place)) => {
                *place = Connection {
                    incarnation: place.incarnation,
                    ..fresh
                };
                index as u32
            }
            None => {
                self.connections.push(fresh);
                (self.connections.len() - 1) as u32
            }
        }
    }

    /// The connection to the core that owns a partition.
    pub(super) fn route(&mut self, owner: Owner) -> Option<u32> {
        let (member, core) = (usize::from(owner.member), usize::from(owner.core));
        if let Some(known) = self.routes.get(member)?.get(core)? {
            return Some(*known);
        }
        let topology = self.topology.clone()?;
        let place = topology.members().get(member)?;
        let address = self.address_of(&place.host, place.core_port(owner.core));
        let connection = self.connection_to(&address, false);
        *self.routes.get_mut(member)?.get_mut(core)? = Some(connection);
        Some(connection)
    }

    /// The ports of any core, of all members that are alive where the topology is known, else of
    /// the seeds.
    #[must_use]
    pub fn any_core_addresses(&self) -> Vec<String> {
        if self.closed {
            return Vec::new();
        }
        let Some(topology) = &self.topology else {
            return self.config.seeds.clone();
        };
        let alive = topology.members().iter().filter(|member| member.alive);
        let address = |member: &Member| self.address_of(&member.host, member.any_core_port);
        alive.map(address).collect()
    }

    /// A node that listens on all of its addresses cannot name one: it is reached where the
    /// seeds are.
    fn address_of(&self, host: &str, port: u16) -> String {
        let seed_host = || {
            self.config
                .seeds
                .first()
                .and_then(|seed| seed.rsplit_once(':'))
        };
        match (host, seed_host()) {
            ("0.0.0.0" | "::" | "[::]", Some((seed_host, _))) => format!("{seed_host}:{port}"),
            _ if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
            _ => format!("{host}:{port}"),
        }
    }

    /// A connection for what any core can serve: one that is up, else the next in turn.
    pub(super) fn any_connection(&self) -> Option<u32> {
        let up = self
            .connections
            .iter()
            .position(|place| place.is_up() && !place.gone);
        let index = up.or_else(|| {
            let usable = self
                .connections
                .iter()
                .enumerate()
                .filter(|(_, place)| !place.gone);
            usable
                .min_by_key(|(_, place)| place.failures)
                .map(|(index, _)| index)
        });
        index.map(|index| index as u32)
    }

    /// After a new topology: connections that it does not name are closed once they are idle,
    /// and calls that wait for one that is not up are sent to whoever owns their key now.
    pub(super) fn rewire(&mut self, now_us: u64) {
        let Some(topology) = self.topology.clone() else {
            return;
        };
        let cores = |member: &Member| vec![None; usize::from(member.cores)];
        self.routes = topology.members().iter().map(cores).collect();
        let alive = topology.members().iter().filter(|member| member.alive);
        let named: HashSet<String> = alive
            .flat_map(|member| {
                let cores = (0..member.cores).map(|core| member.core_port(core));
                cores
                    .chain([member.any_core_port])
                    .map(|port| self.address_of(&member.host, port))
            })
            .collect();
        let mut homeless = Vec::new();
        for place in &mut self.connections {
            place.gone = !place.seed && !named.contains(&*place.address);
            if !place.is_up() || place.gone {
                homeless.extend(place.waiting.drain(..));
            }
        }
        homeless.append(&mut self.unrouted);
        for key in homeless {
            let movable = self
                .calls
                .get(key)
                .is_some_and(|call| matches!(call.place, Place::Waiting(_) | Place::Unrouted));
            if movable {
                self.dispatch(key, now_us);
            }
        }
        for index in 0..self.connections.len() {
            self.close_if_gone(index as u32);
        }
    }

    pub(super) fn close_if_gone(&mut self, connection: u32) {
        let Some(place) = self.connections.get_mut(connection as usize) else {
            return;
        };
        if let State::Up(session) = &place.state
            && place.gone
            && session.in_flight() == 0
        {
            place.state = State::Down { retry_at_us: 0 };
            place.flushing = false;
            self.hang_up(connection);
        }
    }
}
