//! Replies of one connection in the order of its requests, some of which other cores answer.
//!
//! As long as nothing is outstanding, replies go straight to the session's output and this queue
//! is empty. From the first forwarded request on, later replies queue up behind it:
//!
//! ```text
//!  first ─▶ [ Waiting #7 ][ Ready "reply 8, reply 9" ][ Gather #9 (2 of 3 parts) ][ Ready … ]
//! ```
//!
//! Invariant: Q1 the front is never `Ready`; a ready front is moved to the output at once.

use std::collections::VecDeque;

use super::budget::LARGE_REPLY_BYTES;
use super::clients::Roll;
use super::execute::resp;
use super::gather::Gather;
use super::measure::{ErrorWord, Failed};
use super::walk::Walk;
use crate::resp::{CommandNumber, Form, Render};

/// One place in the order.
#[derive(Debug)]
enum Slot {
    /// Replies that are only waiting for their turn.
    Ready(Vec<u8>),
    /// A request that another core executes, how its reply is written, and whose it is.
    Waiting(Render, CommandNumber),
    /// A multi-key request whose parts several cores execute.
    Gather(Box<Gather>, Render, CommandNumber),
    /// A request that is answered step by step.
    Walk(Box<Walk>, CommandNumber),
    /// A look at the connections of all cores.
    Roll(Box<Roll>, CommandNumber),
}

/// The queue of one session.
#[derive(Debug)]
pub(super) struct ReplyQueue {
    slots: VecDeque<Slot>,
    /// Number of the front slot; slots are numbered from the connection's first.
    first: u64,
    waiting: usize,
    /// Bytes that are here, those of parts of gathered requests included.
    ready_bytes: usize,
    /// Requests that are answered step by step.
    walks: usize,
    /// The place of a lock that nothing behind it may overtake.
    lock: Option<u64>,
    /// The command that is being executed.
    command: CommandNumber,
    /// A request waits until everything before it is answered.
    fenced: bool,
    /// Nothing may be executed now, because of a walk, a lock or a fence.
    stalled: bool,
    /// Keys that the slots to be filled ask for.
    waiting_keys: usize,
    /// Bytes of an answer per key, lately: the most, slowly forgotten.
    key_bytes: usize,
}

impl Default for ReplyQueue {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            waiting: 0,
            walks: 0,
            lock: None,
            command: CommandNumber::NONE,
            fenced: false,
            stalled: false,
            ready_bytes: 0,
            // Nothing is known yet: few requests at first, many once their answers prove small.
            waiting_keys: 0,
            key_bytes: LARGE_REPLY_BYTES,
        }
    }
}

