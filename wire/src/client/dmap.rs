//! A map whose operations are awaited.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::blocking;
use super::command::Command;
use super::condition::ValueIs;
use super::error::Error;
use super::many::Split;
use super::maps::map_calls;
use super::operations::{any_call, operations};
use super::options::{ExpireCondition, Expiry, LockOptions, LockToken, PutOptions, ScanOptions};
use super::outcome::{
    Appended, ByteSlice, DeleteOutcome, Digest, Entry, ExpireOutcome, PutOutcome, Replaced,
    ScanPage, SettingsReport, Swap, Ttl, Versioned,
};
use super::pipeline::{Answers, Pipeline};
use super::scan::{Scan, Walk};
use super::transport::{BlockingTransport, LocalTransport};
use crate::opcode::Opcode;
use crate::value::{Decode, Encode};

/// A map by its name: cheap to clone, to be shared by as many tasks as you like.
///
/// A map exists as long as it has entries; a handle to one that has none is as good as any. The
/// empty name is the default map.
///
/// Nothing happens before a call's future is polled. A call whose future is dropped then goes on
/// until its answer or its deadline.
///
/// # What operations do to an entry
///
/// "Use" is what the idle time of a map counts from. Each new version is greater than any that an
/// entry of the same core had before.
///
/// | operations | value | expiry | version | use |
/// |---|---|---|---|---|
/// | `get`, `get_entry`, `get_range`, `digest`, `multi_get` | kept | kept | kept | yes |
/// | `exists`, `multi_exists`, `ttl`, scans, `size`, `random_key` | kept | kept | kept | no |
/// | `put`, `put_with`, `replace`, `put_if`, `replace_if`, `put_if_absent`, `compare_and_swap`, `multi_put` | set | set | new | yes |
/// | `append`, `set_range`, `incr`, `decr`, `incr_float` | set | kept | new | yes |
/// | `get_and_expire` | kept | set | new | yes |
/// | `expire`, `persist` | kept | set | new | no |
/// | `delete`, `delete_if`, `get_and_delete`, `multi_delete`, `destroy` | gone | gone | gone | no |
///
/// # Errors
///
/// Every operation may fail with [`Error`], and lists at its own place with which
/// [statuses](crate::Status) the node may refuse it. After [`Error::Refused`] with any of them but
/// `Internal`, and after [`Error::Invalid`], nothing has changed; where an answer did not come,
/// [`Error::outcome`] says whether something may have. A method that has no "Errors" cannot fail.
#[derive(Clone)]
pub struct DMap<T> {
    transport: T,
    name: Arc<[u8]>,
}

macro_rules! awaited {
    ($(
        $(#[$meta:meta])*
        fn $operation:ident $(<$($generic:ident: $bound:ident),+>)? (
            $($argument:ident: $type:ty),*
        ) -> $result:ty;
    )+) => {
        impl<T: LocalTransport> DMap<T> {$(
            $(#[$meta])*
            #[doc = any_call!("[`Error::Runtime`]")]
            pub async fn $operation $(<$($generic: $bound),+>)? (
                &self,
                $($argument: $type),*
            ) -> Result<$result, Error> {
                Command::$operation(&self.name, $($argument),*).call(&self.transport).await
            }
        )+}
    };
}

operations!(awaited);
map_calls!(LocalTransport, [async], [.await]);

impl<T: BlockingTransport> DMap<T> {
    /// The same map with operations that block, where the transport has both kinds.
    #[must_use]
    pub fn blocking(&self) -> blocking::DMap<T> {
        blocking::DMap::new(self.transport.clone(), &self.name)
    }
}
