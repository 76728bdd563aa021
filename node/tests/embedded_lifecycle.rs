//! Fear: a node inside a process that cannot be got rid of: threads that stay, memory that is not
//! given back, descriptors that leak. One test, so that nothing else runs in its process.
#![expect(clippy::expect_used, reason = "test harness")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::eventually;
use jerboa::client::ScanOptions;
use jerboa::{DMap, Node, Subscriber};

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

/// Mappings, and the bytes of those that can be written to. What the allocator reserves for later is
/// none of these.
fn mapped() -> (usize, u64) {
    let text = std::fs::read_to_string("/proc/self/maps").expect("procfs");
    let bytes = text.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let address = |digits| u64::from_str_radix(digits, 16).ok();
        rest.starts_with("rw")
            .then_some(address(to)? - address(from)?)
    });
    (text.lines().count(), bytes.sum())
}

/// What a process may still hold of a node when it stops.
struct LeftOver {
    connection: Option<TcpStream>,
    subscriber: Subscriber,
    map: DMap,
}

impl LeftOver {
    fn of(node: &Node) -> Self {
        let subscriber = node.subscriber();
        let channels = [&b"news"[..]];
        subscriber
            .subscribe_blocking(channels)
            .expect("a subscription");
        let addresses = node.addresses();
        let connection = (addresses.any_core.port() != 0).then(|| {
            let mut stream = TcpStream::connect(addresses.any_core).expect("a connection");
            stream.write_all(b"PING\r\n").expect("a request");
            let mut reply = [0; 7];
            stream.read_exact(&mut reply).expect("a reply");
            stream
        });
        Self {
            connection,
            subscriber,
            map: node.dmap("m"),
        }
    }

    /// Handles of a node that is gone answer with errors, and hold nothing of it.
    fn outlives(mut self) {
        let refused = self.map.blocking().put("k", "v");
        assert!(refused.is_err(), "{refused:?}");
        assert!(self.subscriber.try_next().is_err(), "it ended");
        drop(self.connection);
    }
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
                for _ in 0..5 {
                    let keys = map.scan(ScanOptions::default());
                    let keys = keys.filter(Result::is_ok).count();
                    assert!(keys >= 200, "{keys} keys");
                }
            });
        }
    });
    let left_over = LeftOver::of(&node);
    match number % 3 {
        0 => drop(node),
        1 => node.shutdown_blocking().expect("an orderly end"),
        _ => await_the_end(node),
    }
    left_over.outlives();
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
    let (mappings, writable) = mapped();
    for number in 0..CYCLES {
        cycle(number, number % 4 == 0);
        // A thread that was joined may be listed for a moment more; one that leaks stays.
        eventually("threads are gone", || count("/proc/self/task") <= threads);
        eventually("descriptors are closed", || count("/proc/self/fd") <= files);
    }
    let (mappings_now, writable_now) = mapped();
    println!("mappings {mappings} -> {mappings_now}, writable {writable} -> {writable_now}");
    // A node has some for each core; twenty nodes would leave hundreds.
    assert!(mappings_now < mappings + CYCLES, "{mappings_now} mappings");
    let grown = writable_now.saturating_sub(writable);
    assert!(
        grown < MEMORY_BYTES,
        "{grown} writable bytes more than before"
    );
    println!("resident {bytes} -> {}", resident_bytes());
    let left = resident_bytes().saturating_sub(bytes);
    assert!(left < LEFT_BYTES, "{left} bytes more than before");
}
