//! libFuzzer's entry to [`hillfort_fuzz::frame`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::frame(data));
