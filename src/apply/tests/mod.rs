//! The executor from the outside: a plan, a system that misbehaves by script, and what must come of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod properties;
mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::model::{Action, Signal};
use world::{Act, Case};

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_plain_apply_ends_done_and_clean_and_tells_it_in_order() {
    let case = Case::new(&["anna/old", "bob/keep"], &["anna/new", "bob/keep=1"]);
    let end = case.run().await;
    assert_eq!(end.report.exit(), Exit::Success);
    assert_eq!(end.verification(), &Verification::Clean);
    // What follows is prepared, and how a change ended is told, when there is time.
    let of = |words: &[&str]| {
        let told = end.events.iter().filter(|event| words.iter().any(|word| event.starts_with(word)));
        told.map(String::as_str).collect::<Vec<_>>()
    };
    assert_eq!(of(&["prepare "]), ["prepare 1 again=false"; 3]);
    assert_eq!(of(&["send ", "answered "]), ["send 1 again=false", "answered 1"].repeat(3));
    assert_eq!(of(&["finished "]), ["finished anna/new done", "finished bob/keep done", "finished anna/old done"]);
    let begin = ["started 1 3", "target t 3", "prepare 1 again=false", "send 1 again=false"];
    assert_eq!(end.events[..4], begin);
    let others = ["started", "target", "verifying", "verified", "ended"];
    assert_eq!(
        of(&others),
        ["started 1 3", "target t 3", "verifying 1", "verified Clean", "target ended 3", "ended 3"]
    );
    assert!(end.events.ends_with(&["verified Clean".to_owned(), "target ended 3".to_owned(), "ended 3".to_owned()]));
    assert_eq!(case.first_plan().changes().count(), 0);
}

#[tokio::test]
async fn changes_that_ended_alike_are_told_together_and_no_others() {
    let desired: Vec<String> = (0..200).map(|n| format!("id{n:03}/role")).collect();
    // The first batch up to the refusal, the refusal, what is left of the first 64, of the batch; the second batch.
    let apart = [10, 1, 53, 36, 64, 36];
    let mut end = None;
    // A machine may be so busy that the second batch is answered before there is time to tell of the first.
    for latency in [10, 100, 500] {
        let mut case = Case::new(&[], &strs(&desired)).batch(100).act("id010/role", &[Act::Refuse]);
        case.world.latency = latency * send::LULL;
        end = Some(case.run().await);
        if end.as_ref().unwrap().together == apart {
            break;
        }
    }
    let end = end.unwrap();
    assert_eq!(end.together, apart);
    let told: std::collections::BTreeSet<&String> =
        end.events.iter().filter(|event| event.starts_with("finished ")).collect();
    assert_eq!(told.len(), 200);
    assert!(
        told.contains(&"finished id010/role failed".to_owned())
            && told.contains(&"finished id011/role done".to_owned())
    );
}

#[tokio::test]
async fn the_wire_is_kept_full_and_never_fuller() {
    let names = |role: &str| (0..40).map(|n| format!("{role}{n}/{role}")).collect::<Vec<String>>();
    let (old, new) = (names("old"), names("new"));
    let case = Case::new(&strs(&old), &strs(&new)).concurrency(4);
    let end = case.run().await;
    assert_eq!(end.report.exit(), Exit::Success);
    // Whenever the executor waits, every place that an answer freed is taken: N requests take N·L/C.
    let waits = case.world.waits.lock().unwrap();
    let sending: Vec<&(usize, usize)> = waits.iter().filter(|(sent, _)| (1..80).contains(sent)).collect();
    assert!(sending.len() >= 19 && sending.iter().all(|(_, level)| *level == 4), "{sending:?}");
    assert_eq!(case.world.levels.lock().unwrap().iter().max(), Some(&4));
}

#[tokio::test]
async fn losses_wait_for_the_grants_of_their_subject_and_for_no_others() {
    let mut case = Case::new(&["anna/old", "bob/old"], &["anna/new"]).concurrency(2);
    case.world.latency = Duration::from_millis(2);
    let end = case.run().await;
    assert_eq!(end.report.exit(), Exit::Success);
    let log = case.log();
    let at = |line: &str| log.iter().position(|entry| entry == line).unwrap();
    assert!(at("start bob/old") < at("end anna/new"), "{log:?}");
    assert!(at("start anna/old") > at("end anna/new"), "{log:?}");
}

#[tokio::test]
async fn a_loss_goes_when_the_answers_to_all_grants_of_its_subject_are_told() {
    let declared = ["anna/a", "anna/b", "anna/c", "bob/a", "bob/b", "bob/c"];
    for concurrency in [1, 2, 4, 8] {
        let case = Case::new(&["anna/old", "bob/old"], &declared).concurrency(concurrency);
        let end = case.run().await; // the recorder looks at each loss
        assert_eq!((end.report.exit(), end.report.totals().done), (Exit::Success, 8));
        let told_before = |sent: &str| {
            let log = case.log();
            let at = log.iter().position(|entry| *entry == format!("start {sent}/old")).unwrap();
            log[..at].iter().filter(|entry| entry.starts_with(&format!("told {sent}/"))).count()
        };
        assert_eq!((told_before("anna"), told_before("bob")), (3, 3), "{:?}", case.log());
    }
}

