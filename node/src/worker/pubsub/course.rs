//! The way of one message around the subscribers of a core, as far as a turn goes at a time.
//!
//! ```text
//!  subscribers by name ─▶ pattern ─▶ its subscribers ─▶ pattern ─▶ …       in their order
//!                  ▲ a turn ends after STEPS_PER_TURN, the next goes on here
//! ```
//! Invariants:
//! * C1 Who is subscribed from the beginning of the course to its end gets the message once for its
//!   name and once for each of its patterns that match. Who comes meanwhile need not get it, and who
//!   goes gets nothing behind its going.
//! * C2 A turn goes no further than one step beyond its share, a step being one look at a pattern or one
//!   copy for one subscriber. The first of a turn is always taken, so a course ends: nobody who comes
//!   meanwhile makes it longer ([`Stretch::until`], `patterns_until`).
//! * C3 What it keeps from turn to turn is a name and the message in the forms that its subscribers want.

use jerboa_wire::Message;

use super::hand_over::{Desk, Forms, Handed};
use super::registry::{Stretch, Subscriber};
use super::{PubSub, STEPS_PER_TURN};
use crate::resp::SHARD_PREFIX;

/// What a copy counts in steps of matching, a few nanoseconds each.
pub(super) const STEPS_PER_COPY: usize = 64;
/// Copied bytes that take as long as a step.
const BYTES_PER_STEP: usize = 16;

/// How far a message got.
#[derive(Debug, Default)]
pub(in crate::worker) struct Course {
    /// Messages that were handed over.
    pub(super) handed: u64,
    forms: Forms,
    stage: Stage,
    /// Patterns of later numbers came later.
    patterns_until: u64,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Begins,
    /// Amid those by name.
    Names(Stretch),
    /// At a pattern, the first without a name. Amid its subscribers, where there is a stretch of them.
    Patterns {
        name: Option<Box<[u8]>>,
        amid: Option<Stretch>,
    },
    Ended,
}

/// Whether a message has been everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    TheEnd,
    /// The share of the turn is used up.
    ItsShare,
}

impl PubSub {
    /// Takes a message as far as this turn goes.
    pub(super) fn advance(
        &mut self,
        channel: &[u8],
        payload: &[u8],
        course: &mut Course,
        desk: &mut Desk<'_>,
    ) -> Reached {
        let message = Message {
            channel,
            pattern: None,
            payload,
        };
        loop {
            course.stage = match std::mem::take(&mut course.stage) {
                Stage::Begins => {
                    // One that nobody gets is work too.
                    self.spent += STEPS_PER_COPY;
                    course.patterns_until = self.registry.last_pattern();
                    match self.registry.all_named(channel) {
                        Some(all) => Stage::Names(all),
                        None => Stage::FIRST_PATTERN,
                    }
                }
                Stage::Names(stretch) => {
                    match self.hand_to_named(&message, stretch, course, desk) {
                        None => {
                            course.forms = Forms::default();
                            Stage::FIRST_PATTERN
                        }
                        Some(rest) => {
                            course.stage = Stage::Names(rest);
                            return Reached::ItsShare;
                        }
                    }
                }
                // No pattern matches a shard channel.
                Stage::Patterns { .. } if channel.starts_with(SHARD_PREFIX) => Stage::Ended,
                Stage::Patterns { name, amid } => {
                    match self.hand_to_patterns(&message, name.as_deref(), amid, course, desk) {
                        Stage::Ended => Stage::Ended,
                        rest => {
                            course.stage = rest;
                            return Reached::ItsShare;
                        }
                    }
                }
                Stage::Ended => {
                    course.stage = Stage::Ended;
                    desk.counts.published += 1;
                    desk.counts.messages += course.handed;
                    return Reached::TheEnd;
                }
            };
        }
    }

    /// Hands the message to those by name. Returns those who are left.
    fn hand_to_named(
        &mut self,
        message: &Message<'_>,
        mut stretch: Stretch,
        course: &mut Course,
        desk: &mut Desk<'_>,
    ) -> Option<Stretch> {
        for to in self.registry.named(message.channel, stretch) {
            if self.spent >= STEPS_PER_TURN {
                return Some(stretch);
            }
            let done = desk.hand_over(to, message, &mut course.forms, &self.listeners);
            let note = Note {
                pushes: &mut self.pushes,
                slow: &mut self.slow,
                spent: &mut self.spent,
            };
            course.handed += note.note(to, done);
            stretch.behind = Some(to);
        }
        None
    }

    /// Hands the message to those whose patterns match, `from` this one on, amid whose subscribers it
    /// may be. Returns where to go on.
    fn hand_to_patterns(
        &mut self,
        message: &Message<'_>,
        from: Option<&[u8]>,
        mut amid: Option<Stretch>,
        course: &mut Course,
        desk: &mut Desk<'_>,
    ) -> Stage {
        for (name, pattern) in self.registry.patterns_from(from) {
            // Of the pattern that it was amid and of no other, should that be gone.
            let begun = amid.take().filter(|_| from == Some(name));
            let stop = |amid| Stage::Patterns {
                name: Some(name.into()),
                amid,
            };
            if self.spent >= STEPS_PER_TURN {
                return stop(begun);
            }
            let (matches, steps) = if pattern.number > course.patterns_until {
                (false, 0)
            } else if begun.is_some() {
                (true, 0)
            } else {
                pattern.glob.matches_in_steps(message.channel)
            };
            // One that fails at its first byte is a step too.
            self.spent += steps.max(1);
            let Some(mut stretch) = begun.or_else(|| pattern.all()).filter(|_| matches) else {
                continue;
            };
            let message = Message {
                pattern: Some(name),
                ..*message
            };
            for to in pattern.some(stretch) {
                if self.spent >= STEPS_PER_TURN {
                    return stop(Some(stretch));
                }
                let done = desk.hand_over(to, &message, &mut course.forms, &self.listeners);
                let note = Note {
                    pushes: &mut self.pushes,
                    slow: &mut self.slow,
                    spent: &mut self.spent,
                };
                course.handed += note.note(to, done);
                stretch.behind = Some(to);
            }
            course.forms = Forms::default();
        }
        Stage::Ended
    }
}

impl Stage {
    const FIRST_PATTERN: Self = Self::Patterns {
        name: None,
        amid: None,
    };
}

/// Where it is noted what came of handing a message over.
struct Note<'p> {
    pushes: &'p mut std::collections::VecDeque<crate::net::SocketId>,
    slow: &'p mut Vec<Subscriber>,
    spent: &'p mut usize,
}

impl Note<'_> {
    /// Puts a connection on its list; how many messages it has got.
    fn note(self, to: Subscriber, done: Handed) -> u64 {
        *self.spent += STEPS_PER_COPY;
        match done {
            Handed::Over { bytes } => {
                self.pushes.push_back(to.socket);
                *self.spent += bytes / BYTES_PER_STEP;
                1
            }
            Handed::Along { bytes } => {
                *self.spent += bytes / BYTES_PER_STEP;
                1
            }
            Handed::TooSlow => {
                self.slow.push(to);
                0
            }
            Handed::Gone => 0,
        }
    }
}

#[cfg(test)]
mod tests;
