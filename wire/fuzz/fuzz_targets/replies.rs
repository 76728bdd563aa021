//! `cargo +nightly fuzz run replies` in `wire/`.
#![no_main]

#[path = "../replies.rs"]
mod replies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    replies::check(bytes);
});
