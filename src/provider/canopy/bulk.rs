//! The routes that carry many changes at once (apis/canopy.md: Bulk, Remove).
//!
//! A bulk create is "all-or-nothing" and yet documented with mixed outcomes. Each result is taken by its index. A success beside
//! failures may have been taken back, so its entry is sent again without the bad ones: a create of an existing assignment is answered
//! with a conflict, so a repeat creates nothing twice. A batch that is refused whole is divided until the bad entries stand alone.

use async_trait::async_trait;
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};

use crate::http::{Answer, Request};
use crate::model::{Change, Proof, Sym, WriteOutcome};
use crate::provider::divide::{Part, PartSender, Verdict, divide, may_be_one_entrys_fault};
use crate::provider::refusal::{clean, denial, failed, unwritten, words};

use super::api::{Api, CONFLICT, code_and_message, hint, refusal};
use super::proof::contradiction;
use super::route::{BULK_CHANGE_ROLE_RULE, BULK_CREATE_RULE, BULK_REMOVE_RULE};
use super::wire::{BulkAnswer, BulkResult, ErrorBody, bare_or_wrapped};
use super::write::{live_id, new_dates, send, with_new};

/// The name of an entry's status that worked (apis/canopy.md: Bulk).
const SUCCESS: &str = "success";

/// What an entry's code or status holds where another entry is the cause. The names are not stated (apis/canopy.md: Bulk): a batch
/// that fails is "rolled back".
const COLLATERAL: [&str; 9] =
    ["roll", "abort", "skip", "cancel", "depend", "not_attempted", "not_processed", "unprocessed", "reverted"];

/// The status of an entry whose request failed because of another one (RFC 4918 section 11.4).
const FAILED_DEPENDENCY: u16 = 424;

/// A bulk route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bulk {
    /// `bulk-create`.
    Create,
    /// `bulk-change-role`, to this role.
    ChangeRole(Sym),
    /// `bulk-remove`.
    Remove,
}

impl Bulk {
    /// How the route is called in messages.
    fn request(self) -> &'static str {
        match self {
            Bulk::Create => "POST …/assignments/bulk-create",
            Bulk::ChangeRole(_) => "POST …/assignments/bulk-change-role",
            Bulk::Remove => "POST …/assignments/bulk-remove",
        }
    }

    /// Carries out a batch, one outcome a change in order.
    pub(super) async fn write(self, api: &Api, changes: &[&Change]) -> Vec<WriteOutcome> {
        let mut outcomes: Vec<Option<WriteOutcome>> = changes.iter().map(|change| self.unsendable(change)).collect();
        let sendable: Vec<usize> = (0..changes.len()).filter(|index| outcomes[*index].is_none()).collect();
        let mut sender = BulkSender { bulk: self, api, changes, claimed: vec![false; changes.len()] };
        for (index, outcome) in divide(&mut sender, sendable).await {
            outcomes[index] = Some(outcome);
        }
        let lost = || WriteOutcome::unknown(format!("{} told nothing about this entry", self.request()));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
    }

    /// Why an entry cannot be part of any request.
    fn unsendable(self, change: &Change) -> Option<WriteOutcome> {
        match self {
            Bulk::Create => new_dates(change).err(),
            Bulk::ChangeRole(_) | Bulk::Remove => live_id(change).err(),
        }
    }

    fn build(self, api: &Api, changes: &[&Change]) -> Result<Request, WriteOutcome> {
        let path = api.assignments();
        let ids = || changes.iter().map(|change| live_id(change)).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Bulk::Create => {
                let entry = |change: &&Change| {
                    let new = with_new(api, change, new_dates(change)?, |new| serde_json::to_value(new));
                    new.map_err(|error| failed(format!("the entry cannot be written as JSON: {error}"), false))
                };
                let entries = changes.iter().map(entry).collect::<Result<Vec<Json>, _>>()?;
                BULK_CREATE_RULE.request(Request::post(path.lit("bulk-create")).json(&json!({"assignments": entries})))
            }
            Bulk::ChangeRole(role) => {
                let body = json!({"assignment_ids": ids()?, "role_id": api.ids.text(role)});
                BULK_CHANGE_ROLE_RULE.request(Request::post(path.lit("bulk-change-role")).json(&body))
            }
            Bulk::Remove => {
                let body = json!({"assignment_ids": ids()?});
                BULK_REMOVE_RULE.request(Request::post(path.lit("bulk-remove")).json(&body))
            }
        })
    }

    /// What a refusal means where it concerns one entry alone. The status is that of the answer, or the one that an error envelope in a
    /// success names.
    fn alone(self, answer: &Answer, status: u16) -> WriteOutcome {
        let refusal = refusal(self.request(), answer);
        match (self, status) {
            // The identity has this role here already (apis/canopy.md: Create). A change to a role that the identity has beside the
            // old one is a failure, for the old one stays.
            (Bulk::Create, 409) | (Bulk::Remove, 404) => WriteOutcome::Already(refusal.to_string()),
            _ => refusal.failed(),
        }
    }
}

