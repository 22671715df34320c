//! A person's own page: who is signed in here, and signing out.

use askama::Template;
use rocket::{get, post};

use super::super::Shared;
use crate::service::pages;
use crate::web::answer::{Answer, SignedOut};
use crate::web::guard::body::Form;
use crate::web::guard::cookies::{self, Cookies};
use crate::web::guard::info::RequestInfo;
use crate::web::guard::same_origin::SameOrigin;
use crate::web::moment::{Moment, Moments};
use crate::web::page::{Frame, Page, PageError, check_csrf, csrf};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    name: String,
    customer_id: String,
    since: Moment,
    csrf: String,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutPage {
    frame: Frame,
}

#[get("/account")]
pub async fn show(app: &Shared, info: RequestInfo, jar: Cookies<'_>) -> Result<Answer, PageError> {
    let Some(record) = pages::signed_in(app, info.actor.address, cookies::get(&jar, cookies::SESSION)).await? else {
        return Ok(Answer::to("/login"));
    };
    let session = record.session;
    let page = AccountPage {
        frame: Frame::new(app),
        name: pages::customer_name(app, &session).await?,
        customer_id: session.customer_id.to_string(),
        since: Moments::new(app).show(session.auth_at),
        csrf: csrf(app, &session.browser_session_id),
    };
    Ok(Answer::page(Page::render(&page.frame, &page)?))
}

#[post("/account/sign-out", data = "<form>")]
pub async fn sign_out(
    app: &Shared,
    _own: SameOrigin,
    info: RequestInfo,
    jar: Cookies<'_>,
    form: Form,
) -> Result<SignedOut, PageError> {
    if let Some(record) = pages::signed_in(app, info.actor.address, cookies::get(&jar, cookies::SESSION)).await? {
        check_csrf(app, &record.session.browser_session_id, form.0.get("csrf_token"))?;
        pages::sign_out(app, &info.actor, &record.session).await?;
    }
    cookies::clear(&jar, cookies::SESSION);
    cookies::clear(&jar, cookies::LOGIN);
    Ok(SignedOut::to("/signed-out"))
}

#[get("/signed-out")]
pub fn signed_out(app: &Shared) -> Result<Page, PageError> {
    let page = SignedOutPage { frame: Frame::new(app) };
    Page::render(&page.frame, &page)
}
