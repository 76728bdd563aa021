//! Fear: a pipeline that costs a system call for each of its commands.
//!
//! A runtime without sockets and time, whose connections lead to a node that is a function: what
//! each connection writes is counted exactly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Client, Hub, Runtime, Socket, keep, run};
use crate::client::config::Config;
use crate::client::dmap::DMap;
use crate::client::engine::ConnectionId;
use crate::client::error::{Error, RuntimeFault};
use crate::client::operation::Operation;
use crate::client::outcome::Response;
use crate::client::transport::LocalTransport;
use crate::frame::{Crc, CrcMode, DecodeOptions, Decoded, Reply, decode_request};
use crate::hello::{Hello, HelloReply};
use crate::opcode::Opcode;
use crate::routing::{Member, Table, Topology};
use crate::status::Status;

const CORES: u16 = 4;
const FIRST_CORE_PORT: u16 = 7401;

type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Clone)]
struct Bench(Rc<Inner>);

struct Inner {
    hub: RefCell<Hub>,
    tasks: RefCell<Vec<Task>>,
    /// Requests about keys in each write, by the address that it went to.
    writes: RefCell<BTreeMap<String, Vec<usize>>>,
    /// Bytes that a socket takes before it has to be waited for.
    room: Cell<usize>,
}

/// A connection to the node.
struct Line {
    address: String,
    bench: Bench,
    replies: RefCell<Vec<u8>>,
    /// Bytes that it takes now.
    room: Cell<usize>,
    input: RefCell<Vec<u8>>,
}

fn topology() -> Topology {
    let member = Member {
        id: 1,
        alive: true,
        cores: CORES,
        host: "node".to_owned(),
        any_core_port: 7400,
        first_core_port: FIRST_CORE_PORT,
    };
    Topology::single(1, 1024, member).unwrap()
}

impl Line {
    /// Answers every whole request; how many of them are about keys.
    fn serve(&self) -> usize {
        let mut input = self.input.borrow_mut();
        let (mut used, mut keyed) = (0, 0);
        let options = DecodeOptions {
            crc: CrcMode::Required,
            value_bytes_max: 1 << 20,
        };
        while let Decoded::Frame { frame, consumed } =
            decode_request(&input[used..], &options).unwrap()
        {
            used += consumed;
            let head = Reply {
                epoch: 1,
                ..Reply::new(frame.opcode, Status::Ok, frame.request_id)
            };
            let (mut value, mut reply) = (Vec::new(), head);
            match frame.opcode {
                Opcode::Hello => {
                    let hello = HelloReply {
                        protocol: Hello::decode(frame.value).unwrap().agree().unwrap(),
                        crc_on: true,
                        epoch: 1,
                        core: 0,
                        cores: CORES,
                        partition_count: 1024,
                        value_bytes_max: 1 << 20,
                        member: 1,
                    };
                    value = hello.encode().to_vec();
                }
                Opcode::Topology => topology().encode(&mut value),
                Opcode::Noop => {}
                Opcode::Put => reply.version = 7,
                Opcode::Incr => (reply.arg, reply.version) = (frame.arg, 8),
                _ => reply.status = Status::NotFound,
            }
            keyed += usize::from(!frame.key.is_empty());
            reply.value = &value;
            reply
                .encode(&mut self.replies.borrow_mut(), Crc::On)
                .unwrap();
        }
        input.drain(..used);
        keyed
    }
}

impl Socket for Line {
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.replies.borrow().is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.room.set(self.bench.0.room.get());
        Poll::Ready(Ok(()))
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut replies = self.replies.borrow_mut();
        let count = replies.len().min(into.len());
        into[..count].copy_from_slice(&replies[..count]);
        replies.drain(..count);
        match count {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room.get());
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room.set(self.room.get() - count);
        self.input.borrow_mut().extend_from_slice(&bytes[..count]);
        let keyed = self.serve();
        let mut writes = self.bench.0.writes.borrow_mut();
        writes.entry(self.address.clone()).or_default().push(keyed);
        Ok(count)
    }
}

impl Runtime for Bench {
    type Socket = Line;
    type Sleep = std::future::Pending<()>;
    type Shared<T> = Rc<T>;

    fn share<T>(value: T) -> Rc<T> {
        Rc::new(value)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Hub) -> T) -> T {
        act(&mut self.0.hub.borrow_mut())
    }

    fn now_us(&self) -> u64 {
        0
    }

    fn sleep_until(&self, _: u64) -> Self::Sleep {
        std::future::pending()
    }

    async fn dial(&self, address: &str) -> io::Result<Line> {
        Ok(Line {
            address: address.to_owned(),
            bench: self.clone(),
            replies: RefCell::default(),
            room: Cell::new(self.0.room.get()),
            input: RefCell::default(),
        })
    }

    fn spawn_connection(&self, connection: ConnectionId, address: Arc<str>) {
        let task = Box::pin(run(self.clone(), connection, address));
        self.0.tasks.borrow_mut().push(task);
    }

    async fn look_around(&self) {}

    fn check_caller(&self) -> Result<(), RuntimeFault> {
        Ok(())
    }

    fn check_sockets(&self) -> Result<(), RuntimeFault> {
        Ok(())
    }
}

