//! libFuzzer's entry to [`hillfort_fuzz::classic`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::classic(data));
