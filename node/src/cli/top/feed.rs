//! The thread that reads the node, so that a node which is silent holds up neither keys nor signals.
//!
//! One question at a time. The answer lies in a channel and a descriptor says so, to be polled
//! beside the keyboard. The thread is never waited for: it ends after its last answer, or with the
//! process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::sample::{Difference, Sample};
use crate::cli::connection::{Connection, NoAnswer};

/// How long connecting and each answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What happened since the reading before, `None` for the first one of a connection; or why there is
/// no answer.
pub(super) type Answer = Result<Option<Difference>, NoAnswer>;

/// What is to be read.
struct Question {
    maps: bool,
}

/// The face of the thread.
pub(super) struct Feed {
    questions: Sender<Question>,
    answers: Receiver<Answer>,
    bell: Arc<EventFd>,
    /// When the question was asked whose answer has not come.
    asked: Option<Instant>,
}

impl Feed {
    /// Starts it; it connects with the first question.
    pub(super) fn start(address: &str) -> io::Result<Self> {
        let (questions, asked) = channel::<Question>();
        let (told, answers) = channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = Arc::new(EventFd::from_flags(flags)?);
        let ring = Arc::clone(&bell);
        let mut reader = Reader::new(address);
        thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || {
                for question in asked {
                    let answer = reader.read(question.maps);
                    if answer.is_err() {
                        reader = Reader::new(&reader.address);
                    }
                    // Nobody wants to know any more, or somebody is told already.
                    if told.send(answer).is_err() {
                        return;
                    }
                    let _ = ring.write(1);
                }
            })?;
        Ok(Self {
            questions,
            answers,
            bell,
            asked: None,
        })
    }

    /// Asks, unless an answer is still to come.
    pub(super) fn ask(&mut self, maps: bool) -> io::Result<()> {
        if self.asked.is_none() {
            self.asked = Some(Instant::now());
            let asked = self.questions.send(Question { maps });
            asked.map_err(|_| gone())?;
        }
        Ok(())
    }

    /// Since when an answer is waited for.
    pub(super) fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// Readable when there is an answer.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The answer, if it has come.
    pub(super) fn take(&mut self) -> io::Result<Option<Answer>> {
        // Not rung: nothing to silence.
        let _ = self.bell.read();
        match self.answers.try_recv() {
            Ok(answer) => {
                self.asked = None;
                Ok(Some(answer))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(gone()),
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that reads the node has ended")
}

/// Reads a node and tells the difference to the reading before.
struct Reader {
    address: String,
    connection: Option<Connection>,
    before: Option<Sample>,
}

impl Reader {
    fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            connection: None,
            before: None,
        }
    }

    fn read(&mut self, maps: bool) -> Result<Option<Difference>, NoAnswer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address, TIMEOUT)?,
        };
        let sample = Sample::read(&mut connection, maps, self.before.as_ref())?;
        self.connection = Some(connection);
        let difference = self
            .before
            .as_ref()
            .and_then(|before| Difference::between(&self.address, before, &sample));
        self.before = Some(sample);
        Ok(difference)
    }
}
