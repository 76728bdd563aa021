//! A trace: who asks for what, when. Made from a seed, so that every cache meets the same one.

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Reads; what is missing is fetched elsewhere and stored.
    Read,
    /// Stores without reading.
    Write,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Keys are numbered from 0 without gaps.
    pub(crate) key: u32,
    pub(crate) value_bytes: u32,
    pub(crate) key_bytes: u8,
    pub(crate) action: Action,
    /// How long what is stored lives; 0 is for ever.
    pub(crate) ttl_ms: u64,
    pub(crate) at_ms: u64,
}

impl Request {
    /// When what this request stores expires.
    pub(crate) fn deadline_ms(&self) -> u64 {
        match self.ttl_ms {
            0 => u64::MAX,
            ttl_ms => self.at_ms + ttl_ms,
        }
    }

    /// What an entry is charged in every simulated cache.
    pub(crate) fn charged_bytes(&self) -> u64 {
        u64::from(self.key_bytes) + u64::from(self.value_bytes) + OVERHEAD_BYTES
    }
}

/// What an entry costs beyond key and value: the same for all simulated caches, and what the
/// engine promises to stay within.
pub(crate) const OVERHEAD_BYTES: u64 = 36;

/// A named list of requests in order of time.
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    pub(crate) requests: Vec<Request>,
    /// Numbers of keys are below this.
    pub(crate) keys: u32,
}

impl Trace {
    /// What all its different keys together are charged: the memory in which nothing but expiry
    /// would ever remove an entry.
    pub(crate) fn distinct_bytes(&self) -> u64 {
        let mut charged = vec![0; self.keys as usize];
        for request in &self.requests {
            charged[request.key as usize] = request.charged_bytes();
        }
        charged.iter().sum()
    }
}

/// A cache that a trace can be played to.
pub(crate) trait Cache {
    /// Whether the key is there.
    fn read(&mut self, request: &Request) -> bool;

    /// Stores or overwrites.
    fn write(&mut self, request: &Request);
}

/// Plays a trace. Returns the share of reads that missed, the first fifth of the requests left
/// out: it fills the cache.
pub(crate) fn miss_ratio(cache: &mut dyn Cache, trace: &Trace) -> f64 {
    let warm_up = trace.requests.len() / 5;
    let (mut reads, mut misses) = (0_u64, 0_u64);
    for (place, request) in trace.requests.iter().enumerate() {
        let counts = u64::from(place >= warm_up);
        match request.action {
            Action::Write => cache.write(request),
            Action::Read => {
                reads += counts;
                if !cache.read(request) {
                    misses += counts;
                    cache.write(request);
                }
            }
        }
    }
    misses as f64 / reads.max(1) as f64
}