impl LocalTransport for Client<Bench> {
    async fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        Self::call_all(self, operations).await
    }

    fn table(&self) -> Option<Arc<Table>> {
        Self::table(self)
    }

    fn with_timeout(&self, timeout: Duration) -> Self {
        Self::with_timeout(self, timeout)
    }
}

impl Bench {
    fn new() -> Self {
        let inner = Inner {
            hub: RefCell::new(Hub::new(Config::new(["node:7400"]))),
            tasks: RefCell::default(),
            writes: RefCell::default(),
            room: Cell::new(usize::MAX),
        };
        let bench = Self(Rc::new(inner));
        let keeper = Box::pin(keep(bench.clone()));
        bench.0.tasks.borrow_mut().push(keeper);
        bench
    }

    /// Polls every task in turn until the call is answered.
    fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = std::pin::pin!(call);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            if let Poll::Ready(value) = call.as_mut().poll(&mut context) {
                return value;
            }
            let mut tasks = self.0.tasks.take();
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            self.0.tasks.borrow_mut().extend(tasks);
        }
        panic!("it never ends");
    }

    fn client(&self) -> Client<Self> {
        let connected = Client::over(self.clone(), Duration::from_secs(1));
        self.block_on(connected).unwrap()
    }
}

#[test]
fn a_pipeline_is_one_write_for_each_owning_core_with_a_typed_result_for_each_command() {
    let bench = Bench::new();
    let map = DMap::new(bench.client(), "m");
    for round in 0..3 {
        bench.0.writes.take();
        let mut pipeline = map.pipeline();
        let (mut puts, mut counts, mut gets) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..400 {
            puts.push(pipeline.put(format!("put {n}"), n));
            counts.push(pipeline.incr(format!("count {n}"), n));
            gets.push(pipeline.get::<String>(format!("get {n}")));
        }
        let mut answers = bench.block_on(map.execute(pipeline));
        for ((n, put), (count, get)) in (0..).zip(puts).zip(counts.into_iter().zip(gets)) {
            assert_eq!(answers.take(put), Ok(7));
            assert_eq!(answers.take(count), Ok(n));
            assert_eq!(answers.take(get), Ok(None));
        }
        let writes = bench.0.writes.take();
        let cores = (0..CORES).map(|core| format!("node:{}", FIRST_CORE_PORT + core));
        let mut requests = 0;
        for core in cores {
            // The first round brings the connections up: a hello goes first.
            let mut of_core = writes.get(&core).cloned().unwrap_or_default();
            of_core.retain(|keyed| *keyed > 0);
            assert_eq!(of_core.len(), 1, "round {round}, {core}: {writes:?}");
            requests += of_core[0];
        }
        assert_eq!(requests, 1200, "round {round}: {writes:?}");
        if round > 0 {
            assert_eq!(writes.len(), usize::from(CORES), "nobody else is asked");
            assert!(
                writes.values().all(|writes| writes.len() == 1),
                "{writes:?}"
            );
        }
    }
}

#[test]
fn what_callers_ask_at_one_time_leaves_together() {
    let bench = Bench::new();
    let map = DMap::new(bench.client(), "m");
    bench.block_on(map.put("{one}", 1)).unwrap();
    bench.0.writes.take();
    let mut calls: Vec<_> = (0..50)
        .map(|n| Box::pin(map.put(format!("{{one}} {n}"), n)))
        .collect();
    bench.block_on(std::future::poll_fn(|context| {
        calls.retain_mut(|call| call.as_mut().poll(context).is_pending());
        match calls.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }));
    let writes = bench.0.writes.take();
    assert_eq!(writes.into_values().collect::<Vec<_>>(), [[50]]);
}

#[test]
fn a_socket_that_takes_little_at_a_time_gets_everything_once() {
    let bench = Bench::new();
    bench.0.room.set(1000);
    let map = DMap::new(bench.client(), "m");
    bench.block_on(map.put("key", 1)).unwrap();
    bench.0.writes.take();
    let value = vec![1u8; 100_000];
    let mut pipeline = map.pipeline();
    let queued: Vec<_> = (0..3).map(|_| pipeline.put("key", &value)).collect();
    let mut answers = bench.block_on(map.execute(pipeline));
    for queued in queued {
        assert_eq!(answers.take(queued), Ok(7));
    }
    let writes = bench.0.writes.take();
    let writes: Vec<usize> = writes.into_values().flatten().collect();
    assert!(writes.len() >= 300, "{}", writes.len());
    assert_eq!(writes.into_iter().sum::<usize>(), 3);
}

#[test]
fn a_keeper_that_is_dropped_fails_what_waits_and_what_comes() {
    let bench = Bench::new();
    let client = bench.client();
    let mut call = Box::pin(client.call(Operation::probe()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending());
    drop(bench.0.tasks.take());
    let Poll::Ready(Err(Error::Closed { .. } | Error::ConnectionLost { .. })) =
        call.as_mut().poll(&mut context)
    else {
        panic!("it waits for nobody");
    };
    let error = bench.block_on(client.call(Operation::probe())).unwrap_err();
    assert_eq!(error, Error::Runtime(RuntimeFault::Gone));
}
