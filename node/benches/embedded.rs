//! What a call costs: from a thread of the node's own process, beside the client that blocks over
//! loopback, to the same node.
//!
//! `cargo bench -p jerboa --bench embedded [-- MILLISECONDS]`: time for each line and round.
//!
//! The node has one core. The calling thread runs on another CPU where there is one. Both doors spin
//! as they do by default. Rounds alternate, so that what else the machine does meets all lines
//! alike; the median of a line is that of its rounds' medians.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use jerboa::client::{Error, blocking};
use jerboa::{BlockingDMap, DMap, Node};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

const ROUNDS: usize = 5;
const KEYS: usize = 10_000;
const BATCH: usize = 16;
const VALUE: [u8; 64] = [7; 64];
const MAP: &str = "orders";

type Failure = Box<dyn std::error::Error>;

/// The work of a line, once, with a key.
type Run<'a> = Box<dyn FnMut(&str) -> Result<(), Error> + 'a>;

/// One line of the table.
struct Line<'a> {
    name: &'static str,
    /// Operations of one run.
    operations: usize,
    run: Run<'a>,
    medians_ns: Vec<u64>,
    tails_ns: Vec<u64>,
}

impl<'a> Line<'a> {
    fn new(
        name: &'static str,
        operations: usize,
        run: impl FnMut(&str) -> Result<(), Error> + 'a,
    ) -> Self {
        Self {
            name,
            operations,
            run: Box::new(run),
            medians_ns: Vec::new(),
            tails_ns: Vec::new(),
        }
    }

    fn round(&mut self, keys: &[String], time: Duration) -> Result<(), Error> {
        let mut took_ns = Vec::new();
        let began = Instant::now();
        let mut keys = keys.iter().cycle();
        while began.elapsed() < time {
            let key = keys.next().map_or("", String::as_str);
            let start = Instant::now();
            (self.run)(key)?;
            took_ns.push(start.elapsed().as_nanos() as u64);
        }
        took_ns.sort_unstable();
        self.medians_ns.push(at(&took_ns, 0.5));
        self.tails_ns.push(at(&took_ns, 0.99));
        Ok(())
    }

    fn median_ns(&self) -> u64 {
        median(&self.medians_ns)
    }
}

fn at(sorted: &[u64], share: f64) -> u64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted
        .get(place.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0)
}

fn median(numbers: &[u64]) -> u64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    at(&sorted, 0.5)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there is: it costs what waking a thread costs.
fn block_on<F: Future>(waker: &Waker, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
            return output;
        }
        std::thread::park();
    }
}

/// Keeps the calling thread off the node's core, where there is another.
fn leave_core(core: usize) {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let mut others = CpuSet::new();
    for cpu in (0..cpus).filter(|cpu| *cpu != core) {
        if others.set(cpu).is_err() {
            return;
        }
    }
    // Where it may not, the numbers are as they are.
    let _ = sched_setaffinity(Pid::from_raw(0), &others);
}

fn lines<'a>(
    network: &'a blocking::Client,
    blocking: &'a BlockingDMap,
    map: &'a DMap,
    waker: &'a Waker,
) -> Vec<Line<'a>> {
    let far = network.dmap(MAP);
    let far_batch = far.clone();
    let read = |value: Option<Vec<u8>>| assert_eq!(value.as_deref(), Some(&VALUE[..]));
    vec![
        Line::new("get, loopback, blocking", 1, move |key| {
            far.get(key).map(read)
        }),
        Line::new("get, embedded, blocking", 1, move |key| {
            blocking.get(key).map(read)
        }),
        Line::new("get, embedded, awaited", 1, move |key| {
            block_on(waker, map.get(key)).map(read)
        }),
        Line::new("put, embedded, blocking", 1, move |key| {
            blocking.put(key, &VALUE[..]).map(drop)
        }),
        Line::new("16 gets, loopback, pipeline", BATCH, move |key| {
            let mut pipeline = far_batch.pipeline();
            let queued: Vec<_> = (0..BATCH).map(|_| pipeline.get(key)).collect();
            let mut answers = far_batch.execute(pipeline);
            queued
                .into_iter()
                .try_for_each(|q| answers.take(q).map(read))
        }),
        Line::new("16 gets, embedded, pipeline", BATCH, move |key| {
            let mut pipeline = blocking.pipeline();
            let queued: Vec<_> = (0..BATCH).map(|_| pipeline.get(key)).collect();
            let mut answers = blocking.execute(pipeline);
            queued
                .into_iter()
                .try_for_each(|q| answers.take(q).map(read))
        }),
    ]
}

/// Gets of so many threads together, per second.
fn throughput(blocking: &BlockingDMap, keys: &[String], threads: usize, time: Duration) -> u64 {
    let began = Instant::now();
    let total: u64 = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut done = 0;
                    let mut keys = keys.iter().cycle().skip(thread * 97);
                    while began.elapsed() < time {
                        let key = keys.next().map_or("", String::as_str);
                        done += u64::from(blocking.get::<Vec<u8>>(key).is_ok());
                    }
                    done
                })
            })
            .collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined.map(|done| done.unwrap_or(0)).sum()
    });
    (total as f64 / began.elapsed().as_secs_f64()) as u64
}

fn main() -> Result<(), Failure> {
    let mut times = std::env::args().filter_map(|argument| argument.parse().ok());
    let time = Duration::from_millis(times.next_back().unwrap_or(200));
    let node = Node::builder()
        .cores(vec![0].into())
        .memory(256 << 20)
        .port(0)
        .start()?;
    leave_core(0);
    let network = blocking::Client::connect([node.addresses().any_core.to_string()])?;
    let map = node.dmap(MAP);
    let blocking = map.blocking();
    let keys: Vec<String> = (0..KEYS).map(|n| format!("order:{n:010}")).collect();
    for key in &keys {
        blocking.put(key, &VALUE[..])?;
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut lines = lines(&network, &blocking, &map, &waker);
    for _ in 0..ROUNDS {
        for line in &mut lines {
            line.round(&keys, time)?;
        }
    }
    println!(
        "{:<30} {:>12} {:>12} {:>12}",
        "", "p50 us", "p99 us", "p50 us/op"
    );
    for line in &lines {
        let us = |ns: u64| ns as f64 / 1000.0;
        println!(
            "{:<30} {:>12.2} {:>12.2} {:>12.3}",
            line.name,
            us(line.median_ns()),
            us(median(&line.tails_ns)),
            us(line.median_ns()) / line.operations as f64,
        );
    }
    let ratio = |over: usize, under: usize| {
        lines[over].median_ns() as f64 / lines[under].median_ns().max(1) as f64
    };
    println!(
        "embedded / loopback, one get:      {:.3} (goal: at most 0.5)",
        ratio(1, 0)
    );
    println!("embedded / loopback, awaited:      {:.3}", ratio(2, 0));
    println!("embedded / loopback, pipeline:     {:.3}", ratio(5, 4));
    for threads in [1, 2, 4, 8] {
        let per_s = throughput(&blocking, &keys, threads, time * 2);
        println!("gets of {threads} threads, embedded: {per_s} op/s");
    }
    drop(lines);
    node.shutdown_blocking()?;
    Ok(())
}
