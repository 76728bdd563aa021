//! A scan whose requests block the calling thread.

use std::fmt;

use super::dmap::DMap;
use crate::client::error::Error;
use crate::client::scan::Walk;
use crate::client::transport::BlockingTransport;

/// The keys of a map: each that is there from the beginning to the end is handed out at least
/// once, one that comes or goes meanwhile may be, one that has expired is not.
///
/// It holds nothing on the node and may be forgotten at any time.
pub struct Scan<T> {
    map: DMap<T>,
    walk: Walk,
}

impl<T: BlockingTransport> Scan<T> {
    pub(super) const fn new(map: DMap<T>, walk: Walk) -> Self {
        Self { map, walk }
    }

    /// Where to go on from, now or later, so that no key is missed; some of the last ones may
    /// come again. `None` once the scan is over.
    #[must_use]
    pub fn cursor(&self) -> Option<u64> {
        self.walk.cursor()
    }
}

impl<T: BlockingTransport> Iterator for Scan<T> {
    type Item = Result<Vec<u8>, Error>;

    /// The next key. After an error there is none: go on with [`DMap::scan_from`] and
    /// [`Scan::cursor`].
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.walk.key() {
                return Some(Ok(key));
            }
            let cursor = self.walk.wanted()?;
            let page = self.map.scan_page(cursor, &self.walk.options);
            if let Err(error) = self.walk.take(page) {
                return Some(Err(error));
            }
        }
    }
}

impl<T> fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("map", &self.map)
            .field("cursor", &self.walk.cursor())
            .finish_non_exhaustive()
    }
}
