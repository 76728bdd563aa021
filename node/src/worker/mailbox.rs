//! Messages between cores: requests that reached the wrong core, and their answers.
//!
//! Every core has one channel for requests and one for answers, and a [`Waker`].
//!
//! Policy, and why nothing deadlocks:
//! * A core has at most `capacity` requests under way to each other core, and a bound on their
//!   bytes; a request beyond either is answered `Busy` at once and counted. Requests never wait
//!   for room.
//! * An answer always has room: there is at most one for each request under way, and one more for
//!   each request that waits for a lock. Answers never wait for anything.
//! * A core does not execute requests of another that has too many bytes of answers to pick up,
//!   which it does in each of its turns; so answers in mailboxes take a bounded amount of memory.
//! * A notice is not answered. It has room beside the requests; should it have none, it stays here
//!   until it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use flume::{Receiver, Sender, TrySendError, WeakSender};

use super::budget::{ANSWER_BYTES_MAX, FORWARDED_BYTES_MAX, FORWARDS_PER_DELIVERY};
use super::clients::RollStep;
use super::waiters::{Connection, LOCK_WAITERS_MAX};
use crate::net::{SocketId, Waker};

/// Where the opcode stands in a frame.
const OPCODE_AT: usize = 2;

/// Whom an answer is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReturnAddress {
    pub(super) core: u16,
    pub(super) socket: SocketId,
    /// Of the session, so that a later connection on the same socket id is not meant.
    pub(super) serial: u64,
    /// Place in the session's order of replies.
    pub(super) number: u64,
    /// Part of a gathered request.
    pub(super) part: u16,
}

/// A request under way to its owner.
#[derive(Debug)]
pub(super) struct Forward {
    pub(super) to: ReturnAddress,
    /// The core that owns the key.
    pub(super) owner: u16,
    /// The request, encoded with one hop.
    pub(super) frame: Vec<u8>,
    /// Whether the client asked on the port of a core that does not own the key.
    pub(super) stale: bool,
    /// To read an entry is not to use it, for this client.
    pub(super) no_touch: bool,
    /// Whether the reply carries a checksum.
    pub(super) crc: jerboa_wire::Crc,
    /// It is about the connections of a core, and no frame.
    pub(super) roll: Option<Box<RollStep>>,
}

impl Forward {
    /// Whether it is a message to be handed over.
    pub(super) fn is_publish(&self) -> bool {
        self.frame.get(OPCODE_AT) == Some(&jerboa_wire::Opcode::Publish.as_u8())
    }
}

/// What one core tells another.
#[derive(Debug)]
pub(super) enum Message {
    /// A request, to be answered.
    Request(Forward),
    /// A connection waits for nothing any more.
    Gone(Connection),
    /// A lock was given to a connection that is no more.
    Returned(Grant),
}

/// A lock that was given to a connection, so that it can be given back.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The core that owns the key.
    pub(super) owner: u16,
    pub(super) map: Box<[u8]>,
    pub(super) key: Box<[u8]>,
    pub(super) token: u64,
}

/// Which place a reply takes among the replies of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// That of its request.
    InTurn,
    /// The request waits for a lock: its place is given up, the reply comes later.
    Parked,
    /// The reply to a request whose place was given up.
    Late,
}

/// A reply on its way back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) to: ReturnAddress,
    /// The core that answers, and what its request weighed, for the books of the asking core.
    pub(super) from: u16,
    pub(super) request_bytes: usize,
    pub(super) reply: Vec<u8>,
    pub(super) order: Order,
    /// The lock that the reply gives.
    pub(super) grant: Option<Box<Grant>>,
}

/// Messages that travel together.
#[derive(Debug)]
pub(super) struct Delivery {
    /// When they were put into the mailbox.
    pub(super) sent: Instant,
    pub(super) messages: Vec<Message>,
}

/// The sending ends for one core.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    requests: Sender<Delivery>,
    answers: Sender<Vec<Answer>>,
    /// Bytes in `answers`.
    answer_bytes: Arc<AtomicUsize>,
    waker: Waker,
}

impl Mailbox {
    /// Has the core look for work.
    pub(super) fn wake(&self) {
        self.waker.wake();
    }
}

