//! The door of raw frames: requests put together by hand from PROTOCOL.md, replies read by hand.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use jerboa_wire::client::{
    ByteSlice, Condition, DeleteOutcome, Digest, Entry, ExpireCondition, ExpireOutcome, Expiry,
    PutOutcome, Replaced, Swap, Ttl, Versioned,
};
use jerboa_wire::{
    Comparison, Conditional, DecodeOptions, Decoded, EncodeError, Opcode, Reply, Request,
    RequestFlags, ScanQuery, Status, ValueCondition, decode_reply, lock, multi,
};
use xxhash_rust::xxh3::xxh3_64;

use super::door::{Do, Door, Got, Wanted, item_key};
use crate::common::{OwnedReply, Raw};

/// Frames on one connection.
pub(crate) struct Frames {
    name: &'static str,
    raw: Raw,
}

impl Frames {
    pub(crate) fn new(name: &'static str, address: SocketAddr) -> Self {
        let raw = Raw::connect(address);
        Self { name, raw }
    }
}

const DOCUMENT: &str = include_str!("../../../wire/PROTOCOL.md");

/// Fails where the document does not say that the operation may be answered so. Faults of a frame in
/// itself and what any request may meet stand there in words, and are taken as said.
fn must_be_documented(opcode: Opcode, status: Status) {
    let rows = DOCUMENT
        .lines()
        .skip_while(|line| *line != "| operation | outcomes | errors |");
    let mut rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let is_of = |cell: &str, name: &str| cell.split(", ").any(|word| word.trim() == name);
    let row = rows.find(|row| {
        row.split('|')
            .nth(1)
            .is_some_and(|cell| is_of(cell, opcode.name()))
    });
    let cells = row
        .unwrap_or_else(|| panic!("{opcode:?} is not in the table"))
        .split('|');
    let is_told = cells.skip(2).any(|cell| is_of(cell, status.name()));
    let of_any = matches!(
        status,
        Status::Busy
            | Status::InvalidOptions
            | Status::MalformedPayload
            | Status::KeyEmpty
            | Status::KeyTooLarge
            | Status::MapNameTooLarge
            | Status::TooManyItems
    );
    assert!(
        is_told || of_any,
        "{opcode:?} answers {status:?}, which is not documented"
    );
}

fn millis(duration: Duration) -> u64 {
    duration.as_nanos().div_ceil(1_000_000).try_into().unwrap()
}

fn ttl(expiry: Expiry) -> (RequestFlags, u64) {
    match expiry {
        Expiry::MapDefault => (RequestFlags::NONE, 0),
        Expiry::Never => (RequestFlags::TTL_ABSOLUTE, 0),
        Expiry::Keep => (RequestFlags::KEEP_TTL, 0),
        Expiry::After(duration) => (RequestFlags::TTL_RELATIVE, millis(duration)),
        Expiry::At(time) => {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            (RequestFlags::TTL_ABSOLUTE, millis(since).max(1))
        }
    }
}

fn condition(condition: Condition) -> RequestFlags {
    match condition {
        Condition::Always => RequestFlags::NONE,
        Condition::IfAbsent => RequestFlags::IF_ABSENT,
        Condition::IfPresent => RequestFlags::IF_PRESENT,
    }
}

/// Puts a condition and what is stored where it holds into `section`.
fn conditional(wanted: Wanted, new: &[u8], section: &mut Vec<u8>) {
    let condition = match wanted {
        Wanted::Equal(value) => ValueCondition::Equals(value),
        Wanted::Other(value) => ValueCondition::Differs(value),
        Wanted::DigestOf(value) => ValueCondition::DigestEquals(xxh3_64(value)),
        Wanted::NoDigestOf(value) => ValueCondition::DigestDiffers(xxh3_64(value)),
    };
    assert!(Conditional { condition, new }.encode(section));
}

