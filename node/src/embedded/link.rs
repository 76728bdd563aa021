//! The transport of the embedded maps: operations of any thread handed to the cores that own them.
//!
//! Here an operation is checked and routed, as a node does with a frame that it receives; what the
//! node can tell without a core is answered here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jerboa_wire::client::{
    BlockingTransport, Error, Operation, Outcome, Response, Route, Transport,
};
use jerboa_wire::routing::{Table, Topology, partition};
use jerboa_wire::{Opcode, Status};

use super::door::{Door, Refusal};
use super::job::{Ending, Job, ended, unanswered};
use super::pending::{Finished, Pending, fresh, is_core_thread};
use super::slot::{Call, Slot};
use crate::worker::core_of_cursor;
use crate::worker::shared::Shared;

/// Time for a blocking call, beside the time that it waits for a lock.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Operations that travel to a core together at most, so that none holds up others for long.
const OPERATIONS_PER_JOB: usize = 128;
/// Bytes of them.
const BYTES_PER_JOB: usize = 1 << 20;

/// The way from any thread of this process into a node; cheap to clone, to be shared by as many as
/// you like. It outlives the node without harm: its calls fail with [`Error::Closed`] then.
///
/// Calls that block do so for ten seconds at most, or as long as [`Embedded::with_timeout`] says.
/// Calls that are awaited end when the core has answered or the node ends; put what limits you like
/// around them: to drop such a call is to cancel it.
#[derive(Clone, Debug)]
pub struct Embedded {
    node: Arc<Inner>,
    timeout: Duration,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    doors: Arc<[Door]>,
    table: Arc<Table>,
    value_bytes_max: u32,
    spin: Duration,
    tickets: AtomicU64,
}

/// Who answers an operation.
enum Destination {
    Core(u16),
    Here(Response),
}

impl Embedded {
    pub(crate) fn new(
        shared: Arc<Shared>,
        doors: Arc<[Door]>,
        topology: &Topology,
        value_bytes_max: u32,
        spin: Duration,
    ) -> Self {
        let node = Inner {
            shared,
            doors,
            table: Arc::new(topology.table()),
            value_bytes_max,
            spin,
            tickets: AtomicU64::new(1),
        };
        Self {
            node: Arc::new(node),
            timeout: TIMEOUT,
        }
    }

    /// The same way with another time limit for calls that block.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            node: Arc::clone(&self.node),
            timeout,
        }
    }

    /// The core that owns each partition.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.node.table)
    }

    /// Executes one operation.
    ///
    /// # Errors
    /// [`Error::Closed`] if the node has stopped. What the node refuses is an answer, not an error.
    pub async fn call(&self, operation: Operation) -> Result<Response, Error> {
        match self.node.destination(&operation)? {
            Destination::Here(response) => Ok(response),
            Destination::Core(core) => match self.node.send_one(core, operation) {
                Ok(pending) => answer_of(pending.await),
                Err(refusal) => refusal.answer(),
            },
        }
    }

    /// Executes one operation and blocks the calling thread meanwhile.
    ///
    /// # Errors
    /// As [`Embedded::call`]; [`Error::TimedOut`]; [`Error::MustNotBlock`] on a thread that is one
    /// of a node's cores.
    pub fn call_blocking(&self, operation: Operation) -> Result<Response, Error> {
        let core = match self.node.destination(&operation)? {
            Destination::Here(response) => return Ok(response),
            Destination::Core(core) => core,
        };
        refuse_on_core_thread()?;
        let opcode = operation.opcode();
        let deadline = Instant::now() + self.timeout + operation.wait();
        match self.node.send_one(core, operation) {
            Ok(pending) => match pending.wait(self.node.spin, deadline) {
                Ok(finished) => answer_of(Some(finished)),
                Err(_) => Err(timed_out(opcode)),
            },
            Err(refusal) => refusal.answer(),
        }
    }

    /// Executes many operations; their answers in their order. Those of one core are executed in
    /// their order and travel together.
    pub async fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        let (mut answers, sent) = self.node.send_all(operations);
        for Sent {
            pending, places, ..
        } in sent
        {
            fill(&mut answers, &places, pending.await.as_ref());
        }
        answers
    }

    /// As [`Embedded::call_all`]; blocks the calling thread meanwhile.
    pub fn call_all_blocking(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        if let Err(error) = refuse_on_core_thread() {
            return operations.iter().map(|_| Err(error.clone())).collect();
        }
        let waits = operations.iter().map(Operation::wait);
        let deadline = Instant::now() + self.timeout + waits.max().unwrap_or_default();
        let (mut answers, sent) = self.node.send_all(operations);
        for Sent {
            pending,
            places,
            opcodes,
        } in sent
        {
            if let Ok(finished) = pending.wait(self.node.spin, deadline) {
                fill(&mut answers, &places, Some(&finished));
                continue;
            }
            for (place, opcode) in places.into_iter().zip(opcodes) {
                answers[place] = Err(timed_out(opcode));
            }
        }
        answers
    }
}

