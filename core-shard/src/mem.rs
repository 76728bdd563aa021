//! The memory of one shard: one region, reserved at the start, seen as bytes or as index buckets.
//!
//! This is the crate's only island of unsafe code: the mapping itself, the two views, prefetching.
//! Everything above addresses memory by offset through bounds-checked slices.
//!
//! I1: the region is zeroed at its start, never moves, and lives as long as its `Region`.
//! I2: both views are plain integers, valid for any bit pattern, and are borrowed from the
//!     `Region` itself, so that a mutable one excludes every other.
//! I3: the base is aligned to 64 bytes at least, and the region is `buckets` times 64 bytes.
#![expect(unsafe_code, reason = "memory mapping and the two views of it")]

use core::ptr::NonNull;

use crate::config::{HugePages, PageKind, ShardSetupError};

/// The size of an index bucket, which is that of a cache line.
pub(crate) const BUCKET_BYTES: usize = 64;

#[cfg(not(miri))]
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Eight index slots in one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Bucket(pub(crate) [u64; 8]);

impl Bucket {
    pub(crate) const EMPTY: Self = Self([0; 8]);
}

const _: () = assert!(
    size_of::<Bucket>() == BUCKET_BYTES,
    "a bucket is one cache line"
);

/// Owned, zeroed memory at a fixed place.
pub(crate) struct Region {
    base: NonNull<u8>,
    bytes: usize,
    buckets: usize,
    mapped: Mapping,
    kind: PageKind,
}

/// What has to be given back, which may be larger than the aligned region.
struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the region owns its memory alone; nothing in it is tied to a thread.
unsafe impl Send for Region {}

impl Region {
    /// Reserves `bytes` (a multiple of 64) of zeroed memory.
    pub(crate) fn new(
        bytes: usize,
        huge_pages: HugePages,
        prefault: bool,
    ) -> Result<Self, ShardSetupError> {
        assert!(
            bytes > 0 && bytes.is_multiple_of(BUCKET_BYTES),
            "whole buckets"
        );
        let region = backing::reserve(bytes, huge_pages)?;
        if prefault {
            backing::prefault(&region);
        }
        Ok(region)
    }

    pub(crate) fn kind(&self) -> PageKind {
        self.kind
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: I1 and I2: `bytes` initialised bytes, borrowed as long as `self` is.
        unsafe { core::slice::from_raw_parts(self.base.as_ptr(), self.bytes) }
    }

    #[inline(always)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: I1 and I2: `bytes` initialised bytes, borrowed mutably as long as `self` is.
        unsafe { core::slice::from_raw_parts_mut(self.base.as_ptr(), self.bytes) }
    }

    #[inline(always)]
    pub(crate) fn buckets(&self) -> &[Bucket] {
        let base = self.base.as_ptr().cast::<Bucket>().cast_const();
        // SAFETY: I1 to I3: aligned, initialised, and any bits are a bucket.
        unsafe { core::slice::from_raw_parts(base, self.buckets) }
    }

    #[inline(always)]
    pub(crate) fn buckets_mut(&mut self) -> &mut [Bucket] {
        let base = self.base.as_ptr().cast::<Bucket>();
        // SAFETY: I1 to I3: aligned, initialised, any bits are a bucket, borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(base, self.buckets) }
    }

    /// Asks the processor to fetch the cache line at `offset`; a hint that may be wrong.
    #[inline(always)]
    pub(crate) fn prefetch(&self, offset: usize) {
        prefetch(self.base.as_ptr().wrapping_add(offset));
    }
}

/// Asks the processor to fetch a cache line; a hint that may be wrong.
#[inline(always)]
pub(crate) fn prefetch<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch never faults and changes nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast::<i8>()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}

impl Drop for Region {
    fn drop(&mut self) {
        backing::give_back(&self.mapped);
    }
}

#[cfg(not(miri))]
mod backing {
    //! Anonymous memory from the kernel.

    use core::ptr;

    use super::{HUGE_PAGE_BYTES, HugePages, Mapping, NonNull, PageKind, Region, ShardSetupError};

