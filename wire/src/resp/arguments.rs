//! The arguments of one command: where they lie in the bytes that were received.

/// Where an argument lies among the bytes of its command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From `start` to before `end`; `None` where that does not fit 32 bits.
    #[must_use]
    #[inline]
    pub fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self {
            start: u32::try_from(start).ok()?,
            end: u32::try_from(end).ok()?,
        })
    }
}

/// The arguments of a command, its name first; borrowed from the bytes that it came in.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'p, 'a> {
    bytes: &'a [u8],
    spans: &'p [Span],
}

impl<'p, 'a> Arguments<'p, 'a> {
    /// Arguments at these places of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8], spans: &'p [Span]) -> Self {
        Self { bytes, spans }
    }

    /// What they are part of: the whole command, and what came behind it.
    #[must_use]
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many there are, the name included.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is not even a name.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument with this number; empty where there are fewer.
    #[must_use]
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        self.spans
            .get(index)
            .map_or(&[], |span| self.bytes_of(*span))
    }

    /// All of them, the name first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'p, 'a> {
        let this = *self;
        self.spans.iter().map(move |span| this.bytes_of(*span))
    }

    /// All from this one on.
    #[must_use]
    pub fn from(&self, index: usize) -> Self {
        Self {
            bytes: self.bytes,
            spans: self.spans.get(index..).unwrap_or_default(),
        }
    }

    #[inline]
    fn bytes_of(&self, span: Span) -> &'a [u8] {
        self.bytes
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}
