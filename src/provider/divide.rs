//! Division of a batch that an API refuses, until the entries that are to blame stand alone.
//!
//! Knows no API: a provider sends a part of its batch and says what the answer means for each entry. With `k` bad entries among `n`,
//! the division sends O(k log n) requests.

use async_trait::async_trait;

use crate::model::WriteOutcome;

/// Entries, spread over a batch, that are sent alone where a refusal may concern every entry. Eight refusals in the same words are
/// taken for a refusal of all entries. With fewer, a few bad entries could pass for all of them.
const PROBES: usize = 8;

/// What an answer means for one entry of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The answer decides about the entry.
    Final(WriteOutcome),
    /// Another entry of the same request decided: the entry was not carried out, was taken back, or may have been taken back. It is
    /// sent again without the entries that are decided. The outcome is the one that holds where the entry was sent alone.
    Again(WriteOutcome),
}

/// What an answer means for a part of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The answer tells of each entry: one verdict an entry, in the order of the part.
    Judged(Vec<Verdict>),
    /// The answer decides about all entries together, and no entry is the cause: an accepted batch that names none, a lost answer, a
    /// refusal of the credential or the route.
    Ended(WriteOutcome),
    /// The part was refused as a whole, and one entry may be the cause. The outcome is that of an entry which is refused alone.
    Refused(WriteOutcome),
    /// As [`Part::Refused`], where the refusal may also concern every entry, such as a missing permission.
    RefusedForAll(WriteOutcome),
}

/// Sends parts of one batch.
#[async_trait]
pub(super) trait PartSender: Send {
    /// Sends the entries with these indices in one request.
    async fn send(&mut self, entries: &[usize]) -> Part;
}

/// Statuses of a refused batch that one entry can cause: a malformed or unknown id, a forbidden entry, a conflict, a body that is too
/// large. The others concern the credential, the route or the server, and a smaller part would meet them again.
pub(super) fn may_be_one_entrys_fault(status: u16) -> bool {
    matches!(status, 400 | 403 | 404 | 409 | 413 | 422)
}

/// Sends `entries`, divides what is refused, and gives one outcome an entry, with the entry's index. An entry whose outcome is final is
/// never sent again.
pub(super) async fn divide(sender: &mut dyn PartSender, entries: Vec<usize>) -> Vec<(usize, WriteOutcome)> {
    let mut ended = Vec::with_capacity(entries.len());
    let mut parts = vec![entries];
    let mut probed = false;
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let answer = sender.send(&part).await;
        if part.len() == 1 {
            ended.extend(part.into_iter().zip(alone(answer)));
            continue;
        }
        if let Part::Ended(outcome) = answer {
            let mut concerned = part;
            if matches!(outcome, WriteOutcome::Failed { .. } | WriteOutcome::NotSent { .. }) {
                // The other parts would meet the same: the retry budget is spent, a stop was requested, or the route is refused.
                concerned.extend(parts.drain(..).flatten());
            }
            ended.extend(concerned.into_iter().map(|entry| (entry, outcome.clone())));
            continue;
        }
        match refused_alike(&answer).filter(|_| part.len() > 2 * PROBES && !probed) {
            Some(_) => {
                probed = true;
                let (tried, all_alike) = probe(sender, &part).await;
                let rest: Vec<usize> =
                    part.into_iter().filter(|entry| tried.iter().all(|(probe, _)| probe != entry)).collect();
                match all_alike {
                    Some(outcome) => ended.extend(rest.into_iter().map(|entry| (entry, outcome.clone()))),
                    None => halve(&mut parts, rest),
                }
                ended.extend(tried);
            }
            None => match answer {
                Part::Refused(_) | Part::RefusedForAll(_) | Part::Ended(_) => halve(&mut parts, part),
                Part::Judged(verdicts) => {
                    let again = settle(&part, verdicts, &mut ended);
                    if again.len() < part.len() { parts.push(again) } else { halve(&mut parts, again) }
                }
            },
        }
    }
    ended
}

/// Takes what is final, and gives the entries that are sent again. Where all entries fail in the same words, the words may be those of
/// one entry: all are sent again.
fn settle(part: &[usize], verdicts: Vec<Verdict>, ended: &mut Vec<(usize, WriteOutcome)>) -> Vec<usize> {
    if all_failed_alike(&verdicts).is_some() {
        return part.to_vec();
    }
    let mut again = Vec::new();
    for (entry, verdict) in part.iter().zip(verdicts) {
        match verdict {
            Verdict::Final(outcome) => ended.push((*entry, outcome)),
            Verdict::Again(_) => again.push(*entry),
        }
    }
    again
}

