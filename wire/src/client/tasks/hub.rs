//! The state of one client: the engine, where answers wait, and whom to wake.
//!
//! Invariants:
//! * H1 Whoever changes the hub calls [`Hub::settle`] before letting go of it, and wakes whom that
//!   names afterwards.
//! * H2 A connection has a signal from when the engine wants it until its task or the engine ends
//!   it.
//! * H3 The keeper wakes no later than the engine has something to do.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::signal::{Asking, Signal};
use super::slots::{Delivery, Slots, Ticket};
use crate::client::config::Config;
use crate::client::engine::{Action, CallKey, Completed, ConnectionId, Ended, Engine};
use crate::client::error::{Error, RuntimeFault};
use crate::client::operation::Operation;
use crate::client::outcome::Response;

/// The state of one client.
#[derive(Debug)]
pub struct Hub {
    pub(super) engine: Engine<Ticket>,
    pub(super) config: Config,
    slots: Slots,
    signals: HashMap<ConnectionId, Signal>,
    /// Connections that the keeper is to begin.
    wanted: Vec<(ConnectionId, Arc<str>)>,
    keeper: Signal,
    /// When the keeper will look again.
    keeper_at_us: u64,
    /// When everything ends at the latest, set once the last client has gone.
    last_us: Option<u64>,
    /// Why there are no tasks any more.
    fault: Option<RuntimeFault>,
    completed: Vec<Completed<Ticket>>,
    actions: Vec<Action>,
}

/// A call that has begun, or why it could not.
#[derive(Debug)]
pub(super) enum Begun {
    Waiting(CallKey, Ticket),
    Failed(Error),
}

/// What the keeper has to do.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) wanted: Vec<(ConnectionId, Arc<str>)>,
    /// When to look again; `u64::MAX`: not before a word.
    pub(super) next_us: u64,
}

/// Why the task of a connection was woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    Write,
    Close,
}

impl Hub {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            engine: Engine::new(config.clone()),
            config,
            slots: Slots::default(),
            signals: HashMap::new(),
            wanted: Vec::new(),
            keeper: Signal::default(),
            keeper_at_us: u64::MAX,
            last_us: None,
            fault: None,
            completed: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Begins a call that is to end within `limit`, and the time that the node may let it wait.
    pub(super) fn begin(&mut self, operation: Operation, limit: Duration, now_us: u64) -> Begun {
        if let Some(fault) = self.fault {
            return Begun::Failed(Error::Runtime(fault));
        }
        let limit = limit.saturating_add(operation.wait());
        let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let deadline_us = now_us.saturating_add(limit_us);
        let ticket = self.slots.take_place();
        match self.engine.call(operation, ticket, deadline_us, now_us) {
            Ok(key) => Begun::Waiting(key, ticket),
            Err(error) => {
                self.slots.free(ticket);
                Begun::Failed(error)
            }
        }
    }

    /// Ready once a call is over.
    pub(super) fn poll_over(&mut self, begun: &Begun, asking: &mut Asking<'_>) -> Poll<()> {
        match begun {
            Begun::Waiting(_, ticket) => self.slots.poll(*ticket, asking),
            Begun::Failed(_) => Poll::Ready(()),
        }
    }

    /// The result of a call that is over.
    pub(super) fn take(&mut self, begun: Begun) -> Result<Response, Error> {
        match begun {
            Begun::Waiting(_, ticket) => {
                let delivery = self.slots.free(ticket);
                delivery.map_or(Err(Error::UnexpectedReply), |delivery| delivery.result)
            }
            Begun::Failed(error) => Err(error),
        }
    }

    /// The caller has gone: a lock is not left with nobody.
    pub(super) fn abandon(&mut self, begun: &Begun, now_us: u64) {
        let Begun::Waiting(key, ticket) = begun else {
            return;
        };
        match self.slots.free(*ticket) {
            None => self.engine.abandon(*key),
            Some(delivery) => {
                if let Some(unlock) = delivery.give_back {
                    self.engine.give_back(unlock, now_us);
                }
            }
        }
    }