/// The result of a reply that is no error.
#[expect(clippy::too_many_lines, reason = "one line or two for each operation")]
fn read(what: &Do, reply: OwnedReply) -> Got {
    let OwnedReply {
        status,
        arg,
        version,
        value,
        ..
    } = reply;
    if status.is_error() {
        return Got::Refused(status);
    }
    let found = status == Status::Ok;
    let put = || match status {
        Status::Ok => PutOutcome::Stored { version },
        Status::Exists => PutOutcome::Exists,
        Status::NotFound => PutOutcome::Missing,
        other => panic!("{other:?} for {what:?}"),
    };
    let swapped = || match status {
        Status::Ok => Swap::Stored { version },
        Status::NotFound => Swap::Missing,
        Status::Exists | Status::Mismatch => Swap::Mismatch(version),
        other => panic!("{other:?} for {what:?}"),
    };
    match what {
        Do::Size | Do::Destroy => Got::Count(arg),
        Do::Get | Do::GetAndDelete | Do::RandomKey => Got::Value(found.then_some(value)),
        Do::GetAndPut(_) => Got::Value((arg != 0).then_some(value)),
        Do::Entry => Got::Entry(found.then_some(Entry {
            value,
            version,
            expires_at_ms: (arg != 0).then_some(arg),
        })),
        Do::Put(_) | Do::PutWith(..) => Got::Put(put()),
        Do::Replace(..) => Got::Replaced(Replaced {
            outcome: put(),
            old: (arg != 0).then_some(Versioned {
                value,
                version: arg,
            }),
        }),
        Do::PutIfAbsent(..) | Do::Swap(..) => Got::Swap(match status {
            Status::Ok => Swap::Stored { version },
            Status::NotFound => Swap::Missing,
            Status::Exists | Status::Mismatch => Swap::Mismatch(Versioned { value, version }),
            other => panic!("{other:?}"),
        }),
        Do::SwapVersion(..) | Do::PutIf(..) => Got::SwapVersion(swapped()),
        Do::ReplaceIf(..) => Got::ReplacedIf(Replaced {
            outcome: swapped(),
            old: (arg != 0).then_some(Versioned {
                value,
                version: arg,
            }),
        }),
        Do::DeleteIf(_) => Got::Deleted(match status {
            Status::Ok => {
                assert_eq!((arg, version), (1, 0), "what was removed");
                DeleteOutcome::Deleted
            }
            Status::Mismatch => DeleteOutcome::Mismatch(version),
            Status::NotFound => DeleteOutcome::Missing,
            other => panic!("{other:?}"),
        }),
        Do::Digest => Got::Digest(found.then_some(Digest {
            digest: arg,
            version,
        })),
        Do::GetAndExpire(_) => Got::Entry(found.then_some(Entry {
            value,
            version,
            expires_at_ms: (arg != 0).then_some(arg),
        })),
        Do::GetRange(..) => Got::Slice(found.then_some(ByteSlice {
            bytes: value,
            of: arg,
            version,
        })),
        Do::ExpireIf(..) => Got::Expired(match status {
            Status::Ok => ExpireOutcome::Set,
            Status::Mismatch => ExpireOutcome::Kept((arg != 0).then_some(arg)),
            Status::NotFound => ExpireOutcome::Missing,
            other => panic!("{other:?}"),
        }),
        Do::PutAllIfAbsent(..) => Got::Flag(match status {
            Status::Ok => true,
            Status::Exists => false,
            other => panic!("{other:?}"),
        }),
        Do::Append(_) | Do::SetRange(..) => Got::Appended {
            bytes: arg,
            version,
        },
        Do::Delete | Do::Exists | Do::Expire(_) => Got::Flag(found),
        Do::Persist => Got::Flag(found && arg == 1),
        Do::Ttl => Got::Ttl(match (found, arg) {
            (false, _) => Ttl::Missing,
            (true, 0) => Ttl::Never,
            (true, left) => Ttl::Left(Duration::from_millis(left)),
        }),
        Do::Incr(_) | Do::Decr(_) => Got::Counter(arg.cast_signed()),
        Do::IncrFloat(_) => Got::Float(f64::from_bits(arg)),
        Do::Lock { .. } => Got::Token(found.then_some(version)),
        Do::Unlock(_) | Do::Settings(_) if found => Got::Done,
        Do::Lease(..) if found => Got::Leased { until_ms: arg },
        other => panic!("{status:?} answers {other:?}"),
    }
}

/// Status, version and value of every item of a reply about many keys.
fn items(reply: &OwnedReply) -> Vec<(Status, u64, Vec<u8>)> {
    decoded(reply, |frame| match frame.opcode {
        Opcode::MultiGet => frame
            .fetched()
            .map(|item| (item.status, item.version, item.value.to_vec()))
            .collect(),
        Opcode::MultiPut => frame
            .stored()
            .map(|item| (item.status, item.version, Vec::new()))
            .collect(),
        _ => frame
            .deleted()
            .map(|status| (status, 0, Vec::new()))
            .collect(),
    })
}

fn scanned(reply: &OwnedReply) -> Vec<String> {
    let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
    decoded(reply, |frame| frame.scanned().map(text).collect())
}

