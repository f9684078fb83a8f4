#![no_main]

mod shared;

use shared::entries::Answers;

thread_local! {
    static ANSWERS: Answers = Answers::of(&[&shared::worlds::CANOPY, &shared::worlds::CANOPY_SINGLE]);
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ANSWERS.with(|answers| answers.are(bytes)));
