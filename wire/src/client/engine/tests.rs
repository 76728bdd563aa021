//! The engine against simulated nodes under a virtual clock: connections break, replies vanish,
//! cores refuse, the topology changes, all from one seed.
//!
//! Every call counts up a key of its own, so that the nodes know afterwards how often each was
//! done. What must hold:
//! * every call is completed once, by its deadline (I1);
//! * one that succeeded was done once, one that failed with "nothing done" not at all, and none
//!   twice (I2);
//! * a connection that failed is not asked for before its back-off is over (I4).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::*;
use crate::client::PutOptions;
use crate::flags::ReplyFlags;
use crate::frame::{Crc, DecodeOptions, Decoded, Reply, Request, decode_request};
use crate::hello::{ANY_CORE, HelloReply};
use crate::routing::{Member, mix};

const PARTITIONS: u16 = 1024;
const TIMEOUT_US: u64 = 200_000;
const BACKOFF_US: u64 = 5_000;

#[derive(Debug)]
enum Event {
    Connected(ConnectionId, bool),
    ToNode(ConnectionId, Vec<u8>),
    ToClient(ConnectionId, Vec<u8>),
    Ended(ConnectionId),
    Call(usize),
    Change { epoch: u32, cores: u16 },
}

/// How often out of a thousand each fault strikes.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    refuse_connection: u64,
    drop_connection: u64,
    lose_reply: u64,
    busy: u64,
    break_reply: u64,
    /// Connections on which the node says nothing at all.
    mute_connection: u64,
}

struct Link {
    address: Arc<str>,
    input: Vec<u8>,
    up: bool,
    mute: bool,
    /// When the last bytes on their way to the node arrive: the next come after them.
    arrived_us: u64,
}

struct Sim {
    seed: u64,
    draws: u64,
    now_us: u64,
    faults: Faults,
    engine: Engine<usize>,
    events: BTreeMap<(u64, u64), Event>,
    links: HashMap<ConnectionId, Link>,
    topology: Topology,
    done: HashMap<Vec<u8>, u32>,
    results: HashMap<usize, Result<Response, Error>>,
    deadlines: HashMap<usize, u64>,
    failed_at_us: HashMap<Arc<str>, u64>,
    writes_on_wire: u64,
}

fn topology(epoch: u32, cores: u16) -> Topology {
    let member = Member {
        id: 1,
        alive: true,
        cores,
        host: "node".to_owned(),
        any_core_port: 7400,
        first_core_port: 7401,
    };
    Topology::single(epoch, PARTITIONS, member).unwrap()
}

