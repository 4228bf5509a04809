//! A `.npy` file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    settling_fuzz::tokens::npy(bytes);
});
