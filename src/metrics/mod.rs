//! HOW IT GOES: what is counted and timed for whoever watches the servers, in memory, never in the database. Nothing here
//! locks or allocates when something is counted, and no label can take more values than are listed in `label`: never a
//! customer, a client, an address or a token.

pub mod counts;
pub mod histogram;
pub mod label;
pub mod page;
mod process;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use self::counts::Counts;
use self::histogram::Histogram;
use self::label::{Answer, FormRefusal, Grant, Path, Person, Proven, Refusal, SignIn, TakenBack};
use self::page::Page;
use crate::limits::Rule;
use crate::model::audit::Action;

/// What the services count. Rooms that measure themselves (database, hashes, view, caches) keep their own.
#[derive(Debug, Default)]
pub struct Metrics {
    checks: Counts<Answer>,
    check_seconds: Histogram,
    lookups: Counts<Path>,
    tokens_issued: Counts<Grant>,
    tokens_refused: Counts<Grant, Refusal>,
    sign_ins: Counts<Person, SignIn>,
    taken_back: Counts<TakenBack, Proven>,
    confirmation_seconds: Histogram,
    limits: Counts<Rule>,
    forms_refused: Counts<FormRefusal>,
    alarms: Counts<Action>,
    audit_failures: Counts,
    sweeps_pending: AtomicI64,
    started_at: u32,
}

impl Metrics {
    /// Everything at 0. `started_at`: Unix seconds.
    #[must_use]
    pub fn new(started_at: u32) -> Self {
        Self { started_at, ..Self::default() }
    }

    /// A check was answered.
    pub fn checked(&self, answer: Answer, took: Duration) {
        self.checks.add(answer);
        self.check_seconds.observe(took);
    }

    /// The record for a check was found, or was looked for, on this path.
    pub fn looked_up(&self, path: Path) {
        self.lookups.add(path);
    }

    /// The token endpoint gave out tokens.
    pub fn issued(&self, grant: Grant) {
        self.tokens_issued.add(grant);
    }

    /// The token endpoint gave out none.
    pub fn refused(&self, grant: Grant, why: Refusal) {
        self.tokens_refused.add2(grant, why);
    }

    /// Somebody tried to sign in.
    pub fn signed_in(&self, who: Person, outcome: SignIn) {
        self.sign_ins.add2(who, outcome);
    }

    /// Something was taken back: proven after so long, or not.
    pub fn took_back(&self, what: TakenBack, proven_after: Option<Duration>) {
        let proven = if proven_after.is_some() { Proven::Confirmed } else { Proven::Unconfirmed };
        self.taken_back.add2(what, proven);
        if let Some(took) = proven_after {
            self.confirmation_seconds.observe(took);
        }
    }

    /// A limit refused somebody.
    pub fn limited(&self, rule: Rule) {
        self.limits.add(rule);
    }

    /// A body or form was refused before anything looked at what it asks for.
    pub fn refused_form(&self, why: FormRefusal) {
        self.forms_refused.add(why);
    }

    /// The audit trail was told something that an operator should look at.
    pub fn alarmed(&self, action: Action) {
        self.alarms.add(action);
    }

    /// A row of the audit trail could not be written.
    pub fn audit_failed(&self) {
        self.audit_failures.add(label::Alone);
    }

    /// So many incidents wait for their sessions to be marked as ended.
    pub fn set_sweeps_pending(&self, count: usize) {
        self.sweeps_pending.store(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Writes everything counted here on a page.
    pub fn write(&self, page: &mut Page) {
        page.counts("rescind_checks", "Checks of tokens, by answer", &self.checks);
        page.seconds("rescind_check_duration", "Time to answer a check, once its body is read", &self.check_seconds);
        page.counts("rescind_check_lookups", "Records looked for to answer checks, by where", &self.lookups);
        page.counts("rescind_tokens_issued", "Answers of the token endpoint with tokens", &self.tokens_issued);
        page.counts("rescind_tokens_refused", "Answers of the token endpoint without", &self.tokens_refused);
        page.counts("rescind_sign_ins", "Tries to sign in with a password", &self.sign_ins);
        page.counts("rescind_revocations", "What was taken back, and whether it was proven", &self.taken_back);
        let help = "Time until what was taken back was proven";
        page.seconds("rescind_revocation_confirmation", help, &self.confirmation_seconds);
        page.counts("rescind_limits_hit", "Requests refused by a rate limit", &self.limits);
        page.counts("rescind_forms_refused", "Bodies and forms refused unread", &self.forms_refused);
        page.counts("rescind_alarms", "Alarms in the audit trail", &self.alarms);
        page.counts("rescind_audit_failures", "Audit rows that could not be written", &self.audit_failures);
        let pending = self.sweeps_pending.load(Ordering::Relaxed);
        page.gauge("rescind_sweeps_pending", "Incidents whose sessions are not all marked as ended yet", pending);
        process::write(page, self.started_at);
    }
}
