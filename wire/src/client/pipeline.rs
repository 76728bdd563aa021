//! Many commands at once: one write to each core that owns some of their keys.
//!
//! ```text
//! pipeline.put("a", 1)  ──▶ Queued<u64>  ┐        ┌─▶ answers.take(queued)?
//! pipeline.incr("b", 1) ──▶ Queued<i64>  ┴ execute ┴─▶ answers.take(queued)?
//! ```
//!
//! Every command has a result of its own. One that fails, or cannot be sent at all, keeps no
//! other from being executed. Commands for one key are executed in their order, those for keys of
//! different cores at the same time. It is no transaction: others' commands come in between.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::command::{Command, Read};
use super::condition::ValueIs;
use super::error::Error;
use super::operation::{InvalidCall, Operation};
use super::operations::{any_call, operations};
use super::options::{ExpireCondition, Expiry, LockOptions, LockToken, PutOptions, ScanOptions};
use super::outcome::{
    Appended, ByteSlice, DeleteOutcome, Digest, Entry, ExpireOutcome, PutOutcome, Replaced,
    Response, ScanPage, SettingsReport, Swap, Ttl, Versioned,
};
use crate::value::{Decode, Encode};

/// Commands that are collected, to be executed together with `execute` of a map.
#[derive(Debug)]
#[must_use = "a pipeline does nothing until a map executes it"]
pub struct Pipeline {
    map: Arc<[u8]>,
    number: u64,
    operations: Vec<Result<Operation, Error>>,
}

/// A command's place in a pipeline, to be exchanged for its result.
pub struct Queued<R> {
    pipeline: u64,
    place: usize,
    read: Read<R>,
}

/// The results of an executed pipeline.
#[derive(Debug)]
#[must_use = "a command may have failed"]
pub struct Answers {
    pipeline: u64,
    answers: Vec<Option<Result<Response, Error>>>,
}

macro_rules! queued {
    ($(
        $(#[$meta:meta])*
        fn $operation:ident $(<$($generic:ident: $bound:ident),+>)? (
            $($argument:ident: $type:ty),*
        ) -> $result:ty;
    )+) => {
        impl Pipeline {$(
            $(#[$meta])*
            #[doc = any_call!("[`Error::MustNotBlock`] or [`Error::Runtime`]")]
            #[doc = "\n\nThe result is told by [`Answers::take`]; an error keeps no other command from being executed."]
            pub fn $operation $(<$($generic: $bound),+>)? (
                &mut self,
                $($argument: $type),*
            ) -> Queued<$result> {
                let command = Command::$operation(&self.map, $($argument),*);
                self.push(command)
            }
        )+}
    };
}

operations!(queued);

impl Pipeline {
    /// An empty pipeline whose commands are about the map of this name.
    pub fn new(map: impl AsRef<[u8]>) -> Self {
        Self::of(map.as_ref().into())
    }

    pub(super) fn of(map: Arc<[u8]>) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            map,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            operations: Vec::new(),
        }
    }

    /// Adds a command, which may be about another map.
    pub fn push<R>(&mut self, command: Command<R>) -> Queued<R> {
        let (operation, read) = command.into_parts();
        self.operations.push(operation);
        Queued {
            pipeline: self.number,
            place: self.operations.len() - 1,
            read,
        }
    }

    /// Commands in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// What is to be sent, and the places for the answers.
    pub(super) fn begin(self) -> (Vec<Operation>, Answers) {
        let mut operations = Vec::with_capacity(self.operations.len());
        let mut answers = Vec::with_capacity(self.operations.len());
        for operation in self.operations {
            answers.push(match operation {
                Ok(operation) => {
                    operations.push(operation);
                    None
                }
                Err(error) => Some(Err(error)),
            });
        }
        let answers = Answers {
            pipeline: self.number,
            answers,
        };
        (operations, answers)
    }
}

impl Answers {
    /// Takes the answers to what was sent, in its order.
    pub(super) fn fill(mut self, answers: Vec<Result<Response, Error>>) -> Self {
        let open = self.answers.iter_mut().filter(|answer| answer.is_none());
        for (place, answer) in open.zip(answers) {
            *place = Some(answer);
        }
        self
    }

    /// The result of a command.
    ///
    /// # Errors
    ///
    /// Those of the command, which stand at its method; [`Error::Invalid`] where it was queued in
    /// another pipeline.
    pub fn take<R>(&mut self, queued: Queued<R>) -> Result<R, Error> {
        let Queued {
            pipeline,
            place,
            read,
        } = queued;
        if pipeline != self.pipeline {
            return Err(InvalidCall::AnotherPipeline.into());
        }
        let answer = self.answers.get_mut(place).and_then(Option::take);
        read(answer.ok_or(Error::UnexpectedReply)??)
    }

    /// The failures among the results that were not taken yet, each with the place of its command,
    /// counted from 0. Answers that cannot be read as the type that was asked for are not among
    /// them.
    pub fn errors(&self) -> impl Iterator<Item = (usize, Error)> {
        let answers = self.answers.iter().enumerate();
        answers.filter_map(|(place, answer)| {
            let error = match answer.as_ref()? {
                Ok(response) => response.clone().outcome().err()?,
                Err(error) => error.clone(),
            };
            Some((place, error))
        })
    }
}

impl<R> fmt::Debug for Queued<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued")
            .field("pipeline", &self.pipeline)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
