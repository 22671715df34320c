//! Taking back, for machines: lockdown, unlock, one session, one device. Each answers with a receipt: 200 `confirmed`, or
//! 503 `unconfirmed` with the same incident.

use rocket::http::Header;
use rocket::request::{FromRequest, Outcome};
use rocket::serde::json::Json as Answer;
use rocket::{Request, Responder, delete, post};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::Shared;
use super::problem::Problem;
use crate::model::ids::{CustomerId, StaffId};
use crate::model::incident::{Reason, Receipt, note};
use crate::service::lockdown::{self, Why};
use crate::service::taking_back::Taken;
use crate::service::unlock::{self, Unlocked};
use crate::web::guard::bearer::Machine;
use crate::web::guard::body::Json;

/// A receipt and its status.
#[derive(Responder)]
pub enum Proof {
    /// Proven.
    #[response(status = 200)]
    Confirmed(Answer<Value>),
    /// Not proven: to be repeated soon.
    #[response(status = 503)]
    Unconfirmed(Answer<Value>, Header<'static>),
}

/// `Idempotency-Key`, 1 to 128 printable characters, if sent.
pub struct IdempotencyKey(Result<Option<String>, ()>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IdempotencyKey {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let sent: Vec<&str> = request.headers().get("Idempotency-Key").collect();
        Outcome::Success(Self(match sent.as_slice() {
            [] => Ok(None),
            [one] if (1..=128).contains(&one.len()) && one.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(Some((*one).to_owned()))
            }
            _ => Err(()),
        }))
    }
}

/// The body of a lockdown.
#[derive(Debug, Deserialize)]
pub struct LockBody {
    pub(super) reason: String,
    #[serde(default)]
    pub(super) note: Option<String>,
}

/// The body of an unlock.
#[derive(Debug, Deserialize)]
pub struct UnlockBody {
    pub(super) reason: String,
    #[serde(default)]
    pub(super) note: Option<String>,
    pub(super) approved_by: String,
}

#[post("/customers/<id>/lockdown", data = "<body>")]
pub async fn lock(
    app: &Shared,
    machine: Machine,
    id: &str,
    key: IdempotencyKey,
    body: Json<LockBody>,
) -> Result<Proof, Problem> {
    let actor = machine.may("customers:lock")?;
    let id = CustomerId::parse(id).map_err(|_| Problem::not_found())?;
    let why = why(&body.0.reason, body.0.note, key)?;
    proof(lockdown::lock(app, actor, &id, &why).await)
}

#[post("/customers/<id>/unlock", data = "<body>")]
pub async fn lift(
    app: &Shared,
    machine: Machine,
    id: &str,
    key: IdempotencyKey,
    body: Json<UnlockBody>,
) -> Result<Answer<Value>, Problem> {
    let actor = machine.may("customers:unlock")?;
    let customer = CustomerId::parse(id).map_err(|_| Problem::not_found())?;
    let approver = StaffId::parse(&body.0.approved_by).map_err(|_| not_approved())?;
    let request = unlock::Request {
        customer,
        incident: None,
        reason: reason(&body.0.reason)?,
        note: free_words(body.0.note)?,
        approved_by: Some(approver),
        key: self::key(key)?,
    };
    match unlock::unlock(app, actor, &request).await? {
        Unlocked::Done(incident) => Ok(Answer(json!({ "incident_id": incident, "status": "unlocked" }))),
        Unlocked::NotFound => Err(Problem::not_found()),
        Unlocked::NotLocked | Unlocked::Another => Err(Problem::conflict("The customer is not locked")),
        Unlocked::KeyReused => Err(key_reused()),
        Unlocked::NotApproved => Err(not_approved()),
    }
}

#[delete("/sessions/<id>")]
pub async fn end_session(app: &Shared, machine: Machine, id: &str, key: IdempotencyKey) -> Result<Proof, Problem> {
    let actor = machine.may("sessions:revoke")?;
    let id = Uuid::parse_str(id).map_err(|_| Problem::not_found())?;
    let why = why("revoked by machine", None, key)?;
    proof(lockdown::session(app, actor, id, &why).await)
}

#[delete("/devices/<id>")]
pub async fn revoke_device(app: &Shared, machine: Machine, id: &str, key: IdempotencyKey) -> Result<Proof, Problem> {
    let actor = machine.may("sessions:revoke")?;
    let id = Uuid::parse_str(id).map_err(|_| Problem::not_found())?;
    let why = why("revoked by machine", None, key)?;
    proof(lockdown::device(app, actor, id, &why).await)
}

fn why(text: &str, words: Option<String>, key: IdempotencyKey) -> Result<Why, Problem> {
    Ok(Why { reason: reason(text)?, note: free_words(words)?, key: self::key(key)? })
}

fn reason(text: &str) -> Result<Reason, Problem> {
    Reason::parse(text).ok_or(Problem::bad_request("reason is 1 to 200 characters"))
}

fn free_words(words: Option<String>) -> Result<Option<String>, Problem> {
    note(words).map_err(|_| Problem::bad_request("note is at most 2000 characters"))
}

fn key(sent: IdempotencyKey) -> Result<Option<String>, Problem> {
    sent.0.map_err(|()| Problem::bad_request("Idempotency-Key is 1 to 128 printable characters, sent once"))
}

fn key_reused() -> Problem {
    Problem::unprocessable("The idempotency key was used for another request, or for one that was undone since")
}

fn not_approved() -> Problem {
    Problem::forbidden("approved_by must name a member of staff who may unlock")
}

fn proof(taken: Taken) -> Result<Proof, Problem> {
    match taken {
        Taken::NotFound => Err(Problem::not_found()),
        Taken::KeyReused => Err(key_reused()),
        Taken::Receipt(receipt) => Ok(receipt_json(&receipt)),
    }
}

fn receipt_json(receipt: &Receipt) -> Proof {
    let body = Answer(receipt.json());
    match receipt {
        Receipt::Confirmed { .. } => Proof::Confirmed(body),
        Receipt::Unconfirmed { .. } => Proof::Unconfirmed(body, Header::new("Retry-After", "1")),
    }
}
