//! Events: what happens on this core, published on the node's own channels while its kind is on.
//!
//! The kinds that are on are one number that all cores share ([`EventMask`]); a core looks at it once
//! a turn. While a kind is off nothing is collected, encoded or sent for it.
//!
//! An event is published as a message is: handed over to the subscribers of this core, forwarded to
//! cores that may have others. Nobody waits for it: where a mailbox has no room it is dropped there,
//! and counted.

use std::sync::atomic::{AtomicU8, Ordering};

use jerboa_core_shard::{Departure, Interest};
use jerboa_wire::event::{Event, EventKind, EventKinds, EventSwitch, Happening};
use jerboa_wire::{Crc, Opcode, Request, limits};

use super::Worker;
use super::execute::lock;
use super::mailbox::{Forward, ReturnAddress};
use crate::net::SocketId;

/// Events of entries that one turn tells; the rest waits for the next.
const EVENTS_PER_TURN: usize = 256;

/// No session has it: what is answered there is dropped.
const NO_SERIAL: u64 = 0;

/// The kinds of events that a node publishes.
#[derive(Debug)]
pub(crate) struct EventMask(AtomicU8);

impl EventMask {
    pub(crate) fn new(kinds: EventKinds) -> Self {
        Self(AtomicU8::new(kinds.bits()))
    }

    /// The kinds that are on.
    pub(crate) fn kinds(&self) -> EventKinds {
        EventKinds::from_bits(self.0.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Has exactly these kinds be on.
    pub(crate) fn set(&self, kinds: EventKinds) {
        self.0.store(kinds.bits(), Ordering::Relaxed);
    }

    /// Turns kinds on and off; returns those that are on then.
    pub(crate) fn switch(&self, switch: EventSwitch) -> EventKinds {
        let after = |bits| {
            let kinds = EventKinds::from_bits(bits).unwrap_or_default();
            kinds.changed(switch.changed, switch.on).bits()
        };
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
                Some(after(bits))
            });
        let (Ok(before) | Err(before)) = before;
        EventKinds::from_bits(after(before)).unwrap_or_default()
    }
}

impl Worker {
    /// Publishes an event of this core if its kind is on.
    pub(super) fn emit(&mut self, event: &Event<'_>, now_ms: u64) {
        let kind = event.happening.kind();
        if !self.shared.events.kinds().contains(kind) {
            return;
        }
        let own = self.config.core;
        let channel = kind.channel().as_bytes();
        let others = self.shared.directory.other_cores(own, channel);
        let event = Event {
            core: own,
            ..*event
        };
        let payload = self.tell_here(&event, now_ms);
        if others.is_empty() {
            return;
        }
        let message = Request {
            hops: limits::HOPS_MAX,
            key: channel,
            value: &payload,
            ..Request::new(Opcode::Publish)
        };
        let mut frame = Vec::new();
        let fits = message.encode(&mut frame, Crc::Off).is_ok();
        debug_assert!(fits, "an event that does not fit a frame");
        let nobody = ReturnAddress {
            core: own,
            socket: SocketId(u32::MAX),
            serial: NO_SERIAL,
            number: 0,
            part: 0,
        };
        for core in others {
            let forward = Forward {
                to: nobody,
                owner: core,
                frame: frame.clone(),
                stale: false,
                no_touch: false,
                crc: Crc::Off,
                roll: None,
            };
            if self.outbox.forward(forward).is_err() {
                self.counts.events_dropped += 1;
            }
        }
    }

    /// Tells the subscribers of this core alone. Returns the payload.
    fn tell_here(&mut self, event: &Event<'_>, now_ms: u64) -> Vec<u8> {
        let event = Event {
            at_ms: now_ms,
            member: self.shared.member,
            ..*event
        };
        let mut payload = Vec::new();
        // Names of entries are as long as their lengths can say.
        let whole = event.encode(&mut payload);
        debug_assert!(whole, "an event that does not encode: {event:?}");
        self.counts.events += u64::from(event.core == self.config.core);
        let channel = event.happening.kind().channel().as_bytes();
        self.publish_event(channel, &payload);
        payload
    }

