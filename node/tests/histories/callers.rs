//! Clients of one node at the same time, each through a door of its own, who note what they ask and
//! what they are told, and now and then leave without waiting for the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jerboa::Node;
use jerboa_wire::client::{Config, blocking, tokio as asynchronous};
use tokio::runtime::Builder;

use super::CORES;
use super::checker::Call;
use super::common::Random;
use super::doors::{Awaited, Blocking, Do, Door, Frames, Got, unix_ms};
use super::recorder::at_once;

/// One client in this many calls goes away before it is answered.
const LEAVES_ONE_IN: usize = 120;
/// Such calls of one client: each makes the search harder.
const LEAVES_MAX: usize = 2;
/// Time enough for hardly any answer.
const HASTY: Duration = Duration::from_micros(30);
/// A bound on liveness.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What the owner's clock may have shown when it did what was asked: all ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Within {
    /// What it had shown before, as answers told that came before the question.
    pub(crate) from_ms: u64,
    /// What clocks showed when the answer was there; open calls have no such end.
    pub(crate) by_ms: u64,
}

/// One client.
pub(crate) struct Caller<'a> {
    pub(crate) client: usize,
    pub(crate) random: Random,
    door: Box<dyn Door>,
    started: Instant,
    /// By core: the latest time of its clock that any client was told.
    clocks: &'a [AtomicU64],
    left: usize,
    values: u64,
}

/// When a call was made, and when and with what it was answered.
pub(crate) struct Asked {
    called: u64,
    returned: Option<u64>,
    pub(crate) within: Within,
    /// `None`: never.
    pub(crate) got: Option<Got>,
}

impl Asked {
    pub(crate) fn call<O>(&self, client: usize, operation: O) -> Call<O> {
        Call {
            client,
            called: self.called,
            returned: self.returned,
            operation,
        }
    }
}

impl Caller<'_> {
    /// Asks about the key of a core, and waits for the answer, mostly.
    pub(crate) fn ask(&mut self, core: usize, key: &[u8], what: Do) -> Asked {
        let leaves = self.left < LEAVES_MAX && self.random.below(LEAVES_ONE_IN) == 0;
        self.left += usize::from(leaves);
        let from_ms = self.clocks[core].load(Ordering::SeqCst);
        let called = self.started.elapsed().as_nanos() as u64;
        let got = if leaves {
            self.door.ask_and_leave(key, what)
        } else {
            Some(self.door.ask(key, what))
        };
        let returned = got.map(|_| self.started.elapsed().as_nanos() as u64);
        let by_ms = got.map_or(u64::MAX, |_| unix_ms(SystemTime::now()));
        if let (Do::Put(_) | Do::Lock(..), Some(Got::Version(Some(version)))) = (what, got) {
            self.clocks[core].fetch_max(written_ms(version), Ordering::SeqCst);
        }
        Asked {
            called,
            returned,
            within: Within { from_ms, by_ms },
            got,
        }
    }

    /// A value that nobody else writes, and nobody writes twice.
    pub(crate) fn value(&mut self) -> u64 {
        self.values += 1;
        (self.client as u64 + 1) * 1_000_000 + self.values
    }
}

/// What the clock of the owner showed when it gave a version out: its upper 48 bits.
pub(crate) fn written_ms(version: u64) -> u64 {
    version >> 16
}

/// Frames to the port that all cores share and to that of each core, right and wrong ones, the
/// embedding process and the network client, each blocking and awaited.
fn doors(node: &Node) -> Vec<Box<dyn Door>> {
    let builder = &mut Builder::new_multi_thread();
    let runtime = Arc::new(builder.worker_threads(1).enable_all().build().unwrap());
    let config = Config {
        call_timeout: TIMEOUT,
        ..Config::new([node.addresses().any_core.to_string()])
    };
    let threads = blocking::Client::connect_with(config.clone()).unwrap();
    let tasks = runtime.block_on(asynchronous::Client::connect_with(config));
    let embedded = node.dmap("");
    let mut doors: Vec<Box<dyn Door>> = vec![
        Box::new(Frames::to(node.addresses().any_core)),
        Box::new(Blocking {
            map: embedded.blocking().with_timeout(TIMEOUT),
            hasty: embedded.blocking().with_timeout(HASTY),
        }),
        Box::new(Awaited {
            runtime: Arc::clone(&runtime),
            map: embedded,
        }),
        Box::new(Blocking {
            map: threads.dmap(""),
            hasty: threads.with_timeout(HASTY).dmap(""),
        }),
        Box::new(Awaited {
            runtime,
            map: tasks.unwrap().dmap(""),
        }),
    ];
    for address in &node.addresses().cores {
        doors.push(Box::new(Frames::to(*address)));
    }
    doors
}

/// Runs one client through each door at the same time, and puts what they noted into one list.
pub(crate) fn record<O: Send>(
    node: &Node,
    random: &mut Random,
    script: impl Fn(&mut Caller<'_>) -> Vec<O> + Sync,
) -> Vec<O> {
    let started = Instant::now();
    let clocks = &[const { AtomicU64::new(0) }; CORES as usize];
    let callers = doors(node).into_iter().enumerate();
    let callers = callers.map(|(client, door)| Caller {
        client,
        random: random.fork(),
        door,
        started,
        clocks,
        left: 0,
        values: 0,
    });
    at_once(callers.collect(), script)
}