#[tokio::test]
async fn a_failed_grant_blocks_the_losses_of_its_holder_only() {
    let case = Case::new(&["anna/old", "bob/old"], &["anna/new", "cleo/new"]).batch(10).act("anna/new", &[Act::Refuse]);
    let end = case.run().await;
    assert_eq!(end.word("anna/new"), "failed");
    assert_eq!(end.word("anna/old"), "blocked");
    assert_eq!((end.word("bob/old"), end.word("cleo/new")), ("done", "done"));
    assert_eq!((case.sent("anna/old"), case.reads()), (0, 1));
    let Outcome::Blocked { by } = end.by_key["anna/old"] else { panic!() };
    assert_eq!(end.report.targets[0].outcome(by).unwrap().word(), "failed");
    assert_eq!(end.report.exit(), Exit::Partial);
    assert_eq!(end.leftovers(), [Leftover::NotApplied, Leftover::NotApplied]);
    let totals = end.report.totals();
    assert_eq!((totals.done, totals.failed, totals.blocked, totals.all()), (2, 1, 1, end.planned));
}

#[tokio::test]
async fn an_impossible_grant_holds_back_no_loss_of_other_holders_run_after_run() {
    let live = ["pump/oslo", "mixer/bern", "pump/rome"];
    for _ in 0..3 {
        let case = Case::new(&live, &["pump/bern", "pump/rome"]).held_by_second().act("pump/bern", &[Act::Refuse; 9]);
        let end = case.run().await;
        // Of the same assembly and another organization, and of the same organization and another assembly.
        assert_eq!((end.word("pump/oslo"), end.word("mixer/bern")), ("done", "blocked"));
        assert_eq!((case.sent("mixer/bern"), end.report.exit()), (0, Exit::Partial));
    }
}

#[tokio::test]
async fn a_loss_waits_for_the_grants_of_its_holder_whatever_they_are_ordered_by() {
    let mut case = Case::new(&["mixer/bern", "lamp/oslo"], &["pump/bern"]).held_by_second().concurrency(3);
    case.world.latency = 3 * send::LULL;
    let end = case.run().await;
    assert_eq!(end.report.exit(), Exit::Success);
    let log = case.log();
    let at = |line: &str| log.iter().position(|entry| entry == line).unwrap();
    assert!(at("start mixer/bern") > at("end pump/bern"), "{log:?}");
    assert!(at("start lamp/oslo") < at("end pump/bern"), "{log:?}");
}

#[tokio::test]
async fn what_concerns_every_holder_of_a_group_waits_for_each_and_each_for_it() {
    // The empty second part stands for all holders of the group.
    for (live, declared, refused, blocked, free) in [
        (["rows/", "other/eva"], "rows/eva", "rows/eva", "rows/", "other/eva"),
        (["rows/eva", "other/eva"], "rows/", "rows/", "rows/eva", "other/eva"),
        (["rows/eva", "rows/finn"], "rows/eva2", "rows/eva2", "", "rows/finn"),
    ] {
        let case = Case::new(&live, &[declared]).held_in_groups().act(refused, &[Act::Refuse; 9]);
        let end = case.run().await;
        assert_eq!(end.word(free), "done", "{live:?} {declared}");
        assert!(blocked.is_empty() || end.word(blocked) == "blocked", "{live:?} {declared}");
    }
}

#[tokio::test]
async fn a_grant_that_no_answer_proves_is_read_before_the_losses_of_its_holder_are_sent() {
    for act in [Act::Silent, Act::Lost] {
        let case = Case::new(&["anna/old", "bob/old"], &["anna/new", "bob/new"]).act("anna/new", &[act]);
        let end = case.run().await;
        assert_eq!((end.word("anna/old"), end.word("bob/old"), end.report.exit()), ("done", "done", Exit::Success));
        // Read once in between, and once in the end.
        assert_eq!((case.reads(), case.sent("anna/old")), (2, 1));
        let sent: Vec<&String> = end.events.iter().filter(|event| event.starts_with("send ")).collect();
        assert_eq!(sent.last().unwrap().as_str(), "send 1 again=true");
        assert_eq!(sent.len(), 4, "bob's loss waits for nothing: {sent:?}");
    }
}

#[tokio::test]
async fn a_grant_that_was_rolled_back_holds_back_the_losses_of_its_holder_in_every_run() {
    let case = Case::new(&["anna/old"], &["anna/new"]).act("anna/new", &[Act::Ignore; 9]);
    for _ in 0..3 {
        let end = case.run().await;
        assert_eq!((end.word("anna/new"), end.word("anna/old")), ("unknown", "blocked"));
        assert_eq!((case.sent("anna/old"), end.report.exit()), (0, Exit::Partial));
    }
}

#[tokio::test]
async fn a_loss_inside_an_update_waits_for_the_grants_of_its_holder_as_a_removal_does() {
    use crate::plan::{Grant, Loss};
    let live = ["anna/ends=1", "anna/moves=1", "bob/ends=1"];
    let declared = ["anna/new", "anna/ends=2", "anna/moves=2", "bob/ends=2"];
    let case = Case::new(&live, &declared).act("anna/new", &[Act::Refuse]);
    let mut plan = case.first_plan();
    for planned in &mut plan.sets[0].changes {
        match case.world.label(&planned.change.key).split_once('/').unwrap().1 {
            "ends" => planned.losses = vec![Loss::EndsEarlier],
            "moves" => (planned.losses, planned.grants) = (vec![Loss::Replaced], vec![Grant::Replaced]),
            _ => {}
        }
    }
    let end = case.run_plan(&plan).await;
    assert_eq!((end.word("anna/ends"), end.word("anna/moves")), ("blocked", "blocked"));
    assert_eq!((end.word("bob/ends"), end.report.exit()), ("done", Exit::Partial));
}

