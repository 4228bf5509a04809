//! The index of shards.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    settling_fuzz::checkpoint::shard_index(bytes);
});
