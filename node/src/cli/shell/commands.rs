//! The commands, by what they are about.

pub(super) mod channels;
pub(super) mod conditions;
pub(super) mod keys;
pub(super) mod local;
pub(super) mod locks;
pub(super) mod many;
pub(super) mod maps;
pub(super) mod node;
pub(super) mod numbers;
pub(super) mod values;
