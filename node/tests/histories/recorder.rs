//! Clients of raw frames that note what they ask and what they are told, and wait for every answer:
//! for histories in which each open call would count.

use std::sync::Barrier;
use std::time::Instant;

use jerboa::Node;
use jerboa_wire::Request;

use super::checker::Call;
use super::common::{OwnedReply, Random, Raw};

/// One client: a connection, and the clock that all share.
pub(crate) struct Recorder {
    pub(crate) client: usize,
    pub(crate) random: Random,
    raw: Raw,
    started: Instant,
    values: u64,
}

/// When a call was made, and when and with what it was answered.
pub(crate) struct Asked {
    called: u64,
    returned: u64,
    pub(crate) reply: OwnedReply,
}

impl Asked {
    pub(crate) fn call<O>(&self, client: usize, operation: O) -> Call<O> {
        Call {
            client,
            called: self.called,
            returned: Some(self.returned),
            operation,
        }
    }
}

impl Recorder {
    /// Asks and waits for the answer.
    pub(crate) fn ask(&mut self, request: Request<'_>) -> Asked {
        let called = self.now();
        let reply = self.raw.call(request);
        Asked {
            called,
            returned: self.now(),
            reply,
        }
    }

    /// A value that nobody else writes, and nobody writes twice.
    pub(crate) fn value(&mut self) -> u64 {
        self.values += 1;
        (self.client as u64 + 1) * 1_000_000 + self.values
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

/// Lets all clients begin at the same time, and puts what they noted into one list.
pub(crate) fn at_once<C: Send, O: Send>(
    clients: Vec<C>,
    script: impl Fn(&mut C) -> Vec<O> + Sync,
) -> Vec<O> {
    let together = &Barrier::new(clients.len());
    let script = &script;
    std::thread::scope(|scope| {
        let running: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                scope.spawn(move || {
                    together.wait();
                    script(&mut client)
                })
            })
            .collect();
        running
            .into_iter()
            .flat_map(|client| {
                client
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

/// Runs `clients` at the same time, each on a port of its own choice, and puts what they noted into
/// one history.
pub(crate) fn record<O: Send>(
    node: &Node,
    random: &mut Random,
    clients: usize,
    script: impl Fn(&mut Recorder) -> Vec<Call<O>> + Sync,
) -> Vec<Call<O>> {
    let mut addresses = vec![node.addresses().any_core];
    addresses.extend(&node.addresses().cores);
    let started = Instant::now();
    let recorders = (0..clients).map(|client| Recorder {
        client,
        random: random.fork(),
        raw: Raw::connect(addresses[client % addresses.len()]),
        started,
        values: 0,
    });
    at_once(recorders.collect(), script)
}
