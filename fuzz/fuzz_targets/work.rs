//! libFuzzer's entry to [`hillfort_fuzz::work`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::work(data));
