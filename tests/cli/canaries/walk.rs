//! Everything a person, an app, an API and an operator do, with secrets also where they do not belong.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::search::Secrets;
use crate::support::browser::{Browser, Seen};
use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::program::{Bank, Folder, Program};
use crate::support::{ISSUER, PASSWORD};

/// Typed by somebody who guesses, and by somebody who types it into the wrong field.
const WRONG: &str = "guess-cobalt-73-window-thistle";
const MISPLACED: &str = "misplaced-walnut-61-harbour-kite";

/// The bank, with a client that asks for consent and two more machines.
pub fn enter(folder: &Folder, secrets: &mut Secrets) -> Bank {
    let bank = folder.enter_bank("CUST_1");
    let create = |id: &str, more: &[&str], secrets: &mut Secrets| {
        let all = [&["client", "create", "--json", "--type", "confidential", "--id", id, "--name", id], more].concat();
        let secret = folder.run(&all).json()["client_secret"].as_str().expect("a secret").to_owned();
        secrets.client(&secret);
        folder.write(id, &secret);
    };
    let web = ["--redirect-uri", "https://web.naybitono.example/callback", "--scope", "openid accounts:read"];
    create("naybitono-web", &web, secrets);
    create("branch-desk", &["--scope", "customers:unlock"], secrets);
    create("ops-desk", &["--scope", "sessions:read sessions:revoke audit:read"], secrets);
    let staff = ["staff", "create", "--username", "baraka", "--role", "supervisor"];
    assert_eq!(folder.run_with(&staff, PASSWORD).code, 0);
    for typed in [PASSWORD, WRONG, MISPLACED, VERIFIER] {
        secrets.typed(typed);
    }
    secrets.client(&bank.api);
    secrets.client(&bank.desk);
    bank
}

fn secret(folder: &Folder, client: &str) -> String {
    std::fs::read_to_string(folder.path().join(client)).expect("a secret")
}

/// All of it.
pub async fn all(server: &Program, folder: &Folder, bank: &Bank, secrets: &mut Secrets) {
    let pair = app(server, bank, secrets).await;
    let web = with_consent(server, folder, bank, secrets).await;
    failed_sign_ins(server, bank, secrets).await;
    misplaced(server, folder, bank, (&pair, &web), secrets).await;
    machines(server, folder, bank, secrets).await;
    assert!(!server.is_active(bank, &pair.access).await && !server.is_active(bank, &web.access).await);
}

