//! A limit on requests for each user and second, with one counter for each, that any number of
//! threads share.
//!
//! `cargo run --release -p jerboa --example rate_limiter`

use std::error::Error;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jerboa::client::{self, Expiry};
use jerboa::{BlockingDMap, Node};

const PER_SECOND: i64 = 10;

/// Whether one more request of a user is within the limit.
fn is_allowed(counters: &BlockingDMap, user: &str) -> Result<bool, client::Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let second = now.map_or(0, |since| since.as_secs());
    let key = format!("{user}:{second}");
    let count = counters.incr(&key, 1)?;
    if count == 1 {
        // The first of the second: the counter goes when nobody asks for it any more.
        counters.expire(&key, Expiry::After(Duration::from_secs(2)))?;
    }
    Ok(count <= PER_SECOND)
}

fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder().cores(1.into()).memory(64 << 20).start()?;
    let counters = node.dmap("limits").blocking();
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let counters = counters.clone();
            thread::spawn(move || -> Result<usize, client::Error> {
                let mut allowed = 0;
                for _ in 0..20 {
                    allowed += usize::from(is_allowed(&counters, "alice")?);
                }
                Ok(allowed)
            })
        })
        .collect();
    let mut allowed = 0;
    for asker in askers {
        allowed += asker.join().map_err(|_| "an asker panicked")??;
    }
    println!("{allowed} of 80 requests were allowed");
    node.shutdown_blocking()?;
    Ok(())
}
