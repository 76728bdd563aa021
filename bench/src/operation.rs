//! The operations a workload is mixed from.

use serde::{Deserialize, Serialize};

/// One kind of request. Counted and timed apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Reads one key.
    Get,
    /// Stores one key.
    Set,
    /// Removes one key.
    Delete,
    /// Adds one to a counter.
    Incr,
    /// Reads several keys at once.
    MultiGet,
    /// Stores several keys at once.
    MultiSet,
    /// Asks the server for nothing: the transport alone.
    Noop,
}

impl Operation {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Get,
        Self::Set,
        Self::Delete,
        Self::Incr,
        Self::MultiGet,
        Self::MultiSet,
        Self::Noop,
    ];

    /// Place in [`Self::ALL`].
    #[inline]
    #[must_use]
    pub const fn number(self) -> usize {
        self as usize
    }

    /// As printed in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Incr => "incr",
            Self::MultiGet => "multiget",
            Self::MultiSet => "multiset",
            Self::Noop => "noop",
        }
    }

    /// Whether it stores values.
    #[inline]
    #[must_use]
    pub const fn stores(self) -> bool {
        matches!(self, Self::Set | Self::MultiSet)
    }
}

#[cfg(test)]
mod tests {
    use super::Operation;

    #[test]
    fn numbers_are_places_in_the_list() {
        for (place, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation.number(), place);
        }
    }
}
