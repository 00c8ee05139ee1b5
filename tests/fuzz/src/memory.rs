//! An allocator that ends the program when an input takes more memory than it may. libFuzzer
//! itself can only look at the whole process, once a second.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

/// Bytes that are allocated.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// Bytes that may be allocated.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// From here on the heap may grow by so many bytes.
pub(crate) fn limit(bytes: usize) {
    LIMIT.store(HELD.load(Relaxed).saturating_add(bytes), Relaxed);
}

pub(crate) fn unlimited() {
    LIMIT.store(usize::MAX, Relaxed);
}

fn take(bytes: usize) {
    let held = HELD.fetch_add(bytes, Relaxed).saturating_add(bytes);
    let limit = LIMIT.load(Relaxed);
    if held > limit {
        unlimited();
        panic!(
            "out of memory: {bytes} bytes more make it {} over the limit",
            held - limit
        );
    }
}

// SAFETY: all blocks come from and go back to the system's allocator, with the layouts that the
// caller gives; only numbers are kept besides. A panic in `take` comes before anything is
// allocated, and libFuzzer's hook turns it into an abort. Every run of a target is its test.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }
}
