//! The consent page: who asks, for what, for how long.

use askama::Template;
use rocket::http::CookieJar;
use rocket::response::Redirect;
use rocket::{get, post};

use super::super::Shared;
use crate::model::login::{BrowserSession, Login};
use crate::service::consent::{After, approve, deny, question};
use crate::service::pages;
use crate::web::guard::body::Form;
use crate::web::guard::cookies;
use crate::web::guard::info::RequestInfo;
use crate::web::guard::same_origin::SameOrigin;
use crate::web::page::{Frame, Page, PageError, check_csrf, csrf, leads_to};

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    frame: Frame,
    client: String,
    scopes: Vec<String>,
    resources: Vec<String>,
    days: i64,
    destination: String,
    customer_id: String,
    csrf: String,
}

/// The sign-in in progress and the person of this browser; both must be there and belong together.
async fn both(app: &Shared, jar: &CookieJar<'_>) -> Result<(Login, BrowserSession), PageError> {
    let login = pages::login_in_progress(app, cookies::get(jar, cookies::LOGIN)).await?;
    let record = pages::signed_in(app, None, cookies::get(jar, cookies::SESSION)).await?;
    login.zip(record.map(|record| record.session)).ok_or_else(PageError::stale)
}

#[get("/consent")]
pub async fn show(app: &Shared, jar: &CookieJar<'_>) -> Result<Page, PageError> {
    let (login, browser) = both(app, jar).await?;
    let asked = question(app, &login, &browser).await?.ok_or_else(PageError::stale)?;
    let leads_to = leads_to(&login);
    let page = ConsentPage {
        frame: Frame::new(app),
        client: asked.client.name,
        scopes: asked.scope.words().map(str::to_owned).collect(),
        resources: asked.resources,
        days: asked.days,
        destination: destination(leads_to.as_deref()),
        customer_id: browser.customer_id.to_string(),
        csrf: csrf(app, &login.login_id),
    };
    Ok(Page::render(&page.frame, &page)?.leading_to(leads_to))
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
    jar: &CookieJar<'_>,
    form: Form,
) -> Result<Redirect, PageError> {
    let (login, browser) = both(app, jar).await?;
    check_csrf(app, &login.login_id, form.0.get("csrf_token"))?;
    let after = match form.0.get("decision") {
        Some("approve") => approve(app, &info.actor, &login, &browser).await?,
        Some("deny") => deny(app, &info.actor, &login, &browser).await?,
        Some(_) | None => return Err(PageError::malformed()),
    };
    match after {
        After::Redirect(to) => {
            cookies::clear(jar, cookies::LOGIN);
            Ok(Redirect::to(to))
        }
        After::Account | After::Consent | After::Stale => Err(PageError::stale()),
    }
}
