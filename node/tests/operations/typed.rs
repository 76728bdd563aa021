//! The doors of the typed interface: calls that block, calls that are awaited, and either through
//! a pipeline.

use std::time::SystemTime;

use glommio::LocalExecutor;
use jerboa_wire::client::{
    Appended, BlockingTransport, DMap, Error, LocalTransport, LockOptions, LockToken, PutOptions,
    ScanOptions, ValueIs, blocking,
};
use tokio::runtime::Runtime;
use xxhash_rust::xxh3::xxh3_64;

use super::door::{Do, Door, Got, Wanted, fault, item_key};

/// Calls that block.
pub(crate) struct Blocking<T>(pub(crate) &'static str, pub(crate) T);

/// Calls that are awaited, and by what.
pub(crate) struct Awaited<T, E>(pub(crate) &'static str, pub(crate) T, pub(crate) E);

/// What awaits calls.
pub(crate) trait Executor {
    fn block_on<R>(&self, call: impl Future<Output = R>) -> R;
}

impl Executor for Runtime {
    fn block_on<R>(&self, call: impl Future<Output = R>) -> R {
        Self::block_on(self, call)
    }
}

impl Executor for LocalExecutor {
    fn block_on<R>(&self, call: impl Future<Output = R>) -> R {
        self.run(call)
    }
}

/// Every call as a pipeline of its own.
pub(crate) struct Pipelined<T>(pub(crate) &'static str, pub(crate) T);

fn got<R>(result: Result<R, Error>, read: impl FnOnce(R) -> Got) -> Got {
    result.map_or_else(|error| Got::Refused(fault(&error)), read)
}

fn all<R>(results: Vec<Result<R, Error>>, read: impl FnOnce(Vec<R>) -> Got) -> Got {
    got(results.into_iter().collect(), read)
}

fn until_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}

fn value_is(wanted: Wanted) -> ValueIs {
    match wanted {
        Wanted::Equal(value) => ValueIs::equal_to(value),
        Wanted::Other(value) => ValueIs::other_than(value),
        Wanted::DigestOf(value) => ValueIs::of_digest(xxh3_64(value)),
        Wanted::NoDigestOf(value) => ValueIs::not_of_digest(xxh3_64(value)),
    }
}

/// Every operation of the typed interface; `$run` says how a call is made.
macro_rules! ask {
    ($run:ident, $door:ident, $map:ident, $key:ident, $what:ident, $version:ident) => {
        match $what.clone() {
            Do::Get => got($run!($door, $map, get($key)), Got::Value),
            Do::Entry => got($run!($door, $map, get_entry($key)), Got::Entry),
            Do::Put(value) => got($run!($door, $map, put($key, value)), |version| {
                Got::Put(jerboa_wire::client::PutOutcome::Stored { version })
            }),
            Do::PutWith(value, condition, expiry) => {
                let options = PutOptions { condition, expiry };
                got($run!($door, $map, put_with($key, value, options)), Got::Put)
            }
            Do::Replace(value, condition, expiry) => {
                let options = PutOptions { condition, expiry };
                got(
                    $run!($door, $map, replace($key, value, options)),
                    Got::Replaced,
                )
            }
            Do::GetAndPut(value) => got($run!($door, $map, get_and_put($key, value)), Got::Value),
            Do::GetAndDelete => got($run!($door, $map, get_and_delete($key)), Got::Value),
            Do::PutIfAbsent(value, expiry) => got(
                $run!($door, $map, put_if_absent($key, value, expiry)),
                Got::Swap,
            ),
            Do::Swap(expected, value, expiry) => got(
                $run!($door, $map, compare_and_swap($key, expected, value, expiry)),
                Got::Swap,
            ),
            Do::SwapVersion(_, value, expiry) => got(
                $run!(
                    $door,
                    $map,
                    compare_and_swap_version($key, $version, value, expiry)
                ),
                Got::SwapVersion,
            ),
            Do::PutIf(wanted, value, expiry) => got(
                $run!($door, $map, put_if($key, value_is(wanted), value, expiry)),
                Got::SwapVersion,
            ),
            Do::ReplaceIf(wanted, value, expiry) => got(
                $run!(
                    $door,
                    $map,
                    replace_if($key, value_is(wanted), value, expiry)
                ),
                Got::ReplacedIf,
            ),
            Do::DeleteIf(wanted) => got(
                $run!($door, $map, delete_if($key, value_is(wanted))),
                Got::Deleted,
            ),
            Do::Digest => got($run!($door, $map, digest($key)), Got::Digest),
            Do::Append(bytes) => got(
                $run!($door, $map, append($key, bytes)),
                |Appended { bytes, version }| Got::Appended { bytes, version },
            ),
            Do::Delete => got($run!($door, $map, delete($key)), Got::Flag),
            Do::Exists => got($run!($door, $map, exists($key)), Got::Flag),
            Do::Expire(when) => got($run!($door, $map, expire($key, when)), Got::Flag),
            Do::ExpireIf(when, condition) => got(
                $run!($door, $map, expire_if($key, when, condition)),
                Got::Expired,
            ),
            Do::GetAndExpire(when) => {
                got($run!($door, $map, get_and_expire($key, when)), Got::Entry)
            }
            Do::GetRange(start, end) => {
                got($run!($door, $map, get_range($key, start, end)), Got::Slice)
            }
            Do::SetRange(offset, bytes) => got(
                $run!($door, $map, set_range($key, offset, bytes)),
                |Appended { bytes, version }| Got::Appended { bytes, version },
            ),
            Do::PutAllIfAbsent(entries, expiry) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(suffix, value)| (item_key($key, suffix), *value))
                    .collect();
                got(
                    $run!($door, $map, put_all_if_absent(&entries, expiry)),
                    Got::Flag,
                )
            }
            Do::Persist => got($run!($door, $map, persist($key)), Got::Flag),
            Do::Ttl => got($run!($door, $map, ttl($key)), Got::Ttl),
            Do::Incr(delta) => got($run!($door, $map, incr($key, delta)), Got::Counter),
            Do::Decr(delta) => got($run!($door, $map, decr($key, delta)), Got::Counter),
            Do::IncrFloat(delta) => got($run!($door, $map, incr_float($key, delta)), Got::Float),
            Do::Lock { wait, lease } => got(
                $run!($door, $map, lock($key, LockOptions { wait, lease })),
                |token| Got::Token(token.map(LockToken::number)),
            ),
            Do::Unlock(_) => got(
                $run!($door, $map, unlock($key, LockToken::new($version))),
                |()| Got::Done,
            ),
            Do::Lease(_, lease) => got(
                $run!($door, $map, lease($key, LockToken::new($version), lease)),
                |at| Got::Leased {
                    until_ms: until_ms(at),
                },
            ),
            Do::Scan(pattern) => {
                let options = ScanOptions::matching(pattern).count(3);
                let (mut keys, mut cursor) = (Vec::new(), 0);
                loop {
                    let page = match $run!($door, $map, scan_page(cursor, &options)) {
                        Ok(page) => page,
                        Err(error) => return Got::Refused(fault(&error)),
                    };
                    keys.extend(
                        page.keys
                            .into_iter()
                            .map(|key| String::from_utf8(key).unwrap()),
                    );
                    match page.next {
                        Some(next) => cursor = next,
                        None => break,
                    }
                }
                keys.sort();
                Got::Keys(keys)
            }
            Do::Size => got($run!($door, $map, size()), Got::Count),
            Do::Destroy => got($run!($door, $map, destroy()), Got::Count),
            Do::RandomKey => got($run!($door, $map, random_key()), Got::Value),
            Do::Settings(lines) => got($run!($door, $map, change_settings(lines)), |_| Got::Done),
            Do::MultiPut(..) | Do::MultiGet(_) | Do::MultiDelete(_) | Do::MultiExists(_) => {
                unreachable!()
            }
            Do::Pass(time) => {
                std::thread::sleep(time);
                Got::Done
            }
        }
    };
}

