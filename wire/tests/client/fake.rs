//! A small server over real sockets, built from the codec: it stores, counts, and misbehaves on
//! demand.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jerboa_wire::hello::ANY_CORE;
use jerboa_wire::routing::{Member, Owner, Topology};
use jerboa_wire::{
    Crc, CrcMode, DecodeOptions, Decoded, HelloReply, Opcode, Reply, ReplyFlags, Request,
    RequestFlags, Status, decode_request, multi,
};

/// What a core does to the next request that is about keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trick {
    /// Serves it and never answers.
    Silence,
    /// Serves it and answers so much later.
    Late(Duration),
    /// Serves it, then closes without an answer.
    Close,
    /// Serves it, answers half, then closes.
    HalfReply,
    /// Serves it and answers with a bit flipped.
    BadBit,
    /// Does nothing and answers so.
    Refuse(Status),
    /// Serves it and answers after the next one.
    Behind,
}

#[derive(Debug)]
pub(crate) struct Fake {
    state: Arc<State>,
    ports: Vec<u16>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Stored {
    value: Vec<u8>,
    version: u64,
    expires_at_ms: u64,
}

#[derive(Debug)]
struct State {
    topology: Mutex<Topology>,
    store: Mutex<HashMap<Vec<u8>, Stored>>,
    tricks: Mutex<HashMap<u16, VecDeque<Trick>>>,
    streams: Mutex<Vec<TcpStream>>,
    stopping: AtomicBool,
    refusing: AtomicBool,
    value_bytes_max: u32,
    version: AtomicU64,
    counts: Counts,
}

/// What the server has seen.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicU64,
    /// Connections that have ended.
    pub(crate) ended: AtomicU64,
    pub(crate) topologies: AtomicU64,
    /// Requests about keys.
    pub(crate) requests: AtomicU64,
    /// Reads that brought at least one such request.
    pub(crate) reads: AtomicU64,
    /// Requests of a core that does not own their key.
    pub(crate) misrouted: AtomicU64,
    pub(crate) without_crc: AtomicU64,
    /// Writes that were done.
    pub(crate) writes: AtomicU64,
}

pub(crate) const PARTITIONS: u16 = 1024;

/// Ports `n` to `n + count - 1`, all listening.
fn listen(count: u16) -> Vec<TcpListener> {
    for _ in 0..200 {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let others =
            (1..count).map(|n| TcpListener::bind(("127.0.0.1", port.checked_add(n)?)).ok());
        if let Some(others) = others.collect::<Option<Vec<_>>>() {
            return std::iter::once(first).chain(others).collect();
        }
    }
    panic!("no {count} free ports in a row");
}

impl Fake {
    pub(crate) fn start(cores: u16) -> Self {
        Self::with_value_limit(cores, 1 << 20)
    }

    pub(crate) fn with_value_limit(cores: u16, value_bytes_max: u32) -> Self {
        let listeners = listen(cores + 1);
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let ports: Vec<u16> = listeners.iter().map(port).collect();
        let state = Arc::new(State {
            topology: Mutex::new(topology(1, cores, &ports)),
            store: Mutex::default(),
            tricks: Mutex::default(),
            streams: Mutex::default(),
            stopping: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            value_bytes_max,
            version: AtomicU64::new(100),
            counts: Counts::default(),
        });
        let mut fake = Self {
            state,
            ports,
            threads: Vec::new(),
        };
        fake.accept(listeners);
        fake
    }

    fn accept(&mut self, listeners: Vec<TcpListener>) {
        for (index, listener) in listeners.into_iter().enumerate() {
            let core = if index == 0 {
                ANY_CORE
            } else {
                u16::try_from(index - 1).unwrap()
            };
            let state = Arc::clone(&self.state);
            self.threads
                .push(thread::spawn(move || accept(&state, &listener, core)));
        }
    }

    /// Ends every connection and stops listening.
    pub(crate) fn stop(&mut self) {
        self.state.stopping.store(true, SeqCst);
        self.drop_connections();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        self.drop_connections();
    }

    /// Listens again on the same ports, with what is stored.
    pub(crate) fn start_again(&mut self) {
        self.state.stopping.store(false, SeqCst);
        let listeners = self
            .ports
            .iter()
            .map(|port| TcpListener::bind(("127.0.0.1", *port)));
        let listeners = listeners
            .map(|listener| listener.expect("the port is free"))
            .collect();
        self.accept(listeners);
    }

