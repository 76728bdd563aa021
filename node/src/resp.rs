//! The RESP door: what Redis' clients say, as this node understands it.
//!
//! ```text
//! bytes ─ parser ─▶ arguments ─ table ─▶ command ─ translated ─▶ request ─▶ the path of every request
//! bytes ◀── writer ◀──────────── form ◀──────────────────────── reply  ◀──┘
//! ```
//!
//! A command either becomes one request of the binary protocol, which then goes the way of all
//! requests (batch, prefetch, forward, gather, order of replies) and comes back as a reply that its
//! [`Form`] writes as RESP; or it is about the connection or the node, and answered where it is
//! read. Commands know no sockets and no engine.
//!
//! To add a command: write its function beside its relatives in `commands/`, and its line in the
//! family's list there. The list is the one place where a command is described: COMMAND, its
//! arity, its keys and its place in MOVED are all answered from it.

mod call;
mod clients;
mod command;
mod commands;
mod documentation;
mod form;
mod pause;
mod refusal;
mod session;
mod slots;

pub(crate) use call::{Asked, Call, Here, wrong_arity};
pub(crate) use clients::{ClientQuery, Listed, Purpose, Unblock};
pub(crate) use command::{
    Answer, Ask, Channels, Command, CommandNumber, Flags, Run, find_numbered, numbered,
};
pub(crate) use commands::pubsub::{SHARD_PREFIX, checked_channel, checked_message};
pub(crate) use form::{Form, Render};
pub(crate) use pause::Pause;
pub(crate) use refusal::{Refusal, status_text, unknown_command, unknown_subcommand};
pub(crate) use session::{Client, Replies};
pub(crate) use slots::{Announcement, SlotMaps};
