//! What happened, for whoever reads the whole trail: the trail's own names of actions, and each in plain words.

/// Every action's name and words, in the order in which they are offered.
pub const ACTIONS: &[(&str, &str)] = &[
    ("sign_in", "Sign-in of a customer"),
    ("sign_out", "Sign-out of a customer"),
    ("consent", "Consent of a customer"),
    ("code_issue", "Sign-in code for an app"),
    ("code_redeem", "Exchange of a sign-in code"),
    ("code_replay", "Sign-in code used twice"),
    ("token_issue", "Tokens for a program"),
    ("refresh", "Refresh of a token"),
    ("refresh_retry", "Repeated refresh"),
    ("refresh_reuse", "Refresh token used twice"),
    ("generation_ahead", "Refresh token that was never given out"),
    ("client_authentication", "Proof of a program"),
    ("token_revoke", "Token taken back by its app"),
    ("session_revoke", "End of a session"),
    ("device_revoke", "Revocation of a device"),
    ("mass_revoke", "Revocation of a client's or everybody's tokens"),
    ("lockdown", "Emergency lockdown"),
    ("unlock", "Lifting of a lockdown"),
    ("customer_read", "Reading of a customer's data"),
    ("customer_write", "Change of a customer"),
    ("incident_read", "Reading of incidents"),
    ("audit_read", "Reading of the audit trail"),
    ("settings_read", "Reading of the list of staff or clients"),
    ("client_write", "Change of a client"),
    ("staff_write", "Change of staff"),
    ("staff_sign_in", "Sign-in of staff"),
    ("staff_sign_out", "Sign-out of staff"),
    ("console_refuse", "Page or form of the console"),
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
