//! R5: what was acknowledged is in the database at the end, whatever happened to it meanwhile. Entry: [`check`], when
//! everything is healed. Reads PostgreSQL itself, not by the program's own reading.

use std::collections::{HashMap, HashSet};

use rescind::app::App;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::history::{Call, History, Outcome, Verb, at};
use super::rules::{Rule, Violation};

/// What is in the database.
struct Kept {
    /// Sessions: generation, and whether they ended.
    sessions: HashMap<Uuid, (i64, bool)>,
    /// Incidents, and whether they are closed.
    incidents: HashMap<String, bool>,
    /// Customers with a consent in force.
    consents: HashSet<String>,
    /// Audit rows, by action and target.
    audit: HashMap<(String, String), i64>,
    /// Access tokens that were taken back: session and serial.
    revoked: HashSet<(Uuid, i64)>,
}

impl Kept {
    async fn read(url: &str) -> Result<Self, sqlx::Error> {
        let mut conn = PgConnection::connect(url).await?;
        let sessions: Vec<(Uuid, i64, bool)> =
            sqlx::query_as("SELECT session_id, generation, ended_at IS NOT NULL FROM sessions")
                .fetch_all(&mut conn)
                .await?;
        let incidents: Vec<(String, bool)> =
            sqlx::query_as("SELECT incident_id, closed_at IS NOT NULL FROM incidents").fetch_all(&mut conn).await?;
        let consents: Vec<(String,)> =
            sqlx::query_as("SELECT customer_id FROM consents WHERE withdrawn_at IS NULL").fetch_all(&mut conn).await?;
        let audit: Vec<(String, String, Option<String>, i64)> = sqlx::query_as(
            "SELECT action, target_id, customer_id, COUNT(*) FROM audit WHERE outcome <> 'refused'
             GROUP BY action, target_id, customer_id",
        )
        .fetch_all(&mut conn)
        .await?;
        let revoked: Vec<(Uuid, i64)> =
            sqlx::query_as("SELECT session_id, serial FROM revoked_tokens").fetch_all(&mut conn).await?;
        let mut rows = HashMap::new();
        for (action, target, customer, count) in audit {
            // A sign-in is written down under the browser session it made, which its caller does not know.
            let target = if action == "sign_in" { customer.unwrap_or_default() } else { target };
            *rows.entry((action, target)).or_insert(0) += count;
        }
        Ok(Self {
            sessions: sessions.into_iter().map(|(id, generation, ended)| (id, (generation, ended))).collect(),
            incidents: incidents.into_iter().collect(),
            consents: consents.into_iter().map(|(id,)| id).collect(),
            audit: rows,
            revoked: revoked.into_iter().collect(),
        })
    }

    fn rows(&self, action: &str, target: &str) -> i64 {
        self.audit.get(&(action.to_owned(), target.to_owned())).copied().unwrap_or(0)
    }
}

/// Everything that was acknowledged and is not there.
pub async fn check(app: &App, history: &History) -> Vec<Violation> {
    match Kept::read(app.settings.database_url.expose()).await {
        Ok(kept) => missing(&kept, history),
        Err(error) => vec![lost(history, None, format!("the database can't be read at the end: {error}"))],
    }
}

fn lost(history: &History, call: Option<&Call>, text: String) -> Violation {
    let end = call.map_or_else(|| history.checks.last().map_or(0, |check| check.end), |call| call.end);
    let text =
        call.map_or(text.clone(), |call| format!("{:?} of {}: {text}", call.verb, super::rules::seconds(call.end)));
    Violation { rule: Rule::Forgotten, at: end, session: None, token: None, text }
}