impl Sim {
    fn new(seed: u64, faults: Faults) -> Self {
        let config = Config {
            backoff_first: Duration::from_micros(BACKOFF_US),
            backoff_max: Duration::from_millis(40),
            stall: Duration::from_millis(300),
            jitter_seed: seed | 1,
            in_flight_max: 8,
            ..Config::new(["node:7400"])
        };
        Self {
            seed,
            draws: 0,
            now_us: 0,
            faults,
            engine: Engine::new(config),
            events: BTreeMap::new(),
            links: HashMap::new(),
            topology: topology(1, 3),
            done: HashMap::new(),
            results: HashMap::new(),
            deadlines: HashMap::new(),
            failed_at_us: HashMap::new(),
            writes_on_wire: 0,
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.draws += 1;
        mix(self.seed.wrapping_mul(31).wrapping_add(self.draws), 0, 0) % below
    }

    fn strikes(&mut self, of_thousand: u64) -> bool {
        self.draw(1000) < of_thousand
    }

    fn later(&mut self, event: Event) {
        let delay_us = 50 + self.draw(200);
        self.at(self.now_us + delay_us, event);
    }

    fn at(&mut self, at_us: u64, event: Event) {
        let sequence = self.draws;
        self.draws += 1;
        self.events.insert((at_us, sequence), event);
    }

    fn key(call: usize) -> Vec<u8> {
        format!("counter-{call}").into_bytes()
    }

    /// Even calls write, odd ones read.
    fn begin(&mut self, call: usize) {
        let key = Self::key(call);
        let operation = match call % 4 {
            0 | 2 => Operation::count(Opcode::Incr, b"", &key, 1),
            _ => Operation::keyed(Opcode::Get, b"", &key),
        };
        let deadline_us = self.now_us + TIMEOUT_US;
        self.engine
            .call(operation.unwrap(), call, deadline_us, self.now_us)
            .unwrap();
        self.deadlines.insert(call, deadline_us);
    }

    fn run(&mut self) {
        loop {
            self.settle();
            let next_event = self.events.keys().next().copied();
            let next_tick = self.engine.next_tick_us();
            match (next_event, next_tick) {
                (None, None) => return,
                (Some(key), tick) if tick.is_none_or(|tick| key.0 <= tick) => {
                    self.now_us = self.now_us.max(key.0);
                    let event = self.events.remove(&key).unwrap();
                    self.handle(event);
                }
                (_, Some(tick)) => {
                    self.now_us = self.now_us.max(tick);
                    self.engine.tick(self.now_us);
                    let again = self.engine.next_tick_us();
                    assert!(
                        again.is_none_or(|again| again > self.now_us),
                        "it ticks on the spot"
                    );
                }
                (Some(_), None) => unreachable!(),
            }
        }
    }

    fn settle(&mut self) {
        let mut completed = Vec::new();
        self.engine.take_completed(&mut completed);
        for Completed { waiter, result, .. } in completed {
            assert!(
                self.now_us <= self.deadlines[&waiter],
                "call {waiter} ended late"
            );
            assert!(
                self.results.insert(waiter, result).is_none(),
                "call {waiter} ended twice"
            );
        }
        let mut actions = Vec::new();
        self.engine.take_actions(&mut actions);
        for action in actions {
            match action {
                Action::Connect {
                    connection,
                    address,
                } => self.connect(connection, address),
                Action::Flush(connection) => self.flush(connection),
                Action::Close(connection) => {
                    if let Some(link) = self.links.get_mut(&connection) {
                        link.up = false;
                    }
                }
            }
        }
    }

    fn connect(&mut self, connection: ConnectionId, address: Arc<str>) {
        if let Some(failed_at_us) = self.failed_at_us.get(&address) {
            let waited_us = self.now_us - failed_at_us;
            assert!(
                waited_us >= BACKOFF_US / 2,
                "{address} again after {waited_us} us"
            );
        }
        let refused = self.faults.refuse_connection;
        let works = !self.strikes(refused);
        let mute = self.faults.mute_connection;
        let mute = self.strikes(mute);
        let link = Link {
            address,
            input: Vec::new(),
            up: works,
            mute,
            arrived_us: 0,
        };
        assert!(
            self.links.insert(connection, link).is_none(),
            "{connection:?} twice"
        );
        self.later(Event::Connected(connection, works));
    }

    fn flush(&mut self, connection: ConnectionId) {
        let mut bytes = Vec::new();
        loop {
            let mut more = Vec::new();
            self.engine.take_output(connection, &mut more, self.now_us);
            if more.is_empty() {
                break;
            }
            bytes.extend(more);
        }
        self.writes_on_wire += 1;
        let delay_us = 50 + self.draw(200);
        let link = self.links.get_mut(&connection).unwrap();
        link.arrived_us = link.arrived_us.max(self.now_us + delay_us);
        let at_us = link.arrived_us;
        self.at(at_us, Event::ToNode(connection, bytes));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Call(call) => self.begin(call),
            Event::Change { epoch, cores } => self.topology = topology(epoch, cores),
            Event::Connected(connection, true) => {
                self.failed_at_us.remove(&self.links[&connection].address);
                self.engine.connected(connection, self.now_us);
            }
            Event::Connected(connection, false) => {
                let address = Arc::clone(&self.links[&connection].address);
                self.failed_at_us.insert(address, self.now_us);
                let ended = Ended::NotConnected {
                    cause: "refused".to_owned(),
                };
                self.engine.disconnected(connection, ended, self.now_us);
            }
            Event::Ended(connection) => {
                self.engine
                    .disconnected(connection, Ended::Closed, self.now_us);
            }
            Event::ToClient(connection, bytes) => {
                if self.links[&connection].up {
                    self.engine.received(connection, &bytes, self.now_us);
                }
            }
            Event::ToNode(connection, bytes) => self.serve(connection, &bytes),
        }
    }