    /// Takes what is to be written on a connection, into `into`, which is empty.
    pub(super) fn take_output(
        &mut self,
        connection: ConnectionId,
        into: &mut Vec<u8>,
        now_us: u64,
    ) {
        self.engine.take_output(connection, into, now_us);
        if into.is_empty()
            && let Some(signal) = self.signals.get_mut(&connection)
        {
            signal.clear();
        }
    }

    /// Ready when the task of a connection has something to do.
    pub(super) fn poll_word(
        &mut self,
        connection: ConnectionId,
        asking: &mut Asking<'_>,
    ) -> Poll<Word> {
        match self.signals.get_mut(&connection) {
            Some(signal) => signal.poll(asking).map(|()| Word::Write),
            None => Poll::Ready(Word::Close),
        }
    }

    /// Whether the engine still wants a connection.
    pub(super) fn wants(&self, connection: ConnectionId) -> bool {
        self.signals.contains_key(&connection)
    }

    /// The task of a connection is over.
    pub(super) fn ended(&mut self, connection: ConnectionId, ended: Ended, now_us: u64) {
        if self.signals.remove(&connection).is_some() {
            self.engine.disconnected(connection, ended, now_us);
        }
    }

    /// Lets time pass; `None` where everything is over.
    pub(super) fn tick(&mut self, now_us: u64) -> Option<Due> {
        if let Some(last_us) = self.last_us
            && (now_us >= last_us || !self.engine.owes())
        {
            self.engine.close();
        }
        self.engine.tick(now_us);
        if self.engine.is_closed() {
            return None;
        }
        let next_us = self.engine.next_tick_us().unwrap_or(u64::MAX);
        self.keeper_at_us = next_us.min(self.last_us.unwrap_or(u64::MAX));
        self.keeper.clear();
        Some(Due {
            wanted: std::mem::take(&mut self.wanted),
            next_us: self.keeper_at_us,
        })
    }

    /// Ready when the keeper has to look earlier than it meant to.
    pub(super) fn poll_keeper(&mut self, asking: &mut Asking<'_>) -> Poll<()> {
        self.keeper.poll(asking)
    }

    /// The last client has gone. Everything ends at once, or as soon as the locks that nobody
    /// waits for any more are given back.
    pub(super) fn leave(&mut self, now_us: u64) {
        if self.engine.owes() {
            let limit_us = u64::try_from(self.config.call_timeout.as_micros()).unwrap_or(u64::MAX);
            self.last_us = Some(now_us.saturating_add(limit_us));
        } else {
            self.engine.close();
        }
    }

    /// The keeper has gone, and its runtime with it: nothing would ever get on.
    pub(super) fn orphan(&mut self, fault: RuntimeFault) {
        if !self.engine.is_closed() {
            self.fault = Some(fault);
            self.engine.close();
        }
    }

    /// Delivers what is completed and finds out what is to be done. Whom to wake, once the hub is
    /// let go of.
    pub(super) fn settle(&mut self, now_us: u64) -> Vec<Waker> {
        let mut woken = Vec::new();
        self.engine.take_completed(&mut self.completed);
        for completed in self.completed.drain(..) {
            let Completed { waiter, result, .. } = completed;
            let delivery = Delivery {
                result,
                give_back: completed.give_back,
            };
            // A caller that has gone does not mind, but leaves its lock.
            if let Err(Delivery {
                give_back: Some(unlock),
                ..
            }) = self.slots.deliver(waiter, delivery, &mut woken)
            {
                self.engine.give_back(unlock, now_us);
            }
        }
        self.engine.take_actions(&mut self.actions);
        for action in self.actions.drain(..) {
            match action {
                Action::Connect {
                    connection,
                    address,
                } => {
                    self.signals.insert(connection, Signal::default());
                    self.wanted.push((connection, address));
                }
                Action::Flush(connection) => {
                    if let Some(signal) = self.signals.get_mut(&connection) {
                        signal.set(&mut woken);
                    }
                }
                Action::Close(connection) => {
                    if let Some(mut signal) = self.signals.remove(&connection) {
                        signal.set(&mut woken);
                    }
                }
            }
        }
        let next_us = self.engine.next_tick_us().unwrap_or(u64::MAX);
        let over = self.last_us.is_some() || self.engine.is_closed();
        if over || !self.wanted.is_empty() || next_us < self.keeper_at_us {
            self.keeper.set(&mut woken);
        }
        woken
    }
}