fn decoded<R>(reply: &OwnedReply, read: impl FnOnce(&Reply<'_>) -> R) -> R {
    match decode_reply(&reply.frame, &DecodeOptions::default()) {
        Ok(Decoded::Frame { frame, .. }) => read(&frame),
        other => panic!("{other:?}"),
    }
}

/// The request for one thing to do, its value in `section` where it is put together.
#[expect(clippy::too_many_lines, reason = "one line or two for each operation")]
fn build<'a>(
    map: &'a str,
    key: &'a [u8],
    what: &Do,
    version: u64,
    section: &'a mut Vec<u8>,
) -> Request<'a> {
    let request = |opcode| Request {
        map: map.as_bytes(),
        key,
        ..Request::new(opcode)
    };
    let of_map = |opcode| Request {
        map: map.as_bytes(),
        ..Request::new(opcode)
    };
    let written = |opcode, value, flags: RequestFlags, expiry| {
        let (form, arg) = ttl(expiry);
        Request {
            value,
            flags: flags | form,
            arg,
            ..request(opcode)
        }
    };
    let none = RequestFlags::NONE;
    match what.clone() {
        Do::Get => request(Opcode::Get),
        Do::Entry => request(Opcode::GetMeta),
        Do::Put(value) => written(Opcode::Put, value, none, Expiry::MapDefault),
        Do::PutWith(value, when, expiry) => written(Opcode::Put, value, condition(when), expiry),
        Do::Replace(value, when, expiry) => {
            let flags = condition(when) | RequestFlags::RETURN_OLD;
            written(Opcode::Put, value, flags, expiry)
        }
        Do::GetAndPut(value) => written(
            Opcode::Put,
            value,
            RequestFlags::RETURN_OLD,
            Expiry::MapDefault,
        ),
        Do::GetAndDelete => request(Opcode::GetDelete),
        Do::PutIfAbsent(new, expiry) => {
            let expected = &b""[..];
            assert!(Comparison { expected, new }.encode(section));
            written(Opcode::CasValue, section, RequestFlags::IF_ABSENT, expiry)
        }
        Do::Swap(expected, new, expiry) => {
            assert!(Comparison { expected, new }.encode(section));
            written(Opcode::CasValue, section, none, expiry)
        }
        Do::SwapVersion(_, value, expiry) => Request {
            version,
            ..written(Opcode::Cas, value, none, expiry)
        },
        Do::PutIf(wanted, new, expiry) => {
            conditional(wanted, new, section);
            written(Opcode::PutIf, section, none, expiry)
        }
        Do::ReplaceIf(wanted, new, expiry) => {
            conditional(wanted, new, section);
            written(Opcode::PutIf, section, RequestFlags::RETURN_OLD, expiry)
        }
        Do::DeleteIf(wanted) => {
            conditional(wanted, b"", section);
            written(Opcode::DeleteIf, section, none, Expiry::MapDefault)
        }
        Do::Digest => request(Opcode::Digest),
        Do::Append(value) => written(Opcode::Append, value, none, Expiry::MapDefault),
        Do::Delete => request(Opcode::Delete),
        Do::Exists => request(Opcode::Exists),
        Do::Expire(Expiry::Never) => request(Opcode::Persist),
        Do::Expire(when) => written(Opcode::Expire, b"", none, when),
        Do::ExpireIf(when, condition) => {
            let flag = match condition {
                ExpireCondition::IfNone => RequestFlags::IF_ABSENT,
                ExpireCondition::IfSome => RequestFlags::IF_PRESENT,
                ExpireCondition::IfLater => RequestFlags::IF_LATER,
                ExpireCondition::IfEarlier => RequestFlags::IF_EARLIER,
            };
            written(Opcode::Expire, b"", flag, when)
        }
        Do::GetAndExpire(when) => written(Opcode::GetExpire, b"", none, when),
        Do::GetRange(start, end) => {
            section.extend_from_slice(&start.to_le_bytes());
            section.extend_from_slice(&end.to_le_bytes());
            written(Opcode::GetRange, section, none, Expiry::MapDefault)
        }
        Do::SetRange(offset, value) => Request {
            arg: offset,
            ..written(Opcode::SetRange, value, none, Expiry::MapDefault)
        },
        Do::PutAllIfAbsent(entries, expiry) => {
            for (suffix, value) in entries {
                assert!(multi::push_entry(section, &item_key(key, suffix), value));
            }
            let (form, arg) = ttl(expiry);
            Request {
                value: section,
                count: entries.len() as u32,
                flags: RequestFlags::IF_ABSENT | form,
                arg,
                ..of_map(Opcode::MultiPut)
            }
        }
        Do::Persist => request(Opcode::Persist),
        Do::Ttl => request(Opcode::Ttl),
        Do::Incr(delta) => Request {
            arg: delta.cast_unsigned(),
            ..request(Opcode::Incr)
        },
        Do::Decr(delta) => Request {
            arg: delta.cast_unsigned(),
            ..request(Opcode::Decr)
        },
        Do::IncrFloat(delta) => Request {
            arg: delta.to_bits(),
            ..request(Opcode::IncrFloat)
        },
        Do::Lock { wait, lease } => {
            section.extend_from_slice(&lock::encode_wait(millis(wait)));
            let expiry = lease.map_or(Expiry::MapDefault, Expiry::After);
            written(Opcode::Lock, section, none, expiry)
        }
        Do::Unlock(_) => Request {
            version,
            ..request(Opcode::Unlock)
        },
        Do::Lease(_, lease) => Request {
            version,
            ..written(Opcode::Lease, b"", none, Expiry::After(lease))
        },
        Do::Size => of_map(Opcode::Size),
        Do::Destroy => of_map(Opcode::Destroy),
        Do::Settings(lines) => Request {
            value: lines.as_bytes(),
            ..of_map(Opcode::SettingsSet)
        },
        Do::RandomKey => of_map(Opcode::RandomKey),
        other => panic!("{other:?} is not of one request"),
    }
}

