//! An archive of `torch.save`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    settling_fuzz::checkpoint::pytorch(bytes);
});
