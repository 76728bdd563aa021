//! Where a scan stands: the cursor that travels with its client, and the order of the walk.
//!
//! A scan walks core after core, each core's partitions in the order of their numbers, and each
//! partition by the engine's own walk, which growth and moves do not disturb.
//!
//! ```text
//! cursor   0, the start; else 1 + (partition << 33 | position)
//! ```

use jerboa_wire::{Request, RequestFlags};

use super::shared::Shared;

const POSITION_BITS: u32 = 33;

/// A place in the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScanPlace {
    pub(super) partition: u16,
    /// The engine's position in it.
    pub(super) position: u64,
}

impl ScanPlace {
    fn start_of(partition: u16) -> Self {
        Self {
            partition,
            position: 0,
        }
    }

    /// The place that a cursor names; `None` where no scan returned it.
    fn of_cursor(cursor: u64, shared: &Shared) -> Option<Self> {
        let Some(number) = cursor.checked_sub(1) else {
            return first_from_core(0, shared);
        };
        let partition = u16::try_from(number >> POSITION_BITS).ok()?;
        let position = number & ((1 << POSITION_BITS) - 1);
        let place = Self {
            partition,
            position,
        };
        let is_place = partition < shared.partition_count && position <= 1 << (POSITION_BITS - 1);
        is_place.then_some(place)
    }

    /// The place where a Scan goes on, asked for on the core `own`; `None` where no scan returned
    /// its cursor.
    pub(super) fn of_scan(request: &Request<'_>, own: u16, shared: &Shared) -> Option<Self> {
        if request.arg == 0 && request.flags.contains(RequestFlags::THIS_CORE) {
            return Self::first_on(own, shared);
        }
        Self::of_cursor(request.arg, shared)
    }

    pub(super) fn cursor(self) -> u64 {
        1 + (u64::from(self.partition) << POSITION_BITS | self.position)
    }

    /// A place on a core, by a random number.
    pub(super) fn random_on(core: u16, random: u64, shared: &Shared) -> Option<Self> {
        let owners = &shared.core_of_partition;
        let drawn = (random >> (POSITION_BITS - 1)) as usize % owners.len().max(1);
        let mut from_there_on = (drawn..owners.len()).chain(0..drawn);
        let partition = from_there_on.find(|partition| owners[*partition] == core)?;
        Some(Self {
            partition: partition as u16,
            position: random & ((1 << (POSITION_BITS - 1)) - 1),
        })
    }

    /// The start of a core's first partition.
    pub(super) fn first_on(core: u16, shared: &Shared) -> Option<Self> {
        first_from_core(core, shared).filter(|place| place.core(shared) == core)
    }

    /// The core whose partition it is.
    pub(super) fn core(self, shared: &Shared) -> u16 {
        shared.core_of_partition[usize::from(self.partition)]
    }

    /// The start of the next partition of the same core.
    pub(super) fn next_partition(self, shared: &Shared) -> Option<Self> {
        let core = self.core(shared);
        let mut later = self.partition + 1..shared.partition_count;
        later
            .find(|number| shared.core_of_partition[usize::from(*number)] == core)
            .map(Self::start_of)
    }

    /// The start of the next core's first partition.
    pub(super) fn next_core(self, shared: &Shared) -> Option<Self> {
        first_from_core(self.core(shared) + 1, shared)
    }
}

/// The core that serves a cursor; of one that is no place any core, which refuses it.
pub(crate) fn core_of_cursor(cursor: u64, shared: &Shared) -> u16 {
    ScanPlace::of_cursor(cursor, shared).map_or(0, |place| place.core(shared))
}

/// The start of the first partition of a core, or of one behind it.
fn first_from_core(core: u16, shared: &Shared) -> Option<ScanPlace> {
    let of_core = |core: u16| {
        let mut owners = shared.core_of_partition.iter();
        owners.position(|owner| *owner == core)
    };
    let first = (core..shared.stats.len() as u16).find_map(of_core)?;
    Some(ScanPlace::start_of(first as u16))
}
