//! The sign-in page. Every answer to a wrong try is the same, whoever it was.

use askama::Template;
use rocket::http::Status;
use rocket::{get, post};

use super::super::Shared;
use crate::limits::{Rule, address_key};
use crate::model::login::Login;
use crate::secret::text::SecretText;
use crate::service::allowance;
use crate::service::consent::{After, after_sign_in};
use crate::service::login::{LoginOutcome, SignIn, Welcome, sign_in};
use crate::service::pages;
use crate::web::answer::Answer;
use crate::web::envelope::Empty;
use crate::web::guard::body::Form;
use crate::web::guard::client_hints;
use crate::web::guard::cookies::{self, Cookies};
use crate::web::guard::info::RequestInfo;
use crate::web::guard::pairs::Pairs;
use crate::web::guard::same_origin::SameOrigin;
use crate::web::page::{Frame, Page, PageError, check_csrf, csrf, leads_to, waiting};

/// What everybody else reads after a wrong try.
const WRONG: &str = "That did not match. Please check what you typed and try again.";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    client: Option<String>,
    problem: Option<String>,
    username: String,
    csrf: String,
}

/// What a locked customer reads.
#[derive(Template)]
#[template(path = "restricted.html")]
struct RestrictedPage {
    frame: Frame,
}

#[get("/login")]
pub async fn show(app: &Shared, info: RequestInfo, jar: Cookies<'_>) -> Result<Answer, PageError> {
    if info.is_head {
        return Ok(Answer::Empty(Empty));
    }
    let login = match pages::login_in_progress(app, cookies::get(&jar, cookies::LOGIN)).await? {
        Some(login) => login,
        None => begin(app, &info, &jar).await?,
    };
    let hint = login.request.as_ref().and_then(|request| request.login_hint.clone());
    Ok(Answer::page(page(app, &login, hint.unwrap_or_default(), None).await?))
}

/// Somebody opened the sign-in page by itself. That enters a row, so it is limited as authorization requests are.
async fn begin(app: &Shared, info: &RequestInfo, jar: &Cookies<'_>) -> Result<Login, PageError> {
    let from = info.actor.address.map(address_key).unwrap_or_default();
    allowance::take(app, &info.actor, Rule::AuthorizePerAddress, &from)
        .await
        .map_err(|wait| PageError::too_many(&wait))?;
    let login = pages::begin_login(app).await?;
    cookies::set(jar, cookies::LOGIN, &pages::login_cookie(app, login.login_id, login.expires_at), None);
    Ok(login)
}

async fn page(app: &Shared, login: &Login, username: String, problem: Option<String>) -> Result<Page, PageError> {
    let client = pages::asking_client(app, login).await?;
    let page = LoginPage {
        frame: Frame::new(app).accented(client.as_ref().and_then(|client| client.color)),
        client: client.map(|client| client.name),
        problem,
        username,
        csrf: csrf(app, &login.login_id),
    };
    Ok(Page::render(&page.frame, &page)?.leading_to(leads_to(login)).asking_for(client_hints::ASKED))
}

#[post("/login", data = "<form>")]
pub async fn submit(
    app: &Shared,
    _own: SameOrigin,
    info: RequestInfo,
    jar: Cookies<'_>,
    form: Form,
) -> Result<Answer, PageError> {
    let login =
        pages::login_in_progress(app, cookies::get(&jar, cookies::LOGIN)).await?.ok_or_else(PageError::stale)?;
    check_csrf(app, &login.login_id, form.0.get("csrf_token"))?;
    let typed: String = form.0.get("username").unwrap_or_default().chars().take(254).collect();
    let earlier = pages::signed_in(app, info.actor.address, cookies::get(&jar, cookies::SESSION)).await?;
    let tried = SignIn {
        login: login.clone(),
        username: typed.clone(),
        password: password(&form.0),
        browser_id: pages::browser_id(app, cookies::get(&jar, cookies::DEVICE)),
        replaces: earlier.map(|record| record.session.browser_session_id),
        browser: info.browser.clone(),
    };
    match Box::pin(sign_in(app, &info.actor, tried)).await? {
        LoginOutcome::Welcome(welcome) => go_on(app, &info, &jar, &welcome).await,
        LoginOutcome::Refused => refused(app, &login, typed).await,
        LoginOutcome::Restricted => {
            let page = RestrictedPage { frame: Frame::new(app) };
            let page = Page::render(&page.frame, &page)?.with_status(Status::Forbidden);
            Ok(Answer::page(page))
        }
        LoginOutcome::Wait(wait) => {
            let page = page(app, &login, typed, Some(waiting(wait.seconds()))).await?;
            Ok(Answer::page(page.with_status(Status::TooManyRequests).retry_after(wait.seconds())))
        }
        LoginOutcome::Stale => Err(PageError::stale()),
    }
}

fn password(form: &Pairs) -> SecretText {
    SecretText::from(form.get("password").unwrap_or_default())
}

async fn refused(app: &Shared, login: &Login, typed: String) -> Result<Answer, PageError> {
    let page = page(app, login, typed, Some(WRONG.to_owned())).await?;
    Ok(Answer::page(page.with_status(Status::UnprocessableEntity)))
}

/// New cookies, then consent, the client, or the account page.
async fn go_on(app: &Shared, info: &RequestInfo, jar: &Cookies<'_>, welcome: &Welcome) -> Result<Answer, PageError> {
    cookies::set(jar, cookies::SESSION, &pages::session_cookie(app, &welcome.session), None);
    cookies::set(jar, cookies::DEVICE, &pages::device_cookie(app, welcome.browser_id), Some(400));
    let to = match after_sign_in(app, &info.actor, &welcome.login, &welcome.session).await? {
        After::Consent => {
            let cookie = pages::login_cookie(app, welcome.login.login_id, welcome.login.expires_at);
            cookies::set(jar, cookies::LOGIN, &cookie, None);
            return Ok(Answer::to("/consent"));
        }
        After::Redirect(to) => to,
        After::Account => "/account".to_owned(),
        After::Stale => return Err(PageError::stale()),
    };
    cookies::clear(jar, cookies::LOGIN);
    Ok(Answer::to(to))
}
