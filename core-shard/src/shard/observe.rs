//! Telling whoever watches which entries go, by themselves or against their holder's will; see
//! [`crate::witness`].

use super::Shard;
use crate::entry::Header;
use crate::witness::{Departed, Departure, Going, Interest};

impl Shard {
    /// Begins, changes or ends the noting of entries that expire or are evicted. Where it ends, notes
    /// that were not taken are thrown away.
    pub fn watch(&mut self, interest: Interest) {
        if interest.is_none() {
            self.witness = None;
        } else {
            let witness = self.witness.get_or_insert_default();
            witness.watch(interest);
        }
    }

    /// Whether there are notes to take.
    #[must_use]
    pub fn has_departed(&self) -> bool {
        self.witness
            .as_ref()
            .is_some_and(|witness| witness.has_notes())
    }

    /// The next note, in the order in which the entries were found to be gone.
    pub fn take_departed(&mut self) -> Option<Departed> {
        self.witness.as_mut()?.take()
    }

    /// How many entries went without a note since this was asked last, because too many notes waited.
    pub fn take_unnoted(&mut self) -> u64 {
        let witness = self.witness.as_mut();
        witness.map_or(0, |witness| witness.take_dropped())
    }

    /// Notes an entry that is about to go.
    #[inline]
    pub(super) fn depart(&mut self, start: usize, header: &Header, departure: Departure) {
        if self.witness.is_some() {
            self.note(start, header, departure);
        }
    }

    /// Notes an entry that somebody deletes (`new` is `None`) or overwrites, if that matters.
    #[inline]
    pub(super) fn lose(&mut self, start: usize, header: &Header, new: Option<&[u8]>) {
        if self.witness.is_some() {
            self.note_loss(start, header, new);
        }
    }

    #[cold]
    fn note_loss(&mut self, start: usize, header: &Header, new: Option<&[u8]>) {
        if self
            .witness
            .as_ref()
            .is_none_or(|witness| !witness.minds_loss())
        {
            return;
        }
        let departure = match new {
            None => Departure::Deleted,
            Some(new) if self.value_of(start, header).as_slice() == Some(new) => return,
            Some(_) => Departure::Overwritten,
        };
        self.note(start, header, departure);
    }

    #[cold]
    fn note(&mut self, start: usize, header: &Header, departure: Departure) {
        if header.deleted {
            return;
        }
        let departure = match self.destroyed.has(header) {
            true => Departure::Destroyed,
            false => departure,
        };
        let Some(witness) = &mut self.witness else {
            return;
        };
        let entry = &self.memory.bytes()[start..][..header.size()];
        let value = match header.large {
            true => &[],
            false => &entry[header.value_at()..][..header.value_bytes],
        };
        let going = Going {
            map_name: self.maps.name_to_keep(header.map),
            version: header.version,
            key: &entry[header.key_at..][..header.key_bytes],
            value,
        };
        witness.note(departure, going);
    }
}
