//! How a caller wants things done: expiry and condition of a put, wait and lease of a lock, what
//! a scan looks for.

use std::fmt;
use std::time::{Duration, SystemTime};

/// When an entry expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Expiry {
    /// As the settings of its map say, and never where they say nothing.
    #[default]
    MapDefault,
    /// Never, whatever the settings of its map say.
    Never,
    /// After this time, counted by the node from when it stores; in whole milliseconds, rounded
    /// up.
    After(Duration),
    /// At this time.
    At(SystemTime),
    /// As before: when the overwritten entry would have, and never where there was none.
    Keep,
}

/// Under which condition a put stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// Where the key is absent.
    IfAbsent,
    /// Where the key is present.
    IfPresent,
}

/// What has to hold of the expiry that is there for another to be set. An entry that never
/// expires has none, and its end is later than any time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpireCondition {
    /// There is none.
    IfNone,
    /// There is one.
    IfSome,
    /// The new one is later.
    IfLater,
    /// The new one is earlier.
    IfEarlier,
}

/// How a value is put. The default stores always, to expire as the map's settings say: never where
/// they say nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PutOptions {
    /// Under which condition.
    pub condition: Condition,
    /// Until when.
    pub expiry: Expiry,
}

impl PutOptions {
    /// Stores always, to expire as said.
    #[must_use]
    pub const fn expiring(expiry: Expiry) -> Self {
        Self {
            condition: Condition::Always,
            expiry,
        }
    }

    /// Stores always, to expire after `duration`.
    #[must_use]
    pub const fn expire_after(duration: Duration) -> Self {
        Self {
            condition: Condition::Always,
            expiry: Expiry::After(duration),
        }
    }

    /// Stores always, never to expire, whatever the settings of the map say.
    #[must_use]
    pub const fn never_expiring() -> Self {
        Self::expiring(Expiry::Never)
    }

    /// The same options, for an absent key only.
    #[must_use]
    pub const fn if_absent(self) -> Self {
        Self {
            condition: Condition::IfAbsent,
            ..self
        }
    }

    /// The same options, for a present key only.
    #[must_use]
    pub const fn if_present(self) -> Self {
        Self {
            condition: Condition::IfPresent,
            ..self
        }
    }
}

/// How a lock is taken. The default takes it if it is free, until it is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LockOptions {
    /// For how long to wait in line, first come first served; in whole milliseconds, rounded up,
    /// a day at most. The call's time limit begins when this is over.
    pub wait: Duration,
    /// After what time the lock is given back by itself, counted from when it was taken. `None`:
    /// never, so that somebody has to unlock it whatever happens to the holder.
    pub lease: Option<Duration>,
}

impl LockOptions {
    /// Waits in line for so long.
    #[must_use]
    pub const fn waiting(wait: Duration) -> Self {
        Self { wait, lease: None }
    }

    /// The same options for a lock that is given back by itself after `lease`.
    #[must_use]
    pub const fn leased(self, lease: Duration) -> Self {
        Self {
            lease: Some(lease),
            ..self
        }
    }
}

/// Proof that a lock is held. The tokens of one lock only grow: what the lock protects can refuse
/// whoever comes with a smaller number than it has seen, and is safe from a holder who does not
/// know yet that it lost the lock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LockToken(u64);

impl LockToken {
    /// The token with this number, to unlock what another process locked.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number, to fence with.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a scan looks for. The default is every key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScanOptions {
    /// Glob pattern of the keys: `*` any bytes, `?` one byte, `[a-z]` one of a set, `[^a-z]` one
    /// outside it, `\x` the byte x itself. Empty: every key. At most 256 bytes.
    pub pattern: Vec<u8>,
    /// About how many keys one request returns, 1 to 16,384.
    pub count: u32,
}

impl ScanOptions {
    /// The keys that match a glob pattern.
    #[must_use]
    pub fn matching(pattern: impl AsRef<[u8]>) -> Self {
        Self {
            pattern: pattern.as_ref().to_vec(),
            ..Self::default()
        }
    }

    /// The same options with about so many keys for each request.
    #[must_use]
    pub fn count(self, count: u32) -> Self {
        Self { count, ..self }
    }
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            pattern: Vec::new(),
            count: 100,
        }
    }
}
