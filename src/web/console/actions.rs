//! What happened, for whoever reads the whole trail: the trail's own names of actions, and each in plain words.

/// Every action's name and words, in the order in which they are offered.
pub const ACTIONS: &[(&str, &str)] = &[
    ("sign_in", "Customer signed in"),
    ("sign_out", "Customer signed out"),
    ("consent", "Access allowed or refused by a customer"),
    ("code_issue", "Sign-in code given to an app"),
    ("code_redeem", "Sign-in code exchanged"),
    ("code_replay", "Sign-in code used twice"),
    ("token_issue", "Tokens given to a program"),
    ("refresh", "Token refreshed"),
    ("refresh_retry", "Refresh repeated"),
    ("refresh_reuse", "Refresh token used twice"),
    ("generation_ahead", "Refresh token that was never given out"),
    ("client_authentication", "Program failed to prove itself"),
    ("token_revoke", "Token taken back by its app"),
    ("session_revoke", "Session ended"),
    ("device_revoke", "Device revoked"),
    ("mass_revoke", "All tokens of a client or of everybody revoked"),
    ("lockdown", "Emergency lockdown"),
    ("unlock", "Lockdown lifted"),
    ("customer_read", "Customer's data read"),
    ("customer_write", "Customer entered or changed"),
    ("incident_read", "Incidents read"),
    ("audit_read", "Audit trail read"),
    ("settings_read", "List of staff or clients read"),
    ("client_write", "Client registered or changed"),
    ("staff_write", "Staff entered or changed"),
    ("staff_sign_in", "Staff signed in to the console"),
    ("staff_sign_out", "Staff signed out of the console"),
    ("console_refuse", "Refused by the console"),
    ("rate_limit", "Limit reached"),
    ("token_guessing", "Guessed tokens"),
    ("challenge_reuse", "Sign-in request sent many times"),
];

/// An action in plain words; a name that is not known yet, as it is.
#[must_use]
pub fn words(action: &str) -> String {
    let known = ACTIONS.iter().find(|(name, _)| *name == action);
    known.map_or_else(|| action.replace('_', " "), |(_, words)| (*words).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names the model writes.
    fn written() -> Vec<&'static str> {
        let source = include_str!("../../model/audit.rs");
        let actions = source.split_once("pub enum Outcome").unwrap().0;
        let names = actions.lines().filter_map(|line| line.trim().strip_prefix("Self::"));
        names.filter_map(|line| line.split('"').nth(1)).collect()
    }

    #[test]
    fn every_action_has_words_and_every_row_an_action() {
        let mut written = written();
        let mut listed: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
        assert!(written.len() > 25, "the model's names were not found");
        written.sort_unstable();
        listed.sort_unstable();
        assert_eq!(written, listed);
    }

    #[test]
    fn a_name_of_a_later_release_is_shown_as_it_is() {
        assert_eq!((words("lockdown").as_str(), words("new_thing").as_str()), ("Emergency lockdown", "new thing"));
    }
}
