//! libFuzzer's entry to [`hillfort_fuzz::message`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::message(data));
