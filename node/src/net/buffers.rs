//! The provided-buffer ring: memory that the kernel fills with received bytes.
//!
//! ```text
//!  descriptor ring (mmap, page aligned)          buffer memory (mmap)
//!  ┌────────────────────────────────────┐        ┌──────────┬──────────┬─────┬──────────┐
//!  │ 0: {addr u64, len u32, id u16,     │───────▶│ buffer 0 │ buffer 1 │  …  │ buffer n │
//!  │     tail u16 (entry 0 only)}       │        └──────────┴──────────┴─────┴──────────┘
//!  │ 1: {addr, len, id, –} …            │          each `buffer_bytes` long
//!  └────────────────────────────────────┘
//! ```
//!
//! Invariants:
//! * B1 A buffer is either *offered* (the kernel owns it) or *held* (exactly one [`Chunk`] names
//!   it). A chunk can only be made from a completion, and only [`ProvidedBuffers::release`], which
//!   consumes it, offers the buffer again.
//! * B2 Both mappings outlive the ring that knows them: `Ring` drops its io_uring first.

#![expect(unsafe_code, reason = "memory shared with the kernel")]

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, types::BufRingEntry};

/// Bytes that the kernel wrote into one provided buffer; read them with `Ring::bytes`.
///
/// Not `Clone`: it is the right to read the buffer, and the duty to give it back.
#[derive(Debug)]
pub struct Chunk {
    buffer: u16,
    len: u32,
}

impl Chunk {
    /// Bytes received.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether nothing was received.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The buffers of one ring.
pub(super) struct ProvidedBuffers {
    memory: Mapping,
    descriptors: Mapping,
    count: u16,
    buffer_bytes: u32,
    tail: u16,
}

impl ProvidedBuffers {
    /// The one buffer group that a ring registers.
    pub(super) const GROUP: u16 = 0;

    /// Maps `count` (a power of two) buffers and registers them with `uring`.
    pub(super) fn register(uring: &IoUring, count: u16, buffer_bytes: u32) -> io::Result<Self> {
        assert!(
            count.is_power_of_two(),
            "the kernel masks the tail with count - 1"
        );
        let memory = Mapping::anonymous(usize::from(count) * buffer_bytes as usize)?;
        let descriptors = Mapping::anonymous(usize::from(count) * size_of::<BufRingEntry>())?;
        // SAFETY: the descriptor mapping is page aligned, holds `count` entries and lives until
        // after the io_uring is dropped (B2).
        unsafe {
            uring.submitter().register_buf_ring_with_flags(
                descriptors.start.as_ptr() as u64,
                count,
                Self::GROUP,
                0,
            )?;
        }
        let mut buffers = Self {
            memory,
            descriptors,
            count,
            buffer_bytes,
            tail: 0,
        };
        for buffer in 0..count {
            buffers.offer(buffer);
        }
        buffers.publish();
        Ok(buffers)
    }

    /// The chunk that a completion for `buffer` with `len` bytes stands for.
    ///
    /// Called once per completion that carries a buffer, which is what makes B1 hold.
    pub(super) fn chunk(&self, buffer: u16, len: u32) -> Chunk {
        assert!(
            buffer < self.count,
            "the kernel returns ids that were offered"
        );
        assert!(
            len <= self.buffer_bytes,
            "the kernel fills one buffer at most"
        );
        Chunk { buffer, len }
    }

    /// What the kernel wrote.
    pub(super) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        let offset = usize::from(chunk.buffer) * self.buffer_bytes as usize;
        // SAFETY: `chunk` checked id and length against this mapping when it was made, and while
        // it exists the kernel does not own the buffer (B1), so nothing writes to these bytes.
        unsafe {
            std::slice::from_raw_parts(self.memory.start.as_ptr().add(offset), chunk.len as usize)
        }
    }

    /// Offers the buffer to the kernel again; visible to it after [`Self::publish`].
    pub(super) fn release(&mut self, chunk: Chunk) {
        self.offer(chunk.buffer);
    }

    /// Makes all released buffers visible to the kernel.
    pub(super) fn publish(&mut self) {
        let ring: *const BufRingEntry = self.descriptors.start.as_ptr().cast();
        // SAFETY: `ring` is the first entry of the registered descriptor ring, whose reserved
        // field is the tail by the kernel's interface; it is aligned for a u16, lives as long as
        // `self`, and is only ever accessed atomically.
        let tail = unsafe { &*BufRingEntry::tail(ring).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }

    fn offer(&mut self, buffer: u16) {
        let index = usize::from(self.tail & (self.count - 1));
        let address =
            self.memory.start.as_ptr() as u64 + u64::from(buffer) * u64::from(self.buffer_bytes);
        // SAFETY: `index < count`, so the entry lies in the descriptor mapping, which is aligned
        // and zero-initialised by mmap; the kernel does not read entries beyond the published
        // tail, and this one is beyond it. The setters do not touch the tail field of entry 0.
        let entry = unsafe {
            &mut *self
                .descriptors
                .start
                .as_ptr()
                .cast::<BufRingEntry>()
                .add(index)
        };
        entry.set_addr(address);
        entry.set_len(self.buffer_bytes);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
    }
}

/// Anonymous private memory, unmapped on drop.
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

impl Mapping {
    fn anonymous(bytes: usize) -> io::Result<Self> {
        // SAFETY: a fresh anonymous mapping with no address hint touches no existing memory.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { start, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `start` and `bytes` are exactly what mmap returned, and whoever could still use
        // the memory (the io_uring) is gone (B2).
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.bytes);
        }
    }
}
