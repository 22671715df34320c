//! The consent page: who asks, for what, for how long, where it leads. The person ticks what they allow.
//!
//! The form says `choice=scopes` where it shows boxes; each ticked box sends `scope.<word>`. A form without `choice` allows
//! all that was asked for. Names are the scopes' own because no parameter may come twice.

use askama::Template;
use chrono::TimeDelta;
use rocket::http::Status;
use rocket::{get, post};

use super::super::Shared;
use crate::model::login::{BrowserSession, Login};
use crate::model::scope::Scope;
use crate::policy::scope::{optional, picked};
use crate::policy::scope_words;
use crate::service::consent::{After, Question, Yes, approve, deny, question};
use crate::service::pages;
use crate::web::answer::Answer;
use crate::web::guard::body::Form;
use crate::web::guard::cookies::{self, Cookies};
use crate::web::guard::info::RequestInfo;
use crate::web::guard::pairs::Pairs;
use crate::web::guard::same_origin::SameOrigin;
use crate::web::page::{Frame, Page, PageError, check_csrf, csrf, leads_to};

/// What is read by people who left nothing ticked.
const NOTHING_TICKED: &str = "Nothing is ticked. Tick what you want to allow, or choose “Do not allow”.";

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    frame: Frame,
    client: String,
    is_ours: bool,
    lines: Vec<Line>,
    has_boxes: bool,
    problem: Option<&'static str>,
    resources: Vec<String>,
    lasts: String,
    destination: String,
    customer_id: String,
    csrf: String,
}

/// One scope on the page.
struct Line {
    word: String,
    /// What it means, where we have words for it.
    known: Option<scope_words::ScopeWords>,
    is_optional: bool,
    is_ticked: bool,
}

/// The sign-in in progress and the person of this browser; both must be there and belong together.
async fn both(app: &Shared, jar: &Cookies<'_>) -> Result<(Login, BrowserSession), PageError> {
    let login = pages::login_in_progress(app, cookies::get(jar, cookies::LOGIN)).await?;
    let record = pages::signed_in(app, None, cookies::get(jar, cookies::SESSION)).await?;
    login.zip(record.map(|record| record.session)).ok_or_else(PageError::stale)
}

#[get("/consent")]
pub async fn show(app: &Shared, jar: Cookies<'_>) -> Result<Page, PageError> {
    let (login, browser) = both(app, &jar).await?;
    let asked = question(app, &login, &browser).await?.ok_or_else(PageError::stale)?;
    page(app, &login, &browser, (asked, None))
}

/// The page; with a problem, after a yes that ticked nothing.
fn page(
    app: &Shared,
    login: &Login,
    browser: &BrowserSession,
    (asked, problem): (Question, Option<&'static str>),
) -> Result<Page, PageError> {
    let leads_to = leads_to(login);
    let lines = lines(&asked.scope, problem.is_none());
    let page = ConsentPage {
        frame: Frame::new(app).accented(asked.client.color),
        client: asked.client.name,
        is_ours: asked.client.first_party,
        has_boxes: lines.iter().any(|line| line.is_optional),
        lines,
        problem,
        resources: asked.resources,
        lasts: span(asked.lasts),
        destination: destination(leads_to.as_deref()),
        customer_id: browser.customer_id.to_string(),
        csrf: csrf(app, &login.login_id),
    };
    Ok(Page::render(&page.frame, &page)?.leading_to(leads_to))
}

fn lines(asked: &Scope, is_ticked: bool) -> Vec<Line> {
    let optional = optional(asked);
    let line = |word: &str| Line {
        word: word.to_owned(),
        known: scope_words::words(word),
        is_optional: optional.contains(&word),
        is_ticked,
    };
    asked.words().map(line).collect()
}

/// A length of time, in days where it has some.
fn span(lasts: TimeDelta) -> String {
    match (lasts.num_days(), lasts.num_minutes()) {
        (0, 1) => "1 minute".to_owned(),
        (0, minutes) => format!("{minutes} minutes"),
        (1, _) => "1 day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

/// Where the answer goes, in words: the site's name, or an app.
fn destination(leads_to: Option<&str>) -> String {
    let site = leads_to.and_then(|source| source.strip_prefix("https://"));
    site.map_or_else(|| "an app on this device".to_owned(), str::to_owned)
}

#[post("/consent", data = "<form>")]
pub async fn decide(
    app: &Shared,
    _own: SameOrigin,
    info: RequestInfo,
    jar: Cookies<'_>,
    form: Form,
) -> Result<Answer, PageError> {
    let (login, browser) = both(app, &jar).await?;
    check_csrf(app, &login.login_id, form.0.get("csrf_token"))?;
    let asked = question(app, &login, &browser).await?.ok_or_else(PageError::stale)?;
    let after = match (form.0.get("decision"), granted(&asked.scope, &form.0)) {
        (Some("deny"), _) => deny(app, &info.actor, &login, &browser).await?,
        (Some("approve"), Some(scope)) => {
            let yes = Yes { login: &login, browser: &browser, scope: &scope };
            approve(app, &info.actor, yes).await?
        }
        (Some("approve"), None) => {
            let page = page(app, &login, &browser, (asked, Some(NOTHING_TICKED)))?;
            return Ok(Answer::page(page.with_status(Status::UnprocessableEntity)));
        }
        (Some(_) | None, _) => return Err(PageError::malformed()),
    };
    go_on(&jar, after)
}

/// What the form allows; `None` if nothing is left of it.
fn granted(asked: &Scope, form: &Pairs) -> Option<Scope> {
    let chooses = form.get("choice") == Some("scopes");
    picked(asked, |word| !chooses || form.has(&format!("scope.{word}")))
}

fn go_on(jar: &Cookies<'_>, after: After) -> Result<Answer, PageError> {
    match after {
        After::Redirect(to) => {
            cookies::clear(jar, cookies::LOGIN);
            Ok(Answer::to(to))
        }
        After::Account | After::Consent | After::Stale => Err(PageError::stale()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_told_in_its_unit() {
        for (lasts, told) in [
            (TimeDelta::days(90), "90 days"),
            (TimeDelta::days(1), "1 day"),
            (TimeDelta::minutes(10), "10 minutes"),
            (TimeDelta::minutes(1), "1 minute"),
        ] {
            assert_eq!(span(lasts), told);
        }
    }
}
