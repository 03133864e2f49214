//! libFuzzer's entry to [`hillfort_fuzz::label_query`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::label_query(data));