#[tokio::test]
async fn a_loss_waits_for_a_role_change_of_its_holder() {
    use crate::plan::{Grant, Loss};
    let case = Case::new(&["anna/moves=1", "anna/old"], &["anna/moves=2"]).act("anna/moves", &[Act::Refuse]);
    let mut plan = case.first_plan();
    for planned in plan.sets[0].changes.iter_mut().filter(|planned| planned.action() == Action::Update) {
        (planned.losses, planned.grants) = (vec![Loss::Replaced], vec![Grant::Replaced]);
    }
    let end = case.run_plan(&plan).await;
    assert_eq!((end.word("anna/moves"), end.word("anna/old")), ("failed", "blocked"));
}

#[tokio::test]
async fn a_loss_whose_grant_the_saved_plan_withholds_is_withheld_too() {
    use crate::plan::saved::{Held, HeldWhy};
    let case = Case::new(&["anna/old", "bob/old"], &[]);
    let key = Case::new(&[], &["anna/new"]).first_plan().sets[0].changes[0].change.key;
    let ids = case.first_plan().sets[0].changes[0].change.key; // anna's
    for (gives, why, word, exit) in [
        (true, HeldWhy::Moved("it moved".to_owned()), "skipped", Exit::Stale),
        (true, HeldWhy::New, "skipped", Exit::Stale),
        (true, HeldWhy::Already, "done", Exit::Success),
        (false, HeldWhy::New, "done", Exit::Stale),
    ] {
        let mut case = Case::new(&["anna/old", "bob/old"], &[]);
        case.options.partial = true;
        let mut plan = case.first_plan();
        let anna = plan.sets[0].changes[0].change.key;
        assert_eq!(anna, ids);
        let withheld = anna.with(1, key.part(1));
        let set = "all".to_owned();
        plan.held.push(Held { set, action: Action::Create, key: withheld, from_key: None, gives, why });
        let end = case.run_plan(&plan).await;
        assert_eq!((end.word("anna/old"), end.word("bob/old"), end.report.exit()), (word, "done", exit));
    }
}

