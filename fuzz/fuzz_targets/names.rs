//! libFuzzer's entry to [`hillfort_fuzz::names`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::names(data));
