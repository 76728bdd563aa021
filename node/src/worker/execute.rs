//! The one place where requests of the protocol become calls of the engine, and its answers replies.
//!
//! Nothing here knows sockets, sessions or other cores: a request whose keys this core owns goes
//! in, one reply frame is appended to `out`.

mod condition;
mod everywhere;
pub(super) mod lock;
mod multi;
mod range;
pub(super) mod resp;
mod scan;
mod slot;
mod update;

use jerboa_core_shard::{
    Address, Condition, Counter, Entry, Expiry, ExpiryOutcome, MapId, Metadata, PutOptions,
    PutOutcome, Shard, ShardError,
};
use jerboa_wire::{Crc, EXISTS_MEMORY, Opcode, Reply, ReplyFlags, Request, RequestFlags, Status};

use super::budget::LARGE_REPLY_BYTES;

/// How to answer: what every reply of a request carries besides its outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answering {
    pub(super) crc: Crc,
    /// The node's topology epoch, so that clients notice a change.
    pub(super) epoch: u32,
    /// The request came to the port of a core that does not own the key.
    pub(super) stale: bool,
    /// The node's limit for one value.
    pub(super) value_bytes_max: u32,
    /// To read an entry is not to use it, for this client.
    pub(super) no_touch: bool,
}

impl Answering {
    /// A reply to `request` without value.
    pub(super) fn head(&self, request: &Request<'_>, status: Status) -> Reply<'static> {
        let flags = if self.stale {
            ReplyFlags::STALE_TOPOLOGY
        } else {
            ReplyFlags::NONE
        };
        Reply {
            flags,
            epoch: self.epoch,
            partition: request.partition,
            ..Reply::new(request.opcode, status, request.request_id)
        }
    }

    /// Appends a reply without value.
    pub(super) fn status(&self, request: &Request<'_>, status: Status, out: &mut Vec<u8>) {
        encode(&self.head(request, status), out, self.crc);
    }
}

/// Appends a reply built here. That it cannot be encoded would be a defect of this module; the
/// client is told so rather than left waiting.
pub(super) fn encode(reply: &Reply<'_>, out: &mut Vec<u8>, crc: Crc) {
    if reply.encode(out, crc).is_err() {
        debug_assert!(false, "a reply that does not encode: {reply:?}");
        let failed = Reply::new(reply.opcode, Status::Internal, reply.request_id);
        // A bare status always encodes.
        let _ = failed.encode(out, crc);
    }
}

/// What the engine says of the map that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapChoice {
    /// The map.
    Known(MapId),
    /// Nobody wrote to it yet, and this request does not either.
    Unknown,
    /// It would be one map too many.
    Refused(Status),
}

impl MapChoice {
    /// The map, where there is one.
    #[inline]
    pub(super) const fn known(self) -> Option<MapId> {
        match self {
            Self::Known(map) => Some(map),
            Self::Unknown | Self::Refused(_) => None,
        }
    }
}

/// Finds the request's map; a write makes it known.
#[inline(always)]
pub(super) fn choose_map(shard: &mut Shard, request: &Request<'_>) -> MapChoice {
    if request.map.is_empty() {
        return MapChoice::Known(MapId::DEFAULT);
    }
    choose_named_map(shard, request)
}

fn choose_named_map(shard: &mut Shard, request: &Request<'_>) -> MapChoice {
    if !creates(request) {
        return shard
            .find_map(request.map)
            .map_or(MapChoice::Unknown, MapChoice::Known);
    }
    match shard.map_id(request.map) {
        Ok(map) => MapChoice::Known(map),
        Err(error) => MapChoice::Refused(status_of(error)),
    }
}

/// The answer to a request on one key of a map that nobody wrote to.
pub(super) const fn without_map(opcode: Opcode) -> Status {
    match opcode {
        Opcode::Unlock | Opcode::Lease => Status::NoSuchLock,
        _ => Status::NotFound,
    }
}

fn creates(request: &Request<'_>) -> bool {
    matches!(
        request.opcode,
        Opcode::Put
            | Opcode::Incr
            | Opcode::Decr
            | Opcode::MultiPut
            | Opcode::Append
            | Opcode::IncrFloat
            | Opcode::SetRange
            | Opcode::Lock
    ) || matches!(request.opcode, Opcode::Cas | Opcode::CasValue)
        && request.flags.contains(RequestFlags::IF_ABSENT)
        || request.opcode == Opcode::PutIf
            && request
                .conditional()
                .is_some_and(|wanted| wanted.condition.holds_without_entry())
}

