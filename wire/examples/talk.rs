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

    let greetings = client.dmap("greetings");
    let version = greetings.put("hello", "world")?;
    println!("put greetings/hello      version {version}");
    let entry = greetings.get_entry::<String>("hello")?;
    println!("get greetings/hello      {entry:?}");

    let counters = client.dmap("counters");
    let mut pipeline = counters.pipeline();
    let counts = [(); 4].map(|()| pipeline.incr("visits", 1));
    let mut answers = counters.execute(pipeline);
    for count in counts {
        println!("incr counters/visits     {}", answers.take(count)?);
    }
    counters.delete("visits")?;

    let sessions = client.dmap("sessions");
    let brief = PutOptions::expire_after(Duration::from_millis(50));
    sessions.put_with("brief", "here today", brief)?;
    println!("ttl sessions/brief       {:?}", sessions.ttl("brief")?);
    std::thread::sleep(Duration::from_millis(60));
    let gone = sessions.get::<String>("brief")?;
    println!("get sessions/brief       {gone:?}");

    let many = greetings.multi_get::<String>(&["hello", "absent"]);
    println!("multi_get greetings      {many:?}");
    println!("delete greetings/hello   {}", greetings.delete("hello")?);
    Ok(())
}
