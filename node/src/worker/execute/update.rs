//! Changes that depend on what is there: get-and-put, get-and-delete, append, float counters,
//! compare-and-swap.
//!
//! Each reads and then writes. It is atomic because only this core touches the key and nothing
//! comes between the two calls. An expiry that is kept is read with the value and set again: the
//! write may have to make room, and the entry itself may be what goes.

use jerboa_core_shard::{Address, Expiry, Metadata, PutOptions, PutOutcome, Value};
use jerboa_wire::{Comparison, Reply, Request, RequestFlags, Status};

use super::{Execution, encode, put_expiry, status_of};

/// Longest text that is read as a number: more digits than any 64-bit float has.
const NUMBER_TEXT_BYTES_MAX: usize = 1100;

/// An entry as it was.
pub(super) struct Old {
    pub(super) version: u64,
    pub(super) value: Vec<u8>,
}

impl Execution<'_> {
    pub(super) fn put_returning_old(
        &mut self,
        request: &Request<'_>,
        at: Address,
        out: &mut Vec<u8>,
    ) {
        let old = self.shard.get(at, request.key, self.now_ms);
        let old = old.map(|entry| Old {
            version: entry.version,
            value: entry.value.to_vec(),
        });
        let put = self.put(request, at);
        // What an `IF_ABSENT` stored over was gone, and what `IF_PRESENT` missed too.
        let wanted_absent = request.flags.contains(RequestFlags::IF_ABSENT);
        let reply = match &old {
            Some(old)
                if put.status == Status::Exists || put.status == Status::Ok && !wanted_absent =>
            {
                Reply {
                    arg: old.version,
                    value: &old.value,
                    ..put
                }
            }
            _ => put,
        };
        encode(&reply, out, self.answering.crc);
    }

    pub(super) fn get_delete(&mut self, request: &Request<'_>, at: Address, out: &mut Vec<u8>) {
        if self.get(request, at, out) {
            self.shard.delete(at, request.key, self.now_ms);
        }
    }

    pub(super) fn append(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let limit = self.answering.value_bytes_max as usize;
        let (mut value, expiry) = match self.shard.get(at, request.key, self.now_ms) {
            None => (Vec::new(), Expiry::AsMap),
            Some(entry) if entry.value.len() + request.value.len() > limit => {
                return self.answering.head(request, Status::ValueTooLarge);
            }
            Some(entry) => (entry.value.to_vec(), kept(entry.expires_at_ms)),
        };
        value.extend_from_slice(request.value);
        let stored = self.store(request, at, &value, expiry);
        match stored.status {
            Status::Ok => Reply {
                arg: value.len() as u64,
                ..stored
            },
            _ => stored,
        }
    }

    pub(super) fn count_float(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let (old, expiry) = match self.shard.get(at, request.key, self.now_ms) {
            None => (Some(0.0), Expiry::AsMap),
            Some(entry) => (parse(&entry.value), kept(entry.expires_at_ms)),
        };
        let Some(old) = old else {
            return self.answering.head(request, Status::NotANumber);
        };
        // Plus zero, so that a sum of zero has no sign.
        let sum = old + f64::from_bits(request.arg) + 0.0;
        if !sum.is_finite() {
            return self.answering.head(request, Status::Overflow);
        }
        let stored = self.store(request, at, sum.to_string().as_bytes(), expiry);
        match stored.status {
            Status::Ok => Reply {
                arg: sum.to_bits(),
                ..stored
            },
            _ => stored,
        }
    }

    pub(super) fn compare_version(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let metadata = self.shard.metadata(at, request.key, self.now_ms);
        let refused = |status, version| Reply {
            version,
            ..self.answering.head(request, status)
        };
        match metadata {
            None if request.flags.contains(RequestFlags::IF_ABSENT) => {}
            None => return refused(Status::NotFound, 0),
            Some(Metadata { version, .. }) if request.flags.contains(RequestFlags::IF_ABSENT) => {
                return refused(Status::Exists, version);
            }
            Some(Metadata { version, .. }) if version == request.version => {}
            Some(Metadata { version, .. }) => return refused(Status::Mismatch, version),
        }
        let expires_at_ms = metadata.and_then(|metadata| metadata.expires_at_ms);
        let expiry = self.new_expiry(request, expires_at_ms);
        self.store(request, at, request.value, expiry)
    }

    pub(super) fn compare_value(&mut self, request: &Request<'_>, at: Address, out: &mut Vec<u8>) {
        let crc = self.answering.crc;
        let Some(Comparison { expected, new }) = request.comparison() else {
            return self
                .answering
                .status(request, Status::MalformedPayload, out);
        };
        let wants_absent = request.flags.contains(RequestFlags::IF_ABSENT);
        let expires_at_ms = match self.shard.get(at, request.key, self.now_ms) {
            None if wants_absent => None,
            None => return self.answering.status(request, Status::NotFound, out),
            Some(entry) if wants_absent || !equals(&entry.value, expected) => {
                let status = if wants_absent {
                    Status::Exists
                } else {
                    Status::Mismatch
                };
                let head = Reply {
                    version: entry.version,
                    ..self.answering.head(request, status)
                };
                let (bytes, parts) = (entry.value.len() as u32, entry.value.parts());
                if jerboa_wire::encode_reply_parts(&head, parts, bytes, out, crc).is_err() {
                    debug_assert!(false, "a stored value that does not encode");
                    self.answering.status(request, Status::Internal, out);
                }
                return;
            }
            Some(entry) => entry.expires_at_ms,
        };
        let expiry = self.new_expiry(request, expires_at_ms);
        let reply = self.store(request, at, new, expiry);
        encode(&reply, out, crc);
    }

    /// The expiry that a request asks for, over an entry with this one.
    pub(super) fn new_expiry(&self, request: &Request<'_>, expires_at_ms: Option<u64>) -> Expiry {
        match put_expiry(request, self.now_ms) {
            Expiry::Keep => kept(expires_at_ms),
            expiry => expiry,
        }
    }

    /// Stores whatever is there.
    pub(super) fn store(
        &mut self,
        request: &Request<'_>,
        at: Address,
        value: &[u8],
        expiry: Expiry,
    ) -> Reply<'static> {
        let options = PutOptions {
            expiry,
            ..PutOptions::default()
        };
        let answering = &self.answering;
        match self.shard.put(at, request.key, value, options, self.now_ms) {
            Ok(PutOutcome::Stored { version }) => Reply {
                version,
                ..answering.head(request, Status::Ok)
            },
            // A put without condition stores or fails.
            Ok(_) => answering.head(request, Status::Internal),
            Err(error) => answering.head(request, status_of(error)),
        }
    }
}

pub(super) fn kept(expires_at_ms: Option<u64>) -> Expiry {
    expires_at_ms.map_or(Expiry::None, Expiry::At)
}

/// The finite number that a value is the decimal text of.
fn parse(value: &Value<'_>) -> Option<f64> {
    let text = value.as_slice()?;
    if text.len() > NUMBER_TEXT_BYTES_MAX || text.first() == Some(&b'+') {
        return None;
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

pub(super) fn equals(value: &Value<'_>, expected: &[u8]) -> bool {
    if value.len() != expected.len() {
        return false;
    }
    let mut rest = expected;
    value.parts().all(|part| {
        let (front, behind) = rest.split_at(part.len().min(rest.len()));
        rest = behind;
        part == front
    })
}
