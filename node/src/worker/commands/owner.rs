//! Whose a command's keys are: the task that it becomes, and where a client on a core's own port is
//! sent with keys that are not that core's.

use jerboa_wire::opcode::Kind;
use jerboa_wire::routing::{partition_of, slot};
use jerboa_wire::{Opcode, Request, RequestFlags};

use crate::net::SocketId;
use crate::resp::{Call, Refusal};
use crate::worker::executor::{Direction, Executor, is_on_key};

impl Executor<'_> {
    /// What a request of a command needs; its partition is not known yet.
    #[inline(always)]
    pub(super) fn direct_command(
        &mut self,
        socket: SocketId,
        request: &mut Request<'_>,
    ) -> Direction {
        if request
            .opcode
            .shape()
            .flags
            .contains(RequestFlags::THIS_CORE)
            && self
                .client(socket)
                .is_some_and(|client| client.is_on_core_port)
        {
            // To a cluster client each core is a node of its own.
            request.flags = request.flags | RequestFlags::THIS_CORE;
        }
        if !request.key.is_empty() {
            request.partition = partition_of(request.key, self.shared.partition_count);
        }
        if is_on_key(request) {
            self.direct_on_key(request)
        } else {
            self.direct_apart(request)
        }
    }

    /// Where a client on a core's own port is sent with a key of another core.
    #[cold]
    pub(super) fn moved(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
        core: u16,
    ) -> Option<Refusal> {
        if request.opcode.shape().kind != Kind::Key {
            return None;
        }
        self.moved_to(socket, slot(request.key), core)
    }

    /// The same with many keys, which must be of one slot.
    pub(super) fn many_moved(
        &mut self,
        socket: SocketId,
        request: &Request<'_>,
    ) -> Option<Refusal> {
        let slots = if request.opcode == Opcode::MultiPut {
            one_slot(request.entries().map(|entry| entry.key))
        } else {
            one_slot(request.keys())
        };
        self.elsewhere(socket, slots?)
    }

    /// The same with a command that is refused: whoever has its keys is to refuse it, as in Redis,
    /// which looks at the keys first.
    #[cold]
    pub(super) fn refused_elsewhere(
        &mut self,
        socket: SocketId,
        call: &Call<'_, '_>,
    ) -> Option<Refusal> {
        let keys = call.command.keys.of(call.len());
        self.elsewhere(socket, one_slot(keys.map(|index| call.at(index)))?)
    }

    fn elsewhere(&mut self, socket: SocketId, (slot, is_one): (u16, bool)) -> Option<Refusal> {
        if !self.client(socket)?.is_on_core_port {
            return None;
        }
        if !is_one {
            let text = "CROSSSLOT Keys in request don't hash to the same slot";
            return Some(Refusal::text(text));
        }
        let core = self.shared.core_of_slot(slot.into())?;
        if core == self.config.core {
            return None;
        }
        self.moved_to(socket, slot, core)
    }

    fn moved_to(&mut self, socket: SocketId, slot: u16, core: u16) -> Option<Refusal> {
        let shared = self.shared;
        let client = self.client(socket)?;
        if !client.is_on_core_port {
            return None;
        }
        let (host, port) = shared.slots.place(core, client.local)?;
        self.counts.moved += 1;
        // Clients split at the last colon: an IPv6 address stands without brackets.
        Some(Refusal::format(format_args!("MOVED {slot} {host}:{port}")))
    }
}

/// The slot of the first key, and whether it is that of all.
fn one_slot<'k>(mut keys: impl Iterator<Item = &'k [u8]>) -> Option<(u16, bool)> {
    let first = slot(keys.next()?);
    Some((first, keys.all(|key| slot(key) == first)))
}
