//! Fear: a node inside a process that cannot be got rid of: threads that stay, memory that is not
//! given back, descriptors that leak. One test, so that nothing else runs in its process.
#![expect(clippy::expect_used, reason = "test harness")]

mod common;

use common::eventually;
use jerboa::Node;

const CYCLES: usize = 20;
const MEMORY_BYTES: u64 = 64 << 20;
/// What the allocator and the kernel may keep of all cycles together.
const LEFT_BYTES: u64 = 24 << 20;

fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("statm has the resident pages");
    pages * 4096
}

/// Starts a node whose memory is all touched, uses it from a few threads, and stops it.
fn cycle(number: usize, listens: bool) {
    let builder = Node::builder()
        .cores(2.into())
        .memory(MEMORY_BYTES)
        .partitions(1024)
        .prefault(true);
    let builder = if listens { builder.port(0) } else { builder };
    let node = builder.start().unwrap_or_else(|error| panic!("{error}"));
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let map = node.dmap("m").blocking();
            scope.spawn(move || {
                for n in 0..200 {
                    let key = format!("{number}:{thread}:{n}");
                    map.put(&key, &[7; 100][..]).expect("an answer");
                    let value: Option<Vec<u8>> = map.get(&key).expect("an answer");
                    assert_eq!(value.as_deref(), Some(&[7; 100][..]));
                }
            });
        }
    });
    match number % 3 {
        0 => drop(node),
        1 => node.shutdown_blocking().expect("an orderly end"),
        _ => await_the_end(node),
    }
}

/// Stops by the future, under the smallest executor there is.
fn await_the_end(node: Node) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(node.shutdown()).expect("an orderly end");
}

#[test]
fn twenty_starts_and_stops_leave_nothing_behind() {
    let threads = count("/proc/self/task");
    // What a process keeps after its first use: allocator arenas, thread-locals, caches.
    cycle(0, true);
    let (files, bytes) = (count("/proc/self/fd"), resident_bytes());
    for number in 0..CYCLES {
        cycle(number, number % 4 == 0);
        // A thread that was joined may be listed for a moment more; one that leaks stays.
        eventually("threads are gone", || count("/proc/self/task") <= threads);
        eventually("descriptors are closed", || count("/proc/self/fd") <= files);
    }
    println!("resident {bytes} -> {}", resident_bytes());
    let left = resident_bytes().saturating_sub(bytes);
    assert!(left < LEFT_BYTES, "{left} bytes more than before");
}
