//! The ways to call: threads, a current-thread runtime, a multi-thread runtime, and a glommio
//! executor (with the feature of that name, as in a test of the whole workspace). Every scenario
//! runs on all of them.

#[cfg(feature = "glommio")]
use crate::courier::{Courier, Lend};
use std::sync::Arc;
use std::time::Duration;

use jerboa_wire::client::{
    Answers, Config, Entry, Error, Expiry, Pipeline, PutOptions, PutOutcome, Ttl, blocking,
    tokio as asynchronous,
};
use jerboa_wire::stats::NodeStats;
use tokio::runtime::{Builder, Runtime};

#[derive(Clone)]
pub(crate) enum Caller {
    Threads(blocking::Client),
    Tokio(Arc<Runtime>, asynchronous::Client),
    #[cfg(feature = "glommio")]
    Glommio(Courier),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Driver {
    Threads,
    CurrentThread,
    MultiThread,
    #[cfg(feature = "glommio")]
    Glommio,
}

pub(crate) const DRIVERS: &[Driver] = &[
    Driver::Threads,
    Driver::CurrentThread,
    Driver::MultiThread,
    #[cfg(feature = "glommio")]
    Driver::Glommio,
];

/// Those whose callers are all on one thread.
pub(crate) const SINGLE_THREADS: &[Driver] = &[
    Driver::CurrentThread,
    #[cfg(feature = "glommio")]
    Driver::Glommio,
];

impl Driver {
    pub(crate) fn connect(self, config: Config) -> Result<Caller, Error> {
        let mut runtime = match self {
            Self::Threads => return blocking::Client::connect_with(config).map(Caller::Threads),
            Self::CurrentThread => Builder::new_current_thread(),
            Self::MultiThread => Builder::new_multi_thread(),
            #[cfg(feature = "glommio")]
            Self::Glommio => return Courier::connect(config).map(Caller::Glommio),
        };
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        let client = runtime.block_on(asynchronous::Client::connect_with(config))?;
        Ok(Caller::Tokio(Arc::new(runtime), client))
    }
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)+) => {
        impl Caller {
            $(pub(crate) fn $name(&self, $($arg: $type),*) -> $result {
                match self {
                    Self::Threads(client) => client.$name($($arg),*),
                    Self::Tokio(runtime, client) => runtime.block_on(client.$name($($arg),*)),
                    #[cfg(feature = "glommio")]
                    Self::Glommio(courier) => {
                        $(let $arg = $arg.to_owned();)*
                        courier.run(async move |client| {
                            $(let $arg: $type = Lend::lend(&$arg);)*
                            client.$name($($arg),*).await
                        })
                    }
                }
            })+
        }
    };
}

forward! {
    stats() -> Result<NodeStats, Error>;
    ping(payload: &[u8]) -> Result<Vec<u8>, Error>;
    noop() -> Result<(), Error>;
}

/// The operations on a map.
macro_rules! forward_to_map {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)+) => {
        impl Caller {
            $(pub(crate) fn $name(&self, map: &str, $($arg: $type),*) -> $result {
                match self {
                    Self::Threads(client) => client.dmap(map).$name($($arg),*),
                    Self::Tokio(runtime, client) => {
                        runtime.block_on(client.dmap(map).$name($($arg),*))
                    }
                    #[cfg(feature = "glommio")]
                    Self::Glommio(courier) => {
                        let map = map.to_owned();
                        $(let $arg = $arg.to_owned();)*
                        courier.run(async move |client| {
                            $(let $arg: $type = Lend::lend(&$arg);)*
                            client.dmap(map).$name($($arg),*).await
                        })
                    }
                }
            })+
        }
    };
}

forward_to_map! {
    get(key: &str) -> Result<Option<Vec<u8>>, Error>;
    get_entry(key: &str) -> Result<Option<Entry>, Error>;
    put_with(key: &str, value: &[u8], options: PutOptions) -> Result<PutOutcome, Error>;
    delete(key: &str) -> Result<bool, Error>;
    exists(key: &str) -> Result<bool, Error>;
    expire(key: &str, when: Expiry) -> Result<bool, Error>;
    persist(key: &str) -> Result<bool, Error>;
    ttl(key: &str) -> Result<Ttl, Error>;
    incr(key: &str, delta: i64) -> Result<i64, Error>;
    decr(key: &str, delta: i64) -> Result<i64, Error>;
    multi_get(keys: &[String]) -> Vec<Result<Option<Vec<u8>>, Error>>;
    multi_put(entries: &[(String, Vec<u8>)], expiry: Expiry) -> Vec<Result<u64, Error>>;
    multi_delete(keys: &[String]) -> Vec<Result<bool, Error>>;
}

impl Caller {
    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<PutOutcome, Error> {
        self.put_with("", key, value, PutOptions::default())
    }

    /// Executes a pipeline.
    pub(crate) fn execute(&self, pipeline: Pipeline) -> Answers {
        match self {
            Self::Threads(client) => client.dmap("").execute(pipeline),
            Self::Tokio(runtime, client) => runtime.block_on(client.dmap("").execute(pipeline)),
            #[cfg(feature = "glommio")]
            Self::Glommio(courier) => {
                courier.run(async |client| client.dmap("").execute(pipeline).await)
            }
        }
    }

    pub(crate) fn with_timeout(&self, timeout: Duration) -> Self {
        match self {
            Self::Threads(client) => Self::Threads(client.with_timeout(timeout)),
            Self::Tokio(runtime, client) => {
                Self::Tokio(Arc::clone(runtime), client.with_timeout(timeout))
            }
            #[cfg(feature = "glommio")]
            Self::Glommio(courier) => Self::Glommio(courier.with_timeout(timeout)),
        }
    }

    pub(crate) fn close(&self) {
        match self {
            Self::Threads(client) => client.close(),
            Self::Tokio(runtime, client) => {
                let _inside = runtime.enter();
                client.close();
            }
            #[cfg(feature = "glommio")]
            Self::Glommio(courier) => courier.run(async |client| client.close()),
        }
    }

    pub(crate) fn epoch(&self) -> u32 {
        let topology = match self {
            Self::Threads(client) => client.topology(),
            Self::Tokio(_, client) => client.topology(),
            #[cfg(feature = "glommio")]
            Self::Glommio(courier) => courier.run(async |client| client.topology()),
        };
        topology.map_or(0, |topology| topology.epoch())
    }
}
