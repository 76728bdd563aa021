//! How much one turn of a worker does at most, so that no part of it starves the others.
//!
//! Every queue and buffer of the data path has its bound here or in the configuration.

/// Completions taken from the ring in one turn.
pub(super) const COMPLETIONS_PER_TURN: usize = 128;

/// Work that one connection gets done in one turn: a request counts as one, one on many keys as
/// their number. The rest waits for the next turn. A single request is always executed whole.
pub(super) const WORK_PER_CONNECTION: usize = 512;

/// What a Stats request counts as: writing its text takes about as long as this many look-ups.
pub(super) const WORK_OF_STATS: usize = 256;

/// What a HotKeys or MapStats request counts as.
pub(super) const WORK_OF_TABLES: usize = 256;

/// What a Scan request counts as.
pub(super) const WORK_OF_SCAN: usize = 64;

/// Requests looked up together: the engine's prefetch window.
pub(super) const BATCH: usize = 32;

/// Mailbox deliveries handled in one turn, each of at most [`FORWARDS_PER_DELIVERY`] requests.
pub(super) const DELIVERIES_PER_TURN: usize = 16;

/// Operations of embedded calls executed in one turn; a call is always executed whole.
pub(super) const CALLS_PER_TURN: usize = 512;

/// Requests that travel to another core together.
pub(super) const FORWARDS_PER_DELIVERY: usize = 128;

/// Requests of one connection that may wait for other cores; then it is not read from.
pub(super) const WAITING_PER_CONNECTION: usize = 1024;

/// Bytes of forwarded requests that one core may have under way.
pub(super) const FORWARDED_BYTES_MAX: usize = 256 << 20;

/// Bytes of answers that wait to be picked up by one core; its requests wait meanwhile. One answer
/// more than this may wait.
pub(super) const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Replies above this size count against what the connections of a core may hold together before
/// they are made; smaller ones are bounded by what each connection may hold.
pub(super) const LARGE_REPLY_BYTES: usize = 64 << 10;

/// Answers of other cores may exceed what a connection may hold by this factor, because they were
/// asked before their size was known. Large ones beyond are not kept.
pub(super) const ANSWERS_HELD_FACTOR: usize = 16;

/// Turns under load between two looks of the executor at its other tasks.
pub(super) const TURNS_PER_YIELD: u32 = 16;

/// The timer: expiry sweep, time-outs and counters move at least this often.
pub(super) const TICK_MS: u64 = 100;

/// How long a peer that was told of the end has to be silent before its connection is closed.
pub(super) const LEAVING_SILENCE_MS: u64 = 200;

/// What such a peer may go on sending in RESP, and for how long: it is thrown away. Beyond, nothing
/// more is read, and the connection is closed as soon as the peer has what it was sent.
pub(super) const LEAVING_BYTES_MAX: usize = 1 << 20;
/// See [`LEAVING_BYTES_MAX`].
pub(super) const LEAVING_MS_MAX: u64 = 1000;

/// Sessions looked at for time-outs in one tick.
pub(super) const SESSIONS_PER_TICK: usize = 2048;

/// Work units of one slice of the engine's background work (50 µs at most).
pub(super) const SHARD_STEP: u32 = 64;

/// Entries that one slice of a recount looks at.
pub(super) const VERIFY_STEP: u32 = 64;

/// Buffers kept for reuse, and the largest that is kept.
pub(super) const POOLED_BUFFERS: usize = 256;
/// See [`POOLED_BUFFERS`].
pub(super) const POOLED_BUFFER_BYTES: usize = 64 << 10;
