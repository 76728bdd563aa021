//! Fear: an operation that means one thing through one door and another through the next.
//!
//! One table of operations and what they must come to is run against every way to a node: raw
//! frames on the port of any core and on a core's own port, the clients that block and that are
//! awaited under tokio and under glommio, embedded calls of both kinds, and pipelines. The node has
//! two cores, so that some keys are forwarded and some not.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test harness")]

#[path = "operations/calls.rs"]
mod calls;
mod common;
#[path = "operations/conditional.rs"]
mod conditional;
#[path = "operations/door.rs"]
mod door;
#[path = "operations/expect.rs"]
mod expect;
#[path = "operations/listening.rs"]
mod listening;
#[path = "operations/longest.rs"]
mod longest;
#[path = "operations/pairs.rs"]
mod pairs;
#[path = "operations/raw.rs"]
mod raw;
#[path = "operations/table.rs"]
mod table;
#[path = "operations/typed.rs"]
mod typed;

use std::time::Duration;

use common::{key_of_core, node};
use door::{Do, Door, Which};
use expect::Given;
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};
use jerboa::Node;
use jerboa_wire::client::{Config, blocking, glommio as thread_per_core, tokio as asynchronous};
use raw::Frames;
use table::{Row, table};
use tokio::runtime::Builder;
use typed::{Awaited, Blocking, Pipelined};

/// Settings with a deadline that a busy machine meets.
fn settings(node: &Node) -> Config {
    Config {
        call_timeout: Duration::from_secs(20),
        ..Config::new([node.addresses().any_core.to_string()])
    }
}

/// An executor that reserves no memory for files.
fn local_executor() -> LocalExecutor {
    let builder = LocalExecutorBuilder::new(Placement::Unbound);
    builder.ring_depth(64).io_memory(64 << 10).make().unwrap()
}

fn doors(node: &Node) -> Vec<Box<dyn Door>> {
    let addresses = node.addresses();
    let threads = blocking::Client::connect_with(settings(node)).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = asynchronous::Client::connect_with(settings(node));
    let tasks = runtime.block_on(tasks).unwrap();
    let executor = local_executor();
    let local = thread_per_core::Client::connect_with(settings(node));
    let local = executor.run(local).unwrap();
    let embedded = node.embedded().clone();
    let bare = Builder::new_current_thread().build().unwrap();
    vec![
        Box::new(Frames::new("the port of any core", addresses.any_core)),
        Box::new(Frames::new("the port of core 0", addresses.cores[0])),
        Box::new(Pipelined("the client that blocks,", threads.clone())),
        Box::new(Blocking("the client that blocks", threads)),
        Box::new(Awaited("the client for tokio", tasks, runtime)),
        Box::new(Awaited("the client for glommio", local, executor)),
        Box::new(Blocking("embedded calls that block", embedded.clone())),
        Box::new(Pipelined("embedded,", embedded.clone())),
        Box::new(Awaited("embedded calls that are awaited", embedded, bare)),
    ]
}

/// Runs a row with a fresh key and map.
fn run(row: &Row, door: &mut dyn Door, map: &str, key: &[u8]) {
    let mut given = Given::default();
    for (number, (what, expected)) in row.steps.iter().enumerate() {
        let version = match what {
            Do::SwapVersion(which, ..) | Do::Unlock(which) | Do::Lease(which, _) => {
                given.number(*which)
            }
            _ => given.number(Which::Strange),
        };
        let got = door.ask(map, key, what, version);
        assert!(
            expected.holds(&got, key, &mut given),
            "{}\n  through {}\n  step {number}: {what:?}\n  must be {expected:?}\n  is {got:?}",
            row.fear,
            door.name(),
        );
    }
}

#[test]
fn every_operation_comes_to_the_same_through_every_door() {
    through_every_door(&table());
}

#[test]
fn every_pair_of_options_comes_to_the_same_through_every_door() {
    let rows = pairs::pairs();
    assert!(rows.len() > 150, "{} rows", rows.len());
    through_every_door(&rows);
}

#[test]
fn every_condition_on_a_value_comes_to_the_same_through_every_door() {
    let rows = conditional::conditional();
    assert!(rows.len() > 100, "{} rows", rows.len());
    through_every_door(&rows);
}

fn through_every_door(table: &[Row]) {
    let node = node(2);
    for (door_number, mut door) in (0u32..).zip(doors(&node)) {
        for (row_number, row) in (0u32..).zip(table) {
            for core in 0..2 {
                let key = key_of_core(core, 2, door_number * 1000 + row_number);
                let map = format!("{door_number} {row_number} {core}");
                run(row, &mut *door, &map, &key);
            }
        }
    }
    node.request_stop();
    node.join().unwrap();
}
