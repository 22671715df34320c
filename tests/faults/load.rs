//! Clients at work: people who sign in, apps that refresh and sign out, an API that checks, a desk that locks down. All ask
//! whichever node is up, and stop at once where something they were given does not work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::task::JoinHandle;

use crate::fleet::Fleet;
use crate::ledger::{Handed, Ledger, Stand, refresh};
use crate::support::browser::{Browser, Seen};
use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::{PASSWORD, db_customer};

/// People at once.
const PEOPLE: usize = 4;
/// Who checks, at once.
const CHECKS: usize = 6;
/// Between two things that one of them does: the machine is to be busy, not choked.
const PACE: Duration = Duration::from_millis(15);

/// All of them, and what they know.
pub struct Load {
    /// Whom they ask.
    pub fleet: Arc<Fleet>,
    /// What they were given.
    pub ledger: Ledger,
    stop: AtomicBool,
    /// Lockdowns that were confirmed.
    pub lockdowns: AtomicUsize,
    /// The longest that one of them took, as its receipt says.
    pub longest_ms: AtomicI64,
    /// Refreshes that were answered.
    pub refreshes: AtomicUsize,
}

/// Clients under way.
pub struct Working {
    load: Arc<Load>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// Lets all of them begin.
    pub async fn begin(fleet: Arc<Fleet>) -> Working {
        let load = Arc::new(Self {
            fleet,
            ledger: Ledger::default(),
            stop: AtomicBool::new(false),
            lockdowns: AtomicUsize::new(0),
            longest_ms: AtomicI64::new(0),
            refreshes: AtomicUsize::new(0),
        });
        let mut tasks = Vec::new();
        for number in 1..=PEOPLE {
            db_customer(&load.fleet.app, &format!("CUST_{number}"), "Somebody", None, None).await;
            tasks.push(tokio::spawn(person(load.clone(), number)));
        }
        for number in 0..CHECKS {
            tasks.push(tokio::spawn(checker(load.clone(), number)));
        }
        Working { load, tasks }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    /// A real sign-in, step by step at whichever node is up. What was left without an answer may have been done: then it
    /// begins anew, as people do.
    async fn sign_in(&self, customer: &str, first: usize) -> Pair {
        loop {
            let mut browser = Browser::at("");
            let (mut was_lost, mut seen) = (false, None);
            let path = authorize_path("naybitono-mobile", &[]);
            self.step(&mut browser, first, (Method::GET, &path), &[]).await;
            let (page, _) = self.step(&mut browser, first + 1, (Method::GET, "/login"), &[]).await;
            let csrf = page.csrf();
            let form = [("csrf_token", csrf.as_str()), ("username", customer), ("password", PASSWORD)];
            let (answer, lost) = self.step(&mut browser, first + 2, (Method::POST, "/login"), &form).await;
            was_lost |= lost;
            if let Some(code) = answer.answer("code") {
                let (answer, lost) = self.fleet.ask_any(first, |node| self.redeem(node, &code)).await;
                was_lost |= lost;
                seen = Some(answer);
            }
            match seen {
                Some(seen) if seen.status == StatusCode::OK => return Pair::of(&seen),
                _ if was_lost => {}
                other => panic!("nobody failed, and yet no code: {answer:?} {other:?}"),
            }
        }
    }

    fn redeem(&self, node: usize, code: &str) -> reqwest::RequestBuilder {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "naybitono-mobile"),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.fleet.form(node, "/oauth/token", &form)
    }

    async fn step(
        &self,
        browser: &mut Browser,
        first: usize,
        (method, path): (Method, &str),
        form: &[(&str, &str)],
    ) -> (Seen, bool) {
        let answer = self.fleet.ask_any(first, |node| {
            browser.request(&self.fleet.http, method.clone(), &self.fleet.url(node, path), form)
        });
        let answer = answer.await;
        browser.keep_cookies(&answer.0);
        answer
    }