/// The engine, at the time and in the manner of one request.
pub(super) struct Execution<'s> {
    pub(super) own_core: u16,
    pub(super) shard: &'s mut Shard,
    pub(super) now_ms: u64,
    pub(super) answering: Answering,
    /// Bytes that large replies may still take; reading refuses beyond.
    pub(super) room: usize,
}

impl Execution<'_> {
    /// Executes a request on one key and appends the reply.
    #[inline]
    pub(super) fn key(&mut self, request: &Request<'_>, at: Address, out: &mut Vec<u8>) {
        match self.plain(request, at) {
            Some(reply) => encode(&reply, out, self.answering.crc),
            None => self.valued(request, at, out),
        }
    }

    /// Executes a request whose reply may carry a value from the engine.
    #[inline]
    pub(super) fn valued(&mut self, request: &Request<'_>, at: Address, out: &mut Vec<u8>) {
        match request.opcode {
            Opcode::Put => self.put_returning_old(request, at, out),
            Opcode::GetDelete => self.get_delete(request, at, out),
            Opcode::CasValue => self.compare_value(request, at, out),
            Opcode::PutIf => self.put_if(request, at, out),
            Opcode::GetRange => self.get_range(request, at, out),
            Opcode::GetExpire => {
                let expires_at_ms = expiry_of(request, self.now_ms);
                self.get_expire(request, at, expires_at_ms, out);
            }
            Opcode::GetMeta => {
                self.get_telling(request, at, |expires_at_ms| expires_at_ms.unwrap_or(0), out);
            }
            _ => {
                self.get(request, at, out);
            }
        }
    }

    /// Executes a request whose reply carries no value; `None`, and nothing done, for the others.
    #[inline]
    pub(super) fn plain(&mut self, request: &Request<'_>, at: Address) -> Option<Reply<'static>> {
        let (key, now_ms) = (request.key, self.now_ms);
        let reply = match request.opcode {
            Opcode::Get
            | Opcode::GetMeta
            | Opcode::GetDelete
            | Opcode::CasValue
            | Opcode::PutIf
            | Opcode::GetRange
            | Opcode::GetExpire => return None,
            Opcode::Put if request.flags.contains(RequestFlags::RETURN_OLD) => return None,
            Opcode::SetRange => self.set_range(request, at),
            Opcode::Put => self.put(request, at),
            Opcode::Delete => {
                let removed = self.shard.delete(at, key, now_ms);
                let status = if removed {
                    Status::Ok
                } else {
                    Status::NotFound
                };
                Reply {
                    arg: removed.into(),
                    ..self.answering.head(request, status)
                }
            }
            Opcode::Exists => self.exists(request, at),
            Opcode::Ttl => self.describe(request, at, |metadata| {
                // At least 1: 0 says that the entry does not expire.
                metadata
                    .expires_at_ms
                    .map_or(0, |at_ms| at_ms.saturating_sub(now_ms).max(1))
            }),
            Opcode::Expire => self.expire(request, at),
            Opcode::Persist => self.persist(request, at),
            Opcode::Incr | Opcode::Decr => self.count(request, at),
            Opcode::Append => self.append(request, at),
            Opcode::IncrFloat => self.count_float(request, at),
            Opcode::Cas => self.compare_version(request, at),
            Opcode::DeleteIf => self.delete_if(request, at),
            Opcode::Digest => self.digest(request, at),
            Opcode::Unlock => self.unlock(request, at),
            Opcode::Lease => self.lease(request, at),
            _ => self.answering.head(request, Status::UnknownOpcode),
        };
        Some(reply)
    }

    /// Answers with the entry; whether it did, there being one and room for it.
    #[inline]
    fn get(&mut self, request: &Request<'_>, at: Address, out: &mut Vec<u8>) -> bool {
        self.get_telling(request, at, |_| 0, out)
    }

    /// As `get`, with what `arg` tells of the entry's expiry.
    #[inline]
    fn get_telling(
        &mut self,
        request: &Request<'_>,
        at: Address,
        arg: impl Fn(Option<u64>) -> u64,
        out: &mut Vec<u8>,
    ) -> bool {
        let answering = &self.answering;
        let no_touch = answering.no_touch;
        let Some(entry) = read(self.shard, no_touch, at, request.key, self.now_ms) else {
            answering.status(request, Status::NotFound, out);
            return false;
        };
        let head = Reply {
            version: entry.version,
            arg: arg(entry.expires_at_ms),
            ..answering.head(request, Status::Ok)
        };
        let bytes = entry.value.len();
        if bytes > LARGE_REPLY_BYTES {
            if bytes > self.room {
                answering.status(request, Status::Busy, out);
                return false;
            }
            self.room -= bytes;
        }
        let bytes = bytes as u32;
        let parts = entry.value.parts();
        if jerboa_wire::encode_reply_parts(&head, parts, bytes, out, answering.crc).is_err() {
            debug_assert!(false, "a stored value that does not encode");
            answering.status(request, Status::Internal, out);
            return false;
        }
        true
    }

    fn put(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let answering = self.answering;
        match self.stored(request, at) {
            Ok(PutOutcome::Stored { version }) => Reply {
                version,
                ..answering.head(request, Status::Ok)
            },
            Ok(PutOutcome::Exists) => answering.head(request, Status::Exists),
            Ok(PutOutcome::Missing) => answering.head(request, Status::NotFound),
            Err(status) => answering.head(request, status),
        }
    }

    /// Stores what a put carries, if its condition holds.
    #[inline]
    fn stored(&mut self, request: &Request<'_>, at: Address) -> Result<PutOutcome, Status> {
        let condition = if request.flags.contains(RequestFlags::IF_ABSENT) {
            Condition::IfAbsent
        } else if request.flags.contains(RequestFlags::IF_PRESENT) {
            Condition::IfPresent
        } else {
            Condition::Always
        };
        let options = PutOptions {
            condition,
            expiry: put_expiry(request, self.now_ms),
        };
        let (key, value) = (request.key, request.value);
        let stored = self.shard.put(at, key, value, options, self.now_ms);
        stored.map_err(status_of)
    }

    /// Answers with how large an entry is, in what the request counts.
    fn exists(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let described = self.describe(request, at, |metadata| metadata.value_bytes.into());
        match request.arg {
            0 => described,
            EXISTS_MEMORY => Reply {
                arg: self
                    .shard
                    .entry_bytes(at, request.key, self.now_ms)
                    .unwrap_or(0),
                ..described
            },
            _ => self.answering.head(request, Status::InvalidArgument),
        }
    }

    /// The version of an entry and what `arg` tells of it; its use is not counted.
    fn describe(
        &mut self,
        request: &Request<'_>,
        at: Address,
        arg: impl Fn(&Metadata) -> u64,
    ) -> Reply<'static> {
        match self.shard.metadata(at, request.key, self.now_ms) {
            Some(metadata) => Reply {
                version: metadata.version,
                arg: arg(&metadata),
                ..self.answering.head(request, Status::Ok)
            },
            None => self.answering.head(request, Status::NotFound),
        }
    }

    /// Sets an expiry if what the request wants of the one that is there holds.
    fn expire(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let expires_at_ms = expiry_of(request, self.now_ms);
        let conditions = RequestFlags::IF_ABSENT
            | RequestFlags::IF_PRESENT
            | RequestFlags::IF_LATER
            | RequestFlags::IF_EARLIER;
        if request.flags.intersects(conditions) {
            let Some(metadata) = self.shard.metadata(at, request.key, self.now_ms) else {
                return self.answering.head(request, Status::NotFound);
            };
            if !is_wanted(request.flags, metadata.expires_at_ms, expires_at_ms) {
                return Reply {
                    version: metadata.version,
                    arg: metadata.expires_at_ms.unwrap_or(0),
                    ..self.answering.head(request, Status::Mismatch)
                };
            }
        }
        self.set_expiry(request, at, expires_at_ms)
    }

    fn persist(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        match self.shard.metadata(at, request.key, self.now_ms) {
            Some(Metadata {
                expires_at_ms: Some(_),
                ..
            }) => Reply {
                arg: 1,
                ..self.set_expiry(request, at, None)
            },
            Some(metadata) => Reply {
                version: metadata.version,
                ..self.answering.head(request, Status::Ok)
            },
            None => self.answering.head(request, Status::NotFound),
        }
    }

    fn set_expiry(
        &mut self,
        request: &Request<'_>,
        at: Address,
        expires_at_ms: Option<u64>,
    ) -> Reply<'static> {
        let answering = &self.answering;
        match self
            .shard
            .set_expiry(at, request.key, expires_at_ms, self.now_ms)
        {
            ExpiryOutcome::Updated { version } => Reply {
                version,
                arg: expires_at_ms.unwrap_or(0),
                ..answering.head(request, Status::Ok)
            },
            ExpiryOutcome::Deleted => answering.head(request, Status::Ok),
            ExpiryOutcome::Missing => answering.head(request, Status::NotFound),
            ExpiryOutcome::OutOfMemory => answering.head(request, Status::OutOfMemory),
        }
    }

    fn count(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let answering = self.answering;
        match self.counted(request, at) {
            Ok(counter) => Reply {
                version: counter.version,
                arg: counter.value.cast_unsigned(),
                ..answering.head(request, Status::Ok)
            },
            Err(status) => answering.head(request, status),
        }
    }

    /// Adds to a counter, or takes from it.
    #[inline]
    fn counted(&mut self, request: &Request<'_>, at: Address) -> Result<Counter, Status> {
        let amount = request.arg.cast_signed();
        let delta = match request.opcode {
            Opcode::Decr => amount.checked_neg(),
            _ => Some(amount),
        };
        let delta = delta.ok_or(Status::Overflow)?;
        let added = self.shard.add(at, request.key, delta, self.now_ms);
        added.map_err(status_of)
    }
}