/// Sends the parts of one batch.
struct BulkSender<'a> {
    bulk: Bulk,
    api: &'a Api,
    changes: &'a [&'a Change],
    /// Entries that an earlier answer called a success, beside failures.
    claimed: Vec<bool>,
}

#[async_trait]
impl PartSender for BulkSender<'_> {
    async fn send(&mut self, entries: &[usize]) -> Part {
        let changes: Vec<&Change> = entries.iter().filter_map(|index| self.changes.get(*index).copied()).collect();
        let request = match self.bulk.build(self.api, &changes) {
            Ok(request) => request,
            Err(outcome) => return Part::Ended(outcome),
        };
        match send(self.api, request).await {
            Ok(answer) => self.judge(entries, &answer),
            Err(outcome) => Part::Ended(outcome),
        }
    }
}

impl BulkSender<'_> {
    fn judge(&mut self, entries: &[usize], answer: &Answer) -> Part {
        match answer.status {
            200 | 201 | 204 | 207 => self.judge_success(entries, answer),
            status if may_be_one_entrys_fault(status) => self.refused(entries, answer, status),
            _ => Part::Ended(refusal(self.bulk.request(), answer).outcome()),
        }
    }

    fn refused(&self, entries: &[usize], answer: &Answer, status: u16) -> Part {
        let claimed = |index: &usize| self.claimed.get(*index) == Some(&true);
        if status == 409 && self.bulk == Bulk::Create && entries.iter().all(claimed) {
            // At least one of them exists, so the earlier answer was right about it. A reading tells about the others.
            let why =
                format!("{}, after an answer that called the entries a success", refusal(self.bulk.request(), answer));
            return Part::Ended(WriteOutcome::unknown(why));
        }
        let outcome = self.bulk.alone(answer, status);
        if status == 403 { Part::RefusedForAll(outcome) } else { Part::Refused(outcome) }
    }

    fn judge_success(&mut self, entries: &[usize], answer: &Answer) -> Part {
        if let Ok(told) = bare_or_wrapped::<BulkAnswer>(answer) {
            return self.by_index(entries, answer, &told);
        }
        if let Some(denial) = denial(&answer.body) {
            // An error envelope in a success: what it says holds, not the status.
            return match denial.status {
                Some(status @ 500..) => {
                    Part::Ended(WriteOutcome::unknown(format!("{} ({status})", refusal(self.bulk.request(), answer))))
                }
                status => self.refused(entries, answer, status.unwrap_or(400)),
            };
        }
        let told_nothing =
            format!("{} was answered with {} that tells of no entry", self.bulk.request(), answer.status);
        match (self.bulk, answer.status) {
            (Bulk::Create, 207) => {
                // All that is known is that some entry failed. A repeat creates nothing twice.
                let verdict = || Verdict::Again(WriteOutcome::unknown(told_nothing.clone()));
                Part::Judged(entries.iter().map(|_| verdict()).collect())
            }
            (Bulk::Create, _) | (_, 201 | 207) => {
                let why = answer.json::<BulkAnswer>().err().map_or(told_nothing, |error| error.to_string());
                Part::Ended(WriteOutcome::unknown(why))
            }
            (Bulk::ChangeRole(_) | Bulk::Remove, _) => Part::Ended(accepted(answer)),
        }
    }

    /// The verdict of each entry, by the index that its result names (apis/canopy.md: Bulk).
    fn by_index(&mut self, entries: &[usize], answer: &Answer, told: &BulkAnswer) -> Part {
        let mut results: Vec<Vec<&BulkResult>> = vec![Vec::new(); entries.len()];
        for result in &told.results {
            let place = usize::try_from(result.index).unwrap_or(usize::MAX);
            if let Some(of_entry) = results.get_mut(place) {
                of_entry.push(result);
            }
        }
        let mixed = told.results.iter().any(|result| result.status != SUCCESS);
        let successes = told.results.iter().filter(|result| result.status == SUCCESS).count() as u64;
        let contradicted = told.summary.failed.is_some_and(|failed| failed > 0)
            || told.summary.succeeded.is_some_and(|n| n < successes);
        let proof = if answer.status == 207 || contradicted { Proof::Listing } else { Proof::Answer };
        let verdicts = entries.iter().zip(results).map(|(index, results)| match results[..] {
            [result] if result.status == SUCCESS => self.success(*index, result, mixed, proof),
            [result] => self.failure(*index, answer, result),
            // "All-or-nothing": an entry that a mixed answer passes over has no outcome yet.
            [] if mixed && self.bulk == Bulk::Create => {
                Verdict::Again(self.unknown("the answer tells nothing about this entry"))
            }
            [] => Verdict::Final(self.unknown("the answer tells nothing about this entry")),
            _ => Verdict::Final(self.unknown("the answer tells about this entry twice")),
        });
        let verdicts = verdicts.collect::<Vec<_>>();
        for (index, verdict) in entries.iter().zip(&verdicts) {
            if let (Verdict::Again(WriteOutcome::Done(_)), Some(claimed)) = (verdict, self.claimed.get_mut(*index)) {
                *claimed = true;
            }
        }
        Part::Judged(verdicts)
    }

    fn unknown(&self, why: &str) -> WriteOutcome {
        WriteOutcome::unknown(format!("{}: {why}", self.bulk.request()))
    }

    /// An entry that is called a success. "All-or-nothing" may have taken back what stands beside a failure.
    fn success(&self, index: usize, result: &BulkResult, mixed: bool, proof: Proof) -> Verdict {
        let error = error_body(&result.error);
        let refused = status_of(result, &error).is_some_and(|status| status >= 400) || !result.error.is_null();
        if refused {
            return Verdict::Final(self.unknown("the entry is called a success and has an error"));
        }
        let change = self.changes.get(index);
        if let Some(other) = change.and_then(|change| contradiction(self.api, change, &result.data)) {
            return Verdict::Final(WriteOutcome::Unknown {
                why: format!("{}: the entry is called a success, and its result shows {other}", self.bulk.request()),
                repeatable: false,
            });
        }
        match self.bulk {
            Bulk::Create if mixed => Verdict::Again(WriteOutcome::Done(Proof::Listing)),
            // What a repeat answers is not stated for these, so the live state is read first.
            Bulk::ChangeRole(_) | Bulk::Remove if mixed => Verdict::Final(
                self.unknown("the entry is called a success beside failures, and the batch may be rolled back"),
            ),
            _ => Verdict::Final(WriteOutcome::Done(proof)),
        }
    }

    fn failure(&self, index: usize, answer: &Answer, result: &BulkResult) -> Verdict {
        let error = error_body(&result.error);
        let status = status_of(result, &error);
        let (code, said) = code_and_message(answer, &error);
        let message = self.message(answer, result, (status, code.as_deref(), &said));
        let conflict = code.as_deref() == Some(CONFLICT) || status == Some(409);
        let outcome = match status {
            _ if conflict && self.bulk == Bulk::Create && self.claimed.get(index) == Some(&true) => {
                // An earlier answer called it a success, and it exists: this run created it.
                return Verdict::Final(WriteOutcome::Done(Proof::Listing));
            }
            _ if conflict && self.bulk == Bulk::Create => return Verdict::Final(WriteOutcome::Already(message)),
            Some(404) if self.bulk == Bulk::Remove => return Verdict::Final(WriteOutcome::Already(message)),
            Some(500..) => return Verdict::Final(WriteOutcome::unknown(message)),
            _ => {
                let temporary = matches!(status, Some(408 | 425 | 429));
                WriteOutcome::Failed { message, code: code.clone(), status, temporary }
            }
        };
        let names_no_cause = status.is_none() && code.is_none() && said.is_empty();
        let texts = [code.as_deref().unwrap_or_default(), &result.status, &said];
        let is_collateral = |text: &&str| COLLATERAL.iter().any(|word| text.to_ascii_lowercase().contains(word));
        if status == Some(FAILED_DEPENDENCY)
            || names_no_cause
            || texts[..2].iter().any(is_collateral)
            || rolled_back(&said)
        {
            return Verdict::Again(outcome);
        }
        Verdict::Final(outcome)
    }

    fn message(&self, answer: &Answer, result: &BulkResult, told: (Option<u16>, Option<&str>, &str)) -> String {
        let (status, code, said) = told;
        let words = [code.unwrap_or(""), said].into_iter().filter(|text| !text.is_empty());
        let words = words.collect::<Vec<_>>().join(": ");
        let words = if words.is_empty() { "no explanation".to_owned() } else { words };
        format!(
            "{}: the entry's status is {}{}: {words}{}; {}",
            self.bulk.request(),
            clean(&result.status),
            status.map(|status| format!(" ({status})")).unwrap_or_default(),
            answer.request_note(),
            hint(status.unwrap_or(400)),
        )
    }
}

