//! What publishing to many subscribers costs others: the latency of gets on a connection of its own,
//! while nothing is published and while a message goes to a thousand connections many times a second.
//!
//! `cargo bench -p jerboa --bench publish [-- MILLISECONDS [PUBLISHES_PER_SECOND]]`: time of each
//! round, and how often is published.
//!
//! The node has one core. All clients run on another CPU where there is one: a thread that gets, one
//! request at a time, a thread that publishes, and one that takes the messages. Rounds with and
//! without publishing alternate, so that what else the machine does meets both alike; the figures are
//! medians over the rounds.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jerboa::Node;
use jerboa::config::{Config, Cores};
use jerboa_wire::routing::partition_of;
use jerboa_wire::{
    Crc, DecodeOptions, Decoded, Message, Opcode, Reply, Request, Status, decode_reply, multi,
};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::Pid;

const SUBSCRIBERS: usize = 1000;
const ROUNDS: usize = 7;
const PARTITIONS: u16 = 1024;
const CHANNEL: &[u8] = b"news";
const PAYLOAD: [u8; 100] = [7; 100];
const VALUE: [u8; 64] = [7; 64];
/// The most that the p99 of gets may rise by.
const RATIO_MAX: f64 = 1.5;

type Failure = Box<dyn Error + Send + Sync>;

/// One connection, one request at a time.
struct Connection {
    stream: TcpStream,
    output: Vec<u8>,
    input: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            output: Vec::new(),
            input: vec![0; 4096],
        })
    }

    /// Sends a request and waits for its reply; its status and `arg`.
    fn call(&mut self, request: Request<'_>) -> Result<(Status, u64), Failure> {
        self.output.clear();
        let partition = match (request.opcode, request.key) {
            (Opcode::Publish, _) | (_, []) => 0,
            (_, key) => partition_of(key, PARTITIONS),
        };
        let request = Request {
            partition,
            ..request
        };
        request.encode(&mut self.output, Crc::On)?;
        self.stream.write_all(&self.output)?;
        let mut held = 0;
        loop {
            let count = self.stream.read(&mut self.input[held..])?;
            if count == 0 {
                return Err("the node closed the connection".into());
            }
            held += count;
            let options = DecodeOptions::default();
            if let Decoded::Frame { frame, .. } = decode_reply(&self.input[..held], &options)? {
                return Ok((frame.status, frame.arg));
            }
        }
    }
}

/// Bytes of one message as it arrives.
fn message_bytes() -> Result<usize, Failure> {
    let message = Message {
        channel: CHANNEL,
        pattern: None,
        payload: &PAYLOAD,
    };
    let mut value = Vec::new();
    if !message.encode(&mut value) {
        return Err("the message does not encode".into());
    }
    let reply = Reply {
        value: &value,
        ..Reply::new(Opcode::Message, Status::Ok, 0)
    };
    Ok(reply.encoded_len())
}

fn subscribe(address: SocketAddr) -> Result<Vec<TcpStream>, Failure> {
    let mut value = Vec::new();
    if !multi::push_key(&mut value, CHANNEL) {
        return Err("the channel does not encode".into());
    }
    let mut streams = Vec::with_capacity(SUBSCRIBERS);
    for _ in 0..SUBSCRIBERS {
        let mut connection = Connection::open(address)?;
        let (status, _) = connection.call(Request {
            count: 1,
            value: &value,
            ..Request::new(Opcode::Subscribe)
        })?;
        if status != Status::Ok {
            return Err(format!("not subscribed: {status}").into());
        }
        connection.stream.set_nonblocking(true)?;
        streams.push(connection.stream);
    }
    Ok(streams)
}

