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

/// Bytes at the start of a block that are not the value's: its owner (`shard/large.rs`).
pub(crate) const BLOCK_HEADER_BYTES: usize = 16;
/// Bytes before the numbers of the blocks: the value's length.
pub(crate) const LIST_HEADER_BYTES: usize = 4;

/// A value in the shard's memory. Small ones are one part; large ones lie in several blocks.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// The value itself, or the list of its blocks.
    inline: &'a [u8],
    /// The whole memory and the size of a block, if the value is large.
    blocks: Option<(&'a [u8], u32)>,
}

impl<'a> Value<'a> {
    #[inline(always)]
    pub(crate) fn inline(bytes: &'a [u8]) -> Self {
        Self {
            inline: bytes,
            blocks: None,
        }
    }

    pub(crate) fn in_blocks(memory: &'a [u8], list: &'a [u8], block_shift: u32) -> Self {
        Self {
            inline: list,
            blocks: Some((memory, block_shift)),
        }
    }

    /// Its length in bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        match self.blocks {
            None => self.inline.len(),
            Some(_) => self
                .inline
                .first_chunk()
                .map_or(0, |word| u32::from_le_bytes(*word) as usize),
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its parts in order. A value of no bytes has one empty part.
    #[must_use]
    #[inline]
    pub fn parts(&self) -> Parts<'a> {
        match self.blocks {
            None => Parts {
                inline: Some(self.inline),
                list: &[],
                rest: 0,
                blocks: (&[], 0),
            },
            Some(blocks) => Parts {
                inline: None,
                list: self.inline.get(LIST_HEADER_BYTES..).unwrap_or_default(),
                rest: self.len(),
                blocks,
            },
        }
    }

    /// The whole value if it is one part, as every value up to 16 KiB is.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        self.blocks.is_none().then_some(self.inline)
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
    inline: Option<&'a [u8]>,
    /// Numbers of the blocks still to come, four bytes each.
    list: &'a [u8],
    rest: usize,
    blocks: (&'a [u8], u32),
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if let Some(inline) = self.inline.take() {
            return Some(inline);
        }
        let (number, list) = self.list.split_first_chunk()?;
        let (memory, shift) = self.blocks;
        let block = memory.get((u32::from_le_bytes(*number) as usize) << shift..)?;
        let bytes = self.rest.min((1 << shift) - BLOCK_HEADER_BYTES);
        self.list = list;
        self.rest -= bytes;
        block.get(BLOCK_HEADER_BYTES..BLOCK_HEADER_BYTES + bytes)
    }
}