impl Transport for Embedded {
    fn call(&self, operation: Operation) -> impl Future<Output = Result<Response, Error>> + Send {
        Self::call(self, operation)
    }

    fn call_all(
        &self,
        operations: Vec<Operation>,
    ) -> impl Future<Output = Vec<Result<Response, Error>>> + Send {
        Self::call_all(self, operations)
    }

    fn table(&self) -> Option<Arc<Table>> {
        Some(Self::table(self))
    }

    fn with_timeout(&self, timeout: Duration) -> Self {
        Self::with_timeout(self, timeout)
    }
}

impl BlockingTransport for Embedded {
    fn call(&self, operation: Operation) -> Result<Response, Error> {
        self.call_blocking(operation)
    }

    fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        self.call_all_blocking(operations)
    }

    fn table(&self) -> Option<Arc<Table>> {
        Some(Self::table(self))
    }

    fn with_timeout(&self, timeout: Duration) -> Self {
        Self::with_timeout(self, timeout)
    }
}

/// Some of many operations, on their way to one core.
struct Sent<'a> {
    pending: Pending<'a>,
    /// Which of the operations they are.
    places: Vec<usize>,
    opcodes: Vec<Opcode>,
}

impl Inner {
    /// Checks an operation and finds who answers it.
    fn destination(&self, operation: &Operation) -> Result<Destination, Error> {
        if self.shared.stopping.load(Ordering::Acquire) {
            return Err(ended(Ending::Untouched, operation.opcode()));
        }
        let request = operation.request();
        if let Err(kind) = request.check(self.value_bytes_max) {
            return Ok(Destination::Here(told(kind.status(), &[])));
        }
        Ok(match (request.opcode, operation.route()) {
            (Opcode::Stats, _) => {
                let text = self.shared.stats_text();
                Destination::Here(told(Status::Ok, text.as_bytes()))
            }
            (Opcode::Topology, _) => Destination::Here(told(Status::Ok, &self.shared.topology)),
            (Opcode::Scan, _) => Destination::Core(core_of_cursor(request.arg, &self.shared)),
            (_, Route::Slot(slot)) => {
                let partition = partition(slot, self.shared.partition_count.trailing_zeros());
                Destination::Core(self.shared.core_of_partition[usize::from(partition)])
            }
            (_, Route::Any) => Destination::Core(0),
        })
    }

