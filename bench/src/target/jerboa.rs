//! Jerboa's binary frames, routed to the core that owns the key.

use std::sync::Arc;

use jerboa_wire::routing::partition_of;
use jerboa_wire::{
    Crc, CrcMode, DecodeOptions, Decoded, Opcode, Reply, Request, RequestFlags, Status,
    decode_reply, multi,
};

use super::Route;
use super::{Answer, Batch, Command, Expected, Items, Parsed, Protocol, ProtocolError, Refusal};
use crate::operation::Operation;

/// What the codec knows about the cluster.
#[derive(Clone, Debug)]
pub struct View {
    /// The lane of each partition; empty where every request goes to the any-core port.
    pub lanes: Vec<u16>,
    /// Partitions of the cluster.
    pub partition_count: u16,
    /// The topology's epoch.
    pub epoch: u32,
    /// Whether frames carry checksums.
    pub crc: Crc,
}

/// The codec.
#[derive(Clone, Debug)]
pub struct Jerboa {
    view: Arc<View>,
    options: DecodeOptions,
    section: Vec<u8>,
}

impl Jerboa {
    /// A codec for connections that agreed on `view`.
    #[must_use]
    pub fn new(view: Arc<View>) -> Self {
        let crc = match view.crc {
            Crc::On => CrcMode::Required,
            Crc::Off => CrcMode::Optional,
        };
        let value_bytes_max = jerboa_wire::limits::VALUE_BYTES_MAX_CEILING;
        Self {
            view,
            options: DecodeOptions {
                crc,
                value_bytes_max,
            },
            section: Vec::new(),
        }
    }

    fn fill_section(&mut self, batch: &Batch, with_values: bool) -> u32 {
        self.section.clear();
        let mut count = 0;
        for (key, value) in batch.iter() {
            let pushed = if with_values {
                multi::push_entry(&mut self.section, key, value)
            } else {
                multi::push_key(&mut self.section, key)
            };
            // Key sizes were checked when the run was planned.
            count += u32::from(pushed);
        }
        count
    }

    #[inline]
    fn push(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        // Every size was checked when the run was planned; what is refused all the same shows as
        // a request that is never answered.
        let _ = request.encode(out, self.view.crc);
    }
}

const fn ttl(ttl_ms: u64) -> RequestFlags {
    if ttl_ms == 0 {
        RequestFlags::NONE
    } else {
        RequestFlags::TTL_RELATIVE
    }
}

impl Protocol for Jerboa {
    #[inline]
    fn encode(&mut self, command: Command<'_>, id: u32, route: Route, out: &mut Vec<u8>) {
        let request = |opcode| Request {
            request_id: id,
            epoch: self.view.epoch,
            partition: route.partition,
            ..Request::new(opcode)
        };
        let filled = match command {
            Command::Noop => Request {
                partition: 0,
                ..request(Opcode::Noop)
            },
            Command::Get(key) => Request {
                key,
                ..request(Opcode::Get)
            },
            Command::Set(key, value, ttl_ms) => Request {
                key,
                value,
                flags: ttl(ttl_ms),
                arg: ttl_ms,
                ..request(Opcode::Put)
            },
            Command::Delete(key) => Request {
                key,
                ..request(Opcode::Delete)
            },
            Command::Incr(key) => Request {
                key,
                arg: 1,
                ..request(Opcode::Incr)
            },
            Command::MultiGet(batch) => {
                let head = Request {
                    partition: 0,
                    ..request(Opcode::MultiGet)
                };
                let count = self.fill_section(batch, false);
                return self.push(
                    &Request {
                        count,
                        value: &self.section,
                        ..head
                    },
                    out,
                );
            }
            Command::MultiSet(batch, ttl_ms) => {
                let head = Request {
                    partition: 0,
                    ..request(Opcode::MultiPut)
                };
                let head = Request {
                    flags: ttl(ttl_ms),
                    arg: ttl_ms,
                    ..head
                };
                let count = self.fill_section(batch, true);
                return self.push(
                    &Request {
                        count,
                        value: &self.section,
                        ..head
                    },
                    out,
                );
            }
        };
        self.push(&filled, out);
    }