    fn serve(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let link = self.links.get_mut(&connection).unwrap();
        if !link.up || link.mute {
            return;
        }
        let mut input = std::mem::take(&mut link.input);
        input.extend_from_slice(bytes);
        let port: u16 = link.address.rsplit_once(':').unwrap().1.parse().unwrap();
        let mut output = Vec::new();
        let mut used = 0;
        while let Ok(Decoded::Frame { frame, consumed }) =
            decode_request(&input[used..], &DecodeOptions::default())
        {
            used += consumed;
            let start = output.len();
            self.answer(&frame, port, &mut output);
            if frame.opcode != Opcode::Hello && self.strikes(self.faults.lose_reply) {
                output.truncate(start);
            } else if self.strikes(self.faults.break_reply) {
                *output.last_mut().unwrap() ^= 4;
            }
            if self.strikes(self.faults.drop_connection) {
                // Half of what was to be said is said; the rest of the requests is not read.
                let half = usize::try_from(self.draw(output.len() as u64 + 1)).unwrap();
                output.truncate(half);
                self.deliver(connection, &output);
                self.later(Event::Ended(connection));
                return;
            }
        }
        let link = self.links.get_mut(&connection).unwrap();
        link.input = input.split_off(used);
        self.deliver(connection, &output);
    }

    /// In pieces, and in order.
    fn deliver(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let cut = usize::try_from(self.draw(bytes.len() as u64 + 1)).unwrap();
        for piece in [&bytes[..cut], &bytes[cut..]] {
            if !piece.is_empty() {
                self.at(
                    self.now_us + 100,
                    Event::ToClient(connection, piece.to_vec()),
                );
            }
        }
    }

    fn answer(&mut self, request: &Request<'_>, port: u16, output: &mut Vec<u8>) {
        let epoch = self.topology.epoch();
        let head = Reply {
            epoch,
            ..Reply::new(request.opcode, Status::Ok, request.request_id)
        };
        let core = if port == 7400 { ANY_CORE } else { port - 7401 };
        let mut value = Vec::new();
        let mut head = head;
        match request.opcode {
            Opcode::Hello => {
                let hello = HelloReply {
                    protocol: 1,
                    crc_on: true,
                    epoch,
                    core: ANY_CORE,
                    cores: 3,
                    partition_count: PARTITIONS,
                    value_bytes_max: 1 << 20,
                    member: 1,
                };
                value.extend_from_slice(&hello.encode());
            }
            Opcode::Topology => self.topology.encode(&mut value),
            _ if self.strikes(self.faults.busy) => head.status = Status::Busy,
            _ => {
                let (partition, owner) = self.topology.table().route(request.key);
                if core != ANY_CORE && owner.core != core {
                    head.flags = ReplyFlags::STALE_TOPOLOGY;
                }
                assert_eq!(request.partition, partition);
                let count = self.done.get(request.key).copied().unwrap_or(0);
                match request.opcode {
                    Opcode::Incr => {
                        self.done.insert(request.key.to_vec(), count + 1);
                        head.arg = u64::from(count + 1);
                    }
                    _ if count == 0 => head.status = Status::NotFound,
                    _ => value.extend_from_slice(count.to_string().as_bytes()),
                }
            }
        }
        Reply {
            value: &value,
            ..head
        }
        .encode(output, Crc::On)
        .unwrap();
    }

    /// What must hold at the end.
    fn check(&self, calls: usize) {
        assert_eq!(self.results.len(), calls, "calls without an end");
        assert_eq!(self.engine.calls.len(), 0, "calls left behind");
        for (call, result) in &self.results {
            let done = self.done.get(&Self::key(*call)).copied().unwrap_or(0);
            assert!(done <= 1, "call {call} was done {done} times: {result:?}");
            if call % 2 == 1 {
                let outcome = result.as_ref().map_err(Error::outcome).err();
                assert_ne!(outcome, Some(Outcome::Unknown), "a read changes nothing");
                continue;
            }
            match result {
                Ok(response) if response.status == Status::Ok => assert_eq!(done, 1, "{call}"),
                Ok(response) => assert_eq!((response.status, done), (Status::Busy, 0), "{call}"),
                Err(error) if error.outcome() == Outcome::NothingDone => {
                    assert_eq!(done, 0, "call {call} was done: {error:?}");
                }
                Err(_) => {}
            }
        }
    }

    fn succeeded(&self) -> usize {
        self.results
            .values()
            .filter(|result| result.as_ref().is_ok_and(|r| !r.status.is_error()))
            .count()
    }
}

/// Runs `calls` calls spread over `span_us`, and the topology through three epochs.
fn simulate(seed: u64, faults: Faults, calls: usize, span_us: u64) -> Sim {
    let mut sim = Sim::new(seed, faults);
    for call in 0..calls {
        let at_us = sim.draw(span_us);
        sim.at(at_us, Event::Call(call));
    }
    sim.at(span_us / 3, Event::Change { epoch: 2, cores: 5 });
    sim.at(2 * span_us / 3, Event::Change { epoch: 7, cores: 2 });
    sim.run();
    sim.check(calls);
    sim
}

