//! libFuzzer's entry to [`hillfort_fuzz::websocket`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hillfort_fuzz::websocket(data));
