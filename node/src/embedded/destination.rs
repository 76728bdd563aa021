//! Who answers an operation of this process: the core that owns its key, all cores, those with
//! receivers, or this thread at once, from what all cores have published.

use std::sync::atomic::Ordering;

use jerboa_wire::channel::is_reserved;
use jerboa_wire::client::{Error, Operation, Response, Route};
use jerboa_wire::event::EventSwitch;
use jerboa_wire::routing::{partition, slot};
use jerboa_wire::{Opcode, Request, RequestFlags, Status};

use super::job::{Ending, ended};
use super::link::Inner;
use crate::worker::core_of_cursor;

/// Who answers an operation.
pub(super) enum Destination {
    /// One core.
    Core(u16),
    /// All cores together.
    Everywhere,
    /// Those that may have receivers for a message.
    Receivers(Vec<u16>),
    /// This thread, at once.
    Here(Response),
}

impl Inner {
    /// Checks an operation and finds who answers it.
    pub(super) fn destination(&self, operation: &Operation) -> Result<Destination, Error> {
        if self.shared.stopping.load(Ordering::Acquire) {
            return Err(ended(Ending::Untouched, operation.opcode()));
        }
        let request = operation.request();
        if let Err(kind) = request.check(self.value_bytes_max()) {
            return Ok(Destination::Here(told(kind.status(), &[])));
        }
        if let Some(response) = self.tell(&request) {
            return Ok(Destination::Here(response));
        }
        if request.opcode == Opcode::Publish {
            return Ok(self.receivers(request.key));
        }
        Ok(match (request.opcode, operation.route()) {
            // The core that is asked does it for all.
            (Opcode::Destroy, _) => Destination::Core(0),
            (opcode, _) if opcode.is_everywhere() => Destination::Everywhere,
            (Opcode::Scan, _) => Destination::Core(core_of_cursor(request.arg, &self.shared)),
            (_, Route::Slot(slot)) => {
                let core = self.owner(slot);
                if self.is_all_or_nothing_of_many(&request, core) {
                    return Ok(Destination::Here(told(Status::ManyOwners, &[])));
                }
                Destination::Core(core)
            }
            (_, Route::Any) => Destination::Core(0),
        })
    }

    /// Where a message goes.
    fn receivers(&self, channel: &[u8]) -> Destination {
        if is_reserved(channel) {
            return Destination::Here(told(Status::ReservedChannel, &[]));
        }
        let cores = self.shared.directory.cores(channel);
        if cores.is_empty() {
            return Destination::Here(told(Status::Ok, &[]));
        }
        Destination::Receivers(cores)
    }

    /// The core that owns a slot.
    fn owner(&self, slot: u16) -> u16 {
        let partition = partition(slot, self.shared.partition_count.trailing_zeros());
        self.shared.core_of_partition[usize::from(partition)]
    }

    /// Whether a request is to be executed wholly or not at all, and not by one core alone.
    fn is_all_or_nothing_of_many(&self, request: &Request<'_>, core: u16) -> bool {
        let all_or_nothing =
            request.opcode == Opcode::MultiPut && request.flags.contains(RequestFlags::IF_ABSENT);
        let mut entries = request.entries();
        all_or_nothing && entries.any(|entry| self.owner(slot(entry.key)) != core)
    }

    /// Answers what the node can tell without a core: what all of them have published.
    fn tell(&self, request: &Request<'_>) -> Option<Response> {
        let ok = |value: &[u8]| told(Status::Ok, value);
        Some(match request.opcode {
            Opcode::Topology => ok(&self.shared.topology),
            Opcode::Stats => match self.shared.stats_text(request.arg) {
                Some(text) => ok(text.as_bytes()),
                None => told(Status::InvalidArgument, &[]),
            },
            Opcode::HotKeys => ok(&self.shared.hot_keys_section(request.arg)),
            Opcode::MapStats => match self.shared.map_stats_section(request.map, request.arg) {
                Some((value, more)) => Response {
                    arg: more.into(),
                    ..ok(&value)
                },
                None => told(Status::NotFound, &[]),
            },
            Opcode::Events => {
                // What is no switch was refused.
                let switch = EventSwitch::decode(request.arg).unwrap_or_default();
                Response {
                    arg: self.shared.events.switch(switch).bits().into(),
                    ..ok(&[])
                }
            }
            _ => return None,
        })
    }
}

/// An answer that no core gave.
pub(super) fn told(status: Status, value: &[u8]) -> Response {
    Response {
        status,
        arg: 0,
        version: 0,
        count: 0,
        value: value.to_vec(),
    }
}