    /// Locks a customer until that is confirmed, and unlocks them again.
    async fn lock_down(&self, customer: &str, first: usize, all: &[Arc<Handed>]) {
        for handed in all {
            handed.set(Stand::Ending);
        }
        let (receipt, _) = self.fleet.ask_any(first, |node| self.fleet.lock(node, customer)).await;
        assert_eq!((receipt.status, receipt.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
        for handed in all {
            handed.set(Stand::Ended);
        }
        self.longest_ms.fetch_max(receipt.json()["confirmed_in_ms"].as_i64().expect("a time"), Ordering::SeqCst);
        self.lockdowns.fetch_add(1, Ordering::SeqCst);
        let (lifted, was_lost) = self.fleet.ask_any(first + 1, |node| self.fleet.unlock(node, customer)).await;
        let is_done = lifted.status == StatusCode::OK || was_lost && lifted.status == StatusCode::CONFLICT;
        assert!(is_done, "{} {}", lifted.status, lifted.body);
    }
}

impl Working {
    /// Waits until they have done so much more: judged checks, and lockdowns.
    pub async fn more(&self, checks: usize, lockdowns: usize) {
        let load = &self.load;
        let now = || (load.ledger.judgements(), load.lockdowns.load(Ordering::SeqCst));
        let enough = (now().0 + checks, now().1 + lockdowns);
        let done = async {
            while now().0 < enough.0 || now().1 < enough.1 {
                assert!(!self.tasks.iter().any(JoinHandle::is_finished), "a client was surprised");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_mins(2), done).await.is_err() {
            load.fleet.complain();
            panic!("the clients hang: {:?} is less than {enough:?}", now());
        }
    }

    /// Lets them end; what they know.
    pub async fn end(self) -> Arc<Load> {
        let load = self.load;
        load.stop.store(true, Ordering::SeqCst);
        let ended = async {
            for task in self.tasks {
                task.await.expect("a client was surprised");
            }
        };
        tokio::time::timeout(Duration::from_mins(2), ended).await.expect("the clients hang");
        load
    }
}

/// Signs in, refreshes, signs out now and then; of every second one the phone is stolen every fourth round.
async fn person(load: Arc<Load>, number: usize) {
    let (customer, mut mine) = (format!("CUST_{number}"), Vec::new());
    for round in number.. {
        let handed = load.ledger.enter(load.sign_in(&customer, round).await);
        for time in 0..3 {
            tokio::time::sleep(PACE).await;
            let token = handed.refresh();
            let (seen, _) = load.fleet.ask_any(round + time, |node| refresh(&load.fleet, node, &token)).await;
            assert_eq!(seen.status, StatusCode::OK, "a session is lost: {}", seen.body);
            handed.add(Pair::of(&seen));
            load.refreshes.fetch_add(1, Ordering::SeqCst);
        }
        mine.push(handed.clone());
        if round % 4 == 0 && number.is_multiple_of(2) {
            load.lock_down(&customer, round, &mine).await;
            mine.clear();
        } else if round % 4 == 2 {
            handed.set(Stand::Ending);
            let token = handed.refresh();
            let form = [("token", token.as_str()), ("client_id", "naybitono-mobile")];
            let (seen, _) = load.fleet.ask_any(round, |node| load.fleet.form(node, "/oauth/revoke", &form)).await;
            assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
            handed.set(Stand::Ended);
            mine.pop();
        }
        if !load.goes_on() {
            return;
        }
    }
}

/// Checks what was handed out, newest most often, at one node after the other.
async fn checker(load: Arc<Load>, number: usize) {
    for turn in number.. {
        tokio::time::sleep(PACE).await;
        let all = load.ledger.all();
        if let Some(handed) = all.len().checked_sub(1 + turn * 7 % (turn % 20 + 1)).and_then(|at| all.get(at)) {
            load.ledger.check(&load.fleet, turn, handed, turn / 3).await;
        }
        if !load.goes_on() {
            return;
        }
    }
}
