//! The commands, family by family.

mod administration;
mod cluster;
mod connection;
pub(super) mod dmap;
mod introspection;
mod keys;
pub(super) mod pubsub;
mod strings;

use super::command::Command;

/// The lists of all families.
pub(super) const FAMILIES: &[&[Command]] = &[
    strings::COMMANDS,
    keys::COMMANDS,
    connection::COMMANDS,
    introspection::COMMANDS,
    cluster::COMMANDS,
    administration::COMMANDS,
    dmap::COMMANDS,
    pubsub::COMMANDS,
];
