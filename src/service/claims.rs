//! What is said of a good token (RFC 7662 §2.2).

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use super::Fault;
use super::found::Found;
use crate::app::App;
use crate::cache::said::About;
use crate::clock::unix_seconds;
use crate::model::client::Client;
use crate::model::epoch::Level;
use crate::model::scope::Scope;
use crate::model::session::{Session, Shape};
use crate::policy::introspection::told_scope;
use crate::secret::seal::Reference;

/// Borrowed: it is written out at once.
#[derive(Serialize)]
struct Claims<'a> {
    active: bool,
    scope: String,
    client_id: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aud: &'a [String],
    iss: &'a str,
    exp: u32,
    iat: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u32>,
    sid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<Uuid>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    restrictions: &'static [&'static str],
}

/// What was found out about a good token.
pub struct Told<'a> {
    /// The token.
    pub reference: Reference,
    /// What it grants, if it is an access token.
    pub shape: Option<&'a Shape>,
    /// The restriction under which it is good.
    pub level: Level,
}

/// The answer as JSON: the last one about the same copy with this token's times, if nothing else differs; else a new one.
pub fn text(app: &App, caller: &Client, found: &Found, told: &Told<'_>) -> Result<String, Fault> {
    let session = &found.record().session;
    let scope = told_scope(caller, told.shape.map_or(&session.scope, |shape| &shape.scope));
    let Some(said) = found.said().filter(|_| told.shape.is_some()) else {
        return Ok(serde_json::to_string(&claims(app, session, told, &scope))?);
    };
    let times = times(told.reference.expires_at, minted(app, session, told));
    let about = About { scope: Cow::Borrowed(&*scope), shape: told.reference.shape, level: told.level };
    if let Some(text) = said.again(&about, &times) {
        return Ok(text);
    }
    let text = serde_json::to_string(&claims(app, session, told, &scope))?;
    said.keep(about, &text, &times);
    Ok(text)
}

/// How the times stand in an answer. Nowhere else: within a text of JSON, a quotation mark has a backslash before it.
fn times(exp: u32, iat: u32) -> String {
    [",\"exp\":", &exp.to_string(), ",\"iat\":", &iat.to_string(), ","].concat()
}

/// When a token was made, as far as it tells.
fn minted(app: &App, session: &Session, told: &Told<'_>) -> u32 {
    let life = u32::try_from(app.settings.lifetimes.access.num_seconds()).unwrap_or(0);
    let born = unix_seconds(session.created_at);
    told.shape.map_or(born, |_| told.reference.expires_at.saturating_sub(life).max(born))
}

fn claims<'a>(app: &'a App, session: &'a Session, told: &Told<'a>, scope: &Scope) -> Claims<'a> {
    Claims {
        active: true,
        scope: scope.to_string(),
        client_id: session.client_id.as_str(),
        sub: &session.subject_id,
        aud: told.shape.map_or(&session.resources, |shape| &shape.audience),
        iss: &app.settings.issuer,
        exp: told.reference.expires_at,
        iat: minted(app, session, told),
        token_type: told.shape.map(|_| "Bearer"),
        auth_time: session.auth_at.map(unix_seconds),
        sid: session.session_id,
        device_id: session.device_id,
        restrictions: restrictions(told.level),
    }
}

/// `restrictions`: what the bank should not let the customer do for now.
fn restrictions(level: Level) -> &'static [&'static str] {
    match level {
        Level::None | Level::Full => &[],
        Level::Payments => &["payments"],
        Level::Write => &["payments", "write"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_once_in_an_answer_whatever_its_texts_are() {
        let (times, name) = (times(1_800_000_900, 1_800_000_000), ",\"exp\":1800000900,\"iat\":1800000000,");
        let aud = [name.to_owned(), ",".to_owned(), "\\".to_owned()];
        let claims = Claims {
            active: true,
            scope: name.to_owned(),
            client_id: name,
            sub: "\\,",
            aud: &aud,
            iss: name,
            exp: 1_800_000_900,
            iat: 1_800_000_000,
            token_type: Some("Bearer"),
            auth_time: None,
            sid: Uuid::nil(),
            device_id: None,
            restrictions: &[],
        };
        let text = serde_json::to_string(&claims).unwrap();
        assert_eq!(text.matches(&times).count(), 1, "{text}");
        let (head, tail) = text.split_once(&times).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&format!("{head},{tail}")).is_ok(), "they are members");
    }
}