impl Mailbox {
    /// To look into it from anywhere.
    pub(crate) fn gauge(&self) -> Gauge {
        Gauge {
            requests: self.requests.downgrade(),
            answers: self.answers.downgrade(),
        }
    }
}

/// Tells how much waits in a mailbox, and keeps nothing in it alive.
#[derive(Debug)]
pub(crate) struct Gauge {
    requests: WeakSender<Delivery>,
    answers: WeakSender<Vec<Answer>>,
}

impl Gauge {
    /// Deliveries that wait; none once the cores are gone.
    pub(crate) fn depth(&self) -> usize {
        let requests = self.requests.upgrade().map_or(0, |sender| sender.len());
        requests + self.answers.upgrade().map_or(0, |sender| sender.len())
    }
}

/// The receiving ends of one core.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(super) requests: Receiver<Delivery>,
    answers: Receiver<Vec<Answer>>,
    answer_bytes: Arc<AtomicUsize>,
}

impl Inbox {
    /// The next delivery of answers.
    pub(super) fn take_answers(&self) -> Option<Vec<Answer>> {
        let delivery = self.answers.try_recv().ok()?;
        let bytes = bytes_of(&delivery);
        self.answer_bytes.fetch_sub(bytes, Ordering::Relaxed);
        Some(delivery)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.answers.is_empty()
    }
}

fn bytes_of(answers: &[Answer]) -> usize {
    answers.iter().map(|answer| answer.reply.len()).sum()
}

/// Both ends for each of the cores whose wakers are given.
pub(crate) fn mailboxes(wakers: &[Waker], capacity: usize) -> (Arc<[Mailbox]>, Vec<Inbox>) {
    let cores = wakers.len();
    // A delivery holds at least one message, so this many deliveries hold all that are allowed.
    let deliveries = capacity.saturating_mul(cores);
    let mut inboxes = Vec::with_capacity(cores);
    let mailboxes = wakers
        .iter()
        .map(|waker| {
            let (requests, requests_in) = flume::bounded(2 * deliveries);
            let waiting = cores * LOCK_WAITERS_MAX;
            let (answers, answers_in) = flume::bounded(deliveries + waiting);
            let answer_bytes = Arc::new(AtomicUsize::new(0));
            inboxes.push(Inbox {
                requests: requests_in,
                answers: answers_in,
                answer_bytes: Arc::clone(&answer_bytes),
            });
            Mailbox {
                requests,
                answers,
                answer_bytes,
                waker: waker.clone(),
            }
        })
        .collect();
    (mailboxes, inboxes)
}

/// What one core sends in a turn, and how much of it is unanswered.
#[derive(Debug)]
pub(super) struct Outbox {
    mailboxes: Arc<[Mailbox]>,
    capacity: usize,
    requests: Vec<Vec<Message>>,
    answers: Vec<Vec<Answer>>,
    /// Bytes of `answers`.
    answer_bytes: Vec<usize>,
    under_way: Vec<usize>,
    bytes_under_way: usize,
}

