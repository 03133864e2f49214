//! libFuzzer's entry to [`hillfort_fuzz::api_json`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::api_json(data));
