//! libFuzzer's entry to [`hillfort_fuzz::envelope`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::envelope(data));
