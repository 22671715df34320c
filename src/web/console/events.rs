//! Rows of the audit trail in the words of a conversation on the phone. One table: action and outcome, then words.

use std::collections::BTreeMap;

use crate::model::audit::Row;
use crate::model::device::{DeviceDetails, detail};
use crate::policy::device_name;

/// Names of devices and apps by their ids, as far as the page knows them.
#[derive(Default)]
pub struct Known {
    /// Of devices.
    pub devices: BTreeMap<String, String>,
    /// Of apps.
    pub apps: BTreeMap<String, String>,
}

impl Known {
    fn device(&self, id: &str) -> String {
        self.devices.get(id).cloned().unwrap_or_else(|| "a device".to_owned())
    }

    fn app(&self, id: &str) -> String {
        self.apps.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }
}

/// What happened, in a few words.
#[must_use]
pub fn words(row: &Row, known: &Known) -> String {
    let by = match row.actor_kind.as_str() {
        "client" => known.app(&row.actor_id),
        kind => who(kind, &row.actor_id),
    };
    let why = row.reason.as_deref().unwrap_or_default();
    match (row.action.as_str(), row.outcome.as_str()) {
        ("sign_in", "done") => format!("Signed in on {}", device(row, known)),
        ("sign_in", _) => refused_sign_in(why, row),
        ("sign_out", _) => format!("Signed out on {}", program(row)),
        ("consent", "done") => format!("Allowed {} to use the account", known.app(&row.target_id)),
        ("consent", _) => format!("Did not allow {} to use the account", known.app(&row.target_id)),
        ("code_redeem", "done") => format!("{by} was signed in"),
        ("code_redeem", _) => format!("{by} failed to sign in"),
        ("code_replay", _) => "A sign-in code was used twice: its session was ended".to_owned(),
        ("refresh_reuse", _) => {
            "A refresh token was used twice: its session was ended. Somebody may have copied it".to_owned()
        }
        ("generation_ahead", _) => "A refresh token from the future came: its session was ended".to_owned(),
        ("refresh_retry", "alarm") => "An app's refresh was repeated from somewhere else".to_owned(),
        ("refresh", "alarm") => "A refresh token came from another app: refused".to_owned(),
        ("token_revoke", "alarm") => "A token was sent back by another app: refused".to_owned(),
        ("token_revoke", _) => format!("{by} ended its own session"),
        ("session_revoke", _) => format!("{by} ended a session ({why})"),
        ("device_revoke", _) => format!("{by} revoked {} ({why})", known.device(&row.target_id)),
        ("lockdown", _) => format!("{by} locked all devices ({why})"),
        ("unlock", _) => format!("{by} lifted the lockdown ({why})"),
        ("customer_write", _) => changed(why, &by),
        ("challenge_reuse", _) => format!("{} sent one sign-in request many times", known.app(&row.target_id)),
        (action, outcome) => format!("{by}: {} ({outcome})", action.replace('_', " ")),
    }
}

fn changed(why: &str, by: &str) -> String {
    let what = match why {
        "entered" => "Made a customer",
        "contact details changed" => "Contact details changed",
        "password set" => "Given a new password",
        "disabled" => "Sign-in switched off",
        "enabled" => "Sign-in switched on again",
        other => other,
    };
    format!("{what} by {by}")
}

fn refused_sign_in(why: &str, row: &Row) -> String {
    let tried = match why {
        "wrong password" => "Wrong password",
        "restricted" => "Right password, but sign-in is locked",
        "too many tries" => "Too many tries to sign in",
        _ => "Failed to sign in",
    };
    format!("{tried}, on {}", program(row))
}

/// The device a sign-in's row names, or the program it came from.
fn device(row: &Row, known: &Known) -> String {
    let id = row.reason.as_deref().and_then(|why| why.strip_prefix("device "));
    let named = id.and_then(|id| known.devices.get(id));
    named.cloned().unwrap_or_else(|| program(row))
}

fn program(row: &Row) -> String {
    let user_agent = row.agent.as_deref().and_then(detail);
    device_name::name_of(&DeviceDetails { user_agent, ..DeviceDetails::default() })
}

/// Who did it, from a row's kind and name.
#[must_use]
pub fn who(kind: &str, name: &str) -> String {
    match kind {
        "staff" | "client" => name.to_owned(),
        "customer" => "the customer".to_owned(),
        "shell" => format!("{name} (at the server)"),
        "system" => "the server".to_owned(),
        _ => "somebody".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn row(action: &str, outcome: &str, reason: Option<&str>) -> Row {
        Row {
            audit_id: uuid::Uuid::nil(),
            at: Timestamp::UNIX_EPOCH,
            actor_kind: "staff".to_owned(),
            actor_id: "amina".to_owned(),
            action: action.to_owned(),
            outcome: outcome.to_owned(),
            target_kind: "device".to_owned(),
            target_id: "d1".to_owned(),
            customer_id: None,
            reason: reason.map(str::to_owned),
            address: None,
            agent: Some("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36".to_owned()),
            request_id: String::new(),
        }
    }

    #[test]
    fn events_read_like_sentences() {
        let devices = BTreeMap::from([("d1".to_owned(), "iPhone 13 Pro".to_owned())]);
        let known = Known { devices, ..Known::default() };
        for (action, outcome, reason, expected) in [
            ("sign_in", "done", Some("device d1"), "Signed in on iPhone 13 Pro"),
            ("sign_in", "done", Some("device d9"), "Signed in on Chrome on Windows"),
            ("sign_in", "refused", Some("wrong password"), "Wrong password, on Chrome on Windows"),
            ("sign_in", "refused", Some("restricted"), "Right password, but sign-in is locked, on Chrome on Windows"),
            ("device_revoke", "done", Some("INC_1: lost"), "amina revoked iPhone 13 Pro (INC_1: lost)"),
            ("lockdown", "done", Some("INC_1: stolen"), "amina locked all devices (INC_1: stolen)"),
            ("customer_write", "done", Some("contact details changed"), "Contact details changed by amina"),
            ("something_new", "done", None, "amina: something new (done)"),
        ] {
            assert_eq!(words(&row(action, outcome, reason), &known), expected);
        }
        assert!(words(&row("refresh_reuse", "alarm", None), &known).starts_with("A refresh token was used twice"));
    }
}
