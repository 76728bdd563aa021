//! A lock whose tokens fence: a holder that stalls past its lease does no harm, because what it
//! protects refuses tokens smaller than the greatest it has seen.
//!
//! `cargo run --release -p jerboa --example fenced_lock`

use std::error::Error;
use std::thread;
use std::time::Duration;

use jerboa::Node;
use jerboa::client::{LockOptions, LockToken};

/// A file, a row, a device: whatever the lock protects.
#[derive(Default)]
struct Resource {
    fence: u64,
    text: String,
}

impl Resource {
    /// Writes, unless somebody with a later token has been here.
    fn write(&mut self, token: LockToken, text: &str) -> Result<(), String> {
        if token.number() < self.fence {
            return Err(format!("{text}: a later holder has been here"));
        }
        self.fence = token.number();
        text.clone_into(&mut self.text);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder().cores(1.into()).memory(64 << 20).start()?;
    let locks = node.dmap("locks").blocking();
    let mut resource = Resource::default();
    let options = LockOptions {
        lease: Some(Duration::from_millis(100)),
        wait: Duration::from_secs(5),
    };

    let first = locks.lock("resource", options)?.ok_or("not free in time")?;
    // The first holder stalls: a long pause of its machine, say. Meanwhile the second waits in line
    // and is given the lock as soon as the lease is over.
    let second = thread::scope(|scope| scope.spawn(|| locks.lock("resource", options)).join());
    let second = second.map_err(|_| "the second holder panicked")??;
    let second = second.ok_or("not free in time")?;

    println!(
        "second: {:?}",
        resource.write(second, "written by the second")
    );
    println!(
        "first:  {:?}",
        resource.write(first, "written by the first")
    );
    println!("resource holds: {}", resource.text);
    locks.unlock("resource", second)?;
    println!("unlock by the first: {:?}", locks.unlock("resource", first));
    node.shutdown_blocking()?;
    Ok(())
}
