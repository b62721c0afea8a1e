#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws_mock_fuzz::messages::check(data));
