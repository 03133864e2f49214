//! libFuzzer's entry to [`hillfort_fuzz::fingerprints`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::fingerprints(data));
