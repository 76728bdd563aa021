//! The lists of what has its counterpart, by what the tests are about.

#[path = "counterparts/keys.rs"]
mod keys;
#[path = "counterparts/maps.rs"]
mod maps;
#[path = "counterparts/node.rs"]
mod node;
#[path = "counterparts/places.rs"]
pub(crate) mod places;

use super::Counterpart;

/// All of them.
pub(super) fn counterparts() -> impl Iterator<Item = &'static Counterpart> {
    [keys::ROWS, maps::ROWS, node::ROWS].into_iter().flatten()
}