/// Takes messages until told to stop, and counts their bytes.
fn take(streams: &mut [TcpStream], taken: &AtomicU64, stop: &AtomicBool) -> Result<(), Failure> {
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    for (index, stream) in streams.iter().enumerate() {
        epoll.add(stream, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
    }
    let mut events = vec![EpollEvent::empty(); 256];
    let mut bytes = vec![0; 64 << 10];
    while !stop.load(Ordering::Relaxed) {
        let ready = epoll.wait(&mut events, EpollTimeout::from(50_u8))?;
        for event in &events[..ready] {
            match streams[event.data() as usize].read(&mut bytes) {
                Ok(0) => return Err("a subscriber was cut off".into()),
                Ok(count) => {
                    taken.fetch_add(count as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Latencies of gets for so long, in nanoseconds, in order.
fn get_for(connection: &mut Connection, time: Duration) -> Result<Vec<u64>, Failure> {
    let mut took_ns = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        let key = format!("key:{}", took_ns.len() % 1000);
        let start = Instant::now();
        let (status, _) = connection.call(Request {
            key: key.as_bytes(),
            ..Request::new(Opcode::Get)
        })?;
        took_ns.push(start.elapsed().as_nanos() as u64);
        if status != Status::Ok {
            return Err(format!("get: {status}").into());
        }
    }
    took_ns.sort_unstable();
    Ok(took_ns)
}

/// Publishes at a rate until told to stop; how long each took.
fn publish_until(
    connection: &mut Connection,
    pause: Duration,
    stop: &AtomicBool,
) -> Result<Vec<u64>, Failure> {
    let mut took_ns = Vec::new();
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        let (status, receivers) = connection.call(Request {
            key: CHANNEL,
            value: &PAYLOAD,
            ..Request::new(Opcode::Publish)
        })?;
        took_ns.push(start.elapsed().as_nanos() as u64);
        if (status, receivers) != (Status::Ok, SUBSCRIBERS as u64) {
            return Err(format!("publish: {status}, {receivers} receivers").into());
        }
        next += pause;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    took_ns.sort_unstable();
    Ok(took_ns)
}

fn at_us(sorted_ns: &[u64], share: f64) -> f64 {
    let place = (sorted_ns.len() as f64 * share) as usize;
    let place = place.min(sorted_ns.len().saturating_sub(1));
    sorted_ns.get(place).copied().unwrap_or(0) as f64 / 1000.0
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// What the rounds of one kind measured.
#[derive(Default)]
struct Line {
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    p999_us: Vec<f64>,
    gets: usize,
}

impl Line {
    fn add(&mut self, sorted_ns: &[u64]) {
        self.p50_us.push(at_us(sorted_ns, 0.5));
        self.p99_us.push(at_us(sorted_ns, 0.99));
        self.p999_us.push(at_us(sorted_ns, 0.999));
        self.gets += sorted_ns.len();
    }

    fn print(&self, name: &str) {
        let [p50, p99, p999] =
            [&self.p50_us, &self.p99_us, &self.p999_us].map(|figures| median(figures.clone()));
        println!(
            "{name:<22} {p50:>9.1} {p99:>9.1} {p999:>9.1} {:>9}",
            self.gets
        );
    }
}

/// Moves the calling thread, and those that it starts, off the node's CPU.
fn leave_cpu_of_the_node() {
    let mut others = CpuSet::new();
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let set = (1..count).all(|cpu| others.set(cpu).is_ok());
    if count < 2 || !set || sched_setaffinity(Pid::from_raw(0), &others).is_err() {
        println!("node and clients share one CPU: the figures say little");
    }
}

/// Tells what was measured at a rate of publishes, in rounds of so long.
fn report(quiet: &Line, loud: &Line, mut published: Vec<u64>, (rate, time): (u64, Duration)) {
    published.sort_unstable();
    println!("{SUBSCRIBERS} subscribers, {rate} publishes/s, {ROUNDS} rounds of {time:?} each");
    println!(
        "{:<22} {:>9} {:>9} {:>9} {:>9}",
        "get", "p50 us", "p99 us", "p99.9 us", "gets"
    );
    quiet.print("nothing published");
    loud.print("while publishing");
    println!(
        "publish, answered: p50 {:.0} us, p99 {:.0} us; {} messages, all of them arrived",
        at_us(&published, 0.5),
        at_us(&published, 0.99),
        published.len() * SUBSCRIBERS
    );
    let ratio = median(loud.p99_us.clone()) / median(quiet.p99_us.clone());
    let verdict = if ratio <= RATIO_MAX {
        "reached"
    } else {
        "MISSED"
    };
    println!("p99 of gets while publishing / else: {ratio:.2} (at most {RATIO_MAX}: {verdict})");
}

fn main() -> Result<(), Failure> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let time = Duration::from_millis(numbers.next().unwrap_or(1000));
    let rate = numbers.next().unwrap_or(20).max(1);
    let node = Node::start(&Config {
        port: 0,
        cores: Some(Cores::Count(1)),
        memory: Some(64 << 20),
        partitions: PARTITIONS,
        ..Config::default()
    })?;
    leave_cpu_of_the_node();
    let address = node.addresses().any_core;
    let mut getter = Connection::open(address)?;
    for number in 0..1000 {
        let key = format!("key:{number}");
        getter.call(Request {
            key: key.as_bytes(),
            value: &VALUE,
            ..Request::new(Opcode::Put)
        })?;
    }
    let mut publisher = Connection::open(address)?;
    let mut streams = subscribe(address)?;
    let (taken, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (mut quiet, mut loud) = (Line::default(), Line::default());
    let mut published = Vec::new();
    let pause = Duration::from_secs(1) / rate as u32;
    std::thread::scope(|scope| -> Result<(), Failure> {
        let taker = scope.spawn(|| take(&mut streams, &taken, &stop));
        let mut run = || -> Result<(), Failure> {
            get_for(&mut getter, time / 2)?;
            for _ in 0..ROUNDS {
                quiet.add(&get_for(&mut getter, time)?);
                let enough = AtomicBool::new(false);
                std::thread::scope(|scope| -> Result<(), Failure> {
                    let publishing = scope.spawn(|| publish_until(&mut publisher, pause, &enough));
                    let gets = get_for(&mut getter, time);
                    enough.store(true, Ordering::Relaxed);
                    let took = publishing.join().map_err(|_| "the publisher panicked")??;
                    published.extend(took);
                    loud.add(&gets?);
                    Ok(())
                })?;
            }
            Ok(())
        };
        let outcome = run();
        let expected = (published.len() * SUBSCRIBERS * message_bytes()?) as u64;
        let patience = Instant::now() + Duration::from_secs(10);
        while outcome.is_ok() && taken.load(Ordering::Relaxed) < expected {
            if Instant::now() > patience {
                stop.store(true, Ordering::Relaxed);
                return Err("messages are missing".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        taker.join().map_err(|_| "the taker panicked")??;
        outcome
    })?;
    report(&quiet, &loud, published, (rate, time));
    Ok(())
}
