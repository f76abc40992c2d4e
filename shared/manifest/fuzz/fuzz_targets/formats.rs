#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| manifest_fuzz::formats(data));
