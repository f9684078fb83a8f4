//! Canopy's bulk routes (apis/canopy.md: Bulk). Each result is told by the index of its entry.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        seed::BulkMode,
        wire::{Answer, Failure, Object, Reply, Request},
    },
    Context,
    environment::{CreateBody, Environment, Row},
    no_content,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BulkCreateBody {
    assignments: Vec<Object<CreateBody>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeRoleBody {
    assignment_ids: Vec<String>,
    role_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveBody {
    assignment_ids: Vec<String>,
}

impl Environment {
    pub(super) fn bulk_create(&mut self, request: &Request, context: &mut Context<'_>) -> Answer {
        let body: BulkCreateBody = request.json()?;
        self.check_size(body.assignments.len())?;
        let written = context.ops.len();
        let outcomes: Vec<_> = body.assignments.iter().map(|Object(entry)| self.insert(entry, context)).collect();
        let failures: Vec<(usize, &Failure)> =
            outcomes.iter().enumerate().filter_map(|(index, outcome)| Some((index, outcome.as_ref().err()?))).collect();
        let Some((_, first)) = failures.first() else {
            return Ok(self.results(200, &outcomes));
        };
        match self.catalogue.bulk {
            BulkMode::Mixed => Ok(self.results(207, &outcomes)),
            BulkMode::Rollback => {
                let answer = self.results(207, &outcomes);
                self.roll_back(&outcomes, written, context);
                Ok(answer)
            }
            BulkMode::Atomic => {
                let detail = |(index, failure): &(usize, &Failure)| json!({ "index": index, "code": failure.code, "message": failure.message });
                let details: Value = failures.iter().map(detail).collect();
                let refusal = Failure::new(first.status, first.code, first.message.clone()).with("details", details);
                self.roll_back(&outcomes, written, context);
                Err(refusal)
            }
        }
    }

    fn results(&self, status: u16, outcomes: &[Result<u64, Failure>]) -> Reply {
        let result = |(index, outcome): (usize, &Result<u64, Failure>)| match outcome {
            Ok(number) => {
                json!({ "index": index, "status": "success", "code": 201, "data": self.rows[number].shown() })
            }
            Err(failure) => json!({
                "index": index,
                "status": "error",
                "code": failure.status,
                "error": { "code": failure.code, "message": failure.message },
            }),
        };
        let results: Vec<Value> = outcomes.iter().enumerate().map(result).collect();
        let succeeded = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let summary = json!({ "total": outcomes.len(), "succeeded": succeeded, "failed": outcomes.len() - succeeded });
        Reply::json(status, &json!({ "summary": summary, "results": results }))
    }

    /// Takes back what the batch created; nothing of it reaches the file.
    fn roll_back(&mut self, outcomes: &[Result<u64, Failure>], written: usize, context: &mut Context<'_>) {
        for number in outcomes.iter().flatten() {
            self.remove(*number, context);
        }
        context.ops.truncate(written);
    }

    pub(super) fn bulk_change_role(&mut self, request: &Request, context: &mut Context<'_>) -> Answer {
        let body: ChangeRoleBody = request.json()?;
        self.check_size(body.assignment_ids.len())?;
        self.check_role(&body.role_id)?;
        let numbers = self.numbers(&body.assignment_ids)?;
        self.check_change(&numbers, &body.role_id)?;
        for number in &numbers {
            let row = Row { role_id: body.role_id.clone(), updated_at: context.now, ..self.rows[number].clone() };
            context.keep(*number, &row);
            self.place(*number, row);
        }
        let message = format!("{} assignments now have role {}", numbers.len(), body.role_id);
        Ok(Reply::json(200, &json!({ "message": message })))
    }

    fn numbers(&self, ids: &[String]) -> Result<Vec<u64>, Failure> {
        let mut seen = HashSet::new();
        let mut numbers = Vec::new();
        for id in ids {
            let number = self.number_of(id)?;
            if seen.insert(number) {
                numbers.push(number);
            }
        }
        Ok(numbers)
    }

    /// Whether no identity would hold the role twice at a node, neither beside other rows nor within the batch.
    fn check_change(&self, numbers: &[u64], role_id: &str) -> Result<(), Failure> {
        let mut places = HashSet::new();
        for number in numbers {
            let row = &self.rows[number];
            if !places.insert((&row.identity_id, &row.node_id)) {
                let message =
                    format!("identity {} would have role {role_id} twice at node {}", row.identity_id, row.node_id);
                return Err(Failure::new(409, "rbac.assignment_conflict", message));
            }
            self.check_free(&(row.identity_id.clone(), row.node_id.clone(), role_id.to_owned()), Some(*number))?;
        }
        Ok(())
    }

    /// Ids that do not exist are passed over: 204 is the only answer that is documented.
    pub(super) fn bulk_remove(&mut self, request: &Request, context: &mut Context<'_>) -> Answer {
        let body: RemoveBody = request.json()?;
        self.check_size(body.assignment_ids.len())?;
        for id in &body.assignment_ids {
            if let Ok(number) = self.number_of(id) {
                self.remove(number, context);
            }
        }
        no_content()
    }

    fn check_size(&self, size: usize) -> Result<(), Failure> {
        let largest = self.catalogue.max_bulk.unwrap_or(usize::MAX);
        if size == 0 || size > largest {
            return Err(Failure::bad_request(format!("a bulk takes from 1 to {largest} entries, not {size}")));
        }
        Ok(())
    }
}
