//! A map whose operations are awaited.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::blocking;
use super::command::Command;
use super::error::Error;
use super::many::Split;
use super::maps::map_calls;
use super::operations::operations;
use super::options::{ExpireCondition, Expiry, LockOptions, LockToken, PutOptions, ScanOptions};
use super::outcome::{
    Appended, ByteSlice, Entry, ExpireOutcome, PutOutcome, Replaced, ScanPage, SettingsReport,
    Swap, Ttl, Versioned,
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
