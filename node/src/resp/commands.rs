//! The commands, family by family.

mod administration;
mod cluster;
mod connection;
mod introspection;
mod keys;
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
];
