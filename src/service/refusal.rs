//! Writing down what the console refused: who tried what, once a minute for each person, page and reason.

use super::allowance::tell;
use super::audit::Told;
use crate::app::App;
use crate::limits::address_key;
use crate::model::actor::Actor;
use crate::model::audit::Action;

/// Writes one down. `page`: the page's pattern, such as `/console/customers/<id>`, never what a caller wrote.
pub async fn record(app: &App, actor: &Actor, page: &str, why: &str) {
    let from = actor.address.map(address_key).unwrap_or_default();
    let key = format!("{} {from} {page} {why}", actor.who.tag());
    tell(app, actor, "console", &key, Told::refused(Action::ConsoleRefuse, "page", page).because(why)).await;
}
