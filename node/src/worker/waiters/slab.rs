//! Things by small numbers that are used again; the memory of a rush is given back when it is over.

/// The things, and the numbers that are free.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
    used: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            used: 0,
        }
    }
}

impl<T> Slab<T> {
    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// One beyond the greatest number that a thing may have.
    pub(super) fn end(&self) -> u32 {
        self.places.len() as u32
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.places.capacity()
    }

    pub(super) fn add(&mut self, thing: T) -> u32 {
        self.used += 1;
        if let Some(id) = self.free.pop() {
            self.places[id as usize] = Some(thing);
            return id;
        }
        self.places.push(Some(thing));
        self.places.len() as u32 - 1
    }

    pub(super) fn get(&self, id: u32) -> Option<&T> {
        self.places.get(id as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.places.get_mut(id as usize)?.as_mut()
    }

    pub(super) fn take(&mut self, id: u32) -> Option<T> {
        let thing = self.places.get_mut(id as usize)?.take()?;
        self.used -= 1;
        if self.used == 0 {
            // A rush is over: its memory is given back.
            *self = Self::default();
        } else {
            self.free.push(id);
        }
        Some(thing)
    }
}