fn missing(kept: &Kept, history: &History) -> Vec<Violation> {
    let is_missing = |session: &&super::history::Session| !kept.sessions.contains_key(&session.id);
    let tell =
        |session: &super::history::Session| lost(history, None, format!("the session {} is not there", session.id));
    let mut found: Vec<Violation> = history.sessions.iter().filter(is_missing).map(tell).collect();
    // Audit rows that must be there: how many of each, and the last call that says so.
    let mut rows: HashMap<(&str, String), (i64, &Call)> = HashMap::new();
    let mut rotated: HashSet<(u32, u64)> = HashSet::new();
    for call in history.calls.iter().filter(|call| call.outcome == Outcome::Confirmed) {
        found.extend(absent(kept, history, call).map(|text| lost(history, Some(call), text)));
        let is_first = match call.verb {
            Verb::Refresh { session, generation } => rotated.insert((session, generation)),
            _ => true,
        };
        if let Some(row) = row_of(history, call).filter(|_| is_first) {
            let entry = rows.entry(row).or_insert((0, call));
            *entry = (entry.0 + 1, call);
        }
    }
    for ((action, target), (least, call)) in rows {
        let there = kept.rows(action, &target);
        if there < least {
            let text = format!("{there} audit rows `{action}` of {target}, where {least} were acknowledged");
            found.push(lost(history, Some(call), text));
        }
    }
    found
}

/// The audit row that a confirmed call wrote for itself, each time. Revocations of what is dead already write none.
fn row_of(history: &History, call: &Call) -> Option<(&'static str, String)> {
    let session = |session: u32| history.sessions[at(session)].id.to_string();
    let customer = |customer: u32| history.customers[at(customer)].clone();
    Some(match call.verb {
        Verb::SignIn { customer: of } => ("sign_in", customer(of)),
        Verb::Exchange { .. } => ("code_redeem", session(history.tokens[at(call.gave?.0)].session)),
        Verb::Refresh { session: of, .. } => ("refresh", session(of)),
        Verb::EndSession { session: of } => ("session_revoke", session(of)),
        Verb::EndDevice { device } => ("device_revoke", history.devices[at(device)].to_string()),
        Verb::Lock { customer: of } => ("lockdown", customer(of)),
        Verb::Unlock { customer: of } => ("unlock", customer(of)),
        Verb::Page | Verb::Enter { .. } | Verb::RevokeToken { .. } | Verb::RevokeGrant { .. } => return None,
    })
}

/// What a confirmed call should have left, if it is not there.
fn absent(kept: &Kept, history: &History, call: &Call) -> Option<String> {
    let stored = |session: u32| kept.sessions.get(&history.sessions[at(session)].id);
    let is_gone = |what: &str| Some(format!("{what} is not there"));
    match call.verb {
        Verb::SignIn { customer } if kept.consents.contains(&history.customers[at(customer)]) => None,
        Verb::SignIn { .. } => is_gone("the consent"),
        Verb::Refresh { session, generation } => match stored(session) {
            Some((there, _)) if i128::from(*there) < i128::from(generation) + 1 => {
                Some(format!("the session is of generation {there}"))
            }
            Some(_) | None => None,
        },
        Verb::EndSession { session } | Verb::RevokeGrant { session } => match stored(session) {
            Some((_, false)) => is_gone("its end"),
            Some((_, true)) | None => None,
        },
        Verb::RevokeToken { token } => {
            let token = &history.tokens[at(token)];
            let id = history.sessions[at(token.session)].id;
            let serial = i64::try_from(token.generation).unwrap_or(i64::MAX);
            // Rows of what has expired are cleaned away.
            let is_over = history.checks.last().is_none_or(|check| check.end >= history.expiry(token));
            let is_there = kept.revoked.contains(&(id, serial)) || is_over;
            if is_there { None } else { is_gone("its row") }
        }
        Verb::Lock { .. } | Verb::EndDevice { .. } => {
            let is_there = call.note.as_deref().is_some_and(|incident| kept.incidents.contains_key(incident));
            if is_there { None } else { is_gone("the incident") }
        }
        Verb::Unlock { .. } => match call.note.as_deref().and_then(|incident| kept.incidents.get(incident)) {
            None => is_gone("the incident"),
            Some(false) => is_gone("its closing"),
            Some(true) => None,
        },
        // Every session is looked for anyway.
        Verb::Page | Verb::Enter { .. } | Verb::Exchange { .. } => None,
    }
}

/// The version of the server, for the report.
#[allow(dead_code, reason = "only who writes a report asks")]
pub async fn version(app: &App) -> Option<String> {
    let mut conn = PgConnection::connect(app.settings.database_url.expose()).await.ok()?;
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut conn).await.ok()?;
    // `15.14 (Debian 15.14-0+deb12u1)`
    version.split_whitespace().next().map(str::to_owned)
}
