//! Parquet files of token rows.
#![no_main]

libfuzzer_sys::fuzz_target!(
    // The decoder's panics are caught by the library, and so must not abort; one that is not caught
    // still does.
    init: std::panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| {
        settling_fuzz::tokens::parquet(bytes);
    }
);
