//! Reading the audit trail.

use rocket::get;
use rocket::serde::json::Json;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::Shared;
use super::problem::Problem;
use crate::service::audit;
use crate::web::guard::bearer::Machine;

/// Most lines per page.
const MOST: i64 = 200;

#[get("/audit?<customer>&<cursor>&<limit>")]
pub async fn list(
    app: &Shared,
    machine: Machine,
    customer: Option<&str>,
    cursor: Option<&str>,
    limit: Option<&str>,
) -> Result<Json<Value>, Problem> {
    let actor = machine.may("audit:read")?;
    let after =
        cursor.map_or(Ok(Uuid::nil()), Uuid::parse_str).map_err(|_| Problem::bad_request("cursor is not ours"))?;
    let limit = page_size(limit, MOST)?;
    let items = audit::list(app, actor, customer, after, limit).await?;
    let full = i64::try_from(items.len()).is_ok_and(|n| n == limit);
    let next = items.last().filter(|_| full).map(|row| row.audit_id.to_string());
    Ok(Json(json!({ "items": items, "next_cursor": next })))
}

/// `limit`: 1 to 200.
pub fn page_size(limit: Option<&str>, default: i64) -> Result<i64, Problem> {
    let asked = limit.map_or(Ok(default), str::parse::<i64>);
    asked.ok().filter(|n| (1..=MOST).contains(n)).ok_or(Problem::bad_request("limit must be from 1 to 200"))
}
