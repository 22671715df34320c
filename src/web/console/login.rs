//! Signing in to the console and out of it. Every answer to a wrong try is the same, whoever it was.

use askama::Template;
use rocket::http::Status;
use rocket::{get, post};

use super::super::Shared;
use super::error::ConsoleError;
use crate::metrics::label::FormRefusal;
use crate::policy::return_to;
use crate::secret::text::SecretText;
use crate::service::staff_session::{StaffLogin, StaffSignIn};
use crate::service::{pages, staff_session};
use crate::web::answer::{Answer, SignedOut};
use crate::web::guard::body::Form;
use crate::web::guard::cookies::{self, Cookies};
use crate::web::guard::info::RequestInfo;
use crate::web::guard::pairs::Pairs;
use crate::web::guard::query::Query;
use crate::web::guard::same_origin::SameOrigin;
use crate::web::guard::staff::{Staff, StaffForm, earlier};
use crate::web::page::{Frame, Page, waiting};

/// What everybody reads after a wrong try.
const WRONG: &str = "That did not match. Please check your user name and password and try again.";

#[derive(Template)]
#[template(path = "console/login.html")]
struct LoginPage {
    frame: Frame,
    problem: Option<String>,
    said: Option<&'static str>,
    username: String,
    next: String,
    csrf: String,
}

#[get("/console/login")]
pub async fn show(app: &Shared, info: RequestInfo, jar: Cookies<'_>, query: Query) -> Result<Page, ConsoleError> {
    staff_session::take_page(app, &info.actor).await.map_err(|wait| ConsoleError::too_many(&wait))?;
    let (id, cookie) = staff_session::begin(app);
    if !info.is_head {
        cookies::set(&jar, cookies::CONSOLE_LOGIN, &cookie, None);
    }
    let said = query.0.has("signed_out").then_some("You are signed out. You can close this window.");
    let page = LoginPage {
        frame: Frame::new(app),
        problem: None,
        said,
        username: String::new(),
        next: next(&query.0).unwrap_or_default(),
        csrf: app.secrets.csrf.token(&id),
    };
    Ok(Page::render(&page.frame, &page)?)
}

/// Where to go afterwards, if it is a page of the console.
fn next(pairs: &Pairs) -> Option<String> {
    pairs.get("next").and_then(return_to::local).map(str::to_owned)
}

#[post("/console/login", data = "<form>")]
pub async fn submit(
    app: &Shared,
    _own: SameOrigin,
    info: RequestInfo,
    jar: Cookies<'_>,
    form: Form,
) -> Result<Answer, ConsoleError> {
    let begun =
        staff_session::begun(app, cookies::get(&jar, cookies::CONSOLE_LOGIN)).ok_or_else(ConsoleError::stale)?;
    if !form.0.get("csrf_token").is_some_and(|sent| app.secrets.csrf.is_genuine(&begun, sent)) {
        app.metrics.refused_form(FormRefusal::Forged);
        return Err(ConsoleError::refused("wrong anti-forgery token"));
    }
    let tried = StaffSignIn {
        username: form.0.get("username").unwrap_or_default().chars().take(64).collect(),
        password: SecretText::from(form.0.get("password").unwrap_or_default()),
        browser_id: pages::browser_id(app, cookies::get(&jar, cookies::CONSOLE_BROWSER)),
        replaces: earlier(app, &jar).await?,
    };
    let page = LoginPage {
        frame: Frame::new(app),
        problem: Some(WRONG.to_owned()),
        said: None,
        username: tried.username.clone(),
        next: next(&form.0).unwrap_or_default(),
        csrf: app.secrets.csrf.token(&begun),
    };
    match staff_session::sign_in(app, &info.actor, tried).await? {
        StaffLogin::Welcome(session) => {
            cookies::set(&jar, cookies::CONSOLE, &staff_session::cookie(app, &session), None);
            let browser = pages::device_cookie(app, session.browser_id);
            cookies::set(&jar, cookies::CONSOLE_BROWSER, &browser, Some(400));
            cookies::clear(&jar, cookies::CONSOLE_LOGIN);
            let to = next(&form.0).unwrap_or_else(|| "/console".to_owned());
            Ok(Answer::to(to))
        }
        StaffLogin::Refused => shown(page, Status::UnprocessableEntity, None),
        StaffLogin::Wait(wait) => {
            let page = LoginPage { problem: Some(waiting(wait.seconds())), ..page };
            shown(page, Status::TooManyRequests, Some(wait.seconds()))
        }
    }
}

fn shown(page: LoginPage, status: Status, retry_after: Option<u64>) -> Result<Answer, ConsoleError> {
    let shown = Page::render(&page.frame, &page)?.with_status(status).retrying(retry_after);
    Ok(Answer::page(shown))
}

#[post("/console/sign-out", data = "<_form>")]
pub async fn sign_out(
    app: &Shared,
    staff: Staff,
    jar: Cookies<'_>,
    _form: StaffForm,
) -> Result<SignedOut, ConsoleError> {
    staff_session::sign_out(app, &staff.actor, staff.session_id).await?;
    cookies::clear(&jar, cookies::CONSOLE);
    Ok(SignedOut::to("/console/login?signed_out=1"))
}