impl Door for Frames {
    fn name(&self) -> String {
        format!("raw frames, {}", self.name)
    }

    fn ask(&mut self, map: &str, key: &[u8], what: &Do, version: u64) -> Got {
        match what {
            Do::MultiPut(..) | Do::MultiGet(_) | Do::MultiDelete(_) | Do::MultiExists(_) => {
                return self.ask_many(map, key, what);
            }
            Do::Scan(pattern) => return self.scan(map, pattern),
            Do::Pass(time) => {
                std::thread::sleep(*time);
                return Got::Done;
            }
            _ => {}
        }
        let mut section = Vec::new();
        let request = build(map, key, what, version, &mut section);
        match self.refused(request) {
            Some(status) => Got::Refused(status),
            None => {
                let reply = self.raw.call(request);
                must_be_documented(request.opcode, reply.status);
                read(what, reply)
            }
        }
    }
}

impl Frames {
    /// What not even the encoder puts into a frame.
    fn refused(&self, request: Request<'_>) -> Option<Status> {
        match request.encode(&mut Vec::new(), self.raw.crc) {
            Ok(()) => None,
            Err(EncodeError::Refused(kind)) => Some(kind.status()),
            Err(other) => panic!("{other}"),
        }
    }

    fn ask_many(&mut self, map: &str, key: &[u8], what: &Do) -> Got {
        let mut section = Vec::new();
        let mut count = 0;
        let mut keys = |suffixes: &[&str], section: &mut Vec<u8>| {
            for suffix in suffixes {
                assert!(multi::push_key(section, &item_key(key, suffix)));
                count += 1;
            }
        };
        let (opcode, expiry) = match what.clone() {
            Do::MultiGet(suffixes) => {
                keys(suffixes, &mut section);
                (Opcode::MultiGet, Expiry::MapDefault)
            }
            Do::MultiDelete(suffixes) => {
                keys(suffixes, &mut section);
                (Opcode::MultiDelete, Expiry::MapDefault)
            }
            Do::MultiExists(suffixes) => {
                keys(suffixes, &mut section);
                (Opcode::MultiExists, Expiry::MapDefault)
            }
            Do::MultiPut(entries, expiry) => {
                for (suffix, value) in entries {
                    let key = item_key(key, suffix);
                    assert!(multi::push_entry(&mut section, &key, value));
                    count += 1;
                }
                (Opcode::MultiPut, expiry)
            }
            other => panic!("{other:?} is not of many keys"),
        };
        let (flags, arg) = ttl(expiry);
        let reply = self.raw.call(Request {
            map: map.as_bytes(),
            value: &section,
            count,
            flags,
            arg,
            ..Request::new(opcode)
        });
        assert_eq!((reply.status, reply.count), (Status::Ok, count), "{what:?}");
        let items = items(&reply);
        for (status, ..) in &items {
            must_be_documented(opcode, *status);
        }
        let of = |status| items.iter().filter(|item| item.0 == status).count() as u64;
        assert_eq!(reply.arg, of(Status::Ok), "as many as the items say");
        match opcode {
            Opcode::MultiGet => Got::Values(
                items
                    .into_iter()
                    .map(|(status, _, value)| (status == Status::Ok).then_some(value))
                    .collect(),
            ),
            Opcode::MultiPut => Got::Versions(items.into_iter().map(|item| item.1).collect()),
            _ => Got::Flags(items.iter().map(|item| item.0 == Status::Ok).collect()),
        }
    }

    fn scan(&mut self, map: &str, pattern: &str) -> Got {
        let mut section = Vec::new();
        let pattern = pattern.as_bytes();
        ScanQuery { count: 3, pattern }.encode(&mut section);
        let (mut keys, mut cursor) = (Vec::new(), 0);
        loop {
            let request = Request {
                map: map.as_bytes(),
                value: &section,
                arg: cursor,
                ..Request::new(Opcode::Scan)
            };
            if let Some(status) = self.refused(request) {
                return Got::Refused(status);
            }
            let reply = self.raw.call(request);
            if reply.status.is_error() {
                return Got::Refused(reply.status);
            }
            keys.extend(scanned(&reply));
            cursor = reply.arg;
            if cursor == 0 {
                keys.sort();
                return Got::Keys(keys);
            }
        }
    }
}
