//! The transport of the embedded maps: operations of any thread handed to the cores that own them
//! (see [`super::destination`]), and their answers awaited.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jerboa_wire::client::{BlockingTransport, Error, Operation, Outcome, Response, Transport};
use jerboa_wire::routing::{Table, Topology};
use jerboa_wire::{Opcode, Status};

use super::batch::{Batch, Sent, waves_of};
use super::destination::{Destination, told};
use super::door::{Door, Notice, Refusal, Room};
use super::job::{Job, Member, unanswered};
use super::pending::{Finished, Limit, Pending, fresh, is_core_thread};
use super::slot::{Call, Slot};
use crate::worker::shared::Shared;

/// Time for a blocking call, beside the time that it waits for a lock.
const TIMEOUT: Duration = Duration::from_secs(10);
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

/// The node as its callers see it.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) shared: Arc<Shared>,
    doors: Arc<[Door]>,
    table: Arc<Table>,
    value_bytes_max: u32,
    spin: Duration,
    tickets: AtomicU64,
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
                Err(refused) => refused.answer(),
            },
            Destination::Everywhere | Destination::Receivers(_) => {
                only(self.call_all(vec![operation]).await)
            }
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
            Destination::Everywhere | Destination::Receivers(_) => {
                return only(self.call_all_blocking(vec![operation]));
            }
        };
        refuse_on_core_thread()?;
        let (opcode, limit) = (
            operation.opcode(),
            self.timeout.saturating_add(operation.wait()),
        );
        match self.node.send_one(core, operation) {
            Ok(pending) => match pending.wait(self.node.spin, Limit::new(limit)) {
                Ok(finished) => answer_of(Some(finished)),
                Err(_) => Err(timed_out(opcode)),
            },
            Err(refused) => refused.answer(),
        }
    }

    /// Executes an operation of a subscriber on its core.
    pub(super) async fn call_as(
        &self,
        core: u16,
        operation: Operation,
        subscriber: Member,
    ) -> Result<Response, Error> {
        match self.node.send_as(core, operation, subscriber) {
            Ok(pending) => answer_of(pending.await),
            Err(refused) => refused.answer(),
        }
    }

    /// As [`Embedded::call_as`]; blocks the calling thread meanwhile.
    pub(super) fn call_as_blocking(
        &self,
        core: u16,
        operation: Operation,
        subscriber: Member,
    ) -> Result<Response, Error> {
        refuse_on_core_thread()?;
        let opcode = operation.opcode();
        match self.node.send_as(core, operation, subscriber) {
            Ok(pending) => match pending.wait(self.node.spin, Limit::new(self.timeout)) {
                Ok(finished) => answer_of(Some(finished)),
                Err(_) => Err(timed_out(opcode)),
            },
            Err(refused) => refused.answer(),
        }
    }

    /// The id of a new subscriber and the core that it is to be on.
    pub(super) fn new_subscriber(&self) -> (u64, u16) {
        let id = self.node.tickets.fetch_add(1, Ordering::Relaxed);
        (id, (id % u64::from(self.node.cores())) as u16)
    }

    /// Tells a core something that is not answered.
    pub(super) fn tell(&self, core: u16, notice: Notice) {
        self.node.doors[usize::from(core)].tell(notice);
    }

    /// What the node's cores share.
    pub(super) fn shared(&self) -> &Shared {
        &self.node.shared
    }

    /// Executes many operations; their answers in their order. Those of one core are executed in
    /// their order and travel together.
    ///
    /// What changes something on all cores, as the destruction of a map does, is executed behind
    /// everything before it, but for locks that are waited for, and before everything behind it.
    pub async fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        let mut waves = Vec::new();
        for wave in waves_of(operations) {
            let mut batch = Batch::send(&self.node, wave);
            let (mut arrived, mut late) = (Vec::new(), Vec::new());
            for sent in batch.take_sent() {
                if sent.may_take_long() {
                    late.push(sent);
                    continue;
                }
                let (mut pending, marks) = sent.into_parts();
                arrived.extend(pending.arrive().await.map(|answer| (marks, answer)));
            }
            waves.push((batch, arrived, late));
        }
        for (_, arrived, late) in &mut waves {
            for sent in late.drain(..) {
                let (mut pending, marks) = sent.into_parts();
                arrived.extend(pending.arrive().await.map(|answer| (marks, answer)));
            }
        }
        // Only now: a lock among the answers is given back if the future is dropped before.
        let mut answers = Vec::new();
        for (mut batch, arrived, _) in waves {
            for (marks, answer) in arrived {
                if let Some(finished) = answer.take() {
                    batch.fill(&marks, &finished);
                }
            }
            answers.extend(batch.finish());
        }
        answers
    }

    /// As [`Embedded::call_all`]; blocks the calling thread meanwhile.
    pub fn call_all_blocking(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        if let Err(error) = refuse_on_core_thread() {
            return operations.iter().map(|_| Err(error.clone())).collect();
        }
        let wait = operations.iter().map(Operation::wait).max();
        let limit = Limit::new(self.timeout.saturating_add(wait.unwrap_or_default()));
        let wait = |batch: &mut Batch<'_>, sent: Sent<'_>| {
            let (pending, marks) = sent.into_parts();
            match pending.wait(self.node.spin, limit) {
                Ok(finished) => batch.fill(&marks, &finished),
                Err(_) => batch.fail(&marks, timed_out),
            }
        };
        let mut waves = Vec::new();
        for wave in waves_of(operations) {
            let mut batch = Batch::send(&self.node, wave);
            let sent = batch.take_sent().into_iter();
            let (late, soon): (Vec<_>, Vec<_>) = sent.partition(Sent::may_take_long);
            soon.into_iter().for_each(|sent| wait(&mut batch, sent));
            waves.push((batch, late));
        }
        let mut answers = Vec::new();
        for (mut batch, late) in waves {
            late.into_iter().for_each(|sent| wait(&mut batch, sent));
            answers.extend(batch.finish());
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

impl Inner {
    /// Sends what a subscriber asks of its core.
    fn send_as(
        &self,
        core: u16,
        operation: Operation,
        subscriber: Member,
    ) -> Result<Pending<'_>, Refused> {
        let (mut job, slot) = fresh();
        job.operations.push(operation);
        job.subscriber = Some(subscriber);
        self.send(core, job, slot, false)
    }

    fn send_one(&self, core: u16, operation: Operation) -> Result<Pending<'_>, Refused> {
        let waits = operation.opcode() == Opcode::Lock;
        let (mut job, slot) = fresh();
        job.operations.push(operation);
        self.send(core, job, slot, waits)
    }

    pub(super) fn send(
        &self,
        core: u16,
        job: Box<Job>,
        slot: Arc<Slot>,
        waits: bool,
    ) -> Result<Pending<'_>, Refused> {
        let room = self.doors[usize::from(core)].reserve(job.bytes());
        Ok(self.send_into(core, room.map_err(Refused)?, job, slot, waits))
    }

    /// As [`Inner::send`], into room that was taken before.
    pub(super) fn send_into(
        &self,
        core: u16,
        room: Room,
        mut job: Box<Job>,
        slot: Arc<Slot>,
        waits: bool,
    ) -> Pending<'_> {
        if waits {
            job.ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        }
        let (door, ticket) = (&self.doors[usize::from(core)], job.ticket);
        let core = door.send(room, Call::new(job, Arc::clone(&slot)));
        Pending::new(door, slot, ticket, core)
    }

    /// Takes room for a job of so many bytes on each of several cores, or on none.
    pub(super) fn reserve(&self, cores: &[u16], bytes: usize) -> Result<Vec<Room>, Refused> {
        let mut rooms = Vec::with_capacity(cores.len());
        for core in cores {
            match self.doors[usize::from(*core)].reserve(bytes) {
                Ok(room) => rooms.push(room),
                Err(refusal) => {
                    for (core, room) in cores.iter().zip(rooms) {
                        self.doors[usize::from(*core)].give_back(room);
                    }
                    return Err(Refused(refusal));
                }
            }
        }
        Ok(rooms)
    }

    /// How many cores there are.
    pub(super) fn cores(&self) -> u16 {
        self.doors.len() as u16
    }

    /// The largest value.
    pub(super) const fn value_bytes_max(&self) -> u32 {
        self.value_bytes_max
    }
}

/// A job that was not let in.
pub(super) struct Refused(Refusal);

impl Refused {
    /// The status that says so, if it is one.
    pub(super) const fn status(&self) -> Option<Status> {
        match self.0 {
            Refusal::Full => Some(Status::Busy),
            Refusal::Closed => None,
        }
    }

    /// What its callers are told: that the core is busy is an answer, as over the wire.
    pub(super) fn answer(&self) -> Result<Response, Error> {
        match self.0 {
            Refusal::Full => Ok(told(Status::Busy, &[])),
            Refusal::Closed => Err(Error::Closed {
                outcome: Outcome::NothingDone,
            }),
        }
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

fn only(answers: Vec<Result<Response, Error>>) -> Result<Response, Error> {
    let first = answers.into_iter().next();
    first.unwrap_or(Err(Error::UnexpectedReply))
}
