//! Answers that are bent on purpose: what an API says that lies, hides a failure, or shows a part.
//!
//! Knows the form of each API's answers; which request is met, and whether it is executed, is `fault`'s and `server`'s.

use serde_json::{Value, json};

use super::wire::{Api, Failure, Reply, Request};

/// What a value is replaced with that an answer should have shown.
const OTHER: &str = "other-than-sent";

/// A Partium page that says there is more, and gives the cursor that the request came with.
pub(super) fn stuck(request: &Request, mut reply: Reply) -> Reply {
    let Ok(Value::Object(mut page)) = serde_json::from_slice(&reply.body) else { return reply };
    if !page.contains_key("last_object_id") {
        return reply;
    }
    let asked: Option<Value> = serde_json::from_slice(&request.body).ok();
    let cursor =
        asked.as_ref().and_then(|body| body.pointer("/paging/last_object_id")).filter(|cursor| !cursor.is_null());
    if let Some(cursor) = cursor {
        page.insert("last_object_id".to_owned(), cursor.clone());
    }
    page.insert("more_data".to_owned(), Value::Bool(true));
    reply.body = Value::Object(page).to_string().into();
    reply
}

/// The API's own error form, with 200 in place of its status.
pub(super) fn envelope(request: &Request, flag: &str, code: u16) -> Reply {
    let failure = Failure::new(code, "fault", "refused, and answered with a success");
    Reply { status: 200, ..request.api().render(failure, flag) }
}

/// An answer that shows other values than were sent, wherever it shows any.
pub(super) fn contradicting(mut reply: Reply) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return reply };
    contradict(&mut body);
    reply.body = body.to_string().into();
    reply
}

fn contradict(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(contradict),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match name.as_str() {
                    "role_id" | "model_version" => *field = json!(OTHER),
                    "params" => *field = json!({ OTHER: true }),
                    _ => contradict(field),
                }
            }
        }
        _ => {}
    }
}

/// The answer to a batch of which the first entry is bad. `done` is the answer that the whole batch would get, for an API that calls the
/// other entries a success; without it they are told as taken back. `None` for a request that carries no batch.
pub(super) fn first_is_bad(request: &Request, done: Option<&Reply>) -> Option<Reply> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    match request.api() {
        Api::Partium => {
            let others = 1..body.as_array()?.len();
            let created: Vec<usize> = if done.is_some() { others.collect() } else { Vec::new() };
            Some(Reply::json(200, &json!({ "created": created, "errors": { "0": "bad by request" } })))
        }
        Api::Canopy => {
            let entries = body.get("assignments").or_else(|| body.get("assignment_ids"))?.as_array()?.len();
            let told: Option<Value> = done.and_then(|done| serde_json::from_slice(&done.body).ok());
            let data = |index: usize| {
                let result = told.as_ref().and_then(|told| told.pointer(&format!("/results/{index}/data")));
                result.cloned().unwrap_or(Value::Null)
            };
            let failed = |index: usize, code: u16, name: &str| {
                let error = json!({ "statusCode": code, "code": name, "message": name });
                json!({ "index": index, "status": "error", "code": code, "error": error })
            };
            let result = |index: usize| match (index, done) {
                (0, _) => failed(0, 404, "rbac.bad_by_request"),
                (_, None) => failed(index, 424, "rbac.rolled_back"),
                (_, Some(_)) => json!({ "index": index, "status": "success", "code": 201, "data": data(index) }),
            };
            let results: Vec<Value> = (0..entries).map(result).collect();
            let succeeded = if done.is_some() { entries.saturating_sub(1) } else { 0 };
            let summary = json!({ "total": entries, "succeeded": succeeded, "failed": entries - succeeded });
            Some(Reply::json(207, &json!({ "summary": summary, "results": results })))
        }
        _ => None,
    }
}