    /// Tells which entries went since the last turn, if anybody wants to know.
    pub(super) fn tell_departed(&mut self, now_ms: u64) {
        let kinds = self.shared.events.kinds();
        if kinds != self.watched {
            self.watched = kinds;
            self.shard.watch(interest_in(kinds));
        }
        if !self.shard.has_departed() {
            return;
        }
        self.counts.events_dropped += self.shard.take_unnoted();
        for _ in 0..EVENTS_PER_TURN {
            if !self.pubsub.may_publish() {
                return;
            }
            let Some(departed) = self.shard.take_departed() else {
                return;
            };
            let (entry, lock) = match departed.departure {
                Departure::Expired => (Some(Happening::EntryExpired), Happening::LockExpired),
                Departure::Evicted => (Some(Happening::EntryEvicted), Happening::LockEvicted),
                Departure::Deleted => (None, Happening::LockDeleted),
                Departure::Overwritten => (None, Happening::LockOverwritten),
                Departure::Destroyed => (None, Happening::LockDestroyed),
            };
            let lock = departed
                .marked
                .map(|token| (lock, u64::from_le_bytes(token)));
            let entry = entry.map(|entry| (entry, departed.version));
            let told = [entry, lock];
            for (happening, version) in told.into_iter().flatten() {
                let event = Event {
                    version,
                    map: &departed.map_name,
                    key: &departed.key,
                    ..Event::new(happening)
                };
                self.emit(&event, now_ms);
            }
        }
    }

    /// Tells that this core serves.
    pub(super) fn tell_start(&mut self, now_ms: u64) {
        let own = self.config.core;
        let partitions = Event {
            count: self.partitions_of(own),
            ..Event::new(Happening::PartitionsGained)
        };
        self.emit(&partitions, now_ms);
        if own == 0 {
            let started = Event {
                count: self.shared.stats.len() as u32,
                ..Event::new(Happening::MemberStarted)
            };
            self.emit(&started, now_ms);
        }
    }

    /// Tells that the node was told to stop. Every core tells its own subscribers everything, since
    /// those of a core that drains already could not be reached any more.
    pub(super) fn tell_stop(&mut self, now_ms: u64) {
        let kinds = self.shared.events.kinds();
        let cores = self.shared.stats.len() as u16;
        if kinds.contains(EventKind::Member) {
            let stopping = Event {
                count: cores.into(),
                ..Event::new(Happening::MemberStopping)
            };
            self.tell_here(&stopping, now_ms);
        }
        if kinds.contains(EventKind::Partition) {
            for core in 0..cores {
                let lost = Event {
                    core,
                    count: self.partitions_of(core),
                    ..Event::new(Happening::PartitionsLost)
                };
                self.tell_here(&lost, now_ms);
            }
        }
        self.publish_all(now_ms);
    }

    fn partitions_of(&self, core: u16) -> u32 {
        let owners = self.shared.core_of_partition.iter();
        owners.filter(|owner| **owner == core).count() as u32
    }
}

/// What the engine has to note for these kinds.
fn interest_in(kinds: EventKinds) -> Interest {
    Interest {
        expired: kinds.contains(EventKind::Expired),
        evicted: kinds.contains(EventKind::Evicted),
        mark: kinds.contains(EventKind::LockLost).then_some(lock::MARK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_switched_one_by_one() {
        let (expired, member) = (
            EventKinds::only(EventKind::Expired),
            EventKinds::only(EventKind::Member),
        );
        let mask = EventMask::new(member);
        let on = EventSwitch {
            changed: expired,
            on: expired,
        };
        assert_eq!(mask.switch(on), expired | member);
        assert_eq!(mask.switch(EventSwitch::default()), expired | member);
        let off = EventSwitch {
            changed: member,
            on: EventKinds::NONE,
        };
        assert_eq!(mask.switch(off), expired);
        assert_eq!(mask.kinds(), expired);
    }
}