    /// Ends every connection, going on to listen.
    pub(crate) fn drop_connections(&self) {
        for stream in self.state.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn seed(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Queues tricks for a core.
    pub(crate) fn trick(&self, core: u16, tricks: impl IntoIterator<Item = Trick>) {
        self.state
            .tricks
            .lock()
            .unwrap()
            .entry(core)
            .or_default()
            .extend(tricks);
    }

    /// From here on the topology has this many cores.
    pub(crate) fn change_topology(&self, epoch: u32, cores: u16) {
        *self.state.topology.lock().unwrap() = topology(epoch, cores, &self.ports);
    }

    /// From here on new connections are told that there are too many.
    pub(crate) fn refuse_connections(&self, refuse: bool) {
        self.state.refusing.store(refuse, SeqCst);
    }

    /// The core that owns a key.
    pub(crate) fn core_of(&self, key: &str) -> u16 {
        self.state.owner(key.as_bytes()).core
    }

    /// Keys that a core owns.
    pub(crate) fn keys_of(&self, core: u16) -> impl Iterator<Item = String> {
        let table = self.state.topology.lock().unwrap().table();
        (0..)
            .map(|n| format!("key-{n}"))
            .filter(move |key| table.route(key.as_bytes()).1.core == core)
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.state.counts
    }

    /// Connections that are there.
    #[cfg(feature = "glommio")]
    pub(crate) fn open_connections(&self) -> u64 {
        let counts = self.counts();
        let ended = counts.ended.load(SeqCst);
        counts.connections.load(SeqCst) - ended
    }

    pub(crate) fn value_of(&self, key: &str) -> Option<Vec<u8>> {
        self.state
            .store
            .lock()
            .unwrap()
            .get(key.as_bytes())
            .map(|stored| stored.value.clone())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop();
    }
}

fn topology(epoch: u32, cores: u16, ports: &[u16]) -> Topology {
    let member = Member {
        id: 1,
        alive: true,
        cores,
        host: "127.0.0.1".to_owned(),
        any_core_port: ports[0],
        first_core_port: ports[1],
    };
    Topology::single(epoch, PARTITIONS, member).unwrap()
}

fn accept(state: &Arc<State>, listener: &TcpListener, core: u16) {
    listener.set_nonblocking(true).unwrap();
    let mut threads = Vec::new();
    while !state.stopping.load(SeqCst) {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                stream.set_nodelay(true).unwrap();
                state
                    .streams
                    .lock()
                    .unwrap()
                    .push(stream.try_clone().unwrap());
                state.counts.connections.fetch_add(1, SeqCst);
                let state = Arc::clone(state);
                threads.push(thread::spawn(move || {
                    Session::new(Arc::clone(&state), core).serve(&stream);
                    state.counts.ended.fetch_add(1, SeqCst);
                }));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
    for stream in state.streams.lock().unwrap().drain(..) {
        let _ = stream.shutdown(Shutdown::Both);
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

impl State {
    fn owner(&self, key: &[u8]) -> Owner {
        self.topology.lock().unwrap().table().route(key).1
    }

    fn epoch(&self) -> u32 {
        self.topology.lock().unwrap().epoch()
    }
}

/// One connection.
struct Session {
    state: Arc<State>,
    core: u16,
    crc: Crc,
    output: Vec<u8>,
    behind: Vec<u8>,
    closing: bool,
}

impl Session {
    fn new(state: Arc<State>, core: u16) -> Self {
        Self {
            state,
            core,
            crc: Crc::On,
            output: Vec::new(),
            behind: Vec::new(),
            closing: false,
        }
    }

    fn serve(mut self, mut stream: &TcpStream) {
        if self.state.refusing.load(SeqCst) {
            self.reply(&Reply::new(Opcode::Unknown, Status::TooManyConnections, 0));
            let _ = stream.write_all(&self.output);
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        let mut input: Vec<u8> = Vec::new();
        let mut chunk = vec![0; 1 << 16];
        while !self.closing {
            let count = match stream.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            input.extend_from_slice(&chunk[..count]);
            let mut used = 0;
            let before = self.state.counts.requests.load(SeqCst);
            let options = DecodeOptions {
                crc: CrcMode::Optional,
                value_bytes_max: 1 << 26,
            };
            while !self.closing {
                match decode_request(&input[used..], &options).expect("clients speak the protocol")
                {
                    Decoded::Incomplete { .. } => break,
                    Decoded::Frame { frame, consumed } => {
                        let bare = input[used + 5] & 0x40 != 0;
                        self.state
                            .counts
                            .without_crc
                            .fetch_add(u64::from(bare), SeqCst);
                        self.take(&frame);
                        used += consumed;
                    }
                }
            }
            input.drain(..used);
            if self.state.counts.requests.load(SeqCst) != before {
                self.state.counts.reads.fetch_add(1, SeqCst);
            }
            if stream.write_all(&self.output).is_err() {
                break;
            }
            self.output.clear();
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each trick")]
    fn take(&mut self, request: &Request<'_>) {
        let head = Reply {
            epoch: self.state.epoch(),
            partition: request.partition,
            ..Reply::new(request.opcode, Status::Ok, request.request_id)
        };
        match request.opcode {
            Opcode::Hello => return self.hello(request, head),
            Opcode::Topology => {
                self.state.counts.topologies.fetch_add(1, SeqCst);
                let mut value = Vec::new();
                self.state.topology.lock().unwrap().encode(&mut value);
                return self.reply(&Reply {
                    value: &value,
                    ..head
                });
            }
            Opcode::Ping => {
                return self.reply(&Reply {
                    value: request.value,
                    ..head
                });
            }
            Opcode::Noop => return self.reply(&head),
            Opcode::Stats => {
                return self.reply(&Reply {
                    value: b"core.0.gets 12\n",
                    ..head
                });
            }
            _ => {}
        }
        self.state.counts.requests.fetch_add(1, SeqCst);
        let key = request
            .keys()
            .next()
            .filter(|_| request.key.is_empty())
            .unwrap_or(request.key);
        let key = request
            .entries()
            .next()
            .map_or(key, |entry| match request.opcode {
                Opcode::MultiPut => entry.key,
                _ => key,
            });
        let mut head = head;
        if self.core != ANY_CORE && self.state.owner(key).core != self.core {
            self.state.counts.misrouted.fetch_add(1, SeqCst);
            head.flags = ReplyFlags::STALE_TOPOLOGY;
        }
        let trick = self
            .state
            .tricks
            .lock()
            .unwrap()
            .get_mut(&self.core)
            .and_then(VecDeque::pop_front);
        if let Some(Trick::Refuse(status)) = trick {
            return self.reply(&Reply { status, ..head });
        }
        let start = self.output.len();
        self.execute(request, head);
        match trick {
            None | Some(Trick::Refuse(_)) => {
                let behind = std::mem::take(&mut self.behind);
                self.output.extend(behind);
            }
            Some(Trick::Silence) => self.output.truncate(start),
            Some(Trick::Late(duration)) => thread::sleep(duration),
            Some(Trick::Close) => {
                self.output.truncate(start);
                self.closing = true;
            }
            Some(Trick::HalfReply) => {
                let half = start + (self.output.len() - start) / 2;
                self.output.truncate(half);
                self.closing = true;
            }
            Some(Trick::BadBit) => *self.output.last_mut().unwrap() ^= 1,
            Some(Trick::Behind) => self.behind = self.output.split_off(start),
        }
    }

    fn hello(&mut self, request: &Request<'_>, head: Reply<'_>) {
        let hello = jerboa_wire::Hello::decode(request.value).unwrap();
        let reply = HelloReply {
            protocol: hello.agree().unwrap(),
            crc_on: !hello.without_crc,
            epoch: head.epoch,
            core: self.core,
            cores: self.state.topology.lock().unwrap().members()[0]
                .cores
                .max(self.core.min(63) + 1),
            partition_count: PARTITIONS,
            value_bytes_max: self.state.value_bytes_max,
            member: 1,
        };
        self.reply(&Reply {
            value: &reply.encode(),
            ..head
        });
        if hello.without_crc {
            self.crc = Crc::Off;
        }
    }

    fn reply(&mut self, reply: &Reply<'_>) {
        reply
            .encode(&mut self.output, self.crc)
            .expect("a valid reply");
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn execute(&mut self, request: &Request<'_>, head: Reply<'_>) {
        let state = Arc::clone(&self.state);
        let mut store = state.store.lock().unwrap();
        let version = state.version.fetch_add(1, SeqCst);
        let done = || state.counts.writes.fetch_add(1, SeqCst);
        let missing = Reply {
            status: Status::NotFound,
            ..head
        };
        match request.opcode {
            Opcode::Get | Opcode::GetMeta => match store.get(request.key) {
                None => self.reply(&missing),
                Some(stored) => {
                    let meta = request.opcode == Opcode::GetMeta;
                    let arg = if meta { stored.expires_at_ms } else { 0 };
                    let version = stored.version;
                    self.reply(&Reply {
                        arg,
                        version,
                        value: &stored.value,
                        ..head
                    });
                }
            },
            Opcode::Put => {
                let present = store.contains_key(request.key);
                if present && request.flags.contains(RequestFlags::IF_ABSENT) {
                    return self.reply(&Reply {
                        status: Status::Exists,
                        ..head
                    });
                }
                if !present && request.flags.contains(RequestFlags::IF_PRESENT) {
                    return self.reply(&missing);
                }
                done();
                let stored = Stored {
                    value: request.value.to_vec(),
                    version,
                    expires_at_ms: request.arg,
                };
                store.insert(request.key.to_vec(), stored);
                self.reply(&Reply { version, ..head });
            }
            Opcode::Delete => {
                done();
                match store.remove(request.key) {
                    Some(_) => self.reply(&Reply { arg: 1, ..head }),
                    None => self.reply(&missing),
                }
            }
            Opcode::Incr | Opcode::Decr => {
                let entry = store.entry(request.key.to_vec());
                let stored = entry.or_insert_with(|| Stored {
                    value: b"0".to_vec(),
                    version,
                    expires_at_ms: 0,
                });
                let text = String::from_utf8_lossy(&stored.value).into_owned();
                let Ok(count) = text.parse::<i64>() else {
                    return self.reply(&Reply {
                        status: Status::NotANumber,
                        ..head
                    });
                };
                let delta = request.arg.cast_signed();
                let delta = if request.opcode == Opcode::Incr {
                    delta
                } else {
                    -delta
                };
                done();
                stored.value = (count + delta).to_string().into_bytes();
                self.reply(&Reply {
                    arg: (count + delta).cast_unsigned(),
                    version,
                    ..head
                });
            }
            Opcode::Exists | Opcode::Ttl | Opcode::Expire | Opcode::Persist => {
                let Some(stored) = store.get_mut(request.key) else {
                    return self.reply(&missing);
                };
                let arg = match request.opcode {
                    Opcode::Persist => u64::from(std::mem::take(&mut stored.expires_at_ms) != 0),
                    Opcode::Expire => {
                        stored.expires_at_ms = request.arg;
                        request.arg
                    }
                    Opcode::Ttl => stored.expires_at_ms,
                    _ => 0,
                };
                self.reply(&Reply {
                    arg,
                    version: stored.version,
                    ..head
                });
            }
            _ => {
                drop(store);
                self.execute_many(request, head);
            }
        }
    }

    fn execute_many(&mut self, request: &Request<'_>, head: Reply<'_>) {
        let state = Arc::clone(&self.state);
        let mut store = state.store.lock().unwrap();
        let mut value = Vec::new();
        let mut large = 0;
        match request.opcode {
            Opcode::MultiGet => {
                for key in request.keys() {
                    match store.get(key) {
                        // A value above 64 KiB does not fit after the first of them.
                        Some(stored) if stored.value.len() > 1 << 16 && large > 0 => {
                            let none = std::iter::empty();
                            multi::push_fetched(&mut value, Status::ReplyTooLarge, 0, none);
                        }
                        Some(stored) => {
                            large += usize::from(stored.value.len() > 1 << 16);
                            let parts = [&stored.value[..]].into_iter();
                            multi::push_fetched(&mut value, Status::Ok, stored.version, parts);
                        }
                        None => {
                            let none = std::iter::empty();
                            multi::push_fetched(&mut value, Status::NotFound, 0, none);
                        }
                    }
                }
            }
            Opcode::MultiPut => {
                for entry in request.entries() {
                    let version = state.version.fetch_add(1, SeqCst);
                    let expires_at_ms = request.arg;
                    let stored = Stored {
                        value: entry.value.to_vec(),
                        version,
                        expires_at_ms,
                    };
                    store.insert(entry.key.to_vec(), stored);
                    multi::push_stored(&mut value, Status::Ok, version);
                }
            }
            _ => {
                for key in request.keys() {
                    let removed = store.remove(key).is_some();
                    let status = if removed {
                        Status::Ok
                    } else {
                        Status::NotFound
                    };
                    multi::push_deleted(&mut value, status);
                }
            }
        }
        self.reply(&Reply {
            count: request.count,
            value: &value,
            ..head
        });
    }
}