#[tokio::test]
async fn a_failed_update_that_grants_nothing_holds_up_no_revocation() {
    let case = Case::new(&["anna/keep", "anna/old"], &["anna/keep=1"]).act("anna/keep", &[Act::Refuse]);
    let end = case.run().await;
    assert_eq!((end.word("anna/keep"), end.word("anna/old")), ("failed", "done"));
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_reading_and_not_by_sending() {
    let case = Case::new(&["anna/old"], &["bob/new"]).act("bob/new", &[Act::Lost]).act("anna/old", &[Act::Lost]);
    let end = case.run().await;
    assert!(end.text("bob/new").contains("the answer was lost; the re-read shows it"), "{}", end.text("bob/new"));
    assert_eq!((end.word("anna/old"), end.report.exit()), ("done", Exit::Success));
    assert_eq!((case.sent("bob/new"), case.sent("anna/old")), (1, 1));
    assert!(end.events.contains(&"finished bob/new unknown?".to_owned()));
    assert!(end.events.contains(&"settled bob/new done".to_owned()));
}

#[tokio::test]
async fn what_certainly_did_not_happen_is_sent_again_and_frees_what_it_blocked() {
    let case = Case::new(&["anna/old"], &["anna/new"]).act("anna/new", &[Act::Drop]);
    let end = case.run().await;
    assert_eq!((end.word("anna/new"), end.word("anna/old")), ("done", "done"));
    assert!(end.text("anna/new").contains("sent again"));
    assert_eq!((case.sent("anna/new"), case.sent("anna/old")), (2, 1));
    assert_eq!((end.report.exit(), end.verification()), (Exit::Success, &Verification::Clean));
    assert!(end.events.contains(&"settled anna/old done".to_owned()));
    // Before sending again it looked for as long as a slow server may need.
    assert!(case.reads() > 3, "{}", case.reads());
}

#[tokio::test]
async fn sending_again_is_bounded() {
    let case = Case::new(&[], &["anna/new"]).act("anna/new", &[Act::Drop; 9]);
    let end = case.run().await;
    assert_eq!(case.sent("anna/new"), 1 + RESEND_ROUNDS as usize);
    assert_eq!((end.word("anna/new"), end.report.exit()), ("unknown", Exit::Partial));
    assert_eq!(end.leftovers(), [Leftover::NotApplied]);
}

#[tokio::test]
async fn a_conflict_after_a_lost_answer_is_this_runs_own_work() {
    // The first send arrived late: nothing was to be seen, and the repeat met it.
    let case = Case::new(&["bob/keep"], &["anna/new", "bob/keep"]).act("anna/new", &[Act::Lost, Act::Already]);
    let mut case = case;
    case.settle_timeout = Duration::ZERO;
    case.world.lagging_reads.store(1, Ordering::SeqCst);
    let end = case.run().await;
    assert!(end.text("anna/new").starts_with("Done"), "{}", end.text("anna/new"));
    assert_eq!((case.sent("anna/new"), end.report.exit()), (2, Exit::Success));
}

#[tokio::test]
async fn a_moved_object_is_not_written_again() {
    let case = Case::new(&["anna/keep=1"], &["anna/keep=2"]).act("anna/keep", &[Act::DropAndMove]);
    let end = case.run().await;
    assert_eq!((case.sent("anna/keep"), end.word("anna/keep")), (1, "unknown"));
    assert_eq!(case.world.rows.lock().unwrap()["anna/keep"], "moved");
}

#[tokio::test]
async fn an_incomplete_listing_proves_no_absence() {
    let case = Case::new(&["bob/keep", "cleo/keep=1"], &["anna/new", "bob/keep", "cleo/keep=2"])
        .act("anna/new", &[Act::Drop])
        .act("cleo/keep", &[Act::Drop]);
    case.world.gap.store(true, Ordering::SeqCst);
    let end = case.run().await;
    assert_eq!((case.sent("anna/new"), end.word("anna/new")), (1, "unknown"));
    assert!(end.text("anna/new").contains("not proven complete"));
    // A row that is seen is seen, whatever else is missing.
    assert_eq!((case.sent("cleo/keep"), end.word("cleo/keep")), (2, "done"));
}

#[tokio::test]
async fn a_removal_that_was_not_proven_before_the_gap_stays_unknown() {
    let case = Case::new(&["anna/old", "bob/keep"], &["bob/keep"]).act("anna/old", &[Act::Silent]);
    let plan = case.first_plan();
    case.world.gap.store(true, Ordering::SeqCst);
    let end = case.run_plan(&plan).await;
    assert_eq!((end.word("anna/old"), end.report.exit()), ("unknown", Exit::Partial));
    assert_eq!(end.leftovers(), [Leftover::NotApplied]);
}

#[tokio::test]
async fn answers_that_tell_nothing_are_proven_by_listing_even_without_verification() {
    for verify in [true, false] {
        let mut case = Case::new(&["anna/old", "bob/old", "bob/keep"], &["bob/keep"])
            .act("anna/old", &[Act::Silent])
            .act("bob/old", &[Act::Ignore]);
        case.options.verify = verify;
        let end = case.run().await;
        assert_eq!((end.word("anna/old"), end.word("bob/old")), ("done", "unknown"));
        assert_eq!(end.report.exit(), Exit::Partial);
        assert_eq!(matches!(end.verification(), Verification::NotVerified { .. }), !verify);
    }
}

#[tokio::test]
async fn without_verification_proven_answers_cost_no_read() {
    let case = Case::new(&["anna/old"], &["anna/new"]).no_verify();
    let end = case.run().await;
    assert_eq!((end.report.exit(), case.reads()), (Exit::Success, 0));
    assert!(matches!(end.verification(), Verification::NotVerified { .. }));
}

#[tokio::test]
async fn a_lagging_listing_is_waited_for() {
    let case = Case::new(&["anna/old", "bob/keep"], &["anna/new", "bob/keep"]).act("anna/old", &[Act::Silent]);
    case.world.lagging_reads.store(2, Ordering::SeqCst);
    let end = case.run().await;
    assert_eq!((end.verification(), case.reads()), (&Verification::Clean, 3));
    assert_eq!(end.by_key["anna/new"], Outcome::Done { note: None });
}

#[tokio::test]
async fn what_the_listing_contradicts_for_too_long_is_unknown_and_never_done() {
    let case = Case::new(&["anna/old", "bob/keep"], &["anna/new", "bob/keep"]).act("anna/old", &[Act::Silent]);
    case.world.lagging_reads.store(100, Ordering::SeqCst);
    let end = case.run().await;
    assert!(end.text("anna/new").contains("the API confirmed it"), "{}", end.text("anna/new"));
    assert_eq!((end.word("anna/new"), end.word("anna/old"), end.report.exit()), ("unknown", "unknown", Exit::Partial));
    assert!((3..100).contains(&case.reads()), "{}", case.reads());
    assert_eq!(end.leftovers(), [Leftover::NotVisibleYet, Leftover::NotApplied]);
}

#[tokio::test]
async fn what_was_seen_once_stays_seen() {
    let case = Case::new(&[], &["anna/new", "bob/new"]).act("bob/new", &[Act::Drop; 9]);
    case.world.fresh_reads.store(1, Ordering::SeqCst);
    case.world.lagging_reads.store(100, Ordering::SeqCst);
    let end = case.run().await;
    assert_eq!(end.by_key["anna/new"], Outcome::Done { note: None });
    assert!(case.reads() > 1);
}

#[tokio::test]
async fn nothing_is_sent_again_that_the_guards_would_now_refuse() {
    let names = |role: &str, many: usize| (0..many).map(|n| format!("{role}{n}/x")).collect::<Vec<String>>();
    let (old, keep) = (names("old", 12), names("keep", 29));
    let live: Vec<&str> = strs(&old).into_iter().chain(strs(&keep)).collect();
    let dropped = |case: Case, key: &String| case.act(key, &[Act::Drop]);
    let case = old.iter().fold(Case::new(&live, &strs(&keep)).without_expect(), dropped);
    let plan = case.first_plan();
    assert!(plan.refusals.is_empty());
    // Fewer rows are live than when the plan was made: the same twelve losses are now over 30 %.
    case.world.rows.lock().unwrap().retain(|key, _| !key.starts_with("keep1"));
    let end = case.run_plan(&plan).await;
    assert_eq!((end.word("old0/x"), case.sent("old0/x")), ("unknown", 1));
}

#[tokio::test]
async fn an_answer_that_names_the_change_proves_nothing_that_the_re_read_contradicts() {
    // A field that the server ignored, a grant that it did not make, a row that it left.
    let live = ["anna/keep=1", "bob/old", "cleo/keep"];
    let case = Case::new(&live, &["anna/keep=2", "bob/new", "cleo/keep"])
        .act("anna/keep", &[Act::Pretend])
        .act("bob/new", &[Act::Pretend])
        .act("bob/old", &[Act::Pretend]);
    let end = case.run().await;
    for key in ["anna/keep", "bob/new", "bob/old"] {
        assert_eq!((end.word(key), case.sent(key)), ("unknown", 1), "{key}");
    }
    assert_eq!((end.report.totals().unknown, end.report.exit()), (3, Exit::Partial));
    assert_eq!(end.leftovers(), [Leftover::NotVisibleYet; 3]);
}

#[tokio::test]
async fn already_has_to_be_confirmed() {
    let case = Case::new(&["bob/keep"], &["anna/new", "bob/keep"]).act("anna/new", &[Act::Already]);
    let end = case.run().await;
    assert_eq!((end.word("anna/new"), end.report.exit()), ("failed", Exit::Partial));
    assert!(end.text("anna/new").contains("exists"));

    let case = Case::new(&["bob/keep"], &["anna/new", "bob/keep"]).act("anna/new", &[Act::Already]);
    let plan = case.first_plan();
    case.world.rows.lock().unwrap().insert("anna/new".to_owned(), String::new());
    let end = case.run_plan(&plan).await;
    assert_eq!(end.by_key["anna/new"], Outcome::Already { note: Some("exists".to_owned()) });
    assert_eq!(end.report.exit(), Exit::Success);
}

#[tokio::test]
async fn a_failure_that_someone_else_made_good_counts_as_already() {
    let case = Case::new(&[], &["anna/new"]).act("anna/new", &[Act::Overtaken]);
    let end = case.run().await;
    assert_eq!((end.word("anna/new"), end.report.exit()), ("already", Exit::Success));
    assert!(end.events.contains(&"finished anna/new failed".to_owned()));
    assert!(end.events.contains(&"settled anna/new already".to_owned()));
}

#[tokio::test]
async fn only_temporary_failures_and_what_they_blocked_are_temporary() {
    let case = Case::new(&["anna/old", "bob/keep"], &["anna/new", "bob/keep=1"]).act("anna/new", &[Act::Busy]);
    let end = case.run().await;
    assert_eq!((end.word("anna/new"), end.word("anna/old"), end.word("bob/keep")), ("failed", "blocked", "done"));
    assert_eq!(end.report.exit(), Exit::Temporary);

    let case = case.act("anna/new", &[Act::Busy]).act("anna/old", &[Act::Refuse]);
    case.world.rows.lock().unwrap().insert("zoe/old".to_owned(), String::new());
    let case = case.act("zoe/old", &[Act::Refuse]);
    assert_eq!(case.run().await.report.exit(), Exit::Partial);
}

#[tokio::test]
async fn an_unavailable_system_is_not_asked_for_ever() {
    let declared = ["a/1", "b/1", "c/1", "d/1", "e/1", "f/1"];
    let busy = |case: Case, key: &&str| case.act(key, &[Act::Busy]);
    let case = declared.iter().fold(Case::new(&[], &declared), busy);
    let end = case.run().await;
    let totals = end.report.totals();
    assert_eq!((totals.failed, totals.skipped, totals.all()), (3, 3, 6));
    assert!(end.text("f/1").contains("temporarily unavailable"));
    assert_eq!(end.report.exit(), Exit::Temporary);
}

#[tokio::test]
async fn three_in_a_row_are_enough_although_the_next_of_the_same_burst_came_through() {
    let declared = ["a/1", "b/1", "c/1", "d/1", "e/1", "f/1", "g/1", "h/1"];
    let case = Case::new(&[], &declared).concurrency(4);
    let end = ["a/1", "b/1", "c/1"].into_iter().fold(case, |case, key| case.act(key, &[Act::Busy])).run().await;
    // All four are under way at once. Those that follow were sent only where the fourth was answered late.
    assert_eq!((end.word("d/1"), end.word("h/1"), end.report.exit()), ("done", "skipped", Exit::Temporary));
}

#[tokio::test]
async fn what_was_prepared_and_not_sent_is_neither_sent_nor_taken_for_what_is_sent_again() {
    let declared = ["a/1", "b/1", "c/1", "d/1", "e/1", "f/1", "g/1", "h/1"];
    let busy = |case: Case, key: &str| case.act(key, &[Act::Busy]);
    // A machine may be so busy that there is no lull to prepare anything in.
    for latency in [3, 10, 30, 100, 300] {
        let mut case = Case::new(&[], &declared).concurrency(2).act("a/1", &[Act::Drop]);
        case.world.latency = latency * send::LULL;
        let case = ["b/1", "c/1", "d/1", "e/1"].into_iter().fold(case, busy);
        let end = case.run().await;
        assert_eq!((end.word("a/1"), end.word("f/1"), end.word("h/1")), ("done", "skipped", "skipped"));
        assert!(end.events.contains(&"send 1 again=true".to_owned()));
        // The first of those that were not sent; `e` was, where `c` was answered before `d`.
        let unsent = declared.iter().filter(|key| case.sent(key) == 0).map(|key| format!("{key} again=false"));
        assert_eq!(end.left_prepared, unsent.take(end.left_prepared.len()).collect::<Vec<_>>());
        // No more than are under way.
        assert!(end.left_prepared.len() <= 2, "{:?}", end.left_prepared);
        if !end.left_prepared.is_empty() {
            return;
        }
    }
    panic!("nothing was prepared");
}

#[tokio::test]
async fn batches_are_prepared_and_told_while_the_network_is_waited_for() {
    let desired: Vec<String> = (0..800).map(|n| format!("id{n:03}/role")).collect();
    // A machine may be so busy that there is no lull to prepare anything in.
    for latency in [5, 30, 100, 300] {
        let mut case = Case::new(&[], &strs(&desired)).batch(100).concurrency(2);
        case.world.latency = latency * send::LULL;
        let end = case.run().await;
        assert_eq!((end.report.exit(), end.report.totals().done), (Exit::Success, 800));
        assert_eq!((end.left_prepared, end.together.iter().sum::<usize>()), (vec![], 800));
        let count = |words: &str| end.events.iter().filter(|event| event.starts_with(words)).count();
        assert_eq!((count("prepare 100 "), count("send 100 "), count("answered 100")), (8, 8, 8));
        let log = case.log();
        let at = |words: &str| {
            let found = log.iter().enumerate().filter(|(_, line)| line.starts_with(words));
            found.map(|(at, _)| at).collect::<Vec<_>>()
        };
        // The place that the first answer made free was taken before that answer was told.
        assert!(at("start ")[2] < at("told ")[0]);
        assert_eq!(case.world.levels.lock().unwrap().iter().max(), Some(&2));
        if end.ahead > 0 {
            return;
        }
    }
    panic!("nothing was prepared ahead");
}

#[tokio::test]
async fn an_answer_is_told_while_another_is_waited_for() {
    let desired: Vec<String> = (0..200).map(|n| format!("id{n:03}/role")).collect();
    for size in [1, 100] {
        let mut case = Case::new(&[], &strs(&desired[..2 * size])).batch(size).concurrency(2);
        case.world.latency = 2 * send::LULL;
        case.world.answered_last = desired.get(size).cloned();
        let end = case.run().await;
        assert_eq!((end.report.exit(), end.report.totals().done), (Exit::Success, 2 * size as u64));
    }
}

#[tokio::test]
async fn an_answer_is_told_before_the_losses_that_waited_for_it_are_sent() {
    let roles = |role: &str| (0..100).map(|n| format!("id{n:03}/{role}")).collect::<Vec<String>>();
    let case = Case::new(&strs(&roles("old")), &strs(&roles("new"))).batch(100).concurrency(2);
    let end = case.run().await;
    assert_eq!((end.report.exit(), end.report.totals().done), (Exit::Success, 200));
    let travelling = |event: &&String| event.starts_with("send ") || event.starts_with("answered ");
    let events: Vec<&String> = end.events.iter().filter(travelling).collect();
    assert_eq!(events, ["send 100 again=false", "answered 100", "send 100 again=false", "answered 100"]);
}

#[tokio::test]
async fn a_loss_whose_turn_did_not_come_is_not_sent_after_all_to_a_system_that_was_given_up() {
    let declared = ["a/new", "b/1", "c/1", "d/1", "e/1"];
    let mut case = Case::new(&["a/old"], &declared).concurrency(2).act("a/new", &[Act::Lost]);
    case.world.latency = 5 * send::LULL;
    let case = declared[1..].iter().fold(case, |case, key| case.act(key, &[Act::Busy]));
    let end = case.run().await;
    // What blocked it turned out to be there; had it been called blocked, it would be free now.
    assert_eq!((end.word("a/new"), end.word("a/old"), case.sent("a/old")), ("done", "skipped", 0));
}

#[tokio::test]
async fn an_interrupt_stops_sending_and_keeps_what_was_in_flight() {
    let mut case = Case::new(&["a/old"], &["a/1", "b/1", "c/1", "d/1"]).concurrency(2).act("b/1", &[Act::Lost]);
    case.world.latency = Duration::from_millis(1);
    *case.world.stop_at.lock().unwrap() = Some((2, case.stop.clone()));
    let end = case.run().await;
    assert_eq!((end.word("a/1"), end.word("b/1"), end.word("c/1")), ("done", "unknown", "skipped"));
    assert_eq!((end.word("d/1"), end.word("a/old")), ("skipped", "skipped"));
    assert!(end.text("c/1").contains("interrupted"));
    assert!(end.events.contains(&"interrupted".to_owned()));
    assert_eq!((end.report.exit(), case.reads()), (Exit::Interrupted, 0));
    assert_eq!(end.report.totals().all(), end.planned);
    assert!(matches!(end.verification(), Verification::NotVerified { .. }));
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_sent() {
    for latency in [Duration::ZERO, 3 * send::LULL] {
        let mut case = Case::new(&["a/old"], &["a/1", "b/1", "c/1", "d/1", "e/1", "f/1"]).concurrency(2);
        (case.world.full_at, case.world.latency) = (Some(2), latency);
        let case = case.act("b/1", &[Act::Drop]);
        let end = case.run().await;
        assert_eq!((end.word("a/1"), end.word("b/1")), ("done", "unknown"));
        // Not one more, also not of what was prepared; and `b` is not sent again.
        assert_eq!(case.world.levels.lock().unwrap().len(), 2);
        for key in ["c/1", "d/1", "e/1", "f/1", "a/old"] {
            assert_eq!(end.word(key), "skipped", "{key}");
            assert!(end.text(key).contains("can no longer be written down"), "{}", end.text(key));
        }
        assert_eq!(end.report.exit(), Exit::Partial);
    }
}

#[tokio::test]
async fn what_is_not_answered_in_time_after_a_stop_is_unknown_and_the_run_ends() {
    let mut case = Case::new(&[], &["a/1", "b/1", "c/1"]).concurrency(2);
    case.world.latency = Duration::from_secs(600);
    case.stop = Stop::with_grace(Duration::from_millis(10));
    *case.world.stop_at.lock().unwrap() = Some((2, case.stop.clone()));
    let started = std::time::Instant::now();
    let end = case.run().await;
    assert!(started.elapsed() < Duration::from_secs(60));
    assert_eq!((end.word("a/1"), end.word("b/1"), end.word("c/1")), ("unknown", "unknown", "skipped"));
    assert_eq!((end.report.exit(), end.report.totals().all()), (Exit::Interrupted, end.planned));
}

#[tokio::test]
async fn what_a_writer_did_not_send_because_of_a_stop_is_skipped_and_not_unknown() {
    let case = Case::new(&["a/old"], &["a/1", "b/1", "z/keep"]).batch(10).act("b/1", &[Act::NotSent]);
    *case.world.stop_at.lock().unwrap() = Some((1, case.stop.clone()));
    let end = case.run().await;
    assert_eq!((end.word("a/1"), end.word("b/1"), end.word("a/old")), ("done", "skipped", "skipped"));
    assert_eq!(end.report.exit(), Exit::Interrupted);
}

#[tokio::test]
async fn a_lost_answer_stays_unknown_where_a_stop_kept_it_from_being_sent_again() {
    let case = Case::new(&["z/keep"], &["a/1", "z/keep"]).act("a/1", &[Act::Drop, Act::NotSent]);
    *case.world.stop_at.lock().unwrap() = Some((2, case.stop.clone()));
    let end = case.run().await;
    assert_eq!((case.sent("a/1"), end.word("a/1")), (2, "unknown"));
}

#[tokio::test]
async fn a_stop_before_the_start_sends_nothing() {
    let case = Case::new(&[], &["a/1"]);
    case.stop.request(Signal::Interrupt);
    let end = case.run().await;
    assert_eq!((case.sent("a/1"), end.word("a/1"), end.report.exit()), (0, "skipped", Exit::Interrupted));
    assert_eq!(end.verification(), &Verification::Untouched);
}

#[tokio::test]
async fn a_stop_ends_the_waiting_for_a_lagging_listing() {
    let mut case = Case::new(&["bob/keep"], &["anna/new", "bob/keep"]);
    case.options.first_wait = Duration::from_secs(600);
    case.settle_timeout = Duration::from_secs(600);
    case.world.lagging_reads.store(100, Ordering::SeqCst);
    let stop = case.stop.clone();
    let later = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        stop.request(Signal::Interrupt);
    };
    let (end, ()) = futures::future::join(case.run(), later).await;
    assert_eq!((end.word("anna/new"), end.report.exit()), ("unknown", Exit::Interrupted));
}

#[tokio::test]
async fn missing_answers_are_unknown_until_the_re_read() {
    let case = Case::new(&["z/keep"], &["a/1", "b/1", "c/1", "z/keep"]).batch(10).act("b/1", &[Act::Mute]);
    let end = case.run().await;
    assert!(end.events.contains(&"answered 3".to_owned()));
    assert!(end.events.contains(&"finished b/1 unknown?".to_owned()));
    assert!(end.events.contains(&"finished c/1 unknown?".to_owned()));
    // b was carried out; c was not, and is sent again.
    assert_eq!((end.word("a/1"), end.word("b/1"), end.word("c/1")), ("done", "done", "done"));
    assert_eq!((case.sent("b/1"), case.sent("c/1")), (1, 2));
}

#[tokio::test]
async fn what_was_not_read_again_or_withheld_is_named_and_never_called_verified() {
    use crate::plan::saved::{Held, HeldWhy};
    let mut case = Case::new(&["anna/old", "bob/keep"], &["anna/new", "bob/keep"]);
    case.options.partial = true;
    let mut plan = case.first_plan();
    let key = plan.sets[0].changes[0].change.key;
    let held = |why, gives| Held { set: "all".to_owned(), action: Action::Update, key, from_key: None, gives, why };
    plan.held = vec![held(HeldWhy::New, false), held(HeldWhy::Already, true)];
    case.world.gap.store(true, Ordering::SeqCst);
    let end = case.run_plan(&plan).await;
    assert_eq!(end.verification(), &Verification::Clean);
    let gap = NotLookedAt::Incomplete("the list was cut".to_owned());
    assert_eq!(end.report.targets[0].not_looked_at, [NotLookedAt::Withheld(1), gap]);
    let texts: Vec<String> = end.report.targets[0].not_looked_at.iter().map(NotLookedAt::text).collect();
    assert_eq!(texts[0], "1 change that the approved plan withholds");
    assert_eq!(texts[1], "rows that an incomplete listing does not show (the list was cut)");
}

#[tokio::test]
async fn what_is_skipped_for_an_outage_that_passed_keeps_the_exit_from_being_0() {
    let declared = ["a/1", "b/1", "c/1", "d/1"];
    // The system carries out what it refuses, three times: the re-read finds it done.
    let case =
        declared[..3].iter().fold(Case::new(&["z/keep"], &["a/1", "b/1", "c/1", "d/1", "z/keep"]), |case, key| {
            case.act(key, &[Act::BusyDone])
        });
    let end = case.run().await;
    assert_eq!((end.word("a/1"), end.word("c/1"), end.word("d/1")), ("already", "already", "skipped"));
    assert_eq!(end.report.exit(), Exit::Temporary);
}

#[tokio::test]
async fn a_refused_plan_is_not_run() {
    let case = Case::new(&["anna/old"], &[]).without_expect();
    let end = case.run().await;
    assert_eq!((case.sent("anna/old"), end.word("anna/old"), end.report.exit()), (0, "skipped", Exit::Refused));
    assert_eq!((end.verification(), end.report.totals().all()), (&Verification::Untouched, 1));
    assert_eq!(end.events, ["started 1 1", "target t 1", "finished anna/old skipped", "target ended 1", "ended 1"]);
}

#[tokio::test]
async fn targets_do_not_stop_each_other() {
    let refused = Case::new(&["anna/old"], &[]).without_expect();
    let fine = Case::new(&[], &["bob/new"]);
    let (refused_plan, fine_plan) = (refused.first_plan(), fine.first_plan());
    let (replan_refused, replan_fine) = (|snapshot| refused.plan(snapshot), |snapshot| fine.plan(snapshot));
    let run_refused = TargetRun {
        plan: &refused_plan,
        reader: &refused.world,
        writer: &refused.world,
        replan: &replan_refused,
        reread: &world::Everything,
        concurrency: 1,
        settle_timeout: Duration::ZERO,
    };
    let run_fine =
        TargetRun { plan: &fine_plan, reader: &fine.world, writer: &fine.world, replan: &replan_fine, ..run_refused };
    let runs = [run_refused, run_fine];
    let report = apply(&runs, &Stop::default(), &Silent, &Options::default()).await;
    assert_eq!((fine.sent("bob/new"), refused.sent("anna/old")), (1, 0));
    assert_eq!(report.targets.iter().map(TargetReport::exit).collect::<Vec<_>>(), [Exit::Refused, Exit::Success]);
    assert_eq!(report.exit(), Exit::Refused);
}

#[tokio::test]
async fn an_unreadable_target_afterwards_is_an_error_of_its_own() {
    for (temporary, exit) in [(false, Exit::Error), (true, Exit::Temporary)] {
        let case = Case::new(&[], &["anna/new"]);
        *case.world.broken.lock().unwrap() = Some(temporary);
        let end = case.run().await;
        assert_eq!((end.word("anna/new"), end.report.exit()), ("done", exit));
        assert!(matches!(end.verification(), Verification::Unreadable { temporary: t, .. } if *t == temporary));
    }
    let case = Case::new(&["anna/old", "bob/keep"], &["bob/keep"]).act("anna/old", &[Act::Silent]);
    *case.world.broken.lock().unwrap() = Some(true);
    let end = case.run().await;
    assert_eq!((end.word("anna/old"), end.report.exit()), ("unknown", Exit::Partial));
    assert!(end.text("anna/old").contains("busy"));
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_told_and_fails_nothing() {
    let case = Case::new(&["bob/keep"], &["anna/new", "bob/keep"]);
    let plan = case.first_plan();
    case.world.rows.lock().unwrap().insert("eve/new".to_owned(), String::new());
    let end = case.run_plan(&plan).await;
    assert_eq!((end.leftovers(), end.report.exit()), (vec![Leftover::New], Exit::Success));
    let Verification::Remaining(all) = end.verification() else { panic!() };
    assert_eq!((case.world.label(&all[0].key).as_str(), all[0].action), ("eve/new", Action::Remove));
}

#[tokio::test]
async fn a_role_change_is_proven_by_both_of_its_keys() {
    let case = Case::new(&["anna/old"], &["anna/new"]).pairing().act("anna/new", &[Act::Drop]);
    let end = case.run().await;
    assert_eq!((end.word("anna/new"), case.sent("anna/new")), ("done", 2));
    assert_eq!(case.world.rows.lock().unwrap().keys().collect::<Vec<_>>(), ["anna/new"]);

    let case = Case::new(&["anna/old"], &["anna/new"]).pairing().act("anna/new", &[Act::Lost]);
    let end = case.run().await;
    assert_eq!((end.word("anna/new"), case.sent("anna/new"), end.report.exit()), ("done", 1, Exit::Success));
}

#[tokio::test]
async fn an_old_role_that_is_seen_says_more_than_a_gap() {
    let case = Case::new(&["anna/old"], &["anna/new"]).pairing();
    let plan = case.first_plan();
    case.world.gap.store(true, Ordering::SeqCst);
    case.world.lagging_reads.store(100, Ordering::SeqCst);
    let end = case.run_plan(&plan).await;
    assert!(end.text("anna/new").contains("the API confirmed it"));
    assert_eq!(end.leftovers(), [Leftover::NotVisibleYet]);
}

#[tokio::test]
async fn a_rotation_can_neither_be_proven_nor_is_it_sent_again() {
    let mut case =
        Case::new(&["anna/keep=1", "bob/keep=1"], &["anna/keep=2", "bob/keep=2"]).act("anna/keep", &[Act::Drop]);
    case.rotate = true;
    let end = case.run().await;
    assert_eq!((case.sent("anna/keep"), end.word("anna/keep"), end.word("bob/keep")), (1, "unknown", "done"));
    assert!(end.text("anna/keep").contains("secret values cannot be read back"));
}

#[test]
fn an_apply_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let (stop, options) = (Stop::default(), Options::default());
    is_send(&apply(&[], &stop, &Silent, &options));
}