fn halve(parts: &mut Vec<Vec<usize>>, mut part: Vec<usize>) {
    let second = part.split_off(part.len().div_ceil(2));
    parts.extend([second, part]);
}

/// The outcome of an entry that was the only one of its request.
fn alone(answer: Part) -> Option<WriteOutcome> {
    match answer {
        Part::Refused(outcome) | Part::RefusedForAll(outcome) | Part::Ended(outcome) => Some(outcome),
        Part::Judged(verdicts) => verdicts.into_iter().next().map(|verdict| match verdict {
            Verdict::Final(outcome) | Verdict::Again(outcome) => outcome,
        }),
    }
}

/// The outcome of all entries, where an answer refuses all of them in the same words.
fn refused_alike(answer: &Part) -> Option<&WriteOutcome> {
    match answer {
        Part::Refused(_) | Part::Ended(_) => None,
        Part::RefusedForAll(outcome) => Some(outcome),
        Part::Judged(verdicts) => all_failed_alike(verdicts),
    }
}

fn all_failed_alike(verdicts: &[Verdict]) -> Option<&WriteOutcome> {
    let outcome = |verdict| match verdict {
        &Verdict::Final(ref outcome) | &Verdict::Again(ref outcome) => outcome,
    };
    let first = outcome(verdicts.first()?);
    let refused = matches!(first, WriteOutcome::Failed { temporary: false, .. });
    (refused && verdicts.iter().all(|verdict| same_words(outcome(verdict), first))).then_some(first)
}

/// Whether two outcomes are the same refusal. The wording of a message may hold the id of its answer, so only status and code count
/// where there is a code.
fn same_words(a: &WriteOutcome, b: &WriteOutcome) -> bool {
    match (a, b) {
        (
            WriteOutcome::Failed { message, code, status, .. },
            WriteOutcome::Failed { message: other, code: other_code, status: other_status, .. },
        ) => status == other_status && code == other_code && (code.is_some() || message == other),
        _ => false,
    }
}