/// Reads an entry, which is a use of it but for who does not touch what it reads.
#[inline]
fn read<'s>(
    shard: &'s mut Shard,
    no_touch: bool,
    at: Address,
    key: &[u8],
    now_ms: u64,
) -> Option<Entry<'s>> {
    if no_touch {
        shard.peek(at, key, now_ms)
    } else {
        shard.get(at, key, now_ms)
    }
}

/// Whether an expiry may take the place of another: an entry that never expires does so later than
/// any other.
fn is_wanted(flags: RequestFlags, there: Option<u64>, new: Option<u64>) -> bool {
    let (there_ms, new_ms) = (there.unwrap_or(u64::MAX), new.unwrap_or(u64::MAX));
    let holds = |flag, condition: bool| condition || !flags.contains(flag);
    holds(RequestFlags::IF_ABSENT, there.is_none())
        && holds(RequestFlags::IF_PRESENT, there.is_some())
        && holds(RequestFlags::IF_LATER, new_ms > there_ms)
        && holds(RequestFlags::IF_EARLIER, new_ms < there_ms)
}

/// The expiry that a put asks for.
fn put_expiry(request: &Request<'_>, now_ms: u64) -> Expiry {
    if request.flags.contains(RequestFlags::KEEP_TTL) {
        return Expiry::Keep;
    }
    match expiry_of(request, now_ms) {
        Some(at_ms) => Expiry::At(at_ms),
        None if request.flags.contains(RequestFlags::TTL_ABSOLUTE) => Expiry::None,
        None => Expiry::AsMap,
    }
}