    pub(super) fn reserve(bytes: usize, huge: HugePages) -> Result<Region, ShardSetupError> {
        let buckets = bytes / super::BUCKET_BYTES;
        if huge == HugePages::Auto {
            let whole = bytes.next_multiple_of(HUGE_PAGE_BYTES);
            if let Ok(mapped) = map(whole, libc::MAP_HUGETLB) {
                let base = mapped.base;
                return Ok(Region {
                    base,
                    bytes,
                    buckets,
                    mapped,
                    kind: PageKind::ExplicitHuge,
                });
            }
        }
        // Room to begin at a huge page's border, so that the first and last pages are huge too.
        let mapped = map(bytes.saturating_add(HUGE_PAGE_BYTES), 0)?;
        let skip = mapped.base.as_ptr().align_offset(HUGE_PAGE_BYTES);
        // SAFETY: the mapping has a huge page more than `bytes`, and `skip` is less than that.
        let base = unsafe { mapped.base.add(skip) };
        let mut region = Region {
            base,
            bytes,
            buckets,
            mapped,
            kind: PageKind::Plain,
        };
        let whole = bytes - bytes % HUGE_PAGE_BYTES;
        if huge == HugePages::Auto && whole > 0 && advise(&region, whole, libc::MADV_HUGEPAGE) {
            region.kind = PageKind::TransparentHuge;
        }
        Ok(region)
    }

    /// Best effort: where the kernel cannot populate, pages are faulted in as they are used.
    pub(super) fn prefault(region: &Region) {
        if !advise(region, region.bytes, libc::MADV_POPULATE_WRITE) {
            let base = region.base.as_ptr();
            for offset in (0..region.bytes).step_by(4096) {
                // SAFETY: inside the region, which nobody has borrowed yet.
                unsafe { base.add(offset).write_volatile(0) };
            }
        }
    }

    pub(super) fn give_back(mapped: &Mapping) {
        // SAFETY: exactly what `map` returned; the region that owned it is being dropped.
        let _ = unsafe { libc::munmap(mapped.base.as_ptr().cast(), mapped.bytes) };
    }

    fn map(bytes: usize, extra_flags: libc::c_int) -> Result<Mapping, ShardSetupError> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | extra_flags;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice.
        let base = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
        match NonNull::new(base.cast::<u8>()) {
            Some(base) if base.as_ptr().cast() != libc::MAP_FAILED => Ok(Mapping { base, bytes }),
            _ => Err(ShardSetupError::MemoryRefused {
                asked_bytes: bytes,
                os_error: std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
            }),
        }
    }

    fn advise(region: &Region, bytes: usize, advice: libc::c_int) -> bool {
        // SAFETY: inside the region's own mapping; these pieces of advice keep its contents.
        unsafe { libc::madvise(region.base.as_ptr().cast(), bytes, advice) == 0 }
    }
}

#[cfg(miri)]
mod backing {
    //! The heap, for Miri, which knows no madvise.

    use std::alloc::{Layout, alloc_zeroed, dealloc};

    use super::{BUCKET_BYTES, HugePages, Mapping, NonNull, PageKind, Region, ShardSetupError};

    pub(super) fn reserve(bytes: usize, _huge: HugePages) -> Result<Region, ShardSetupError> {
        let refused = ShardSetupError::MemoryRefused {
            asked_bytes: bytes,
            os_error: 0,
        };
        let layout = Layout::from_size_align(bytes, BUCKET_BYTES).map_err(|_| refused)?;
        // SAFETY: the layout is not empty: `Region::new` asserts it.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(refused)?;
        Ok(Region {
            base,
            bytes,
            buckets: bytes / BUCKET_BYTES,
            mapped: Mapping { base, bytes },
            kind: PageKind::Heap,
        })
    }

    pub(super) fn prefault(_region: &Region) {}

    pub(super) fn give_back(mapped: &Mapping) {
        if let Ok(layout) = Layout::from_size_align(mapped.bytes, BUCKET_BYTES) {
            // SAFETY: allocated by `reserve` with the same layout, and given back once.
            unsafe { dealloc(mapped.base.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_views_show_the_same_memory_and_start_zeroed() {
        let mut region = Region::new(1 << 16, HugePages::Auto, true).unwrap();
        assert!(region.bytes().iter().all(|byte| *byte == 0));
        region.buckets_mut()[3] = Bucket([7; 8]);
        assert_eq!(region.bytes()[3 * BUCKET_BYTES], 7);
        region.bytes_mut()[3 * BUCKET_BYTES] = 9;
        assert_eq!(region.buckets()[3].0[0], 9);
    }

    #[test]
    fn memory_that_nobody_can_have_is_refused_by_name() {
        let refused = Region::new(1 << 62, HugePages::Off, false).err();
        assert!(matches!(
            refused,
            Some(ShardSetupError::MemoryRefused { .. })
        ));
    }
}