/// Sends [`PROBES`] entries alone, spread over a part, until one is not refused. Gives their outcomes, and the outcome of all
/// entries of the part if every probe was refused in the same words.
async fn probe(sender: &mut dyn PartSender, part: &[usize]) -> (Vec<(usize, WriteOutcome)>, Option<WriteOutcome>) {
    let mut tried: Vec<(usize, WriteOutcome)> = Vec::with_capacity(PROBES);
    for probe in 0..PROBES {
        let Some(entry) = part.get(probe * (part.len() - 1) / (PROBES - 1)) else { break };
        let Some(outcome) = alone(sender.send(&[*entry]).await) else { break };
        let first = tried.first().map_or(&outcome, |(_, first)| first);
        let alike = same_words(&outcome, first);
        tried.push((*entry, outcome));
        if !alike {
            return (tried, None);
        }
    }
    let all = tried.first().map(|(_, outcome)| outcome.clone());
    (tried, all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Proof;

    const DONE: WriteOutcome = WriteOutcome::Done(Proof::Answer);

    fn failed(status: u16) -> WriteOutcome {
        let message = format!("refused with {status}");
        WriteOutcome::Failed { message, code: None, status: Some(status), temporary: false }
    }

    fn temporary() -> WriteOutcome {
        WriteOutcome::Failed { message: "busy".to_owned(), code: None, status: Some(429), temporary: true }
    }

    /// An API of a test: what it answers to a part, and what it was asked.
    struct Api<F> {
        answer: F,
        asked: Vec<Vec<usize>>,
    }

    #[async_trait]
    impl<F: Fn(&[usize]) -> Part + Send> PartSender for Api<F> {
        async fn send(&mut self, entries: &[usize]) -> Part {
            self.asked.push(entries.to_vec());
            (self.answer)(entries)
        }
    }

    async fn ran(count: usize, answer: impl Fn(&[usize]) -> Part + Send) -> (Vec<WriteOutcome>, Vec<Vec<usize>>) {
        let mut api = Api { answer, asked: Vec::new() };
        let mut ended = divide(&mut api, (0..count).collect()).await;
        ended.sort_by_key(|(entry, _)| *entry);
        let entries: Vec<usize> = ended.iter().map(|(entry, _)| *entry).collect();
        assert_eq!(entries, (0..count).collect::<Vec<_>>(), "one outcome an entry");
        (ended.into_iter().map(|(_, outcome)| outcome).collect(), api.asked)
    }

    fn judged(entries: &[usize], verdict: impl Fn(usize) -> Verdict) -> Part {
        Part::Judged(entries.iter().map(|entry| verdict(*entry)).collect())
    }

    #[tokio::test]
    async fn bad_entries_stand_alone_after_few_requests_and_nothing_is_accepted_twice() {
        for bad in [vec![], vec![0], vec![99], vec![3, 4], vec![0, 50, 99]] {
            let refuses = |entries: &[usize]| entries.iter().any(|entry| bad.contains(entry));
            let (outcomes, asked) = ran(100, |entries| match refuses(entries) {
                true => Part::Refused(failed(400)),
                false => judged(entries, |_| Verdict::Final(DONE)),
            })
            .await;
            for (entry, outcome) in outcomes.iter().enumerate() {
                assert_eq!(*outcome, if bad.contains(&entry) { failed(400) } else { DONE }, "{entry} beside {bad:?}");
            }
            assert!(asked.len() <= 1 + 2 * 7 * bad.len(), "{} requests for {bad:?}", asked.len());
            let accepted: usize = asked.iter().filter(|entries| !refuses(entries)).map(Vec::len).sum();
            assert_eq!(accepted, 100 - bad.len());
        }
    }

    #[tokio::test]
    async fn entries_that_were_taken_back_are_sent_again_without_the_bad_one() {
        // All bad entries are named at once, or the first of them only.
        for all_at_once in [true, false] {
            let bad = [2, 5];
            let (outcomes, asked) = ran(8, |entries| {
                let named: Vec<usize> = entries.iter().copied().filter(|entry| bad.contains(entry)).collect();
                let named = if all_at_once { &named[..] } else { &named[..named.len().min(1)] };
                judged(entries, |entry| match (named.contains(&entry), named.is_empty()) {
                    (true, _) => Verdict::Final(failed(404)),
                    (false, true) => Verdict::Final(DONE),
                    (false, false) => Verdict::Again(failed(424)),
                })
            })
            .await;
            let done = outcomes.iter().filter(|outcome| **outcome == DONE).count();
            assert_eq!((done, &outcomes[2], &outcomes[5]), (6, &failed(404), &failed(404)));
            assert_eq!(asked.len(), if all_at_once { 2 } else { 3 });
        }
    }

    #[tokio::test]
    async fn a_roll_back_that_names_no_entry_is_halved_and_one_alone_is_not_sent_for_ever() {
        let (outcomes, asked) = ran(8, |entries| match entries.contains(&6) {
            true => judged(entries, |_| Verdict::Again(failed(424))),
            false => judged(entries, |_| Verdict::Final(DONE)),
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == DONE).count(), 7);
        assert_eq!(outcomes[6], failed(424));
        assert!(asked.len() <= 7, "{asked:?}");
    }

    #[tokio::test]
    async fn an_error_of_one_entry_that_is_copied_to_all_stops_none() {
        for count in [8, 100] {
            let (outcomes, _) = ran(count, |entries| match entries.contains(&6) {
                true => judged(entries, |_| Verdict::Final(failed(404))),
                false => judged(entries, |_| Verdict::Final(DONE)),
            })
            .await;
            assert_eq!(outcomes.iter().filter(|outcome| **outcome == DONE).count(), count - 1);
        }
    }

    #[tokio::test]
    async fn a_refusal_of_everything_is_told_apart_from_a_bad_entry() {
        let (outcomes, asked) = ran(100, |_| Part::RefusedForAll(failed(403))).await;
        assert_eq!(outcomes, vec![failed(403); 100]);
        assert_eq!(asked.len(), 1 + PROBES);
        let (outcomes, asked) = ran(100, |entries| match entries.contains(&0) || entries.contains(&99) {
            true => Part::RefusedForAll(failed(403)),
            false => judged(entries, |_| Verdict::Final(DONE)),
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == DONE).count(), 98);
        assert!(asked.len() <= 2 + 2 * 2 * 7, "{}", asked.len());
    }

    #[tokio::test]
    async fn a_spent_budget_ends_the_division() {
        let (outcomes, asked) = ran(8, |entries| match entries.len() {
            8 => Part::Refused(failed(400)),
            _ => Part::Ended(temporary()),
        })
        .await;
        assert_eq!((outcomes, asked.len()), (vec![temporary(); 8], 2));
    }
}
