//! The ways into a node: raw frames, calls of the embedding process and of the network client, that
//! block or are awaited. All ask the same and tell the same.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use jerboa_wire::client::{
    BlockingTransport, DMap, Error, Expiry, LocalTransport, LockOptions, LockToken, Swap,
    Versioned, blocking,
};
use jerboa_wire::compare::Comparison;
use jerboa_wire::{Opcode, Request, RequestFlags, Status, lock};
use tokio::runtime::Runtime;

use super::common::{OwnedReply, Raw};

/// What is asked of one key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do {
    Get,
    Put(u64),
    Delete,
    /// Compares by value; `None` wants the key absent.
    Swap(Option<u64>, u64),
    SwapVersion(u64, u64),
    Add(i64),
    /// How long to wait, and the lease.
    Lock(u64, Option<u64>),
    Unlock(u64),
    Lease(u64, u64),
    Exists,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// A value and its version.
    Entry(Option<(u64, u64)>),
    /// The version under which something was stored, the token of a lock; `None`: it was not.
    Version(Option<u64>),
    Flag(bool),
    Sum(i64),
    /// When a lease ends; `None`: it is no more.
    Until(Option<u64>),
}

/// A way in, used by one client.
pub(crate) trait Door: Send {
    fn ask(&mut self, key: &[u8], what: Do) -> Got;

    /// Asks and leaves before the answer, mostly. It may have come all the same.
    fn ask_and_leave(&mut self, key: &[u8], what: Do) -> Option<Got>;
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

/// Frames on a connection of its own.
pub(crate) struct Frames {
    raw: Raw,
    address: SocketAddr,
}

impl Frames {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let raw = Raw::connect(address);
        Self { raw, address }
    }

    fn request<R>(key: &[u8], what: Do, send: impl FnOnce(Request<'_>) -> R) -> R {
        let of = |opcode| Request {
            key,
            ..Request::new(opcode)
        };
        match what {
            Do::Get => send(of(Opcode::Get)),
            Do::Put(value) => send(Request {
                value: value.to_string().as_bytes(),
                ..of(Opcode::Put)
            }),
            Do::Delete => send(of(Opcode::Delete)),
            Do::Swap(expected, new) => {
                let old = expected.map(|value| value.to_string());
                let mut value = Vec::new();
                let comparison = Comparison {
                    expected: old.as_deref().unwrap_or_default().as_bytes(),
                    new: new.to_string().as_bytes(),
                }
                .encode(&mut value);
                assert!(comparison);
                let flags = match expected {
                    None => RequestFlags::IF_ABSENT,
                    Some(_) => RequestFlags::NONE,
                };
                send(Request {
                    flags,
                    value: &value,
                    ..of(Opcode::CasValue)
                })
            }
            Do::SwapVersion(version, new) => send(Request {
                version,
                value: new.to_string().as_bytes(),
                ..of(Opcode::Cas)
            }),
            Do::Add(delta) => send(Request {
                arg: delta.cast_unsigned(),
                ..of(Opcode::Incr)
            }),
            Do::Lock(wait_ms, lease_ms) => send(Request {
                value: &lock::encode_wait(wait_ms),
                flags: lease_ms.map_or(RequestFlags::NONE, |_| RequestFlags::TTL_RELATIVE),
                arg: lease_ms.unwrap_or(0),
                ..of(Opcode::Lock)
            }),
            Do::Unlock(token) => send(Request {
                version: token,
                ..of(Opcode::Unlock)
            }),
            Do::Lease(token, lease_ms) => send(Request {
                version: token,
                flags: RequestFlags::TTL_RELATIVE,
                arg: lease_ms,
                ..of(Opcode::Lease)
            }),
            Do::Exists => send(of(Opcode::Exists)),
        }
    }

    fn read(what: Do, reply: &OwnedReply) -> Got {
        let text = || std::str::from_utf8(&reply.value).unwrap();
        let version = Some(reply.version);
        match (what, reply.status) {
            (Do::Get, Status::Ok) => Got::Entry(Some((number(text()), reply.version))),
            (Do::Get, Status::NotFound) => Got::Entry(None),
            (Do::Put(_) | Do::Swap(..) | Do::SwapVersion(..), Status::Ok)
            | (Do::Lock(..), Status::Ok) => Got::Version(version),
            (
                Do::Swap(..) | Do::SwapVersion(..),
                Status::NotFound | Status::Exists | Status::Mismatch,
            )
            | (Do::Lock(..), Status::LockNotAcquired) => Got::Version(None),
            (Do::Delete | Do::Exists | Do::Unlock(_), Status::Ok) => Got::Flag(true),
            (Do::Delete | Do::Exists, Status::NotFound) | (Do::Unlock(_), Status::NoSuchLock) => {
                Got::Flag(false)
            }
            (Do::Add(_), Status::Ok) => Got::Sum(reply.arg.cast_signed()),
            (Do::Lease(..), Status::Ok) => Got::Until(Some(reply.arg)),
            (Do::Lease(..), Status::NoSuchLock) => Got::Until(None),
            (_, status) => panic!("{what:?} answered {status:?}"),
        }
    }
}

impl Door for Frames {
    fn ask(&mut self, key: &[u8], what: Do) -> Got {
        let reply = Self::request(key, what, |request| self.raw.call(request));
        Self::read(what, &reply)
    }

