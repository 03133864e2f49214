//! libFuzzer's entry to [`hillfort_fuzz::journal`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::journal(data));
