//! The authorization endpoint (OAuth 2.1 §3.1). A cross-site POST arrives without our Lax cookies and is continued by GET.

use rocket::http::uri::Origin;
use rocket::{get, post};

use super::super::Shared;
use crate::limits::{Rule, address_key};
use crate::model::device::{DeviceDetails, detail};
use crate::service::allowance;
use crate::service::authorize::{Asked, Step, begin};
use crate::service::pages;
use crate::web::answer::Answer;
use crate::web::envelope::Empty;
use crate::web::guard::body::Form;
use crate::web::guard::cookies::{self, Cookies};
use crate::web::guard::info::RequestInfo;
use crate::web::guard::pairs::Pairs;
use crate::web::page::PageError;

#[get("/oauth/authorize")]
pub async fn get(app: &Shared, info: RequestInfo, jar: Cookies<'_>, uri: &Origin<'_>) -> Result<Answer, PageError> {
    if info.is_head {
        return Ok(Answer::Empty(Empty));
    }
    let from = info.actor.address.map(address_key).unwrap_or_default();
    allowance::take(app, &info.actor, Rule::AuthorizePerAddress, &from)
        .await
        .map_err(|wait| PageError::too_many(&wait))?;
    let query = uri.query().map_or("", |query| query.as_str());
    let pairs = Pairs::parse(query).map_err(|_| PageError::malformed())?;
    let signed_in = pages::signed_in(app, info.actor.address, cookies::get(&jar, cookies::SESSION)).await?;
    let step = begin(app, &info.actor, asked(&pairs, &info), signed_in.as_ref()).await?;
    let (login, page) = match step {
        Step::Refuse(why) => return Err(PageError::bad_request(why)),
        Step::Redirect(to) => return Ok(Answer::to(to)),
        Step::SignIn(login) => (login, "/login"),
        Step::Consent(login) => (login, "/consent"),
    };
    cookies::set(&jar, cookies::LOGIN, &pages::login_cookie(app, login.login_id, login.expires_at), None);
    Ok(Answer::to(page))
}

/// Continued by GET with the same parameters, so that our own cookies are sent.
#[post("/oauth/authorize", data = "<form>")]
pub fn post(form: Form) -> Answer {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(form.0.iter());
    Answer::to(format!("/oauth/authorize?{}", query.finish()))
}

fn asked(pairs: &Pairs, info: &RequestInfo) -> Asked {
    let told = |name| pairs.get(name).and_then(detail);
    Asked {
        client_id: pairs.owned("client_id"),
        redirect_uri: pairs.owned("redirect_uri"),
        response_type: pairs.owned("response_type"),
        response_mode: pairs.owned("response_mode"),
        scope: pairs.owned("scope"),
        state: pairs.owned("state"),
        challenge: pairs.owned("code_challenge"),
        challenge_method: pairs.owned("code_challenge_method"),
        nonce: pairs.owned("nonce"),
        prompt: pairs.owned("prompt"),
        max_age: pairs.owned("max_age"),
        login_hint: told("login_hint"),
        resources: pairs.all("resource"),
        has_request: pairs.has("request"),
        has_request_uri: pairs.has("request_uri"),
        app_device_id: told("device_id"),
        device: DeviceDetails {
            name: told("device_name"),
            model: told("device_model"),
            os_version: told("os_version"),
            app_version: told("app_version"),
            timezone: told("timezone"),
            language: told("language"),
            user_agent: info.browser.user_agent.clone(),
            platform: None,
        },
    }
}
