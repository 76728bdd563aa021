//! Many operations at once: put into as few jobs as there are cores, their answers put back into
//! the order of the operations.
//!
//! Operations of one core stay in their order. One that may wait for a lock travels alone, so that
//! it keeps nobody else's answer waiting. One that every core executes, or every core with receivers
//! of a message, goes to all of them behind what was asked before it. One that changes something on
//! all cores at one moment is a batch of its own.

use std::sync::Arc;

use jerboa_wire::client::{Error, Operation, Response};
use jerboa_wire::{Crc, Opcode, Reply, Status};

use super::destination::Destination;
use super::door::Room;
use super::job::{Job, ended, read};
use super::link::{Inner, Refused};
use super::pending::{Finished, Pending, fresh};
use super::slot::Slot;
use crate::resp::Render;
use crate::worker::Gather;

/// Operations that travel to a core together at most, so that none holds up others for long.
const OPERATIONS_PER_JOB: usize = 128;
/// Bytes of them.
const BYTES_PER_JOB: usize = 1 << 20;

/// Some of many operations, on their way to one core.
pub(super) struct Sent<'a> {
    pending: Pending<'a>,
    marks: Marks,
    waits: bool,
}

/// Which of the operations a job has.
#[derive(Default)]
pub(super) struct Marks {
    /// Each operation's place among all, and what it is.
    operations: Vec<(usize, Opcode)>,
    /// The gathering that the job is a part of, and which part.
    part: Option<(usize, u16)>,
}

/// The answers to many operations, as they come in.
pub(super) struct Batch<'a> {
    node: &'a Inner,
    answers: Vec<Result<Response, Error>>,
    open: Vec<Option<Open>>,
    sent: Vec<Sent<'a>>,
    /// Answers that all cores give together, and their places.
    gathers: Vec<(usize, Gather)>,
}

/// A job that operations are still added to.
struct Open {
    job: Box<Job>,
    slot: Arc<Slot>,
    marks: Marks,
    bytes: usize,
    /// Taken for it where it goes to several cores.
    room: Option<Room>,
}

impl Open {
    fn new() -> Self {
        let (job, slot) = fresh();
        Self {
            job,
            slot,
            marks: Marks::default(),
            bytes: 0,
            room: None,
        }
    }

    fn add(&mut self, operation: Operation, place: usize) {
        self.bytes += operation.value_bytes();
        self.marks.operations.push((place, operation.opcode()));
        self.job.operations.push(operation);
    }

    fn is_full(&self) -> bool {
        self.marks.operations.len() >= OPERATIONS_PER_JOB || self.bytes >= BYTES_PER_JOB
    }
}

impl<'a> Batch<'a> {
    /// Sends each operation to its core, or to all.
    pub(super) fn send(node: &'a Inner, operations: Vec<Operation>) -> Self {
        let mut batch = Self {
            node,
            answers: Vec::with_capacity(operations.len()),
            open: (0..node.cores()).map(|_| None).collect(),
            sent: Vec::new(),
            gathers: Vec::new(),
        };
        for (place, operation) in operations.into_iter().enumerate() {
            batch.answers.push(Err(Error::UnexpectedReply));
            match node.destination(&operation) {
                Ok(Destination::Core(core)) => batch.add(core, operation, place),
                Ok(Destination::Everywhere) => {
                    let all: Vec<u16> = (0..node.cores()).collect();
                    batch.spread(&operation, place, &all);
                }
                Ok(Destination::Receivers(cores)) => batch.spread(&operation, place, &cores),
                Ok(Destination::Here(response)) => batch.answers[place] = Ok(response),
                Err(error) => batch.answers[place] = Err(error),
            }
        }
        batch.close_all();
        batch
    }