    /// On a connection of its own: one that breaks takes the locks with it that it was given just
    /// before, since the node cannot tell whether their answers arrived.
    fn ask_and_leave(&mut self, key: &[u8], what: Do) -> Option<Got> {
        let mut raw = Raw::connect(self.address);
        Self::request(key, what, |request| raw.send(request));
        None
    }
}

fn swapped<T>(result: Result<Swap<T>, Error>) -> Result<Got, Error> {
    result.map(|swap| match swap {
        Swap::Stored { version } => Got::Version(Some(version)),
        Swap::Mismatch(_) | Swap::Missing => Got::Version(None),
    })
}

/// What is no error here but an answer.
fn lost(result: Result<Got, Error>, answer: Got) -> Result<Got, Error> {
    match result {
        Err(Error::Refused {
            status: Status::NoSuchLock,
            ..
        }) => Ok(answer),
        other => other,
    }
}

/// Every question as a call of the typed interface; `$run` says how it is made.
macro_rules! typed {
    ($map:expr, $key:expr, $what:expr, $run:ident) => {{
        let (map, key) = ($map, $key);
        match $what {
            Do::Get => $run!(map.get_entry::<String>(key))
                .map(|entry| Got::Entry(entry.map(|entry| (number(&entry.value), entry.version)))),
            Do::Put(value) => {
                let version = $run!(map.put(key, value.to_string()));
                version.map(|version| Got::Version(Some(version)))
            }
            Do::Delete => $run!(map.delete(key)).map(Got::Flag),
            Do::Swap(None, new) => swapped::<Versioned<Vec<u8>>>($run!(map.put_if_absent(
                key,
                new.to_string(),
                Expiry::Never
            ))),
            Do::Swap(Some(old), new) => swapped::<Versioned<Vec<u8>>>($run!(map.compare_and_swap(
                key,
                old.to_string(),
                new.to_string(),
                Expiry::Never
            ))),
            Do::SwapVersion(version, new) => swapped($run!(map.compare_and_swap_version(
                key,
                version,
                new.to_string(),
                Expiry::Never
            ))),
            Do::Add(delta) => $run!(map.incr(key, delta)).map(Got::Sum),
            Do::Lock(wait_ms, lease_ms) => {
                let options = LockOptions {
                    wait: Duration::from_millis(wait_ms),
                    lease: lease_ms.map(Duration::from_millis),
                };
                let token = $run!(map.lock(key, options));
                token.map(|token| Got::Version(token.map(LockToken::number)))
            }
            Do::Unlock(token) => {
                let unlocked = $run!(map.unlock(key, LockToken::new(token)));
                lost(unlocked.map(|()| Got::Flag(true)), Got::Flag(false))
            }
            Do::Lease(token, lease_ms) => {
                let lease = Duration::from_millis(lease_ms);
                let until = $run!(map.lease(key, LockToken::new(token), lease));
                let until = until.map(|until| Got::Until(Some(unix_ms(until))));
                lost(until, Got::Until(None))
            }
            Do::Exists => $run!(map.exists(key)).map(Got::Flag),
        }
    }};
}

/// The time in whole milliseconds.
pub(crate) fn unix_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

/// Calls that block.
pub(crate) struct Blocking<T> {
    pub(crate) map: blocking::DMap<T>,
    /// The same with hardly any time for an answer.
    pub(crate) hasty: blocking::DMap<T>,
}

macro_rules! now {
    ($call:expr) => {
        $call
    };
}

impl<T: BlockingTransport + Send> Door for Blocking<T> {
    fn ask(&mut self, key: &[u8], what: Do) -> Got {
        let answer: Result<Got, Error> = typed!(&self.map, key, what, now);
        answer.unwrap_or_else(|error| panic!("{what:?}: {error}"))
    }

    fn ask_and_leave(&mut self, key: &[u8], what: Do) -> Option<Got> {
        let answer: Result<Got, Error> = typed!(&self.hasty, key, what, now);
        match answer {
            Ok(got) => Some(got),
            Err(Error::TimedOut { .. }) => None,
            Err(error) => panic!("{what:?}: {error}"),
        }
    }
}

/// Calls that are awaited; leaving is dropping them.
pub(crate) struct Awaited<T> {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) map: DMap<T>,
}

impl<T: LocalTransport> Awaited<T> {
    async fn call(&self, key: &[u8], what: Do) -> Result<Got, Error> {
        macro_rules! awaited {
            ($call:expr) => {
                $call.await
            };
        }
        typed!(&self.map, key, what, awaited)
    }
}

impl<T: LocalTransport + Send + Sync> Door for Awaited<T> {
    fn ask(&mut self, key: &[u8], what: Do) -> Got {
        let answer = self.runtime.block_on(self.call(key, what));
        answer.unwrap_or_else(|error| panic!("{what:?}: {error}"))
    }

    fn ask_and_leave(&mut self, key: &[u8], what: Do) -> Option<Got> {
        let answer = self.runtime.block_on(async {
            let mut call = pin!(self.call(key, what));
            // Once: it is on its way, and nobody looks for the answer.
            poll_fn(|context| {
                Poll::Ready(match call.as_mut().poll(context) {
                    Poll::Ready(answer) => Some(answer),
                    Poll::Pending => None,
                })
            })
            .await
        });
        answer.map(|answer| answer.unwrap_or_else(|error| panic!("{what:?}: {error}")))
    }
}
