//! The names of maps and the small numbers that stand for them inside a shard.

/// A map inside one shard. The same name may have another number in another shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapId(pub(crate) u16);

impl MapId {
    /// The map with the empty name, which always exists.
    pub const DEFAULT: Self = Self(0);

    /// The number.
    #[must_use]
    pub const fn index(self) -> u16 {
        self.0
    }
}
