//! Bodies: read whole, in time, as long as announced, of the one media type a route takes. Anything else has a status.

use std::sync::Arc;
use std::time::Duration;

use rocket::data::{Data, FromData, Outcome, ToByteUnit};
use rocket::http::{ContentType, Status};
use rocket::tokio::io::AsyncReadExt;
use rocket::tokio::time::timeout;
use rocket::{Request, data};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::pairs::Pairs;
use crate::app::App;
use crate::metrics::label::FormRefusal;

/// Longest form.
const FORM_BYTES: u64 = 32 * 1024;
/// Longest JSON body.
const JSON_BYTES: u64 = 64 * 1024;
/// Longest wait for a body.
const PATIENCE: Duration = Duration::from_secs(10);

/// Parameters that must never come in a URL.
const BODY_ONLY: [&str; 10] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "code",
    "code_verifier",
    "refresh_token",
    "grant_type",
    "password",
];

/// A form of the direct endpoints and pages: `application/x-www-form-urlencoded`, UTF-8.
#[derive(Debug)]
pub struct Form(pub Pairs);

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

#[rocket::async_trait]
impl<'r> FromData<'r> for Form {
    type Error = &'static str;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match read_form(request, data).await {
            Ok(pairs) => Outcome::Success(Self(pairs)),
            Err(refused) => Outcome::Error(counted(request, refused)),
        }
    }
}

#[rocket::async_trait]
impl<'r, T: DeserializeOwned + Send> FromData<'r> for Json<T> {
    type Error = &'static str;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match read_json(request, data).await {
            Ok(value) => Outcome::Success(Self(value)),
            Err(refused) => Outcome::Error(counted(request, refused)),
        }
    }
}

type Refused = (Status, &'static str);

/// Counts a refusal.
fn counted(request: &Request<'_>, refused: Refused) -> Refused {
    let why = match refused.0.code {
        408 => FormRefusal::TooSlow,
        413 => FormRefusal::TooLarge,
        415 => FormRefusal::WrongType,
        _ => FormRefusal::Malformed,
    };
    count(request, why);
    refused
}

/// Counts a form that was refused for a reason.
pub fn count(request: &Request<'_>, why: FormRefusal) {
    if let Some(app) = request.rocket().state::<Arc<App>>() {
        app.metrics.refused_form(why);
    }
}

async fn read_form(request: &Request<'_>, data: Data<'_>) -> Result<Pairs, Refused> {
    let is_form = |kind: &ContentType| kind.is_form();
    let text = read(request, data, FORM_BYTES, is_form).await?;
    let malformed = |why| (Status::BadRequest, why);
    let body = Pairs::parse(&text).map_err(malformed)?;
    let query = Pairs::parse(request.uri().query().map_or("", |q| q.as_str())).map_err(malformed)?;
    if query.names().any(|name| body.has(name) || BODY_ONLY.contains(&name)) {
        return Err(malformed("A parameter came in the URL"));
    }
    Ok(body)
}

async fn read_json<T: DeserializeOwned>(request: &Request<'_>, data: Data<'_>) -> Result<T, Refused> {
    let is_json = |kind: &ContentType| kind.top() == "application" && kind.sub() == "json";
    let text = read(request, data, JSON_BYTES, is_json).await?;
    json(&text).map_err(|why| (Status::BadRequest, why))
}

/// A JSON text as the object that a route takes.
pub(in crate::web) fn json<T: DeserializeOwned>(text: &str) -> Result<T, &'static str> {
    let malformed = |_| "The body is not the JSON expected";
    let value: Value = serde_json::from_str(text).map_err(malformed)?;
    // A typed read takes an array for its members in order.
    if !value.is_object() {
        return Err("The body is not the JSON expected");
    }
    if has_control_character(&value) {
        return Err("A text holds a control character");
    }
    // Read anew from the text: a typed read refuses repeated members, a generic one keeps the last.
    serde_json::from_str(text).map_err(malformed)
}

fn has_control_character(value: &Value) -> bool {
    let odd = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
    match value {
        Value::String(text) => odd(text),
        Value::Array(items) => items.iter().any(has_control_character),
        Value::Object(members) => members.iter().any(|(name, value)| odd(name) || has_control_character(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The body as text: right type, announced length, within the limit, in time.
async fn read(
    request: &Request<'_>,
    data: Data<'_>,
    limit: u64,
    is_right: fn(&ContentType) -> bool,
) -> Result<String, Refused> {
    let header = |name| request.headers().get_one(name);
    let length = header("Content-Length").map(|text| text.trim().parse::<u64>());
    let length = length.transpose().map_err(|_| (Status::BadRequest, "Bad Content-Length"))?;
    if header("Transfer-Encoding").is_some() {
        return Err((Status::LengthRequired, "The body needs a Content-Length"));
    }
    // Two of them could be read as either, and a coded body is not what it looks like.
    if request.headers().get("Content-Type").nth(1).is_some() || header("Content-Encoding").is_some() {
        return Err((Status::UnsupportedMediaType, "Wrong media type"));
    }
    match request.content_type() {
        None if length.unwrap_or(0) == 0 => return Ok(String::new()),
        Some(kind) if is_right(kind) && is_utf8(kind) => {}
        Some(_) | None => return Err((Status::UnsupportedMediaType, "Wrong media type")),
    }
    if length.is_some_and(|length| length > limit) {
        return Err((Status::PayloadTooLarge, "The body is too large"));
    }
    // Announced, and no more than the limit: room for all of it at once, and a little, to see the end without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(length.unwrap_or(0)).unwrap_or(0) + 32);
    let mut stream = data.open((limit + 1).bytes());
    match timeout(PATIENCE, stream.read_to_end(&mut bytes)).await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => return Err((Status::BadRequest, "The body broke off")),
        Err(_) => return Err((Status::RequestTimeout, "The body did not arrive in time")),
    }
    let got = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if got > limit {
        return Err((Status::PayloadTooLarge, "The body is too large"));
    }
    if length.is_some_and(|length| length != got) {
        return Err((Status::BadRequest, "The body broke off"));
    }
    String::from_utf8(bytes).map_err(|_| (Status::BadRequest, "The body is not UTF-8"))
}

/// Whether a body of this type is read as a form.
pub(super) fn is_utf8_form(kind: &ContentType) -> bool {
    kind.is_form() && is_utf8(kind)
}

fn is_utf8(kind: &ContentType) -> bool {
    kind.param("charset").is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
}
