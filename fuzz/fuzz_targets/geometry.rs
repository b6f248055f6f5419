//! Shapes and attributes of every op against their rules. Stable Rust does; needs `cargo install cargo-fuzz` and a C++
//! compiler.
//!
//! ```sh
//! cargo fuzz run geometry --sanitizer none -- -max_len=256 -max_total_time=600
//! cargo fuzz fmt geometry --sanitizer none FILE                   # what the bytes of a file draw
//! cargo fuzz run geometry --sanitizer none FILE                   # that problem alone
//! cargo fuzz cmin geometry --sanitizer none -- -use_counters=0    # leaves a file for each branch
//! ```
//!
//! `tests/corpus/geometry` holds such files, and some that found mistakes put into the geometry on purpose. The host
//! tests replay it; what a run finds belongs there too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pliant_support::unchecked;

fuzz_target!(|drawn: unchecked::Drawn| {
    let _ = unchecked::check_geometry(&drawn);
});
