//! What is to be done for a frame: on which map and key of this core, by which other core, or
//! nothing but to refuse it.

use jerboa_core_shard::Address;
use jerboa_wire::opcode::Kind;
use jerboa_wire::routing::partition_of;
use jerboa_wire::{DecodeError, Opcode, Request, Status};

use super::Executor;
use crate::worker::budget::{WORK_OF_SCAN, WORK_OF_STATS, WORK_OF_TABLES};
use crate::worker::execute::{MapChoice, choose_map, without_map};
use crate::worker::scan::ScanPlace;

/// What is to be done for a decoded frame: what is asked, and where that goes. Of a frame that did
/// not decode only the operation and the request's number are there.
pub(in crate::worker) struct Task<'a> {
    pub(in crate::worker) request: Request<'a>,
    pub(in crate::worker) direction: Direction,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub(in crate::worker) enum Direction {
    /// To a key of this core.
    Key(Address),
    /// To whatever else this core does.
    Other(MapChoice),
    /// To another core, which owns its key.
    Elsewhere(u16),
    /// Nowhere; where it is fatal, the stream is lost with it.
    Refused { status: Status, fatal: bool },
}

impl Direction {
    const fn refused(status: Status) -> Self {
        let fatal = false;
        Self::Refused { status, fatal }
    }
}

impl<'a> Task<'a> {
    /// What is asked, unless that is refused.
    #[inline]
    pub(super) fn request(&self) -> Option<&Request<'a>> {
        let is_refused = matches!(self.direction, Direction::Refused { .. });
        (!is_refused).then_some(&self.request)
    }

    #[inline]
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self.direction, Direction::Refused { fatal: true, .. })
    }

    /// The answer to bytes that are not an acceptable frame; fatal where the stream is lost.
    pub(super) fn refused(error: &DecodeError) -> Self {
        Self {
            request: Request {
                request_id: error.request_id,
                ..Request::new(error.opcode())
            },
            direction: Direction::Refused {
                status: error.kind.status(),
                fatal: error.recover.is_none(),
            },
        }
    }
}

impl Executor<'_> {
    /// What a request needs: its map and address, or the core that has them.
    #[inline]
    pub(in crate::worker) fn direct(&mut self, request: &Request<'_>) -> Direction {
        if !is_on_key(request) {
            return self.direct_apart(request);
        }
        if partition_of(request.key, self.shared.partition_count) != request.partition {
            return Direction::refused(Status::WrongPartition);
        }
        self.direct_on_key(request)
    }

    /// The same for a request on one key, whose partition is the one that it names.
    #[inline(always)]
    pub(in crate::worker) fn direct_on_key(&mut self, request: &Request<'_>) -> Direction {
        let core = self.shared.core_of_partition[usize::from(request.partition)];
        if core != self.config.core {
            // One hop at most: what was forwarded to us and is not ours goes no further.
            if request.hops > 0 {
                return Direction::refused(Status::NotOwner);
            }
            return Direction::Elsewhere(core);
        }
        match choose_map(self.shard, request) {
            MapChoice::Known(map) => {
                Direction::Key(self.shard.address(map, request.partition, request.key))
            }
            MapChoice::Unknown => Direction::refused(without_map(request.opcode)),
            MapChoice::Refused(status) => Direction::refused(status),
        }
    }

    /// The same for a request that is not on one key.
    pub(in crate::worker) fn direct_apart(&mut self, request: &Request<'_>) -> Direction {
        let core = match request.opcode.shape().kind {
            // A scan goes where its cursor stands. One that is no place is refused where it is, as
            // is what is no slot.
            Kind::Scan => ScanPlace::of_scan(request, self.config.core, self.shared)
                .map(|place| place.core(self.shared)),
            Kind::Slot => self.shared.core_of_slot(request.arg),
            Kind::Channel | Kind::Everywhere => None,
            _ if request.count > 0 => return Direction::Other(choose_map(self.shard, request)),
            _ => None,
        };
        match core {
            Some(core) if core != self.config.core => Direction::Elsewhere(core),
            _ => Direction::Other(MapChoice::Unknown),
        }
    }
}

/// Whether a request is on one key, and so goes to the core that owns it.
#[inline(always)]
pub(in crate::worker) fn is_on_key(request: &Request<'_>) -> bool {
    let is_apart = matches!(
        request.opcode.shape().kind,
        Kind::Scan | Kind::Slot | Kind::Channel | Kind::Everywhere
    );
    !is_apart && !request.key.is_empty() && request.opcode != Opcode::Noop
}

/// What a request weighs in its connection's share of a turn.
pub(super) fn work_of(request: &Request<'_>) -> usize {
    match request.opcode {
        Opcode::Stats => WORK_OF_STATS,
        Opcode::HotKeys | Opcode::MapStats | Opcode::SettingsSet => WORK_OF_TABLES,
        // What publishes take is known when they are executed, and bounded there.
        Opcode::Scan | Opcode::SlotKeys | Opcode::Channels => WORK_OF_SCAN,
        opcode if opcode.is_everywhere() => WORK_OF_SCAN,
        _ => (request.count as usize).max(1),
    }
}