/// The point in time that a request's TTL flags and argument mean.
fn expiry_of(request: &Request<'_>, now_ms: u64) -> Option<u64> {
    if request.flags.contains(RequestFlags::TTL_RELATIVE) {
        let at_ms = now_ms.saturating_add(request.arg);
        return Some(at_ms.min(jerboa_wire::limits::EXPIRY_MS_MAX));
    }
    // An absolute 0 is never, but for Expire, to which it is a time that has passed.
    let never = request.arg == 0 && request.opcode != Opcode::Expire;
    let absolute = request.flags.contains(RequestFlags::TTL_ABSOLUTE);
    (absolute && !never).then_some(request.arg)
}

/// The answer for what the engine refused.
fn status_of(error: ShardError) -> Status {
    match error {
        ShardError::OutOfMemory | ShardError::MapFull => Status::OutOfMemory,
        ShardError::ValueTooLarge { .. } => Status::ValueTooLarge,
        ShardError::KeyTooLarge => Status::KeyTooLarge,
        ShardError::EmptyKey => Status::KeyEmpty,
        ShardError::MapNameTooLarge => Status::MapNameTooLarge,
        ShardError::TooManyMaps | ShardError::TooManyLimitedMaps => Status::TooManyMaps,
        ShardError::NotANumber => Status::NotANumber,
        ShardError::Overflow => Status::Overflow,
        ShardError::NotOwned => Status::NotOwner,
        _ => Status::Internal,
    }
}
