//! A map whose operations block the calling thread.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::scan::Scan;
use crate::client::command::Command;
use crate::client::condition::ValueIs;
use crate::client::error::Error;
use crate::client::many::Split;
use crate::client::maps::map_calls;
use crate::client::operations::{any_call, operations};
use crate::client::options::{
    ExpireCondition, Expiry, LockOptions, LockToken, PutOptions, ScanOptions,
};
use crate::client::outcome::{
    Appended, ByteSlice, DeleteOutcome, Digest, Entry, ExpireOutcome, PutOutcome, Replaced,
    ScanPage, SettingsReport, Swap, Ttl, Versioned,
};
use crate::client::pipeline::{Answers, Pipeline};
use crate::client::scan::Walk;
use crate::client::transport::BlockingTransport;
use crate::opcode::Opcode;
use crate::value::{Decode, Encode};

/// A map by its name: cheap to clone, to be shared by as many threads as you like.
///
/// A map exists as long as it has entries; a handle to one that has none is as good as any. The
/// empty name is the default map.
///
/// What operations do to an entry, and what holds after an error, stands at the
/// [map whose operations are awaited](crate::client::DMap).
#[derive(Clone)]
pub struct DMap<T> {
    transport: T,
    name: Arc<[u8]>,
}

macro_rules! blocked {
    ($(
        $(#[$meta:meta])*
        fn $operation:ident $(<$($generic:ident: $bound:ident),+>)? (
            $($argument:ident: $type:ty),*
        ) -> $result:ty;
    )+) => {
        impl<T: BlockingTransport> DMap<T> {$(
            $(#[$meta])*
            #[doc = any_call!("[`Error::MustNotBlock`]")]
            pub fn $operation $(<$($generic: $bound),+>)? (
                &self,
                $($argument: $type),*
            ) -> Result<$result, Error> {
                Command::$operation(&self.name, $($argument),*).call_blocking(&self.transport)
            }
        )+}
    };
}

operations!(blocked);
map_calls!(BlockingTransport, [], []);
