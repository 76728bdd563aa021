//! What every contender can do, and the keys and values that all of them are given.

use crate::support::mix::mix;

/// Keys of all contenders.
pub(crate) type Key = [u8; 16];
/// Values of all contenders.
pub(crate) type Payload = [u8; 64];

/// Operations of one batch.
pub(crate) const BATCH: usize = 16;

/// The key with this number: different for every number, in no order.
#[inline]
pub(crate) fn key(number: u64) -> Key {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mix(number).to_le_bytes());
    key[8..].copy_from_slice(&number.to_le_bytes());
    key
}

/// A store of entries, owned by one thread.
pub(crate) trait Contender {
    /// What the table calls it.
    const NAME: &'static str;

    /// What it got from the system, as far as it says.
    fn describe(&self) -> Option<String> {
        None
    }

    /// Of a million entries, how many it may refuse for want of a place in its index, though it was
    /// built with room for them.
    const REFUSED_PER_MILLION: u64 = 0;

    /// Built with room for so many entries.
    fn new(entries: u64) -> Self;

    /// Stores or overwrites.
    fn put(&mut self, key: &Key, value: &Payload);

    /// Copies the value out; whether there is one.
    fn get(&mut self, key: &Key, into: &mut Payload) -> bool;

    /// Removes; whether there was one.
    fn delete(&mut self, key: &Key) -> bool;

    /// Stores or overwrites all.
    fn put_batch(&mut self, keys: &[Key; BATCH], value: &Payload) {
        keys.iter().for_each(|key| self.put(key, value));
    }

    /// Returns how many were found.
    fn get_batch(&mut self, keys: &[Key; BATCH], into: &mut [Payload; BATCH]) -> usize {
        let mut found = 0;
        for (key, into) in keys.iter().zip(into) {
            found += usize::from(self.get(key, into));
        }
        found
    }

    /// Returns how many there were.
    fn delete_batch(&mut self, keys: &[Key; BATCH]) -> usize {
        keys.iter().filter(|key| self.delete(key)).count()
    }

    /// The background work that comes with so many writes; part of their time.
    fn upkeep(&mut self) {}
}
