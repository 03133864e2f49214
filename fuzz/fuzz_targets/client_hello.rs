//! libFuzzer's entry to [`hillfort_fuzz::client_hello`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::client_hello(data));