impl ReplyQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Slots that other cores have to fill.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes that wait here for their turn.
    pub(super) fn ready_bytes(&self) -> usize {
        if self.walks == 0 {
            return self.ready_bytes;
        }
        let walked = self.slots.iter().map(|slot| match slot {
            Slot::Walk(walk, _) => walk.held_bytes(),
            Slot::Roll(roll, _) => roll.held_bytes(),
            _ => 0,
        });
        self.ready_bytes + walked.sum::<usize>()
    }

    /// Bytes that the answers outstanding are likely to take.
    #[inline]
    pub(super) fn expected_bytes(&self) -> usize {
        self.waiting_keys.saturating_mul(self.key_bytes)
    }

    /// Learns how large the answer for a place was.
    pub(super) fn learn(&mut self, number: u64, bytes: usize) {
        let slot = number
            .checked_sub(self.first)
            .and_then(|index| self.slots.get(index as usize));
        let keys = match slot {
            Some(Slot::Gather(gather, ..)) => gather.items() / gather.parts(),
            _ => 1,
        };
        let faded = self.key_bytes - self.key_bytes.div_ceil(8);
        self.key_bytes = faded.max(bytes / keys.max(1));
    }

    /// The command that places are reserved for from now on.
    #[inline]
    pub(super) fn asked_by(&mut self, command: CommandNumber) {
        self.command = command;
    }

    /// Reserves the next place for an answer from elsewhere; returns its number.
    pub(super) fn wait(&mut self, render: Render) -> u64 {
        self.waiting_keys += 1;
        self.push(Slot::Waiting(render, self.command))
    }

    /// Reserves the next place for an answer in parts.
    pub(super) fn gather(&mut self, gather: Gather, render: Render) -> u64 {
        self.waiting_keys += gather.items();
        self.push(Slot::Gather(Box::new(gather), render, self.command))
    }

    /// Reserves the next place for an answer that takes several steps.
    pub(super) fn walk(&mut self, walk: Walk) -> u64 {
        self.walks += 1;
        self.stalled = true;
        self.push(Slot::Walk(Box::new(walk), self.command))
    }

    /// Reserves the next place for a look at all connections.
    pub(super) fn roll(&mut self, roll: Roll) {
        self.walks += 1;
        self.stalled = true;
        self.push(Slot::Roll(Box::new(roll), self.command));
    }

    /// The look in a place, if there is one.
    pub(super) fn roll_at(&mut self, number: u64) -> Option<&mut Roll> {
        let index = number.checked_sub(self.first)?;
        match self.slots.get_mut(index as usize)? {
            Slot::Roll(roll, _) => Some(roll),
            _ => None,
        }
    }

    /// Reserves the next place for a lock that is asked for. Nothing behind it is executed until
    /// the place is filled, however long that takes.
    pub(super) fn wait_for_lock(&mut self, render: Render) -> u64 {
        let number = self.wait(render);
        self.lock = Some(number);
        self.stalled = true;
        number
    }

    /// The number of the place that is reserved next.
    pub(super) fn next_number(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// Whether something is outstanding; if so, nothing is executed until nothing is.
    pub(super) fn wait_for_all(&mut self) -> bool {
        self.fenced = self.waiting > 0;
        self.stalled |= self.fenced;
        self.fenced
    }

    /// Whether nothing may be executed now: see [`Self::wait_for_lock`], [`Self::is_walking`] and
    /// [`Self::wait_for_all`].
    #[inline]
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Whoever asks for the lock that nothing may overtake is told that somebody ended the wait,
    /// whatever is answered.
    pub(super) fn refuse_lock(&mut self) {
        let place = self.lock.and_then(|number| number.checked_sub(self.first));
        let slot = place.and_then(|place| self.slots.get_mut(place as usize));
        if let Some(Slot::Waiting(Render::Resp(form, _), _)) = slot
            && *form != Form::Silent
        {
            *form = Form::Unblocked;
        }
    }

    /// Whether a request is being answered step by step: nothing behind it is executed meanwhile,
    /// so that it does not see what comes later.
    pub(super) fn is_walking(&self) -> bool {
        self.walks > 0
    }

    /// The walk in a place, if there is one.
    pub(super) fn walk_at(&mut self, number: u64) -> Option<&mut Walk> {
        let index = number.checked_sub(self.first)?;
        match self.slots.get_mut(index as usize)? {
            Slot::Walk(walk, _) => Some(walk),
            _ => None,
        }
    }

    fn push(&mut self, slot: Slot) -> u64 {
        self.waiting += 1;
        let number = self.next_number();
        self.slots.push_back(slot);
        number
    }

    /// Lets `write` append a reply in the next place: to `output` where nothing is outstanding.
    ///
    /// There is one call of `write`, so that it becomes part of its caller.
    #[inline]
    pub(super) fn append(&mut self, output: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let tail = self.tail();
        let is_queued = tail.is_some();
        let out = tail.unwrap_or(output);
        let before = out.len();
        write(out);
        let written = out.len() - before;
        if is_queued {
            self.ready_bytes += written;
        }
    }

    /// Where a reply waits for its turn; `None` where it does not have to.
    #[inline]
    fn tail(&mut self) -> Option<&mut Vec<u8>> {
        if self.slots.is_empty() {
            return None;
        }
        if !matches!(self.slots.back(), Some(Slot::Ready(_))) {
            self.slots.push_back(Slot::Ready(Vec::new()));
        }
        match self.slots.back_mut() {
            Some(Slot::Ready(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Puts an answer into its place; `part` names the part of a gathered request.
    ///
    /// Moves everything that has its turn now to `output`. Tells of the command that is answered
    /// with an error now, if one is.
    pub(super) fn fill(
        &mut self,
        number: u64,
        part: u16,
        reply: Vec<u8>,
        output: &mut Vec<u8>,
    ) -> Option<Failed> {
        let index = number.checked_sub(self.first)?;
        let slot = self.slots.get_mut(index as usize)?;
        let asked_by;
        let done = match slot {
            Slot::Ready(_) => return None,
            Slot::Waiting(render, command) => {
                asked_by = *command;
                self.lock.take_if(|lock| *lock == number);
                self.waiting_keys -= 1;
                rendered(reply, *render)
            }
            Slot::Walk(_, command) | Slot::Roll(_, command) => {
                asked_by = *command;
                self.walks -= 1;
                reply
            }
            Slot::Gather(gather, render, command) => {
                asked_by = *command;
                self.ready_bytes -= gather.held_bytes();
                gather.fill(part, reply);
                let Some(whole) = gather.finish(*render) else {
                    self.ready_bytes += gather.held_bytes();
                    return None;
                };
                self.waiting_keys -= gather.items();
                whole
            }
        };
        self.ready_bytes += done.len();
        self.waiting -= 1;
        let command = Some(asked_by).filter(|command| *command != CommandNumber::NONE);
        let failed = command.and_then(|command| {
            let word = ErrorWord::of_reply(&done)?;
            Some(Failed { command, word })
        });
        self.fenced &= self.waiting > 0;
        self.stalled = self.walks > 0 || self.lock.is_some() || self.fenced;
        *slot = Slot::Ready(done);
        self.release(output);
        failed
    }

    fn release(&mut self, output: &mut Vec<u8>) {
        while let Some(Slot::Ready(_)) = self.slots.front() {
            let Some(Slot::Ready(bytes)) = self.slots.pop_front() else {
                return;
            };
            self.first += 1;
            self.ready_bytes -= bytes.len();
            output.extend_from_slice(&bytes);
        }
    }
}

/// A reply frame as its connection wants it.
fn rendered(frame: Vec<u8>, render: Render) -> Vec<u8> {
    match render {
        // A place that was given up has nothing to say.
        Render::Resp(..) if frame.is_empty() => frame,
        Render::Resp(form, version) => resp::rendered(&frame, form, version),
        Render::Frame => frame,
    }
}

#[cfg(test)]
mod tests {
    use jerboa_wire::{Crc, Opcode, Reply, Status};

    use super::*;

    #[test]
    fn answers_are_taken_for_large_until_they_prove_small() {
        let mut queue = ReplyQueue::default();
        assert_eq!(queue.expected_bytes(), 0, "nothing is outstanding");
        let one = queue.wait(Render::Frame);
        queue.wait(Render::Frame);
        assert_eq!(queue.expected_bytes(), 2 * LARGE_REPLY_BYTES);
        for _ in 0..100 {
            queue.learn(one, 100);
        }
        assert_eq!(queue.expected_bytes(), 200);
        queue.learn(one, 1 << 20);
        assert_eq!(queue.expected_bytes(), 2 << 20);
        assert!(queue.fill(one, 0, Vec::new(), &mut Vec::new()).is_none());
        assert_eq!(queue.expected_bytes(), 1 << 20);
    }

    #[test]
    fn replies_leave_in_the_order_of_requests_however_answers_arrive() {
        let mut queue = ReplyQueue::default();
        let mut output = Vec::new();
        let first = queue.wait(Render::Frame);
        queue.append(&mut output, |out| out.extend_from_slice(b"b"));
        queue.append(&mut output, |out| out.extend_from_slice(b"c"));
        let second = queue.wait(Render::Frame);
        let third = queue.wait(Render::Frame);
        queue.append(&mut output, |out| out.extend_from_slice(b"f"));
        assert_eq!((queue.waiting(), queue.ready_bytes()), (3, 3));

        assert!(queue.fill(third, 0, b"e".to_vec(), &mut output).is_none());
        assert!(output.is_empty(), "the first request is not answered yet");
        assert!(queue.fill(first, 0, b"a".to_vec(), &mut output).is_none());
        assert_eq!(output, b"abc");
        assert!(queue.fill(second, 0, b"d".to_vec(), &mut output).is_none());
        assert_eq!(output, b"abcdef");
        assert!(queue.is_empty());
        assert_eq!((queue.waiting(), queue.ready_bytes()), (0, 0));

        // A part of a gathered request counts as long as it is kept.
        let head = Reply::new(Opcode::MultiDelete, Status::Ok, 1);
        let gathered = queue.gather(
            Gather::new(head, Crc::On, 1 << 20, vec![0, 1], 2),
            Render::Frame,
        );
        assert!(queue.fill(gathered, 0, vec![0; 500], &mut output).is_none());
        assert_eq!(queue.ready_bytes(), 500);
        assert!(queue.fill(gathered, 1, vec![0; 100], &mut output).is_none());
        assert_eq!(queue.ready_bytes(), 0);
        output.truncate(6);

        // Numbers go on after the queue was empty.
        let fourth = queue.wait(Render::Frame);
        assert!(
            queue
                .fill(second, 0, b"stale".to_vec(), &mut output)
                .is_none()
        );
        assert!(queue.fill(fourth, 0, b"g".to_vec(), &mut output).is_none());
        assert_eq!(output, b"abcdefg");
    }
}
