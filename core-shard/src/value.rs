//! What a read returns: the entry's value where it lies, in one part or several.

/// A live entry, borrowed from the shard until its next operation.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The version of the last change.
    pub version: u64,
    /// When the entry expires, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// The value.
    pub value: Value<'a>,
}

/// A value in the shard's memory. Small ones are one part; large ones lie in several blocks.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    inline: &'a [u8],
}

impl<'a> Value<'a> {
    pub(crate) fn inline(bytes: &'a [u8]) -> Self {
        Self { inline: bytes }
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inline.len()
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its parts in order. A value of no bytes has no part or one empty part.
    #[must_use]
    pub fn parts(&self) -> Parts<'a> {
        Parts {
            rest: Some(self.inline),
        }
    }

    /// The whole value if it is one part, as every value up to 16 KiB is.
    #[must_use]
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        Some(self.inline)
    }

    /// A copy of the whole value.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(self.len());
        self.parts().for_each(|part| copy.extend_from_slice(part));
        copy
    }
}

/// The parts of a [`Value`], in order.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.rest.take()
    }
}
