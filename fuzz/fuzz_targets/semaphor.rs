#![no_main]

mod shared;

use shared::entries::Answers;

thread_local! {
    static ANSWERS: Answers = Answers::of(&[&shared::worlds::SEMAPHOR, &shared::worlds::SEMAPHOR_TOKEN]);
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ANSWERS.with(|answers| answers.are(bytes)));
