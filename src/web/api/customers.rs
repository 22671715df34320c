//! Reading a customer, their live sessions and their devices. Not there and not yours are the same 404.

use rocket::get;
use rocket::serde::json::Json;
use serde_json::{Value, json};

use super::super::Shared;
use super::problem::Problem;
use crate::model::ids::CustomerId;
use crate::service::sessions::{self, Cursor};
use crate::web::guard::bearer::Machine;

/// Lines per page.
const PAGE: i64 = 50;

#[get("/customers/<id>")]
pub async fn show(app: &Shared, machine: Machine, id: &str) -> Result<Json<Value>, Problem> {
    let actor = machine.may("sessions:read")?;
    let id = CustomerId::parse(id).map_err(|_| Problem::not_found())?;
    let found = sessions::customer(app, actor, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(json!(found)))
}

#[get("/customers/<id>/sessions?<cursor>&<limit>")]
pub async fn list_sessions(
    app: &Shared,
    machine: Machine,
    id: &str,
    cursor: Option<&str>,
    limit: Option<&str>,
) -> Result<Json<Value>, Problem> {
    let actor = machine.may("sessions:read")?;
    let id = CustomerId::parse(id).map_err(|_| Problem::not_found())?;
    let after =
        cursor.map_or(Some(Cursor::start()), Cursor::parse).ok_or(Problem::bad_request("cursor is not ours"))?;
    let limit = super::audit::page_size(limit, PAGE)?;
    let (items, next) = sessions::list(app, actor, &id, after, limit).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(json!({ "items": items, "next_cursor": next.map(|cursor| cursor.text()) })))
}

#[get("/customers/<id>/devices")]
pub async fn list_devices(app: &Shared, machine: Machine, id: &str) -> Result<Json<Value>, Problem> {
    let actor = machine.may("sessions:read")?;
    let id = CustomerId::parse(id).map_err(|_| Problem::not_found())?;
    let items = sessions::devices(app, actor, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}
