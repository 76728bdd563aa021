//! What is done only where the value that is there is, or is not, a certain one; and its digest.
//!
//! As with all updates, nothing comes between the look at the value and the change.

use jerboa_core_shard::{Address, Value};
use jerboa_wire::{Reply, Request, RequestFlags, Status, ValueCondition};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::update::{Old, equals};
use super::{Execution, encode, read};

impl Execution<'_> {
    pub(super) fn put_if(&mut self, request: &Request<'_>, at: Address, out: &mut Vec<u8>) {
        let Some(wanted) = request.conditional() else {
            return self
                .answering
                .status(request, Status::MalformedPayload, out);
        };
        let tells_old = request.flags.contains(RequestFlags::RETURN_OLD);
        let (mut old, mut expires_at_ms) = (None, None);
        match self.shard.get(at, request.key, self.now_ms) {
            None if wanted.condition.holds_without_entry() => {}
            None => return self.answering.status(request, Status::NotFound, out),
            Some(entry) => {
                let was = tells_old.then(|| Old {
                    version: entry.version,
                    value: entry.value.to_vec(),
                });
                if !holds(wanted.condition, &entry.value) {
                    let (arg, value) = was
                        .as_ref()
                        .map_or((0, &[][..]), |old| (old.version, &old.value));
                    let refused = Reply {
                        version: entry.version,
                        arg,
                        value,
                        ..self.answering.head(request, Status::Mismatch)
                    };
                    return encode(&refused, out, self.answering.crc);
                }
                (old, expires_at_ms) = (was, entry.expires_at_ms);
            }
        }
        let expiry = self.new_expiry(request, expires_at_ms);
        let stored = self.store(request, at, wanted.new, expiry);
        let reply = match &old {
            Some(old) if stored.status == Status::Ok => Reply {
                arg: old.version,
                value: &old.value,
                ..stored
            },
            _ => stored,
        };
        encode(&reply, out, self.answering.crc);
    }

    pub(super) fn delete_if(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let Some(wanted) = request.conditional() else {
            return self.answering.head(request, Status::MalformedPayload);
        };
        let Some(entry) = self.shard.get(at, request.key, self.now_ms) else {
            return self.answering.head(request, Status::NotFound);
        };
        if !holds(wanted.condition, &entry.value) {
            return Reply {
                version: entry.version,
                ..self.answering.head(request, Status::Mismatch)
            };
        }
        let removed = self.shard.delete(at, request.key, self.now_ms);
        Reply {
            arg: removed.into(),
            ..self.answering.head(request, Status::Ok)
        }
    }

    pub(super) fn digest(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let no_touch = self.answering.no_touch;
        match read(self.shard, no_touch, at, request.key, self.now_ms) {
            Some(entry) => Reply {
                version: entry.version,
                arg: digest_of(&entry.value),
                ..self.answering.head(request, Status::Ok)
            },
            None => self.answering.head(request, Status::NotFound),
        }
    }
}

/// Whether a condition holds of a value that is there.
fn holds(condition: ValueCondition<'_>, value: &Value<'_>) -> bool {
    match condition {
        ValueCondition::Equals(expected) => equals(value, expected),
        ValueCondition::Differs(unwanted) => !equals(value, unwanted),
        ValueCondition::DigestEquals(expected) => digest_of(value) == expected,
        ValueCondition::DigestDiffers(unwanted) => digest_of(value) != unwanted,
    }
}

fn digest_of(value: &Value<'_>) -> u64 {
    if let Some(whole) = value.as_slice() {
        return xxh3_64(whole);
    }
    let mut state = Xxh3::new();
    value.parts().for_each(|part| state.update(part));
    state.digest()
}
