//! A sign-in as a person makes it, page by page, at whichever nodes; and what operators' tools do for many at once.

use reqwest::{Method, StatusCode};

use super::super::history::{Outcome, Verb};
use super::super::recorder::Came;
use super::super::rules::LIMITED;
use super::Me;
use super::minted::db_sessions;
use super::pool::Held;
use super::site::{CALL_LIMIT, hear, is_unsure};
use super::verbs::Born;
use crate::support::PASSWORD;
use crate::support::browser::{Browser, Seen};
use crate::support::flow::authorize_path;

/// What 503 is where the answer goes back to the application (RFC 6749 §4.1.2.1).
fn leads_back_unsure(seen: &Seen) -> bool {
    seen.answer("error").is_some_and(|error| error == "temporarily_unavailable")
}

/// A Redis that lost its counts leaves a minute of narrow limits.
fn is_limited(seen: &Seen) -> bool {
    seen.status == StatusCode::TOO_MANY_REQUESTS
}

/// A code that was not redeemed yet.
pub(super) struct Code {
    text: String,
    born: Born,
}

impl Me {
    /// Opens a page; `None` unless it is there.
    async fn open(&mut self, browser: &mut Browser, path: &str) -> Option<Seen> {
        let node = self.node();
        let to = self.work.site.to(node, Method::GET, path).build().ok()?;
        let request = browser.request(self.work.site.http(), Method::GET, to.url().as_str(), &[]);
        let open = self.work.recorder.begin(self.number, node, Verb::Page);
        let heard = hear(request, CALL_LIMIT).await;
        let (outcome, why) = match &heard {
            None => (Outcome::Lost, None),
            Some(seen) if is_unsure(seen) || leads_back_unsure(seen) => (Outcome::Unconfirmed, None),
            Some(seen) if is_limited(seen) => (Outcome::Unconfirmed, Some(LIMITED.to_owned())),
            Some(seen) if seen.status.is_success() || seen.location() == "/login" => (Outcome::Confirmed, None),
            Some(seen) => (Outcome::Odd(seen.status.as_u16()), Some(format!("{path} {}", seen.location()))),
        };
        self.work.recorder.end(open, outcome, Came { note: why, ..Came::default() });
        let seen = heard.filter(|_| outcome == Outcome::Confirmed)?;
        browser.keep_cookies(&seen);
        Some(seen)
    }

    /// Signs in by the pages, in a browser that never was here, and gets a pair.
    pub(super) async fn sign_in(&mut self, customer: u32) {
        if let Some(code) = self.code(customer).await {
            self.redeem(code).await;
        }
    }

    /// A sign-in as far as the code.
    pub(super) async fn code(&mut self, customer: u32) -> Option<Code> {
        let mut browser = Browser::at("");
        self.open(&mut browser, &authorize_path("naybitono-mobile", &[])).await?;
        let page = self.open(&mut browser, "/login").await?;
        let (text, proof) = self.type_password(&mut browser, &page, customer).await?;
        Some(Code { text, born: Born { customer, device: None, proof } })
    }

    /// The rest of it. What it gave is asked about at once, and by others from then on.
    pub(super) async fn redeem(&mut self, code: Code) {
        let node = self.node();
        if let Some(handed) = self.exchange(node, &code.text, code.born).await {
            let access = handed.access.clone();
            let held = handed.held(code.born);
            self.hold(vec![held]);
            self.check_everywhere(&[access]).await;
        }
    }

    /// The password; the code it gave, and when that was proven.
    async fn type_password(
        &mut self,
        browser: &mut Browser,
        page: &Seen,
        customer: u32,
    ) -> Option<(String, (u64, u64))> {
        let node = self.node();
        let (csrf, name) = (page.csrf(), super::customer_name(customer));
        let form = [("csrf_token", csrf.as_str()), ("username", name.as_str()), ("password", PASSWORD)];
        let to = self.work.site.to(node, Method::POST, "/login").build().ok()?;
        let request = browser.request(self.work.site.http(), Method::POST, to.url().as_str(), &form);
        let open = self.work.recorder.begin(self.number, node, Verb::SignIn { customer });
        let heard = hear(request, CALL_LIMIT).await;
        let code = heard.as_ref().and_then(|seen| seen.answer("code"));
        let (came, why) = match &heard {
            None => (Outcome::Lost, None),
            Some(_) if code.is_some() => (Outcome::Confirmed, None),
            Some(seen) if is_unsure(seen) => (Outcome::Unconfirmed, None),
            // Tries that were cut off count as failed: then the account waits, and that is nobody's fault here.
            Some(seen) if is_limited(seen) => (Outcome::Unconfirmed, Some(LIMITED.to_owned())),
            Some(seen) if seen.status.is_server_error() => (Outcome::Odd(seen.status.as_u16()), None),
            Some(seen) => (Outcome::Refused, Some(format!("{} {}", seen.status, seen.location()))),
        };
        let proof = self.work.recorder.end(open, came, Came { note: why, ..Came::default() });
        code.map(|code| (code, proof))
    }

    /// Writes sessions as sign-ins would.
    pub(super) async fn enter(&mut self, customer: u32, count: usize) -> Vec<Held> {
        let name = super::customer_name(customer);
        let open = self.work.recorder.begin(self.number, usize::from(u8::MAX), Verb::Enter { customer });
        // A limit as for any other call: the database may hang.
        let written = tokio::time::timeout(CALL_LIMIT, db_sessions(&self.work.site.app, &name, count)).await;
        let (outcome, made) = match written {
            Err(_) => (Outcome::Lost, Vec::new()),
            Ok(Err(_)) => (Outcome::Unconfirmed, Vec::new()),
            Ok(Ok(None)) => (Outcome::Refused, Vec::new()),
            Ok(Ok(Some(made))) => (Outcome::Confirmed, made),
        };
        let proof = self.work.recorder.end(open, outcome, Came::default());
        let (mut device, mut all) = (None, Vec::new());
        for minted in made {
            let number = match device {
                Some((id, number)) if id == minted.device => number,
                _ => self.work.recorder.device(minted.device),
            };
            device = Some((minted.device, number));
            let born = Born { customer, device: Some(number), proof };
            all.extend(self.work.read(&minted.pair, Some(born)).map(|handed| handed.held(born)));
        }
        all
    }
}
