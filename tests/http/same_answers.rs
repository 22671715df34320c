//! INT-09: a long run of calls of every kind, and every check in it asked twice: of a server that answers from memory, and of
//! one that reads the truth. Both say the same, byte for byte. `TEST_CALLS` sets how many calls.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use rescind::clock::unix_seconds;
use rescind::model::client::ClientType;
use rescind::policy::client_rules::NewClient;
use rocket::http::{ContentType, Header, Status};
use rocket::local::asynchronous::Client;

use crate::fast::Dice;
use crate::support::database::checks;
use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::minted::db_access_token;
use crate::support::{ACCOUNTS, JOHN, TestServer, db_customer, new_client};

/// Checks after each change.
const CHECKS: u64 = 12;
/// Of the tokens that were handed out, those that are still asked about.
const REMEMBERED: usize = 300;
const CUSTOMERS: [&str; 5] = [JOHN, "CUST_2", "CUST_71", "CUST_72", "CUST_73"];
/// Who checks: by audience, by scope, without either; and who may not.
const CALLERS: [&str; 7] =
    ["accounts-api", "other-api", "plain-api", "narrow-api", "naybitono-web", "batch-job", "naybitono-mobile"];

#[allow(clippy::disallowed_methods, reason = "tests are told about their size by the environment")]
fn calls() -> u64 {
    // Where all tests check from memory this one is the same again.
    let usual = if checks() == "fast" { 1_000 } else { 5_000 };
    std::env::var("TEST_CALLS").map_or(usual, |text| text.parse().expect("TEST_CALLS is a number"))
}

/// A refresh token, and whose it is.
struct Grant {
    client: &'static str,
    pair: Pair,
}

/// Both servers, and everything that was handed out.
struct Run {
    server: TestServer,
    fast: Client,
    plain: Client,
    dice: Dice,
    locked: BTreeSet<&'static str>,
    grants: Vec<Grant>,
    tokens: Vec<String>,
    calls: u64,
    active: u64,
    expired: u64,
}

