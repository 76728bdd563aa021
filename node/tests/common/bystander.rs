//! A well-behaved client that works all the while another misbehaves: it must notice nothing.
//!
//! It puts and gets its own keys on every core through the shared port, compares every value, and
//! fails on any error, any wrong value and any reply that takes longer than [`LIVENESS`]. How fast
//! it was is printed, never asserted.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jerboa_wire::{Opcode, Request, Status};

use super::{Raw, key_of_core};

/// A reply that takes longer means that the node hangs.
const LIVENESS: Duration = Duration::from_secs(5);
/// Pause between two operations, so that the bystander is not the load.
const PAUSE: Duration = Duration::from_micros(200);
const KEYS_PER_CORE: u32 = 32;

/// The client at work.
pub(crate) struct Bystander {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Duration>>>,
}

impl Bystander {
    /// Begins to work on the node at `address`, which has `cores` cores.
    pub(crate) fn watch(address: SocketAddr, cores: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut raw = Raw::connect(address);
        // Being connected is not being accepted yet: the place is taken with the first answer.
        raw.call(Request::new(Opcode::Noop));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || work(raw, cores, &asked));
        Self {
            stop,
            thread: Some(thread),
        }
    }

    /// Stops, fails if anything went wrong, and prints the latencies under `label`.
    pub(crate) fn finish(mut self, label: &str) {
        self.stop.store(true, Ordering::SeqCst);
        let Some(thread) = self.thread.take() else {
            return;
        };
        let mut latencies = match thread.join() {
            Ok(latencies) => latencies,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        assert!(latencies.len() > 1, "{label}: the bystander did nothing");
        latencies.sort_unstable();
        let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize];
        println!(
            "bystander of {label}: {} operations, p50 {:?}, p99 {:?}, max {:?}",
            latencies.len(),
            at(0.50),
            at(0.99),
            latencies[latencies.len() - 1]
        );
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn work(mut raw: Raw, cores: u16, stop: &AtomicBool) -> Vec<Duration> {
    raw.stream.set_read_timeout(Some(LIVENESS)).unwrap();
    // Keys that no test uses.
    let keys: Vec<Vec<u8>> = (0..cores)
        .flat_map(|core| (0..KEYS_PER_CORE).map(move |number| (core, 0x00BE_0000 + number)))
        .map(|(core, number)| key_of_core(core, cores, number))
        .collect();
    let mut stored: HashMap<&[u8], Vec<u8>> = HashMap::new();
    let mut latencies = Vec::new();
    for (round, key) in keys.iter().cycle().enumerate() {
        if stop.load(Ordering::SeqCst) && round > 2 {
            break;
        }
        let begun = Instant::now();
        if round / keys.len() % 3 == 1 || !stored.contains_key(key.as_slice()) {
            let value = format!("value {round} of {}", String::from_utf8_lossy(key)).into_bytes();
            let reply = raw.put(key, &value);
            assert_eq!(reply.status, Status::Ok, "a put beside the misbehaviour");
            stored.insert(key, value);
        } else {
            let reply = raw.get(key);
            assert_eq!(reply.status, Status::Ok, "a get beside the misbehaviour");
            assert_eq!(
                reply.value,
                stored[key.as_slice()],
                "a foreign or stale value"
            );
        }
        latencies.push(begun.elapsed());
        std::thread::sleep(PAUSE);
    }
    latencies
}