/// The owner's mailbox is full: answer `Busy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Outbox {
    pub(super) fn new(mailboxes: Arc<[Mailbox]>, capacity: usize) -> Self {
        let cores = mailboxes.len();
        Self {
            mailboxes,
            capacity,
            requests: (0..cores).map(|_| Vec::new()).collect(),
            answers: (0..cores).map(|_| Vec::new()).collect(),
            answer_bytes: vec![0; cores],
            under_way: vec![0; cores],
            bytes_under_way: 0,
        }
    }

    /// Queues a request for its owner; it leaves with [`Outbox::deliver`].
    pub(super) fn forward(&mut self, forward: Forward) -> Result<(), Full> {
        let index = usize::from(forward.owner);
        let bytes = self.bytes_under_way + forward.frame.len();
        if self.under_way[index] >= self.capacity || bytes > FORWARDED_BYTES_MAX {
            return Err(Full);
        }
        self.under_way[index] += 1;
        self.bytes_under_way = bytes;
        self.requests[index].push(Message::Request(forward));
        Ok(())
    }

    /// Whether a request of so many bytes to each of these cores would be taken now.
    pub(super) fn has_room(&self, cores: &[u16], bytes: usize) -> bool {
        let all = bytes.saturating_mul(cores.len());
        self.bytes_under_way.saturating_add(all) <= FORWARDED_BYTES_MAX
            && cores
                .iter()
                .all(|core| self.under_way[usize::from(*core)] < self.capacity)
    }

    /// Queues something that another core has to know, behind every request already queued for it.
    pub(super) fn notify(&mut self, core: u16, notice: Message) {
        self.requests[usize::from(core)].push(notice);
    }

    /// How many cores there are.
    pub(super) fn cores(&self) -> u16 {
        self.mailboxes.len() as u16
    }

    /// Queues an answer; it leaves with [`Outbox::deliver`].
    pub(super) fn answer(&mut self, answer: Answer) {
        let index = usize::from(answer.to.core);
        self.answer_bytes[index] += answer.reply.len();
        self.answers[index].push(answer);
    }

    /// Whether `core` has to pick up answers before it gets more. Never of a core that is gone.
    pub(super) fn is_behind(&self, core: u16) -> bool {
        let index = usize::from(core);
        let mailbox = &self.mailboxes[index];
        let waiting = mailbox.answer_bytes.load(Ordering::Relaxed);
        self.answer_bytes[index] + waiting > ANSWER_BYTES_MAX && !mailbox.answers.is_disconnected()
    }

    /// Notes that a request was answered, or waits where it takes no room here.
    pub(super) fn answered(&mut self, answer: &Answer) {
        if answer.order == Order::Late {
            return;
        }
        let under_way = &mut self.under_way[usize::from(answer.from)];
        debug_assert!(*under_way > 0, "an answer without a request");
        *under_way = under_way.saturating_sub(1);
        self.bytes_under_way = self.bytes_under_way.saturating_sub(answer.request_bytes);
    }

    /// Whether requests of this core are unanswered.
    pub(super) fn is_waiting(&self) -> bool {
        self.under_way.iter().any(|count| *count > 0)
    }

    /// Sends everything queued. Returns requests whose core is gone, because the node is
    /// stopping; they count as under way until their refusal is noted as their answer.
    pub(super) fn deliver(&mut self) -> Vec<Forward> {
        let mut undelivered = Vec::new();
        for index in 0..self.mailboxes.len() {
            let mailbox = &self.mailboxes[index];
            let mut wake = false;
            while !self.requests[index].is_empty() {
                let queued = &mut self.requests[index];
                let rest = queued.split_off(queued.len().min(FORWARDS_PER_DELIVERY));
                let delivery = Delivery {
                    sent: Instant::now(),
                    messages: std::mem::replace(queued, rest),
                };
                match mailbox.requests.try_send(delivery) {
                    Ok(()) => wake = true,
                    Err(TrySendError::Full(back)) => {
                        let rest = std::mem::take(&mut self.requests[index]);
                        let all = back.messages.into_iter().chain(rest);
                        self.requests[index] = refuse_requests(all, &mut undelivered);
                        break;
                    }
                    // Nobody is left to be told.
                    Err(TrySendError::Disconnected(back)) => {
                        refuse_requests(back.messages.into_iter(), &mut undelivered);
                    }
                }
            }
            if !self.answers[index].is_empty() {
                let delivery = std::mem::take(&mut self.answers[index]);
                let bytes = std::mem::take(&mut self.answer_bytes[index]);
                // Before they can be taken, so that the count never goes below zero.
                mailbox.answer_bytes.fetch_add(bytes, Ordering::Relaxed);
                // Room is certain; a core that is gone waits for no answer.
                wake |= mailbox.answers.try_send(delivery).is_ok();
            }
            if wake {
                mailbox.waker.wake();
            }
        }
        undelivered
    }
}

/// Sorts the requests out of what could not be delivered; the notices are returned.
fn refuse_requests(
    messages: impl Iterator<Item = Message>,
    undelivered: &mut Vec<Forward>,
) -> Vec<Message> {
    let mut notices = Vec::new();
    for message in messages {
        match message {
            Message::Request(forward) => undelivered.push(forward),
            notice => notices.push(notice),
        }
    }
    notices
}
