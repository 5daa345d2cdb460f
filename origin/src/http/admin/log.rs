//! `/admin/api/log`: who did what.
//!
//! Invariant: it is read here and written nowhere here.

use super::Shared;
use super::answer::Answer;
use super::page::{Asked, limit, next};
use crate::ledger::{LogFilter, LogLine};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use kernel::problem::Problem;
use kernel::time::UnixMillis;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/admin/api/log", get(list))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    actor: Option<String>,
    action: Option<String>,
    subject: Option<String>,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    cursor: Option<u64>,
    limit: Option<u32>,
}

async fn list(
    State(desk): State<Shared>,
    Asked(wanted): Asked<Wanted>,
) -> Answer<axum::Json<Value>> {
    let limit = limit(wanted.limit)?;
    let filter = LogFilter {
        actor: wanted.actor,
        action: wanted.action,
        subject: wanted.subject,
        from: wanted.from_ms.map(UnixMillis),
        to: wanted.to_ms.map(UnixMillis),
    };
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from >= to
    {
        return Err(Problem::field("to_ms", "is later than from_ms").into());
    }
    let before = wanted.cursor.unwrap_or(u64::MAX);
    let lines = desk
        .ledger()
        .await?
        .operator_log(&filter, before, limit)
        .await?;
    let next = next(&lines, limit, |line| line.id);
    let views: Vec<Value> = lines.iter().map(view).collect();
    Ok(axum::Json(json!({ "lines": views, "next_cursor": next })))
}

fn view(line: &LogLine) -> Value {
    let json = |text: &Option<String>| {
        let text = text.as_deref()?;
        serde_json::from_str::<Value>(text).ok()
    };
    json!({
        "id": line.id.to_string(),
        "at_ms": line.at,
        "actor": line.actor,
        "action": line.action,
        "subject": line.subject,
        "before": json(&line.before),
        "after": json(&line.after),
    })
}
