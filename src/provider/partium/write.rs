//! Writing Partium: batch create and batch delete. Both ignore what is already so, hence both may be sent twice.

use std::sync::Arc;

use async_trait::async_trait;
use serde::de::IgnoredAny;

use crate::http::{Answer, HttpError, Request};
use crate::model::{Batch, Change, Proof, WriteOutcome};

use super::super::Writer;
use super::super::divide::{Part, PartSender, Verdict, divide, may_be_one_entrys_fault};
use super::super::refusal::{Denial, clean, denial, unwritten};
use super::route::{CREATE, CREATE_RULE, DELETE, DELETE_RULE};
use super::spec::{ASS, ORG};
use super::wire::{self, Entry, Pair};
use super::{Api, refusal};

/// The writing side of a target.
pub(super) struct PartiumWriter(pub(super) Arc<Api>);

/// The two things that can be done to pairs.
#[derive(Clone, Copy)]
enum Verb {
    Create,
    Delete,
}

#[async_trait]
impl Writer for PartiumWriter {
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome> {
        let verb = if batch.route.name == DELETE { Verb::Delete } else { Verb::Create };
        let pairs: Vec<Pair<&str>> = batch.changes.iter().map(|change| self.pair(change)).collect();
        let mut sender = BatchSender { verb, api: &self.0, pairs: &pairs };
        let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; pairs.len()];
        for (index, outcome) in divide(&mut sender, (0..pairs.len()).collect()).await {
            outcomes[index] = Some(outcome);
        }
        let lost = || WriteOutcome::unknown(format!("{} told nothing about this pair", verb.name()));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
    }
}

impl PartiumWriter {
    fn pair(&self, change: &Change) -> Pair<&str> {
        let text = |part| self.0.ids.text(change.key.part(part));
        Pair { ass_id: text(ASS), org_id: text(ORG) }
    }
}

/// Sends the parts of one batch.
struct BatchSender<'a> {
    verb: Verb,
    api: &'a Api,
    pairs: &'a [Pair<&'a str>],
}

#[async_trait]
impl PartSender for BatchSender<'_> {
    async fn send(&mut self, entries: &[usize]) -> Part {
        let pairs: Vec<&Pair<&str>> = entries.iter().filter_map(|index| self.pairs.get(*index)).collect();
        match self.verb.send(self.api, &pairs).await {
            Ok(answer) => self.verb.judge(&answer, entries.len()),
            Err(error) => Part::Ended(unwritten(&error)),
        }
    }
}

impl Verb {
    /// Existing pairs are ignored by create, missing ones by delete: sending twice has the effect of sending once.
    async fn send(self, api: &Api, pairs: &[&Pair<&str>]) -> Result<Answer, HttpError> {
        let request = match self {
            Verb::Create => Request::post(api.assignments.clone()),
            Verb::Delete => Request::delete(api.assignments.clone()),
        };
        let rule = match self {
            Verb::Create => &CREATE_RULE,
            Verb::Delete => &DELETE_RULE,
        };
        api.client.send(rule.request(request.json(pairs))).await
    }

    fn judge(self, answer: &Answer, count: usize) -> Part {
        match answer.status {
            200..300 => self.judge_success(answer, count),
            403 => Part::RefusedForAll(self.refused(answer)),
            status if may_be_one_entrys_fault(status) => Part::Refused(self.refused(answer)),
            _ => Part::Ended(self.refused(answer)),
        }
    }

    fn judge_success(self, answer: &Answer, count: usize) -> Part {
        // Whatever is no JSON does not come from this API: a proxy's page, say.
        if let Err(error) = answer.json::<IgnoredAny>() {
            return Part::Ended(unwritten(&error));
        }
        // `errors` of a create belongs to the contract, and is judged entry by entry. All else that denies a success is a refusal of
        // the batch: a pair that the answer does not name is then no pair that existed.
        let by_entry = wire::answers_by_entry(&answer.body);
        let denial = denial(&answer.body).or_else(|| wire::is_error(&answer.body).then_some(Denial { status: None }));
        if let Some(denial) = denial.filter(|_| !by_entry) {
            let refusal = refusal(self.name(), answer);
            return match denial.status {
                Some(500..) => Part::Ended(WriteOutcome::unknown(refusal.to_string())),
                Some(403) => Part::RefusedForAll(refusal.failed()),
                _ => Part::Refused(refusal.failed()),
            };
        }
        match self {
            Verb::Create => {
                let entries = wire::entries(&answer.body, count);
                let refuses = entries.iter().any(|entry| matches!(entry, Entry::Refused(_) | Entry::BatchRefused(_)));
                Part::Judged(entries.into_iter().map(|entry| verdict(entry, answer, refuses)).collect())
            }
            // 200 `{}` tells nothing about what was deleted (apis/partium.md: Delete).
            Verb::Delete => {
                let refused = wire::refused_entries(&answer.body, count);
                let refuses = refused.iter().any(Option::is_some);
                let verdict = |told: Option<String>| match told {
                    Some(told) => Verdict::Final(refused_by(
                        answer,
                        format!(
                            "{DELETE} could not delete the pair: {}{}",
                            clean(&answer.clean(&told)),
                            answer.request_note()
                        ),
                    )),
                    // As with a create: the others may have been taken back, and a repeat deletes nothing twice.
                    None if refuses => Verdict::Again(WriteOutcome::Done(Proof::Listing)),
                    None => Verdict::Final(WriteOutcome::Done(Proof::Listing)),
                };
                Part::Judged(refused.into_iter().map(verdict).collect())
            }
        }
    }

    /// 503 is maintenance, in which nothing is written: nothing is wrong with the input.
    fn refused(self, answer: &Answer) -> WriteOutcome {
        let refusal = refusal(self.name(), answer);
        if answer.status == 503 {
            return WriteOutcome::Failed {
                message: refusal.to_string(),
                code: None,
                status: Some(answer.status),
                temporary: true,
            };
        }
        refusal.outcome()
    }

    fn name(self) -> &'static str {
        match self {
            Verb::Create => CREATE,
            Verb::Delete => DELETE,
        }
    }
}

/// What one entry of a create's answer means. An API that takes a batch back because of one entry names the others in neither list, as
/// it does with pairs that existed: beside an error they are sent again, which creates nothing twice.
fn verdict(entry: Entry, answer: &Answer, refuses: bool) -> Verdict {
    let existed = || WriteOutcome::Already("the API says that the pair is there already".to_owned());
    Verdict::Final(match entry {
        Entry::Created => WriteOutcome::Done(Proof::Answer),
        Entry::Existed if refuses => return Verdict::Again(existed()),
        Entry::Existed => existed(),
        Entry::Refused(told) => refused_entry(&told, answer),
        Entry::BatchRefused(told) => {
            return Verdict::Again(refused_by(
                answer,
                format!(
                    "{CREATE} answered with an error that names no entry, so it counts for the whole batch: {}{}; check the ids of the batch",
                    clean(&answer.clean(&told)),
                    answer.request_note()
                ),
            ));
        }
        Entry::Unclear(why) => WriteOutcome::unknown(format!("{CREATE} answered {}: {why}", answer.status)),
    })
}

fn refused_entry(told: &str, answer: &Answer) -> WriteOutcome {
    let message = format!(
        "{CREATE} could not create the pair: {}{}; only root assemblies can be assigned, and only to sub-organizations",
        clean(&answer.clean(told)),
        answer.request_note()
    );
    refused_by(answer, message)
}

fn refused_by(answer: &Answer, message: String) -> WriteOutcome {
    WriteOutcome::Failed { message, code: None, status: Some(answer.status), temporary: false }
}