/// Whether a message speaks of a roll-back, the one word of the contract for what happens to the other entries (apis/canopy.md: Bulk).
fn rolled_back(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["rolled back", "roll back", "rollback"].iter().any(|words| said.contains(words))
}

/// The outcome of a success that names no entry: a 204, or a message (apis/canopy.md: Remove, Bulk). Only a listing shows what it did.
/// A body that is no JSON does not come from this API: a proxy's sign-in page, behind which nothing was done.
fn accepted(answer: &Answer) -> WriteOutcome {
    if answer.body.is_empty() {
        return WriteOutcome::Done(Proof::Listing);
    }
    answer.json::<IgnoredAny>().map_or_else(|error| unwritten(&error), |_| WriteOutcome::Done(Proof::Listing))
}

/// An entry's error: an object as in the error envelope, or words.
fn error_body(error: &Json) -> ErrorBody {
    match error {
        Json::Object(_) => serde_json::from_value(error.clone()).unwrap_or_default(),
        other => ErrorBody { message: other.clone(), ..ErrorBody::default() },
    }
}

/// An entry's HTTP status, where `code` or the error's `statusCode` is one.
fn status_of(result: &BulkResult, error: &ErrorBody) -> Option<u16> {
    [&result.code, &error.status_code]
        .into_iter()
        .filter_map(words)
        .filter_map(|text| text.parse().ok())
        .find(|status| (100..600).contains(status))
}