/// Sign-in without consent, code, tokens, check, refresh, replay of the code and of the refresh token.
async fn app(server: &Program, bank: &Bank, secrets: &mut Secrets) -> Pair {
    let mut browser = Browser::at(&server.url(""));
    let code = sign_in(&mut browser, "naybitono-mobile", bank, secrets).await.answer("code").expect("a code");
    let redeem = [
        ("grant_type", "authorization_code"),
        ("client_id", "naybitono-mobile"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let first = keep(server.post("/oauth/token", None, &redeem).await, secrets);
    assert!(server.is_active(bank, &first.access).await);
    let second = keep(server.refresh(&first.refresh).await, secrets);
    assert_eq!(keep(server.refresh(&first.refresh).await, secrets), second, "a retry is the same pair");
    let third = keep(server.refresh(&second.refresh).await, secrets);
    assert_eq!(server.refresh(&first.refresh).await.error(), "invalid_grant", "reuse");
    assert!(!server.is_active(bank, &third.access).await);
    assert_eq!(server.post("/oauth/token", None, &redeem).await.error(), "invalid_grant", "replay");
    let account = browser.get("/account").await;
    secrets.browser(&browser, &account);
    let asked = browser.get(&authorize_path("naybitono-mobile", &[])).await;
    secrets.browser(&browser, &asked);
    let page = browser.get("/consent").await;
    secrets.browser(&browser, &page);
    let again = browser.post("/consent", &[("csrf_token", &page.csrf()), ("decision", "approve")]).await;
    secrets.browser(&browser, &again);
    let code = again.answer("code").expect("signed in already");
    let redeem = [redeem[0], redeem[1], ("code", &code), redeem[3]];
    let pair = keep(server.post("/oauth/token", None, &redeem).await, secrets);
    let csrf = account.csrf();
    assert_eq!(browser.post("/account/sign-out", &[("csrf_token", &csrf)]).await.location(), "/signed-out");
    pair
}

async fn sign_in(browser: &mut Browser, client: &str, bank: &Bank, secrets: &mut Secrets) -> Seen {
    let begun = browser.get(&authorize_path(client, &[])).await;
    secrets.browser(browser, &begun);
    let page = browser.get("/login").await;
    secrets.browser(browser, &page);
    let seen = browser.type_password(&page, &bank.customer, PASSWORD).await;
    secrets.browser(browser, &seen);
    seen
}

/// The pair of an answer, remembered.
fn keep(seen: Seen, secrets: &mut Secrets) -> Pair {
    secrets.tokens(&seen);
    Pair::of(&seen)
}

/// The same through a client that asks for consent and proves itself; one token revoked.
async fn with_consent(server: &Program, folder: &Folder, bank: &Bank, secrets: &mut Secrets) -> Pair {
    let own = secret(folder, "naybitono-web");
    let auth = Some(("naybitono-web", own.as_str()));
    let mut browser = Browser::at(&server.url(""));
    let mut pairs = Vec::new();
    for round in 0..2 {
        let asked = if round == 0 {
            sign_in(&mut browser, "naybitono-web", bank, secrets).await
        } else {
            browser.get(&authorize_path("naybitono-web", &[])).await
        };
        assert_eq!(asked.location(), "/consent");
        let page = browser.get("/consent").await;
        secrets.browser(&browser, &page);
        let csrf = page.csrf();
        let seen = browser.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
        secrets.browser(&browser, &seen);
        let code = seen.answer("code").unwrap_or_else(|| panic!("no code: {seen:?}"));
        let form = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
        pairs.push(keep(server.post("/oauth/token", auth, &form).await, secrets));
    }
    let revoked = server.post("/oauth/revoke", auth, &[("token", &pairs[0].access)]).await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert!(!server.is_active(bank, &pairs[0].access).await && server.is_active(bank, &pairs[1].access).await);
    let revoked = server.post("/oauth/revoke", auth, &[("token", &pairs[0].refresh)]).await;
    assert_eq!(revoked.status, StatusCode::OK);
    pairs.swap_remove(1)
}

/// Wrong passwords, unknown names, a password typed where the name goes, and waiting.
async fn failed_sign_ins(server: &Program, bank: &Bank, secrets: &mut Secrets) {
    let mut browser = Browser::at(&server.url(""));
    let page = browser.get("/login").await;
    secrets.browser(&browser, &page);
    for (name, password) in
        [(bank.customer.as_str(), WRONG), ("nobody", WRONG), (MISPLACED, ""), (MISPLACED, WRONG), (PASSWORD, PASSWORD)]
    {
        assert_eq!(browser.type_password(&page, name, password).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for _ in 0..7 {
        browser.type_password(&page, "nobody", WRONG).await;
    }
}

/// Secrets in URLs, in paths, in the wrong fields and headers.
async fn misplaced(server: &Program, folder: &Folder, bank: &Bank, pairs: (&Pair, &Pair), secrets: &Secrets) {
    assert!(secrets.count() > 20);
    let (token, refresh) = (pairs.0.access.as_str(), pairs.1.refresh.as_str());
    let own = secret(folder, "naybitono-web");
    let mut browser = Browser::at(&server.url(""));
    let paths = [
        format!("/oauth/introspect?token={token}"),
        format!("/oauth/token?client_secret={own}&refresh_token={refresh}"),
        format!("/oauth/authorize?client_id={token}&redirect_uri={own}"),
        format!("/login?username={}&password={PASSWORD}", bank.customer),
        format!("/oauth/introspect/{token}"),
        format!("/oauth/{own}"),
        format!("/{}/{}", pairs.0.refresh, pairs.1.access),
        format!("/api/v1/sessions/{token}"),
        format!("/api/v1/customers/{token}?access_token={token}"),
        format!("/api/v1/customers/{own}/sessions"),
        format!("/static/{token}.css"),
    ];
    for path in &paths {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let status = browser.send(method, path, &[("Origin", ISSUER)], Some(&[("token", token)])).await.status;
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        }
    }
    let swapped: [(&str, &str); 4] = [(&own, "naybitono-web"), (token, &own), (refresh, refresh), (PASSWORD, &own)];
    for (id, secret) in swapped {
        for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
            let seen = server.post(path, Some((id, secret)), &[("token", token)]).await;
            assert_eq!(seen.error(), "invalid_client");
            let seen = server.post(path, None, &[("client_id", id), ("client_secret", secret), ("code", token)]).await;
            assert_eq!(seen.error(), "invalid_client");
        }
    }
    for header in [format!("Bearer {own}"), format!("Bearer {refresh}"), format!("Basic {token}"), own.clone()] {
        for path in ["/oauth/introspect", "/api/v1/audit"] {
            let sent = [("Authorization", header.as_str()), ("X-Request-Id", token)];
            let seen = browser.send(Method::POST, path, &sent, Some(&[("token", token)])).await;
            assert!(seen.status.is_client_error(), "{path}");
        }
    }
    let scope = [("grant_type", "refresh_token"), ("refresh_token", own.as_str()), ("scope", token)];
    assert_eq!(
        server.post("/oauth/token", Some(("naybitono-web", &own)), &scope).await.status,
        StatusCode::BAD_REQUEST
    );
}

/// The machine API: reads, lockdown, unlock, one session, audit.
async fn machines(server: &Program, folder: &Folder, bank: &Bank, secrets: &mut Secrets) {
    let grant = [("grant_type", "client_credentials")];
    let mut tokens = Vec::new();
    for client in ["ops-desk", "branch-desk"] {
        let own = secret(folder, client);
        tokens.push(keep(server.post("/oauth/token", Some((client, &own)), &grant).await, secrets).access);
    }
    let (ops, branch) = (&tokens[0], &tokens[1]);
    let customer = format!("/api/v1/customers/{}", bank.customer);
    for path in
        [customer.clone(), format!("{customer}/sessions"), format!("{customer}/devices"), "/api/v1/audit".into()]
    {
        assert_eq!(api(server, Method::GET, &path, ops, None).await.status, StatusCode::OK, "{path}");
    }
    let list = api(server, Method::GET, &format!("{customer}/sessions"), ops, None).await.json();
    let id = list["items"][0]["session_id"].as_str().expect("a session").to_owned();
    assert_eq!(api(server, Method::DELETE, &format!("/api/v1/sessions/{id}"), ops, None).await.status, StatusCode::OK);
    let locked = server.lock(bank).await;
    assert_eq!(locked.status, StatusCode::OK);
    let desk = keep(server.post("/oauth/token", Some(("fraud-desk", &bank.desk)), &grant).await, secrets);
    let path = format!("{customer}/lockdown");
    let again = api(server, Method::POST, &path, &desk.access, Some(json!({ "reason": "x" }))).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(server.code(&bank.customer, PASSWORD).await.status, StatusCode::FORBIDDEN);
    let body = json!({ "reason": "identity checked", "approved_by": "baraka" });
    let unlocked = api(server, Method::POST, &format!("{customer}/unlock"), branch, Some(body)).await;
    assert_eq!(unlocked.status, StatusCode::OK, "{}", unlocked.body);
    assert_eq!(folder.run(&["lockdown", &bank.customer, "--reason", "from a shell"]).code, 0);
}

async fn api(server: &Program, method: Method, path: &str, bearer: &str, body: Option<Value>) -> Seen {
    let request = reqwest::Client::new().request(method, server.url(path)).bearer_auth(bearer);
    let request = match &body {
        Some(body) => request.json(body),
        None => request,
    };
    Seen::read(request.send().await.expect("an answer")).await
}
