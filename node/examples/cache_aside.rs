//! A cache in front of a slow function: look, compute on a miss, store with a time to live.
//!
//! `cargo run --release -p jerboa --example cache_aside`

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use jerboa::client::PutOptions;
use jerboa::{BlockingDMap, Node};

const FRESH: Duration = Duration::from_secs(60);

/// What takes long: a query, a rendering, a call to somebody else.
fn slow_report(customer: &str) -> String {
    thread::sleep(Duration::from_millis(50));
    format!("report for {customer}")
}

/// The report, from the cache where it is there and fresh.
fn report(cache: &BlockingDMap, customer: &str) -> Result<String, Box<dyn Error>> {
    if let Some(report) = cache.get(customer)? {
        return Ok(report);
    }
    let report = slow_report(customer);
    cache.put_with(customer, &report, PutOptions::expire_after(FRESH))?;
    Ok(report)
}

fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder().cores(1.into()).memory(64 << 20).start()?;
    let cache = node.dmap("reports").blocking();
    for customer in ["alice", "bob", "alice", "alice", "bob"] {
        let began = Instant::now();
        let report = report(&cache, customer)?;
        println!("{report:<20} {:>10.1?}", began.elapsed());
    }
    node.shutdown_blocking()?;
    Ok(())
}
