//! The calls that ask a node what it counts, written once for every driver. They ask one node, and
//! not the key's.

/// Adds these calls to a driver's client.
macro_rules! inspecting_calls {
    ($client:ident, [$($async:ident)?], [$($wait:tt)*]) => {
        impl $client {
            /// What one node counted, core by core, without latencies.
            ///
            /// # Errors
            ///
            /// As every call. Nothing is changed.
            pub $($async)? fn stats(&self) -> Result<NodeStats, Error> {
                let text = self.call(Operation::stats(0))$($wait)*?.text()?;
                Ok(NodeStats::parse(&text))
            }

            /// What one node counted and how long its requests took, core by core. Asks each core
            /// in turn, since the latencies of one fill a reply.
            ///
            /// # Errors
            ///
            /// As every call. Nothing is changed.
            pub $($async)? fn stats_with_latencies(&self) -> Result<NodeStats, Error> {
                let mut stats = self.stats()$($wait)*?;
                let cores = 1..=stats.cores.len() as u64;
                let operations = cores.map(Operation::stats).collect();
                for answer in self.call_all(operations)$($wait)* {
                    stats.extend(&answer?.text()?);
                }
                Ok(stats)
            }

            /// What one node counted for a map; `None` where nobody wrote to it yet.
            ///
            /// # Errors
            ///
            /// [`Error::Invalid`] for a name that cannot be one; else as every call. Nothing is
            /// changed.
            pub $($async)? fn map_stats(
                &self,
                map: impl AsRef<[u8]>,
            ) -> Result<Option<MapStats>, Error> {
                let operation = Operation::map_stats(map.as_ref(), MAP_STATS_ONE)?;
                Ok(self.call(operation)$($wait)*?.maps()?.0.pop())
            }

            /// The same with how long its requests took, by operation.
            ///
            /// # Errors
            ///
            /// [`Error::Invalid`] for a name that cannot be one; else as every call. Nothing is
            /// changed.
            pub $($async)? fn map_stats_with_latencies(
                &self,
                map: impl AsRef<[u8]>,
            ) -> Result<Option<MapStats>, Error> {
                let operation = Operation::map_stats(map.as_ref(), MAP_STATS_LATENCIES)?;
                Ok(self.call(operation)$($wait)*?.maps()?.0.pop())
            }

            /// What one node counted for every map, in the order of their names.
            ///
            /// # Errors
            ///
            /// As every call. Nothing is changed.
            pub $($async)? fn all_map_stats(&self) -> Result<Vec<MapStats>, Error> {
                let mut all = Vec::<MapStats>::new();
                let mut which = MAP_STATS_FROM;
                loop {
                    let last = all.last().map_or(&[][..], |last| &last.map);
                    let operation = Operation::map_stats(last, which)?;
                    let (maps, more) = self.call(operation)$($wait)*?.maps()?;
                    let more = more && !maps.is_empty();
                    all.extend(maps);
                    which = MAP_STATS_AFTER;
                    if !more {
                        return Ok(all);
                    }
                }
            }

            /// The keys that one node's clients use most now, the most used first, at most `count`
            /// of them (at least 1, at most 1,024). The rates are estimates over the last ten
            /// seconds or so.
            ///
            /// # Errors
            ///
            /// As every call. Nothing is changed.
            pub $($async)? fn hot_keys(&self, count: u16) -> Result<Vec<HotKey>, Error> {
                self.call(Operation::hot_keys(count))$($wait)*?.hot_keys()
            }
        }
    };
}

pub(super) use inspecting_calls;

use super::error::Error;
use super::operation::{InvalidCall, Operation};
use super::outcome::Response;
use crate::opcode::Opcode;
use crate::stats::{HOT_KEYS_MAX, HotKey, MapStats, decode_hot_keys, decode_maps};

impl Operation {
    /// What a node counted (0), or the latencies of its core `of` - 1.
    pub(super) fn stats(of: u64) -> Self {
        Self::bare(Opcode::Stats, &[]).with_arg(of)
    }

    /// What a node counted for the map, or for those from or behind it.
    pub(super) fn map_stats(map: &[u8], which: u64) -> Result<Self, InvalidCall> {
        Ok(Self::of_map(Opcode::MapStats, map)?.with_arg(which))
    }

    pub(super) fn hot_keys(count: u16) -> Self {
        let count = u64::from(count).clamp(1, HOT_KEYS_MAX);
        Self::bare(Opcode::HotKeys, &[]).with_arg(count)
    }
}

impl Response {
    /// The maps, and whether there are more.
    pub(super) fn maps(self) -> Result<(Vec<MapStats>, bool), Error> {
        let Some(response) = self.optional()? else {
            return Ok((Vec::new(), false));
        };
        let maps = decode_maps(&response.value).ok_or(Error::UnexpectedReply)?;
        Ok((maps, response.arg != 0))
    }

    pub(super) fn hot_keys(self) -> Result<Vec<HotKey>, Error> {
        decode_hot_keys(&self.done()?.value).ok_or(Error::UnexpectedReply)
    }
}