/// The calls about many keys; `$wait` awaits them or not.
macro_rules! ask_many {
    ($wait:ident, $door:ident, $map:ident, $key:ident, $what:ident) => {
        match $what.clone() {
            Do::MultiPut(entries, expiry) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(suffix, value)| (item_key($key, suffix), *value))
                    .collect();
                Some(all(
                    $wait!($door, $map, multi_put(&entries, expiry)),
                    Got::Versions,
                ))
            }
            Do::MultiGet(suffixes) => {
                let keys: Vec<_> = suffixes.iter().map(|it| item_key($key, it)).collect();
                Some(all($wait!($door, $map, multi_get(&keys)), Got::Values))
            }
            Do::MultiDelete(suffixes) => {
                let keys: Vec<_> = suffixes.iter().map(|it| item_key($key, it)).collect();
                Some(all($wait!($door, $map, multi_delete(&keys)), Got::Flags))
            }
            Do::MultiExists(suffixes) => {
                let keys: Vec<_> = suffixes.iter().map(|it| item_key($key, it)).collect();
                Some(all($wait!($door, $map, multi_exists(&keys)), Got::Flags))
            }
            _ => None,
        }
    };
}

macro_rules! direct {
    ($door:ident, $map:ident, $($call:tt)+) => {{
        let _ = &$door;
        $map.$($call)+
    }};
}

macro_rules! awaited {
    ($door:ident, $map:ident, $($call:tt)+) => {
        $door.2.block_on($map.$($call)+)
    };
}

macro_rules! pipelined {
    ($door:ident, $map:ident, $($call:tt)+) => {{
        let _ = &$door;
        let mut pipeline = $map.pipeline();
        let queued = pipeline.$($call)+;
        $map.execute(pipeline).take(queued)
    }};
}

impl<T: BlockingTransport> Door for Blocking<T> {
    fn name(&self) -> String {
        self.0.to_owned()
    }

    fn ask(&mut self, map: &str, key: &[u8], what: &Do, version: u64) -> Got {
        let map = blocking::DMap::new(self.1.clone(), map);
        let many = ask_many!(direct, self, map, key, what);
        many.unwrap_or_else(|| ask!(direct, self, map, key, what, version))
    }
}

impl<T: LocalTransport, E: Executor> Door for Awaited<T, E> {
    fn name(&self) -> String {
        self.0.to_owned()
    }

    fn ask(&mut self, map: &str, key: &[u8], what: &Do, version: u64) -> Got {
        let map = DMap::new(self.1.clone(), map);
        let many = ask_many!(awaited, self, map, key, what);
        many.unwrap_or_else(|| ask!(awaited, self, map, key, what, version))
    }
}

impl<T: BlockingTransport> Door for Pipelined<T> {
    fn name(&self) -> String {
        format!("{} pipelined", self.0)
    }

    fn ask(&mut self, map: &str, key: &[u8], what: &Do, version: u64) -> Got {
        let map = blocking::DMap::new(self.1.clone(), map);
        let many = ask_many!(direct, self, map, key, what);
        many.unwrap_or_else(|| ask!(pipelined, self, map, key, what, version))
    }
}
