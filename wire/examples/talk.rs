//! Talks to a node: writes, reads, counts and expires a few keys, and prints what came back.
//!
//! `cargo run --release -p jerboa-wire --example talk [HOST:PORT]`

use std::error::Error;
use std::time::Duration;

use jerboa_wire::client::PutOptions;
use jerboa_wire::client::blocking::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:7400".to_owned());
    let client = Client::connect([address])?;

    let stored = client.put("greetings", "hello", "world", PutOptions::default())?;
    println!("put greetings/hello      {stored:?}");
    let entry = client.get_entry("greetings", "hello")?;
    println!("get greetings/hello      {entry:?}");

    for _ in 0..3 {
        client.incr("counters", "visits", 1)?;
    }
    println!(
        "incr counters/visits     {}",
        client.incr("counters", "visits", 1)?
    );
    client.delete("counters", "visits")?;

    let brief = PutOptions::expire_after(Duration::from_millis(50));
    client.put("sessions", "brief", "here today", brief)?;
    println!(
        "ttl sessions/brief       {:?}",
        client.ttl("sessions", "brief")?
    );
    std::thread::sleep(Duration::from_millis(60));
    println!(
        "get sessions/brief       {:?}",
        client.get("sessions", "brief")?
    );

    let many = client.multi_get("greetings", &["hello", "absent"]);
    println!("multi_get greetings      {many:?}");
    println!(
        "delete greetings/hello   {}",
        client.delete("greetings", "hello")?
    );
    Ok(())
}