    /// What was sent, to be waited for.
    pub(super) fn take_sent(&mut self) -> Vec<Sent<'a>> {
        std::mem::take(&mut self.sent)
    }

    fn add(&mut self, core: u16, operation: Operation, place: usize) {
        let alone = operation.opcode() == Opcode::Lock;
        if alone {
            self.close(core);
        }
        let open = self.open[usize::from(core)].get_or_insert_with(Open::new);
        open.add(operation, place);
        if alone || open.is_full() {
            self.close(core);
        }
    }

    /// Sends an operation to several cores, whose answers make one, or to none of them where one
    /// has no room.
    fn spread(&mut self, operation: &Operation, place: usize, cores: &[u16]) {
        self.close_all();
        let rooms = match self.node.reserve(cores, Job::bytes_of(operation)) {
            Ok(rooms) => rooms,
            Err(refused) => {
                self.answers[place] = refused.answer();
                return;
            }
        };
        let head = Reply::new(operation.opcode(), Status::Ok, 0);
        let max = self.node.value_bytes_max();
        let gather = Gather::everywhere(head, Crc::Off, max, cores.len());
        self.gathers.push((place, gather));
        for ((part, core), room) in (0u16..).zip(cores).zip(rooms) {
            let mut open = Open::new();
            open.room = Some(room);
            open.add(operation.clone(), place);
            open.marks.part = Some((self.gathers.len() - 1, part));
            self.open[usize::from(*core)] = Some(open);
        }
        self.close_all();
    }

    fn close_all(&mut self) {
        for core in 0..self.node.cores() {
            self.close(core);
        }
    }

    /// Sends the job that is open for a core.
    fn close(&mut self, core: u16) {
        let Some(open) = self.open[usize::from(core)].take() else {
            return;
        };
        let Open {
            job,
            slot,
            marks,
            room,
            ..
        } = open;
        let asks = job.operations[..].iter().any(is_lock);
        let waits = job.operations[..].iter().any(|one| !one.wait().is_zero());
        let sent = match room {
            Some(room) => Ok(self.node.send_into(core, room, job, slot, asks)),
            None => self.node.send(core, job, slot, asks),
        };
        match sent {
            Ok(pending) => self.sent.push(Sent {
                pending,
                marks,
                waits,
            }),
            Err(refused) => self.refuse(&marks, &refused),
        }
    }

    fn refuse(&mut self, marks: &Marks, refused: &Refused) {
        for (place, opcode) in &marks.operations {
            match (marks.part, refused.status()) {
                (Some((gather, part)), Some(status)) => {
                    let mut reply = Vec::new();
                    // A bare status always encodes.
                    let _ = Reply::new(*opcode, status, 0).encode(&mut reply, Crc::Off);
                    self.gathers[gather].1.fill(part, reply);
                }
                _ => self.answers[*place] = refused.answer(),
            }
        }
    }

    /// Takes the answers of a job that is back.
    pub(super) fn fill(&mut self, marks: &Marks, finished: &Finished) {
        let Some(job) = finished.job() else { return };
        match (marks.part, job.replies()) {
            (Some((gather, part)), Some(replies)) => {
                self.gathers[gather].1.fill(part, replies.to_vec());
            }
            (Some(_), None) => {
                for (place, opcode) in &marks.operations {
                    self.answers[*place] = Err(ended(job.ending, *opcode));
                }
            }
            (None, _) => {
                for ((place, _), answer) in marks.operations.iter().zip(job.answers()) {
                    self.answers[*place] = answer;
                }
            }
        }
    }

    /// Says of every operation of a job why there is no answer.
    pub(super) fn fail(&mut self, marks: &Marks, why: impl Fn(Opcode) -> Error) {
        for (place, opcode) in &marks.operations {
            self.answers[*place] = Err(why(*opcode));
        }
    }

    /// All answers, in the order of the operations.
    pub(super) fn finish(mut self) -> Vec<Result<Response, Error>> {
        for (place, gather) in &self.gathers {
            if let Some(whole) = gather.finish(Render::Frame) {
                self.answers[*place] = read(&whole);
            }
        }
        self.answers
    }
}

/// Splits operations into those that may be under way together: one that changes something on all
/// cores is executed alone.
pub(super) fn waves_of(mut operations: Vec<Operation>) -> impl Iterator<Item = Vec<Operation>> {
    std::iter::from_fn(move || {
        let first = operations.first()?;
        let count = if changes_all(first) {
            1
        } else {
            let next = operations.iter().position(changes_all);
            next.unwrap_or(operations.len())
        };
        let rest = operations.split_off(count);
        Some(std::mem::replace(&mut operations, rest))
    })
}

fn changes_all(operation: &Operation) -> bool {
    matches!(operation.opcode(), Opcode::Destroy | Opcode::SettingsSet)
}

impl<'a> Sent<'a> {
    /// Whether it waits for a lock, which somebody else may hold for long.
    pub(super) fn may_take_long(&self) -> bool {
        self.waits
    }

    pub(super) fn into_parts(self) -> (Pending<'a>, Marks) {
        (self.pending, self.marks)
    }
}

fn is_lock(operation: &Operation) -> bool {
    operation.opcode() == Opcode::Lock
}
