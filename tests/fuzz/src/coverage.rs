//! Which edges of the instrumented code all inputs together have reached, for the table in the
//! README: libFuzzer tells one number for everything that is linked, this tells where.

use std::ffi::{c_int, c_void};
use std::io::Write as _;
use std::sync::{Mutex, OnceLock};

unsafe extern "C" {
    // The linker puts these at both ends of what `-Cpasses=sancov-module` makes: a byte for each
    // edge, and an address with flags for each edge, in the same order.
    #[link_name = "__start___sancov_cntrs"]
    static COUNTERS: u8;
    #[link_name = "__stop___sancov_cntrs"]
    static COUNTERS_END: u8;
    #[link_name = "__start___sancov_pcs"]
    static PLACES: [usize; 2];
    #[link_name = "__executable_start"]
    static IMAGE: u8;
    fn atexit(call: extern "C" fn()) -> c_int;
}

static REACHED: Mutex<Vec<bool>> = Mutex::new(Vec::new());

/// Adds what the input before has reached, if `PALISADE_FUZZ_EDGES` names a file; when the
/// program ends, it gets a line for each edge: its address in the executable, 1 if it was reached.
pub(crate) fn add() {
    static FILE: OnceLock<bool> = OnceLock::new();
    let wanted = *FILE.get_or_init(|| {
        let wanted = std::env::var_os("PALISADE_FUZZ_EDGES").is_some();
        if wanted {
            // SAFETY: a function without arguments that lives as long as the program.
            unsafe { atexit(write) };
        }
        wanted
    });
    if !wanted {
        return;
    }
    let Ok(mut reached) = REACHED.lock() else {
        return;
    };
    let begin = &raw const COUNTERS;
    let edges = (&raw const COUNTERS_END as usize) - begin as usize;
    reached.resize(edges, false);
    for (at, reached) in reached.iter_mut().enumerate() {
        // SAFETY: within the counters. Other threads may count meanwhile; a volatile read of a
        // byte sees one value or the other.
        *reached |= unsafe { begin.add(at).read_volatile() } != 0;
    }
}

extern "C" fn write() {
    let Some(path) = std::env::var_os("PALISADE_FUZZ_EDGES") else {
        return;
    };
    let Ok(reached) = REACHED.lock() else { return };
    let image = &raw const IMAGE as *const c_void as usize;
    let mut text = Vec::new();
    for (at, reached) in reached.iter().enumerate() {
        // SAFETY: there is a place for each counter, and nobody writes to them.
        let [place, _] = unsafe { (&raw const PLACES).add(at).read() };
        // Of code that the linker left out nothing is left but an entry without a place.
        if let Some(place) = place.checked_sub(image) {
            // Writing to a Vec cannot fail.
            let _ = writeln!(text, "{place:x} {}", u8::from(*reached));
        }
    }
    if let Err(error) = std::fs::write(&path, text) {
        eprintln!("{}: {error}", path.display());
    }
}
