//! Writing Partium: batch create and batch delete. Both ignore what is already so, hence both may be sent twice.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde::de::IgnoredAny;

use crate::http::{Answer, HttpError, Request};
use crate::model::{Action, Batch, Change, Proof, WriteOutcome};

use super::super::Writer;
use super::super::refusal::{clean, failed, unwritten};
use super::route::{CREATE, CREATE_RULE, DELETE, DELETE_RULE};
use super::spec::{ASS, ORG};
use super::wire::{self, Entry, Pair};
use super::{Api, refusal};

/// Answers to a whole batch that may be the fault of its size or of single entries: it is sent again in halves, so that one bad entry
/// never stops the others. 413 is a payload that is too large (apis/partium.md: Maintenance).
const DIVIDED: [u16; 3] = [400, 413, 422];

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
        let mut outcomes: Vec<Option<WriteOutcome>> = batch.changes.iter().map(|_| None).collect();
        for (action, verb) in [(Action::Create, Verb::Create), (Action::Remove, Verb::Delete)] {
            let (places, pairs): (Vec<usize>, Vec<Pair<&str>>) = batch
                .changes
                .iter()
                .enumerate()
                .filter(|(_, change)| change.action == action)
                .map(|(place, change)| (place, self.pair(change)))
                .unzip();
            for (place, outcome) in places.into_iter().zip(verb.carry_out(&self.0, &pairs).await) {
                outcomes[place] = Some(outcome);
            }
        }
        let neither = || failed("a pair has nothing that could be updated".to_owned(), false);
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(neither)).collect()
    }
}

impl PartiumWriter {
    fn pair(&self, change: &Change) -> Pair<&str> {
        let text = |part| self.0.ids.text(change.key.part(part));
        Pair { ass_id: text(ASS), org_id: text(ORG) }
    }
}

impl Verb {
    /// One outcome a pair. A refused batch of several is divided.
    fn carry_out<'a>(self, api: &'a Api, pairs: &'a [Pair<&'a str>]) -> BoxFuture<'a, Vec<WriteOutcome>> {
        Box::pin(async move {
            if pairs.is_empty() {
                return Vec::new();
            }
            let answer = match self.send(api, pairs).await {
                Ok(answer) => answer,
                Err(error) => return vec![unwritten(&error); pairs.len()],
            };
            if DIVIDED.contains(&answer.status) && pairs.len() > 1 {
                let (left, right) = pairs.split_at(pairs.len() / 2);
                let mut outcomes = self.carry_out(api, left).await;
                outcomes.extend(self.carry_out(api, right).await);
                return outcomes;
            }
            self.outcomes(&answer, pairs.len())
        })
    }

    /// Existing pairs are ignored by create, missing ones by delete: sending twice has the effect of sending once.
    async fn send(self, api: &Api, pairs: &[Pair<&str>]) -> Result<Answer, HttpError> {
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

    fn outcomes(self, answer: &Answer, count: usize) -> Vec<WriteOutcome> {
        if !answer.is_success() {
            return vec![self.refused(answer); count];
        }
        // Whatever is no JSON does not come from this API: a proxy's page, say.
        if let Err(error) = answer.json::<IgnoredAny>() {
            return vec![unwritten(&error); count];
        }
        match self {
            Verb::Create => {
                wire::entries(&answer.body, count).into_iter().map(|entry| outcome(entry, answer)).collect()
            }
            // 200 `{}` tells nothing about what was deleted (apis/partium.md: Delete).
            Verb::Delete => vec![WriteOutcome::Done(Proof::Listing); count],
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

fn outcome(entry: Entry, answer: &Answer) -> WriteOutcome {
    let refused =
        |message: String| WriteOutcome::Failed { message, code: None, status: Some(answer.status), temporary: false };
    match entry {
        Entry::Created => WriteOutcome::Done(Proof::Answer),
        Entry::Existed => WriteOutcome::Already("the API says that the pair is there already".to_owned()),
        Entry::Refused(told) => refused(format!(
            "{CREATE} could not create the pair: {}{}; only root assemblies can be assigned, and only to sub-organizations",
            clean(&answer.clean(&told)),
            answer.request_note()
        )),
        Entry::BatchRefused(told) => refused(format!(
            "{CREATE} answered with an error that names no entry, so it counts for the whole batch: {}{}; check the ids of the batch",
            clean(&answer.clean(&told)),
            answer.request_note()
        )),
        Entry::Unclear(why) => WriteOutcome::unknown(format!("{CREATE} answered {}: {why}", answer.status)),
    }
}
