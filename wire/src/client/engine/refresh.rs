//! When the topology is fetched, and what becomes of it.
//!
//! It is wanted before the first call, when a reply says that its request went to the wrong
//! core or names a later epoch, and when a connection was lost. One fetch runs at a time, and
//! after each that brought nothing new there is a pause, longer every time: a node that is
//! behind, or a cluster in the middle of a change, is not flooded.

use std::sync::Arc;

use super::calls::{CallKey, For};
use super::{Engine, State};
use crate::client::error::Error;
use crate::client::operation::Operation;
use crate::client::outcome::Response;
use crate::client::session::Noticed;
use crate::opcode::Opcode;
use crate::routing::Topology;
use crate::status::Status;

/// The state of fetching.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    wanted: bool,
    running: Option<CallKey>,
    /// Not before.
    not_before_us: u64,
    /// Fetches in a row that brought nothing new.
    in_vain: u32,
    /// Latest epoch that any reply named.
    seen: u32,
    /// Every connection was down since the topology was learned: the cluster may have begun
    /// anew, with a lower epoch.
    may_restart: bool,
}

impl<W> Engine<W> {
    /// Whether the topology is being fetched, and on which connection: a driver without threads
    /// of its own reads there before it lets its caller go.
    #[must_use]
    pub fn is_refreshing(&self) -> Option<super::ConnectionId> {
        let call = self.calls.get(self.refresh.running?)?;
        match call.place {
            super::Place::Sent { connection, .. } => Some(self.id_of(connection)),
            _ => None,
        }
    }

    pub(super) fn want_refresh(&mut self, now_us: u64) {
        self.refresh.wanted = true;
        if self
            .connections
            .iter()
            .all(|place| !matches!(place.state, State::Up(_)))
        {
            self.refresh.may_restart = true;
        }
        self.refresh_if_due(now_us);
    }

    /// When the next fetch is due. Not as long as nobody waits for anything, unless the topology
    /// is known to be old: the next call will see to it.
    pub(super) fn refresh_due_at_us(&self) -> Option<u64> {
        let refresh = &self.refresh;
        let needed = self.calls.len() > 0 || refresh.behind(self.epoch());
        let due = refresh.wanted && refresh.running.is_none() && needed && !self.closed;
        due.then_some(refresh.not_before_us)
    }

    pub(super) fn refresh_if_due(&mut self, now_us: u64) {
        if self
            .refresh_due_at_us()
            .is_none_or(|due_us| due_us > now_us)
        {
            return;
        }
        self.refresh.wanted = false;
        let timeout_us = u64::try_from(self.config.call_timeout.as_micros()).unwrap_or(u64::MAX);
        let deadline_us = now_us.saturating_add(timeout_us);
        // Marked first: dispatching may fail at once and has to find it.
        self.refresh.not_before_us = now_us + PAUSE_US;
        let operation = Operation::bare(Opcode::Topology, &[]);
        let key = self.begin(operation, For::Topology, deadline_us, now_us);
        if self.calls.get(key).is_some() {
            self.refresh.running = Some(key);
        }
    }

    /// What the replies said of the topology.
    pub(super) fn notice(&mut self, noticed: Noticed, now_us: u64) {
        self.refresh.seen = self.refresh.seen.max(noticed.epoch);
        let known = self.epoch();
        let stale = noticed.stale.is_some_and(|epoch| epoch >= known);
        if stale || self.refresh.behind(known) {
            self.want_refresh(now_us);
        }
    }

    /// The reply to a fetch.
    pub(super) fn refreshed(&mut self, key: CallKey, response: Response, now_us: u64) {
        self.calls.remove(key);
        self.refresh.running = None;
        let known = self.epoch();
        let topology = match response.status {
            Status::Ok => Topology::decode(&response.value).ok(),
            _ => None,
        };
        let news = topology.filter(|topology| {
            self.topology.is_none() || topology.epoch() > known || self.refresh.may_restart
        });
        match news {
            Some(topology) => self.adopt(topology, now_us),
            None => self.pause_refresh(now_us),
        }
    }

    /// A fetch has ended without a reply.
    pub(super) fn refresh_failed(&mut self, key: CallKey, error: Option<Error>) {
        if self.refresh.running == Some(key) {
            self.refresh.running = None;
        }
        self.refresh.wanted = true;
        self.refresh.in_vain = self.refresh.in_vain.saturating_add(1);
        let pause_us = self.backoff.pause_us(self.refresh.in_vain);
        self.refresh.not_before_us = self.refresh.not_before_us.saturating_add(pause_us);
        if let Some(error) = error
            && self.topology.is_none()
        {
            for call in std::mem::take(&mut self.unrouted) {
                self.complete(call, Err(error.clone()));
            }
        }
    }

    fn adopt(&mut self, topology: Topology, now_us: u64) {
        self.refresh.in_vain = 0;
        self.refresh.not_before_us = now_us;
        if self.refresh.may_restart {
            self.refresh.seen = topology.epoch();
        }
        self.refresh.may_restart = false;
        self.refresh.wanted = self.refresh.behind(topology.epoch());
        self.table = Some(Arc::new(topology.table()));
        self.topology = Some(Arc::new(topology));
        self.rewire(now_us);
    }

    /// Nothing new: ask again later if a later epoch has been seen.
    fn pause_refresh(&mut self, now_us: u64) {
        self.refresh.may_restart = false;
        self.refresh.in_vain = self.refresh.in_vain.saturating_add(1);
        let pause_us = self.backoff.pause_us(self.refresh.in_vain);
        self.refresh.not_before_us = now_us.saturating_add(pause_us);
        self.refresh.wanted = self.topology.is_none() || self.refresh.behind(self.epoch());
    }

    fn epoch(&self) -> u32 {
        self.topology
            .as_ref()
            .map_or(0, |topology| topology.epoch())
    }
}

impl Refresh {
    const fn behind(&self, epoch: u32) -> bool {
        self.seen > epoch
    }
}

/// Least time between a fetch and the next, unless it brought something new.
const PAUSE_US: u64 = 10_000;
