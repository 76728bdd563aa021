//! The numbers that each core counts or shows, by their names: the one list of them.
//!
//! The node makes of it what a core counts into and publishes, [`CoreStats`](super::CoreStats) what
//! travels and is read. A number that is to be added is added here, and set on the core.

/// Calls the macro that is named with every number: its documentation and its name. For the crates
/// of this project.
#[doc(hidden)]
#[macro_export]
macro_rules! core_counters {
    ($callback:ident) => {
        $callback! {
            /// Requests taken up, those included that were sent on to another core.
            ops,
            /// Keys of requests: one for a single-key request, all of a multi-key request.
            keys,
            /// Requests answered with an error before they were executed.
            errors,
            /// Requests that belonged to another core and were sent there.
            forwarded,
            /// Requests that other cores sent here.
            forwarded_in,
            /// Commands answered with the core that they should have been sent to.
            moved,
            /// Requests that threads of the node's own process made.
            called,
            /// Requests refused because the owner's mailbox was full.
            busy,
            /// Connections now.
            connections,
            /// Connections accepted.
            accepted,
            /// Connections refused because the node has as many as it allows.
            refused,
            /// Connections closed because the peer did not read.
            closed_slow,
            /// Connections closed because the peer was silent.
            closed_idle,
            /// Connections closed because their bytes were not frames.
            closed_malformed,
            /// Connections closed because the core's sessions together held too much.
            closed_overload,
            /// Failures to accept, for want of descriptors.
            accept_failures,
            /// Bytes received.
            bytes_in,
            /// Bytes sent.
            bytes_out,
            /// Turns of the core that found something to do.
            turns,
            /// Times that the core went to sleep.
            parks,
            /// Receives delayed because all receive buffers were in use.
            starved,
            /// Subscriptions of connections of the core now.
            subscriptions,
            /// Messages published that the core looked for receivers of.
            published,
            /// Copies of messages handed to connections.
            messages,
            /// Connections closed because they did not take their messages.
            closed_slow_subscriber,
            /// Events that happened while their kind was on.
            events,
            /// Of those, the ones dropped because there were too many at once.
            events_dropped,
            /// Requests that wait for a lock now.
            lock_waiters,
            /// Bytes of memory that those and their keys hold now.
            lock_waiter_bytes,
            /// Deliveries of other cores that wait in the mailbox now, of up to 128 requests each.
            mailbox_depth,
            /// Reads of the engine.
            gets,
            /// Reads that found a live entry.
            hits,
            /// Reads that did not.
            misses,
            /// Puts that stored.
            puts,
            /// Entries deleted.
            deletes,
            /// Entries that expired.
            expired,
            /// Entries evicted.
            evicted,
            /// Writes refused for want of memory.
            out_of_memory,
            /// Live entries now.
            entries,
            /// Bytes of live entries now.
            live_bytes,
            /// Bytes of memory that the engine holds.
            arena_bytes,
            /// Segments of that memory not in use now.
            segments_free,
            /// Live entries that expire, now. One that was made to last where it lay is counted until its
            /// neighbours expire.
            expiring,
            /// Bytes of the engine's memory in use now, index included.
            used_bytes,
            /// The most that were.
            used_bytes_peak,
            /// Bytes of the index now.
            index_bytes,
            /// Requests taken up in a second, over the last 1.6 seconds.
            ops_per_s,
            /// Bytes received in a second, over the last 1.6 seconds.
            bytes_in_per_s,
            /// Bytes sent in a second, over the last 1.6 seconds.
            bytes_out_per_s,
        }
    };
}