    #[inline]
    fn parse<'b>(&self, bytes: &'b [u8], expected: Expected) -> Result<Parsed<'b>, ProtocolError> {
        match decode_reply(bytes, &self.options) {
            Ok(Decoded::Incomplete { needed }) => Ok(Parsed::Incomplete(needed)),
            Ok(Decoded::Frame { frame, consumed }) => {
                let answer = answer(&frame)
                    .ok_or_else(|| ProtocolError::unexpected(expected.operation, bytes))?;
                Ok(Parsed::Answer {
                    consumed,
                    id: Some(frame.request_id),
                    answer,
                })
            }
            Err(error) => Err(ProtocolError::Frame(error.to_string())),
        }
    }

    #[inline]
    fn item<'b>(&self, items: &mut Items<'b>, _key: &[u8]) -> Answer<'b> {
        let none = Answer::Refused(Refusal::Other, b"item without answer");
        // The decoder has walked the items; they are read off one by one here.
        let head = Reply {
            count: 1,
            value: items.rest,
            ..Reply::new(Opcode::Noop, Status::Ok, 0)
        };
        if items.operation == Operation::MultiSet {
            let Some(item) = head.stored().next() else {
                return none;
            };
            items.rest = &items.rest[STORED_BYTES.min(items.rest.len())..];
            return match item.status {
                Status::Ok => Answer::Done,
                status => refused(status, &[]),
            };
        }
        let Some(item) = head.fetched().next() else {
            return none;
        };
        items.rest = &items.rest[multi::FETCHED_BYTES + item.value.len()..];
        match item.status {
            Status::Ok => Answer::Value(item.value),
            Status::NotFound => Answer::Missing,
            status => refused(status, &[]),
        }
    }

    #[inline]
    fn route(&self, key: &[u8]) -> Route {
        let partition = partition_of(key, self.view.partition_count);
        let lane = self
            .view
            .lanes
            .get(usize::from(partition))
            .copied()
            .unwrap_or(0);
        Route { lane, partition }
    }
}

/// Bytes of an item of a `MultiPut` reply: status, padding, version.
const STORED_BYTES: usize = 16;

/// The answer in a reply; `None` where the operation is none that this program asks for.
#[inline]
fn answer<'b>(reply: &Reply<'b>) -> Option<Answer<'b>> {
    let answer = match (reply.opcode, reply.status) {
        (Opcode::Delete, Status::NotFound) => Answer::Number(0),
        (Opcode::Get, Status::NotFound) => Answer::Missing,
        (_, status) if status != Status::Ok => refused(status, reply.value),
        (Opcode::Get, _) => Answer::Value(reply.value),
        (Opcode::Put | Opcode::Noop, _) => Answer::Done,
        (Opcode::Delete, _) => Answer::Number(1),
        (Opcode::Incr, _) => Answer::Number(reply.arg.cast_signed()),
        (Opcode::MultiGet, _) => Answer::Items(Items {
            rest: reply.value,
            operation: Operation::MultiGet,
        }),
        (Opcode::MultiPut, _) => Answer::Items(Items {
            rest: reply.value,
            operation: Operation::MultiSet,
        }),
        _ => return None,
    };
    Some(answer)
}

fn refused<'b>(status: Status, text: &'b [u8]) -> Answer<'b> {
    let kind = match status {
        Status::OutOfMemory => Refusal::OutOfMemory,
        Status::Busy => Refusal::Busy,
        _ => Refusal::Other,
    };
    Answer::Refused(
        kind,
        if text.is_empty() {
            status.name().as_bytes()
        } else {
            text
        },
    )
}

#[cfg(test)]
mod tests;
