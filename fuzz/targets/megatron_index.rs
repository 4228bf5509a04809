//! The `.idx` of a Megatron data set.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    settling_fuzz::tokens::megatron_index(bytes);
});