    fn send_one(&self, core: u16, operation: Operation) -> Result<Pending<'_>, Refused> {
        let waits = operation.opcode() == Opcode::Lock;
        let (mut job, slot) = fresh();
        job.operations.push(operation);
        self.send(core, job, slot, waits)
    }

    fn send(
        &self,
        core: u16,
        mut job: Box<Job>,
        slot: Arc<Slot>,
        waits: bool,
    ) -> Result<Pending<'_>, Refused> {
        if waits {
            job.ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        }
        let (door, ticket) = (&self.doors[usize::from(core)], job.ticket);
        match door.send(Call::new(job, Arc::clone(&slot))) {
            Ok(core) => Ok(Pending::new(door, slot, ticket, core)),
            Err(refusal) => Err(Refused(refusal)),
        }
    }

    /// Sends each operation to its core. The answers are those that are known already; the others
    /// say that there is none.
    fn send_all(
        &self,
        operations: Vec<Operation>,
    ) -> (Vec<Result<Response, Error>>, Vec<Sent<'_>>) {
        let mut answers = Vec::with_capacity(operations.len());
        let mut open: Vec<Option<Open>> = (0..self.doors.len()).map(|_| None).collect();
        let mut sent = Vec::new();
        for (place, operation) in operations.into_iter().enumerate() {
            answers.push(Err(Error::UnexpectedReply));
            let core = match self.destination(&operation) {
                Ok(Destination::Core(core)) => core,
                Ok(Destination::Here(response)) => {
                    answers[place] = Ok(response);
                    continue;
                }
                Err(error) => {
                    answers[place] = Err(error);
                    continue;
                }
            };
            let at = &mut open[usize::from(core)];
            // One that may wait for a lock keeps nobody else's answer waiting.
            let alone = operation.opcode() == Opcode::Lock;
            if alone {
                self.close(core, at.take(), &mut answers, &mut sent);
            }
            let job = at.get_or_insert_default();
            job.add(operation, place);
            if alone || job.is_full() {
                self.close(core, at.take(), &mut answers, &mut sent);
            }
        }
        for (core, job) in (0u16..).zip(open) {
            self.close(core, job, &mut answers, &mut sent);
        }
        (answers, sent)
    }

    fn close<'a>(
        &'a self,
        core: u16,
        open: Option<Open>,
        answers: &mut [Result<Response, Error>],
        sent: &mut Vec<Sent<'a>>,
    ) {
        let Some(open) = open else { return };
        let Open {
            job, slot, places, ..
        } = open;
        let opcodes: Vec<Opcode> = job.operations.iter().map(Operation::opcode).collect();
        let waits = opcodes[..] == [Opcode::Lock];
        match self.send(core, job, slot, waits) {
            Ok(pending) => sent.push(Sent {
                pending,
                places,
                opcodes,
            }),
            Err(refused) => {
                for place in places {
                    answers[place] = refused.answer();
                }
            }
        }
    }
}

/// A job that operations are still added to.
#[derive(Default)]
struct Open {
    job: Box<Job>,
    slot: Arc<Slot>,
    places: Vec<usize>,
    bytes: usize,
}

impl Open {
    fn add(&mut self, operation: Operation, place: usize) {
        self.bytes += operation.value_bytes();
        self.job.operations.push(operation);
        self.places.push(place);
    }

    fn is_full(&self) -> bool {
        self.places.len() >= OPERATIONS_PER_JOB || self.bytes >= BYTES_PER_JOB
    }
}

/// A job that was not let in.
struct Refused(Refusal);

impl Refused {
    /// What its callers are told: that the core is busy is an answer, as over the wire.
    fn answer(&self) -> Result<Response, Error> {
        match self.0 {
            Refusal::Full => Ok(told(Status::Busy, &[])),
            Refusal::Closed => Err(Error::Closed {
                outcome: Outcome::NothingDone,
            }),
        }
    }
}

/// An answer that no core gave.
fn told(status: Status, value: &[u8]) -> Response {
    Response {
        status,
        arg: 0,
        version: 0,
        count: 0,
        value: value.to_vec(),
    }
}

fn refuse_on_core_thread() -> Result<(), Error> {
    if is_core_thread() {
        return Err(Error::MustNotBlock);
    }
    Ok(())
}

fn timed_out(opcode: Opcode) -> Error {
    Error::TimedOut {
        outcome: unanswered(opcode),
    }
}

fn answer_of(finished: Option<Finished>) -> Result<Response, Error> {
    let finished = finished.as_ref().and_then(Finished::job);
    let answer = finished.and_then(|job| job.answers().next());
    answer.unwrap_or(Err(Error::UnexpectedReply))
}

fn fill(answers: &mut [Result<Response, Error>], places: &[usize], finished: Option<&Finished>) {
    let Some(job) = finished.and_then(Finished::job) else {
        return;
    };
    for (place, answer) in places.iter().zip(job.answers()) {
        answers[*place] = answer;
    }
}
