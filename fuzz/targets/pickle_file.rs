//! A pickle that holds its storages.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    settling_fuzz::checkpoint::pickle_file(bytes);
});
