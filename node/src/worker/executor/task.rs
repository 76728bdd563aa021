//! What is to be done for a frame: on which map and key of this core, by which other core, or
//! nothing but to refuse it.

use jerboa_core_shard::Address;
use jerboa_wire::opcode::Kind;
use jerboa_wire::routing::partition_of;
use jerboa_wire::{DecodeError, Opcode, Reply, Request, Status};

use super::Executor;
use crate::worker::budget::{WORK_OF_SCAN, WORK_OF_STATS, WORK_OF_TABLES};
use crate::worker::execute::{MapChoice, choose_map, without_map};
use crate::worker::scan::ScanPlace;

/// What is to be done for a decoded frame.
pub(in crate::worker) enum Task<'a> {
    /// A request on one key of this core.
    Key { request: Request<'a>, at: Address },
    /// Any other request.
    Other {
        request: Request<'a>,
        map: MapChoice,
    },
    /// A request on one key of another core.
    Elsewhere { request: Request<'a>, core: u16 },
    /// A frame that is refused.
    Refused { reply: Reply<'static>, fatal: bool },
}

impl<'a> Task<'a> {
    /// What is asked, unless that is refused.
    #[inline]
    pub(super) fn request(&self) -> Option<&Request<'a>> {
        match self {
            Self::Key { request, .. }
            | Self::Other { request, .. }
            | Self::Elsewhere { request, .. } => Some(request),
            Self::Refused { .. } => None,
        }
    }
}

impl Executor<'_> {
    /// What a request needs: its map and address, or the core that has them.
    #[inline]
    pub(in crate::worker) fn task<'a>(&mut self, request: Request<'a>) -> Task<'a> {
        if !is_on_key(&request) {
            return self.task_apart(request);
        }
        if partition_of(request.key, self.shared.partition_count) != request.partition {
            return refuse(&request, Status::WrongPartition);
        }
        self.task_on_key(request)
    }

    /// The same for a request on one key, whose partition is the one that it names.
    #[inline(always)]
    pub(in crate::worker) fn task_on_key<'a>(&mut self, request: Request<'a>) -> Task<'a> {
        let core = self.shared.core_of_partition[usize::from(request.partition)];
        if core != self.config.core {
            // One hop at most: what was forwarded to us and is not ours goes no further.
            if request.hops > 0 {
                return refuse(&request, Status::NotOwner);
            }
            return Task::Elsewhere { request, core };
        }
        match choose_map(self.shard, &request) {
            MapChoice::Known(map) => {
                let at = self.shard.address(map, request.partition, request.key);
                Task::Key { request, at }
            }
            MapChoice::Unknown => refuse(&request, without_map(request.opcode)),
            MapChoice::Refused(status) => refuse(&request, status),
        }
    }

    /// The same for a request that is not on one key.
    pub(in crate::worker) fn task_apart<'a>(&mut self, request: Request<'a>) -> Task<'a> {
        let map = match request.opcode.shape().kind {
            Kind::Scan => return self.scan_task(request),
            Kind::Slot => return self.slot_task(request),
            Kind::Channel | Kind::Everywhere => MapChoice::Unknown,
            _ if request.count > 0 => choose_map(self.shard, &request),
            _ => MapChoice::Unknown,
        };
        Task::Other { request, map }
    }

    /// A scan goes where its cursor stands.
    fn scan_task<'a>(&self, request: Request<'a>) -> Task<'a> {
        match ScanPlace::of_scan(&request, self.config.core, self.shared) {
            Some(place) if place.core(self.shared) != self.config.core => Task::Elsewhere {
                request,
                core: place.core(self.shared),
            },
            // One that is no place is refused where it is.
            _ => Task::Other {
                request,
                map: MapChoice::Unknown,
            },
        }
    }

    fn slot_task<'a>(&self, request: Request<'a>) -> Task<'a> {
        match self.shared.core_of_slot(request.arg) {
            Some(core) if core != self.config.core => Task::Elsewhere { request, core },
            // What is no slot is refused where it is.
            _ => Task::Other {
                request,
                map: MapChoice::Unknown,
            },
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

fn refuse(request: &Request<'_>, status: Status) -> Task<'static> {
    Task::Refused {
        reply: Reply::new(request.opcode, status, request.request_id),
        fatal: false,
    }
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

/// The answer to bytes that are not an acceptable frame; fatal where the stream is lost.
pub(super) fn refused(error: &DecodeError) -> Task<'static> {
    Task::Refused {
        reply: Reply::refusal(error),
        fatal: error.recover.is_none(),
    }
}
