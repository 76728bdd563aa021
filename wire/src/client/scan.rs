//! A scan from its start to its end, page by page behind the scenes.

use std::collections::VecDeque;
use std::fmt;

use super::dmap::DMap;
use super::error::Error;
use super::options::ScanOptions;
use super::outcome::ScanPage;
use super::transport::LocalTransport;

/// Where a scan is: what it has and what to ask for next.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub(super) options: ScanOptions,
    /// Keys that are there to be handed out.
    keys: VecDeque<Vec<u8>>,
    /// Where the page of these keys began.
    cursor: u64,
    /// Where the next page begins; `None` where there is none.
    next: Option<u64>,
    /// The next page could not be had.
    failed: bool,
}

impl Walk {
    pub(super) const fn from(cursor: u64, options: ScanOptions) -> Self {
        Self {
            options,
            keys: VecDeque::new(),
            cursor,
            next: Some(cursor),
            failed: false,
        }
    }

    /// The next key that is there.
    pub(super) fn key(&mut self) -> Option<Vec<u8>> {
        self.keys.pop_front()
    }

    /// The page to ask for; `None` where the scan is over.
    pub(super) const fn wanted(&self) -> Option<u64> {
        if self.failed { None } else { self.next }
    }

    /// Takes the page that was asked for. A scan that failed is over.
    pub(super) fn take(&mut self, page: Result<ScanPage, Error>) -> Result<(), Error> {
        self.failed = page.is_err();
        let page = page?;
        self.cursor = self.next.unwrap_or(self.cursor);
        self.next = page.next;
        self.keys = page.keys.into();
        Ok(())
    }

    /// From where no key is missed.
    pub(super) fn cursor(&self) -> Option<u64> {
        if self.keys.is_empty() {
            self.next
        } else {
            Some(self.cursor)
        }
    }
}

/// The keys of a map: each that is there from the beginning to the end is handed out at least
/// once, one that comes or goes meanwhile may be, one that has expired is not.
///
/// It holds nothing on the node and may be forgotten at any time.
pub struct Scan<T> {
    map: DMap<T>,
    walk: Walk,
}

impl<T: LocalTransport> Scan<T> {
    pub(super) const fn new(map: DMap<T>, walk: Walk) -> Self {
        Self { map, walk }
    }

    /// The next key; `None` at the end. After an error there is none either: go on with
    /// [`DMap::scan_from`] and [`Self::cursor`].
    ///
    /// Dropping the future loses no key.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, Error>> {
        loop {
            if let Some(key) = self.walk.key() {
                return Some(Ok(key));
            }
            let cursor = self.walk.wanted()?;
            let page = self.map.scan_page(cursor, &self.walk.options).await;
            if let Err(error) = self.walk.take(page) {
                return Some(Err(error));
            }
        }
    }

    /// All keys that are left.
    ///
    /// # Errors
    ///
    /// Those of [`DMap::scan_page`]; the keys that were met are lost with it.
    pub async fn collect(mut self) -> Result<Vec<Vec<u8>>, Error> {
        let mut keys = Vec::new();
        while let Some(key) = self.next().await {
            keys.push(key?);
        }
        Ok(keys)
    }

    /// Where to go on from, now or later, so that no key is missed; some of the last ones may
    /// come again. `None` once the scan is over.
    #[must_use]
    pub fn cursor(&self) -> Option<u64> {
        self.walk.cursor()
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
