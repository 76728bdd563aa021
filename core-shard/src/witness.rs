//! What a shard tells of entries that went away without anybody asking for it: which ones ran out of
//! time, and which were dropped to make room. Of entries whose values bear a mark (locks do) it also
//! tells which were deleted or overwritten by somebody else than their holder.
//!
//! Nobody watches unless [`crate::Shard::watch`] says so; then each such entry is noted with its key
//! and the name of its map in a queue with a bound in bytes, and what does not fit is counted. While nobody watches, an
//! expired segment is freed whole; while somebody does, its entries are walked in slices.
//! Of a map that is destroyed only those are noted too, as the slices come to them.

use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of notes that wait to be taken.
const QUEUE_BYTES_MAX: usize = 4 << 20;
/// What a note counts beside its key and the name of its map.
const NOTE_BYTES: usize = 64;

/// Which entries to note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// All that run out of time, idle time included.
    pub expired: bool,
    /// All that are dropped to make room.
    pub evicted: bool,
    /// Of both, those whose values are this and eight bytes more; and of these also the ones
    /// that are deleted or overwritten with another value.
    pub mark: Option<[u8; 8]>,
}

impl Interest {
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Why an entry went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It reached its expiry, or its map's idle time.
    Expired,
    /// It was dropped to make room.
    Evicted,
    /// It bore the mark, and was deleted.
    Deleted,
    /// It bore the mark, and was overwritten with another value.
    Overwritten,
    /// It bore the mark, and its map was destroyed.
    Destroyed,
}

/// An entry that went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departed {
    /// Why.
    pub departure: Departure,
    /// The name of its map, which may have been destroyed and its number given to another since.
    pub map_name: Arc<[u8]>,
    /// Its version.
    pub version: u64,
    /// Its key.
    pub key: Box<[u8]>,
    /// Where its value was the mark that was asked for and eight bytes more, these.
    pub marked: Option<[u8; 8]>,
}

/// The queue of what was noted.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    interest: Interest,
    queue: VecDeque<Departed>,
    queue_bytes: usize,
    dropped: u64,
}

/// An entry that goes, where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Going<'a> {
    pub(crate) map_name: Arc<[u8]>,
    pub(crate) version: u64,
    pub(crate) key: &'a [u8],
    /// As far as it lies in the entry.
    pub(crate) value: &'a [u8],
}

impl Witness {
    pub(crate) fn watch(&mut self, interest: Interest) {
        self.interest = interest;
    }

    /// Whether anybody wants to know what is deleted or overwritten.
    pub(crate) fn minds_loss(&self) -> bool {
        self.interest.mark.is_some()
    }

    /// Notes an entry if somebody wants to know of it.
    pub(crate) fn note(&mut self, departure: Departure, going: Going<'_>) {
        let mark = self.interest.mark;
        let behind = mark.and_then(|mark| going.value.strip_prefix(&mark));
        let marked = behind.and_then(|rest| rest.try_into().ok());
        let wanted = match departure {
            Departure::Expired => self.interest.expired,
            Departure::Evicted => self.interest.evicted,
            Departure::Deleted | Departure::Overwritten | Departure::Destroyed => false,
        };
        if !wanted && marked.is_none() {
            return;
        }
        let bytes = bytes_of(&going.map_name, going.key);
        if self.queue_bytes + bytes > QUEUE_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        self.queue_bytes += bytes;
        self.queue.push_back(Departed {
            departure,
            map_name: going.map_name,
            version: going.version,
            key: going.key.into(),
            marked,
        });
    }

    pub(crate) fn has_notes(&self) -> bool {
        !self.queue.is_empty() || self.dropped > 0
    }

    pub(crate) fn take(&mut self) -> Option<Departed> {
        let departed = self.queue.pop_front()?;
        self.queue_bytes -= bytes_of(&departed.map_name, &departed.key);
        Some(departed)
    }

    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

fn bytes_of(map_name: &[u8], key: &[u8]) -> usize {
    NOTE_BYTES + map_name.len() + key.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn going<'a>(key: &'a [u8], value: &'a [u8]) -> Going<'a> {
        Going {
            map_name: b"map".as_slice().into(),
            version: 7,
            key,
            value,
        }
    }

    #[test]
    fn only_what_somebody_wants_to_know_is_noted() {
        let mut witness = Witness::default();
        witness.watch(Interest {
            expired: true,
            evicted: false,
            mark: Some(*b"markmark"),
        });
        witness.note(Departure::Expired, going(b"a", b"value"));
        witness.note(Departure::Evicted, going(b"b", b"value"));
        witness.note(Departure::Evicted, going(b"c", b"markmark of lock"));
        witness.note(Departure::Deleted, going(b"d", b"value"));
        witness.note(Departure::Overwritten, going(b"e", b"markmark of lock"));
        let told: Vec<_> = std::iter::from_fn(|| witness.take())
            .map(|gone| (gone.key[0], gone.marked.is_some()))
            .collect();
        assert_eq!(told, [(b'a', false), (b'c', true), (b'e', true)]);
        assert!(!witness.has_notes());
    }

    #[test]
    fn a_queue_that_nobody_empties_is_bounded_and_what_it_lacks_counted() {
        let mut witness = Witness::default();
        witness.watch(Interest {
            evicted: true,
            ..Interest::default()
        });
        let key = [b'k'; 1000];
        let fitting = QUEUE_BYTES_MAX / bytes_of(b"map", &key);
        for _ in 0..fitting + 10 {
            witness.note(Departure::Evicted, going(&key, b""));
        }
        assert_eq!(witness.queue.len(), fitting);
        assert_eq!((witness.take_dropped(), witness.take_dropped()), (10, 0));
        assert!(witness.take().is_some());
        witness.note(Departure::Evicted, going(&key, b""));
        assert_eq!(witness.take_dropped(), 0, "room again");
    }
}