impl Run {
    async fn start() -> Self {
        let mut server = TestServer::start_with(&[("checks", "fast"), ("lease", "30"), ("near_cache", "100")]).await;
        let narrow = NewClient {
            resources: vec![ACCOUNTS.to_owned()],
            ..new_client("narrow-api", ClientType::ResourceServer, "accounts:read")
        };
        server.db_client(narrow).await;
        for customer in &CUSTOMERS[2..] {
            db_customer(&server.app, customer, "Somebody", None, None).await;
        }
        let door = async |app| Client::untracked(rescind::web::mount(app)).await.expect("a server without a socket");
        let (fast, plain) = (door(server.app.clone()).await, door(server.db_plain_app().await).await);
        let (dice, grants, tokens) = (Dice(20_260_202), Vec::new(), Vec::new());
        let locked = BTreeSet::new();
        Self { server, fast, plain, dice, locked, grants, tokens, calls: 0, active: 0, expired: 0 }
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.dice.roll(of.len() as u64)).expect("small")].clone()
    }

    /// Asks one of the two.
    async fn ask(&self, is_fast: bool, caller: &str, secret: &str, token: &str) -> (Status, String) {
        let door = if is_fast { &self.fast } else { &self.plain };
        let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
        let basic = STANDARD.encode(format!("{caller}:{secret}"));
        for _ in 0..100 {
            let request = door.post("/oauth/introspect").header(ContentType::Form).body(&body);
            let request = request.header(Header::new("Authorization", format!("Basic {basic}")));
            let answer = request.remote("127.0.0.1:9".parse().expect("an address")).dispatch().await;
            let status = answer.status();
            if status != Status::ServiceUnavailable {
                return (status, answer.into_string().await.unwrap_or_default());
            }
            // A machine so busy that nothing is sure: no verdict to compare.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("nothing is ever sure")
    }

    /// One check, asked of both.
    async fn check(&mut self) {
        let caller = self.pick(&CALLERS);
        let token = self.token();
        let secret = if self.dice.roll(40) == 0 { "wrong".to_owned() } else { self.server.secret(caller).to_owned() };
        let before = unix_seconds(self.server.app.clock.now());
        let from_memory = self.ask(true, caller, &secret, &token).await;
        let from_truth = self.ask(false, caller, &secret, &token).await;
        self.calls += 1;
        self.active += u64::from(from_memory.1.starts_with("{\"active\":true"));
        if from_memory != from_truth {
            // Time does not stand still: a token may end between the two.
            let claims: serde_json::Value = serde_json::from_str(&from_memory.1).unwrap_or_default();
            let ends = claims["exp"].as_u64().unwrap_or_default();
            let now = u64::from(unix_seconds(self.server.app.clock.now()));
            assert!(
                (u64::from(before)..=now).contains(&ends),
                "call {}, {caller}: memory says {from_memory:?}, the truth {from_truth:?}",
                self.calls
            );
            self.expired += 1;
        }
    }

    /// Something to ask about.
    fn token(&mut self) -> String {
        let roll = self.dice.roll(20);
        let some = self.tokens.clone();
        match roll {
            0 => "nyb_at_garbage".to_owned(),
            1 => {
                let mut token = self.pick(&some);
                let last = if token.ends_with('a') { 'b' } else { 'a' };
                token.pop();
                token.push(last);
                token
            }
            2..=9 => {
                let at = usize::try_from(self.dice.roll(self.grants.len() as u64)).expect("small");
                let pair = &self.grants[at].pair;
                if roll < 5 { pair.refresh.clone() } else { pair.access.clone() }
            }
            // What was handed out last, most often: it lives.
            10..=15 => self.pick(&some[some.len().saturating_sub(20)..]),
            _ => self.pick(&some),
        }
    }

    fn hand_out(&mut self, client: &'static str, pair: Pair) {
        self.tokens.push(pair.access.clone());
        self.tokens.push(pair.refresh.clone());
        self.tokens.retain(|token| !token.is_empty());
        if !pair.refresh.is_empty() {
            self.grants.push(Grant { client, pair });
        }
        let too_many = self.tokens.len().saturating_sub(REMEMBERED);
        self.tokens.drain(..too_many);
        let too_many = self.grants.len().saturating_sub(60);
        self.grants.drain(..too_many);
    }

    /// A sign-in of a customer who is not locked, for a public or a confidential app.
    async fn sign_in(&mut self) {
        let customer = self.pick(&CUSTOMERS);
        let client = self.pick(&["naybitono-mobile", "naybitono-mobile", "naybitono-web", "post-client"]);
        let mut browser = self.server.db_signed_in(customer).await;
        let scopes = [("scope", "openid accounts:read payments:write"), ("scope", "openid")];
        let scope = if client == "post-client" { scopes[1] } else { self.pick(&scopes) };
        let seen = browser.authorize(&authorize_path(client, &[scope]), customer).await;
        let Some(code) = seen.answer("code") else { return };
        self.tokens.push(code.clone());
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
        let given = self.server.token(client, &form).await;
        if given.status == StatusCode::OK {
            self.hand_out(client, Pair::of(&given));
        }
    }

    async fn refresh(&mut self) {
        let at = usize::try_from(self.dice.roll(self.grants.len() as u64)).expect("small");
        let (client, token) = (self.grants[at].client, self.grants[at].pair.refresh.clone());
        let narrower = [("scope", "openid")];
        let more: &[(&str, &str)] = if self.dice.roll(3) == 0 { &narrower } else { &[] };
        let seen = self.server.refresh(client, &token, more).await;
        if seen.status == StatusCode::OK {
            let pair = Pair::of(&seen);
            self.grants[at].pair = pair.clone();
            self.tokens.extend([pair.access, pair.refresh]);
        }
    }

    /// By its client, over the server that answers from memory or, now and then, over the other one.
    async fn revoke(&mut self) {
        let at = usize::try_from(self.dice.roll(self.grants.len() as u64)).expect("small");
        let client = self.grants[at].client;
        let pair = self.grants[at].pair.clone();
        let token = if self.dice.roll(3) == 0 { pair.refresh } else { pair.access };
        let mut form = vec![("token", token.as_str())];
        let secret = self.server.secret(client).to_owned();
        if secret.is_empty() || client == "post-client" {
            form.push(("client_id", client));
        }
        if client == "post-client" {
            form.push(("client_secret", &secret));
        }
        if self.dice.roll(8) != 0 {
            let auth = (client == "naybitono-web").then_some((client, secret.as_str()));
            self.server.post("/oauth/revoke", auth, &form).await;
            return;
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
        let mut request = self.plain.post("/oauth/revoke").header(ContentType::Form).body(body);
        if client == "naybitono-web" {
            let basic = STANDARD.encode(format!("{client}:{secret}"));
            request = request.header(Header::new("Authorization", format!("Basic {basic}")));
        }
        request.remote("127.0.0.1:9".parse().expect("an address")).dispatch().await;
    }

    /// Ends a session or a device over the machine API.
    async fn end_by_desk(&mut self) {
        let at = usize::try_from(self.dice.roll(self.grants.len() as u64)).expect("small");
        let seen = self.server.introspect("accounts-api", &self.grants[at].pair.access.clone()).await;
        let told = seen.json();
        let name = if self.dice.roll(2) == 0 { "sid" } else { "device_id" };
        let Some(id) = told[name].as_str() else { return };
        let path = if name == "sid" { format!("/api/v1/sessions/{id}") } else { format!("/api/v1/devices/{id}") };
        let bearer = self.server.machine_token("ops-desk").await;
        self.server.api("DELETE", &path, &bearer, Some(serde_json::json!({ "reason": "drill" }))).await;
    }

    /// What happens seldom, and changes much.
    async fn seldom(&mut self) {
        let (customer, client) = (self.pick(&CUSTOMERS), self.pick(&["other-api", "post-client", "narrow-api"]));
        match self.dice.roll(12) {
            0 => self.server.db_disable(client).await,
            1 | 2 => {
                let end_old = self.dice.roll(2) == 0;
                let new = self.server.db_rotate_secret("plain-api", end_old).await;
                self.server.secrets.insert("plain-api".to_owned(), new);
            }
            6 => drop(self.server.db_lock_client("naybitono-web").await),
            7 => {
                let is_disabled = self.dice.roll(2) == 0;
                self.server.db_disable_customer(customer, is_disabled).await;
            }
            9 if self.dice.roll(4) == 0 => drop(self.server.db_lock_everyone().await),
            10 if self.dice.roll(4) == 0 => self.server.db_new_incarnation().await,
            _ => self.server.wait(20 + self.dice.roll(200)),
        }
    }

    /// One change, or none.
    async fn change(&mut self) {
        self.calls += 1;
        match self.dice.roll(40) {
            0 => {
                let customer = self.pick(&CUSTOMERS);
                self.locked.insert(customer);
                for time in 0.. {
                    let seen = self.server.lock(customer).await;
                    if seen.status == StatusCode::OK {
                        break;
                    }
                    // A machine so busy that nothing is proven in time.
                    assert!(time < 20 && seen.status == StatusCode::SERVICE_UNAVAILABLE, "{}", seen.body);
                }
            }
            1..=3 => {
                for customer in CUSTOMERS {
                    self.server.unlock(customer).await;
                }
                self.locked.clear();
            }
            4 => {
                for customer in CUSTOMERS {
                    self.server.db_disable_customer(customer, false).await;
                }
                for client in ["other-api", "post-client", "narrow-api"] {
                    self.server.db_enable(client).await;
                }
            }
            5 => {
                let (customer, level) = (self.pick(&CUSTOMERS), self.pick(&["payments", "write", "none"]));
                // No verb lowers the level of who is locked but the unlocking.
                if !self.locked.contains(customer) {
                    self.server.db_level(customer, level).await;
                }
            }
            6..=8 => self.revoke().await,
            9 => self.end_by_desk().await,
            10..=15 => self.refresh().await,
            16..=21 => self.sign_in().await,
            22..=27 => {
                let (customer, audience) = (self.pick(&CUSTOMERS), self.pick(&[&[ACCOUNTS][..], &[]]));
                let token = db_access_token(&self.server.app, customer, audience).await;
                self.tokens.push(token);
            }
            28..=30 => {
                let client = self.pick(&["batch-job", "ops-desk"]);
                let seen = self.server.token(client, &[("grant_type", "client_credentials")]).await;
                let pair = Pair::of(&seen);
                self.hand_out(client, pair);
            }
            31 | 32 => self.seldom().await,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_09_memory_and_truth_say_the_same_over_a_long_run_of_calls_of_every_kind() {
    let mut run = Run::start().await;
    while run.grants.len() < 4 {
        run.sign_in().await;
    }
    while run.calls < calls() {
        run.change().await;
        for _ in 0..CHECKS {
            run.check().await;
        }
        if run.calls / 10_000 > (run.calls - CHECKS - 1) / 10_000 {
            println!("{} calls, {} of them active", run.calls, run.active);
        }
    }
    println!("{} calls, {} of them active, {} tokens ended between two answers", run.calls, run.active, run.expired);
    assert!(run.active > run.calls / 20, "the run was no run: {} active of {}", run.active, run.calls);
    assert!(run.expired <= 1 + run.calls / 10_000, "{} answers differ by time", run.expired);
}
