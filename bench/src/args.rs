//! The command line.

use argh::FromArgs;

/// Load generator for Jerboa, Redis and memcached: measures throughput, latency and server CPU,
/// and verifies every value it reads. Without --addr it starts a Jerboa node in its own process
/// and loads it over real sockets.
#[derive(FromArgs, Clone, Debug)]
pub struct Args {
    /// HOST:PORT of the server; for Jerboa its any-core port, the other ports are found from it
    #[argh(option)]
    pub addr: Option<String>,
    /// jerboa (default), redis or memcached
    #[argh(option)]
    pub target: Option<String>,
    /// CPUs of the client cores, as in 1 or 0-3,6 (default: the upper half of those allowed)
    #[argh(option)]
    pub cores: Option<String>,
    /// connections over all client cores (default 50)
    #[argh(option)]
    pub connections: Option<usize>,
    /// requests out at once on each connection (default 1); with --rate the most (default 1024)
    #[argh(option)]
    pub depth: Option<usize>,
    /// open loop: this many requests a second, latency counted from when each was due
    #[argh(option)]
    pub rate: Option<f64>,
    /// open loop: poisson (default) or fixed
    #[argh(option)]
    pub arrivals: Option<String>,
    /// how long to measure (default 10s)
    #[argh(option)]
    pub duration: Option<String>,
    /// how long to load before measuring (default 2s)
    #[argh(option)]
    pub warmup: Option<String>,
    /// stop after this many requests, if that is before the duration is over
    #[argh(option)]
    pub ops: Option<u64>,
    /// number of keys (default 1000000)
    #[argh(option)]
    pub keys: Option<u64>,
    /// bytes of a key: N, LEAST-MOST, SIZE:WEIGHT,… or lognormal:MEDIAN:SIGMA (default 16)
    #[argh(option)]
    pub key_size: Option<String>,
    /// bytes of a value, likewise (default 64)
    #[argh(option)]
    pub value_size: Option<String>,
    /// get, set, mixed (default), delete, incr, multiget, multiset, noop, cache-aside, fill, idle,
    /// ycsb-a to ycsb-d, tw-cache52, tw-write12, tw-ttl19, tw-tiny18, tw-counter23, tw-big37
    #[argh(option)]
    pub workload: Option<String>,
    /// share of reads in mixed (default 0.9)
    #[argh(option)]
    pub get_ratio: Option<f64>,
    /// keys of one multiget or multiset (default 10)
    #[argh(option)]
    pub multi_size: Option<usize>,
    /// uniform (default), zipf:EXPONENT, sequential, latest or hotspot:KEYS%:REQUESTS%
    #[argh(option)]
    pub distribution: Option<String>,
    /// time to live of writes: none (default), a duration, or DURATION:WEIGHT,…
    #[argh(option)]
    pub ttl: Option<String>,
    /// seed of all random numbers (default: from the clock; printed)
    #[argh(option)]
    pub seed: Option<u64>,
    /// write the report to this file as JSON
    #[argh(option)]
    pub json: Option<String>,
    /// write the latencies to this file as an HdrHistogram percentile table
    #[argh(option)]
    pub hgrm: Option<String>,
    /// write the report to this file as a web page with the latency curve
    #[argh(option)]
    pub html: Option<String>,
    /// a name for this run in reports and tables
    #[argh(option)]
    pub label: Option<String>,
    /// leave routing to the server: all connections to the address given
    #[argh(switch)]
    pub any_core: bool,
    /// ask the server to leave out checksums
    #[argh(switch)]
    pub no_crc: bool,
    /// do not fill the server before the run
    #[argh(switch)]
    pub no_prefill: bool,
    /// do not verify answers
    #[argh(switch)]
    pub no_verify: bool,
    /// a missing entry is a miss, not a failure (eviction is expected)
    #[argh(switch)]
    pub allow_loss: bool,
    /// do not measure empty requests after the run
    #[argh(switch)]
    pub no_noop: bool,
    /// measure empty requests after the run whatever the target is
    #[argh(switch)]
    pub noop: bool,
    /// no progress lines
    #[argh(switch)]
    pub quiet: bool,
    /// without --addr: CPUs of the node (default: the lower half of those allowed)
    #[argh(option)]
    pub server_cores: Option<String>,
    /// without --addr: memory of the node (default: the node's own)
    #[argh(option)]
    pub memory: Option<String>,
    /// without --addr: KEY=VALUE of the node's configuration, as in when_full=refuse
    #[argh(option)]
    pub node: Vec<String>,
    /// print a Markdown table of these JSON reports, grouped by label, instead of running
    #[argh(option)]
    pub table: Vec<String>,
}