#[test]
fn no_write_is_done_twice_whatever_breaks() {
    let first: u64 = std::env::var("JERBOA_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    let mut succeeded = 0;
    for seed in first..first + 150 {
        println!("JERBOA_SEED={seed}");
        let mut sim = Sim::new(seed, Faults::default());
        let faults = Faults {
            refuse_connection: sim.draw(500),
            drop_connection: sim.draw(80),
            lose_reply: sim.draw(80),
            busy: sim.draw(300),
            break_reply: sim.draw(30),
            mute_connection: sim.draw(100),
        };
        succeeded += simulate(seed, faults, 200, 1_000_000).succeeded();
    }
    println!("{succeeded} of {} succeeded", 150 * 200);
    assert!(
        succeeded > 150 * 200 / 3,
        "so few succeed that nothing is tested: {succeeded}"
    );
}

#[test]
fn without_faults_every_call_succeeds_and_the_topology_is_followed() {
    for seed in 1..30 {
        let sim = simulate(seed, Faults::default(), 300, 300_000);
        assert_eq!(sim.succeeded(), 300);
        assert_eq!(
            sim.engine.topology().map(|topology| topology.epoch()),
            Some(7)
        );
    }
}

#[test]
fn calls_of_one_moment_leave_in_one_write_for_each_core() {
    let mut sim = Sim::new(1, Faults::default());
    sim.begin(1);
    sim.run();
    let connections = sim.links.len();
    let before = sim.writes_on_wire;
    for call in 2..20 {
        sim.begin(call);
    }
    sim.settle();
    let mut writes = sim.writes_on_wire - before;
    // What did not fit the window follows; connections that were not up begin with a hello.
    sim.run();
    assert!(writes <= 3, "{writes} writes for three cores");
    writes = sim.writes_on_wire - before;
    assert!(
        writes <= 12,
        "{writes} writes, {connections} connections before"
    );
    sim.check(19);
}

#[test]
fn more_calls_than_allowed_are_refused_and_leave_nothing_behind() {
    let config = Config {
        calls_max: 3,
        ..Config::new(["node:7400"])
    };
    let mut engine: Engine<u32> = Engine::new(config);
    let get = || Operation::keyed(Opcode::Get, b"", b"k").unwrap();
    // The engine's own fetch of the topology takes the place of the third.
    assert!(engine.call(get(), 1, 1000, 0).is_ok());
    assert!(engine.call(get(), 2, 1000, 0).is_ok());
    assert_eq!(engine.call(get(), 3, 1000, 0), Err(Error::Overloaded));
    let put = Operation::put(b"", b"k", &vec![0; 65 << 20], PutOptions::default()).unwrap();
    let large = InvalidCall::ValueTooLarge(65 << 20);
    assert_eq!(engine.call(put, 4, 1000, 0), Err(large.into()));
    engine.tick(1000);
    let mut completed = Vec::new();
    engine.take_completed(&mut completed);
    assert_eq!(completed.len(), 2);
    for Completed { result, .. } in completed {
        assert_eq!(
            result,
            Err(Error::TimedOut {
                outcome: Outcome::NothingDone
            })
        );
    }
    engine.close();
    let closed = Error::Closed {
        outcome: Outcome::NothingDone,
    };
    assert_eq!(engine.call(get(), 5, 2000, 1000), Err(closed));
}

#[test]
fn deadlines_of_calls_long_over_do_not_pile_up() {
    let mut sim = Sim::new(1, Faults::default());
    for call in 0..5000 {
        sim.at(call * 20, Event::Call(usize::try_from(call).unwrap()));
    }
    // The calls end within a fraction of a millisecond, their deadlines lie 200 ms ahead.
    let mut most = 0;
    while let Some((key, _)) = sim
        .events
        .first_key_value()
        .map(|(key, event)| (*key, event))
    {
        sim.now_us = sim.now_us.max(key.0);
        let event = sim.events.remove(&key).unwrap();
        sim.handle(event);
        sim.settle();
        most = most.max(sim.engine.calls.len());
        let kept = sim.engine.deadlines.len();
        assert!(
            kept <= 2 * most + 66,
            "{kept} deadlines for at most {most} calls"
        );
        if sim.results.len() == 5000 {
            return;
        }
    }
    panic!("{} calls ended", sim.results.len());
}
