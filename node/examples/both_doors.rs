//! The same code against a node in this process and against one that stands alone.
//!
//! `cargo run --release -p jerboa --example both_doors` uses one node through both doors;
//! `… -- HOST:PORT` uses that node for the second one.

use std::error::Error;

use jerboa::Node;
use jerboa::client::blocking::{Client, DMap};
use jerboa::client::{self, BlockingTransport, PutOptions};

/// Books a seat if it is free. Knows a map, and not where it is.
fn book<T: BlockingTransport>(
    seats: &DMap<T>,
    seat: &str,
    name: &str,
) -> Result<bool, client::Error> {
    let booked = seats.put_with(seat, name, PutOptions::default().if_absent())?;
    Ok(matches!(booked, client::PutOutcome::Stored { .. }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder()
        .cores(1.into())
        .memory(64 << 20)
        .port(0)
        .start()?;
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| node.addresses().any_core.to_string());

    let inside = node.dmap("seats").blocking();
    println!("inside,  12A for alice: {}", book(&inside, "12A", "alice")?);

    let client = Client::connect([address])?;
    let outside = client.dmap("seats");
    println!("outside, 12A for bob:   {}", book(&outside, "12A", "bob")?);
    println!("outside, 12B for bob:   {}", book(&outside, "12B", "bob")?);

    let who: Option<String> = inside.get("12B")?;
    println!(
        "inside,  12B is for:    {}",
        who.as_deref().unwrap_or("nobody")
    );
    client.close();
    node.shutdown_blocking()?;
    Ok(())
}
