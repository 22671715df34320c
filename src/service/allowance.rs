//! Taking from an allowance. A refusal is written down, once a minute for each limit and key: a flood must not become a
//! flood of audit rows.

use super::audit::{Told, record_alone};
use crate::app::App;
use crate::limits::{Rule, Wait};
use crate::model::actor::Actor;
use crate::model::audit::Action;

/// Takes one, or says how long to wait. `key`: an address or client, as the rule counts.
pub async fn take(app: &App, actor: &Actor, rule: Rule, key: &str) -> Result<(), Wait> {
    let taken = app.limits.take(rule, key, app.clock.now()).await;
    if taken.is_err() {
        app.metrics.limited(rule);
        tell(app, actor, rule.name(), key, Told::refused(Action::RateLimit, "limit", rule.name()).because(key)).await;
    }
    taken
}

/// Writes a row about something that may happen very often, once a minute for each kind and key.
pub(super) async fn tell(app: &App, actor: &Actor, kind: &str, key: &str, told: Told) {
    if app.limits.take(Rule::ToldPerKey, &format!("{kind} {key}"), app.clock.now()).await.is_err() {
        return;
    }
    // Refused is refused, whether or not it could be written down.
    if let Err(error) = record_alone(app, actor, told).await {
        tracing::warn!(%error, kind, "a refusal could not be written down");
    }
}
