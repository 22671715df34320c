//! Single calls: sent, timed, read, written down.

use reqwest::{Method, RequestBuilder, StatusCode};
use rescind::secret::seal::{Kind as Sealed, Reference};
use uuid::Uuid;

use super::super::history::{Check, Kind, Nanos, Outcome, Said, Session, Verb};
use super::super::recorder::Came;
use super::super::rules::LIMITED;
use super::pool::{Asked, Held};
use super::site::{CALL_LIMIT, CHECK_LIMIT, NODES, field, hear, is_unsure};
use super::{Me, Work};
use crate::support::browser::Seen;
use crate::support::flow::Pair;

/// The whole of an answer about a token that is not good.
const INACTIVE: &str = "{\"active\":false}";
/// How every other one begins.
const ACTIVE: &str = "{\"active\":true";

/// A pair that was handed out, as its numbers and texts.
pub(super) struct Handed {
    /// The access token.
    pub access: Asked,
    /// The refresh token.
    pub refresh: Asked,
    /// Their generation.
    pub generation: u64,
    /// Their session.
    pub session: u32,
}

impl Handed {
    /// A new session as its app now knows it.
    pub(super) fn held(self, born: Born) -> Held {
        let Self { access, refresh, generation, session } = self;
        Held { session, customer: born.customer, device: born.device, access: vec![access], generation, refresh }
    }
}

/// Where a session comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Born {
    /// Whose it is.
    pub customer: u32,
    /// On which device, if that is known.
    pub device: Option<u32>,
    /// The call that proved who it was.
    pub proof: (Nanos, Nanos),
}

impl Work {
    /// A check.
    pub(super) async fn check(&self, node: usize, asked: &Asked, hinted: bool) {
        let request = self.site.check(node, &asked.text, hinted);
        let begin = self.recorder.clock.now();
        let heard = hear(request, CHECK_LIMIT).await;
        let end = self.recorder.clock.now();
        let said = heard.map_or(Said::Lost, |seen| said(&seen));
        let node = u8::try_from(node % NODES).unwrap_or(u8::MAX);
        self.recorder.checked(Check { token: asked.token, node, said, begin, end });
    }

    /// What a pair refers to; `None` if it is none of ours. `born`: where its session comes from, if it is new.
    pub(super) fn read(&self, pair: &Pair, born: Option<Born>) -> Option<Handed> {
        let open = |kind, text: &str| self.site.app.secrets.sealer.open(kind, text);
        let (access, refresh) = (open(Sealed::Access, &pair.access)?, open(Sealed::Refresh, &pair.refresh)?);
        if let Some(born) = born {
            self.born(access.session, born);
        }
        let number = |kind, reference: &Reference| self.recorder.token(kind, reference);
        let (access_number, refresh_number) = (number(Kind::Access, &access)?, number(Kind::Refresh, &refresh)?);
        let asked = |token: u32, text: &str| Asked { token, text: text.into() };
        Some(Handed {
            access: asked(access_number, &pair.access),
            refresh: asked(refresh_number, &pair.refresh),
            generation: refresh.serial,
            session: self.recorder.number_of(access.session)?,
        })
    }

    /// A session that is new; its number.
    pub(super) fn born(&self, id: Uuid, born: Born) -> u32 {
        let Born { customer, device, proof } = born;
        self.recorder.session(Session { id, customer, device, proof })
    }
}

fn said(seen: &Seen) -> Said {
    match seen.status {
        StatusCode::OK if seen.body == INACTIVE => Said::Inactive,
        StatusCode::OK if seen.body.starts_with(ACTIVE) => Said::Active,
        StatusCode::SERVICE_UNAVAILABLE => Said::Unsure,
        other => Said::Odd(other.as_u16()),
    }
}

/// What an answer without tokens means. `refusal`: the status and the words of a refusal that is meant to be.
fn outcome(heard: Option<&Seen>, refusal: Option<(StatusCode, &str)>) -> (Outcome, Option<String>) {
    let Some(seen) = heard else { return (Outcome::Lost, None) };
    let note = || Some(seen.body.chars().take(200).collect());
    let is_refusal = refusal.is_some_and(|(status, words)| seen.status == status && seen.body.contains(words));
    // A receipt says it in words, too; other answers have no such word.
    let is_said = field(seen, "status").is_none_or(|status| ["confirmed", "unlocked"].contains(&status.as_str()));
    match seen.status {
        StatusCode::OK if is_said => (Outcome::Confirmed, field(seen, "incident_id")),
        _ if is_refusal => (Outcome::Refused, note()),
        _ if is_unsure(seen) => (Outcome::Unconfirmed, note()),
        // A Redis that lost its counts leaves a minute in which a caller has one at a time, however high the limits are.
        StatusCode::TOO_MANY_REQUESTS => (Outcome::Unconfirmed, Some(LIMITED.to_owned())),
        other => (Outcome::Odd(other.as_u16()), note()),
    }
}

/// The answer of the token endpoint to whoever uses what is old or over.
const INVALID_GRANT: Option<(StatusCode, &str)> = Some((StatusCode::BAD_REQUEST, "invalid_grant"));

impl Me {
    /// Sends what changes something and writes it down; what came of it.
    pub(super) async fn send(
        &mut self,
        (node, verb): (usize, Verb),
        request: RequestBuilder,
        refusal: Option<(StatusCode, &str)>,
    ) -> Outcome {
        let open = self.work.recorder.begin(self.number, node, verb);
        let seen = hear(request, CALL_LIMIT).await;
        let (came, why) = outcome(seen.as_ref(), refusal);
        self.work.recorder.end(open, came, Came { note: why, ..Came::default() });
        came
    }

    /// A refresh: the next pair, or what came of it.
    pub(super) async fn refresh(&self, node: usize, of: (u32, u64), text: &str) -> Result<Handed, Outcome> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", text)];
        let request = self.work.site.form(node, "/oauth/token", &form);
        let verb = Verb::Refresh { session: of.0, generation: of.1 };
        let open = self.work.recorder.begin(self.number, node, verb);
        let seen = hear(request, CALL_LIMIT).await;
        let (came, why) = outcome(seen.as_ref(), INVALID_GRANT);
        let handed =
            seen.filter(|_| came == Outcome::Confirmed).and_then(|seen| self.work.read(&Pair::of(&seen), None));
        let gave = handed.as_ref().map(|handed| (handed.access.token, handed.refresh.token));
        self.work.recorder.end(open, came, Came { gave, note: why });
        handed.ok_or(came)
    }

    /// A code for a pair.
    pub(super) async fn exchange(&self, node: usize, code: &str, born: Born) -> Option<Handed> {
        let form =
            [("grant_type", "authorization_code"), ("code", code), ("code_verifier", crate::support::flow::VERIFIER)];
        let request = self.work.site.form(node, "/oauth/token", &form);
        let open = self.work.recorder.begin(self.number, node, Verb::Exchange { customer: born.customer });
        let seen = hear(request, CALL_LIMIT).await;
        let (came, why) = outcome(seen.as_ref(), INVALID_GRANT);
        let is_done = |_: &Seen| came == Outcome::Confirmed;
        let handed = seen.filter(is_done).and_then(|seen| self.work.read(&Pair::of(&seen), Some(born)));
        let gave = handed.as_ref().map(|handed| (handed.access.token, handed.refresh.token));
        self.work.recorder.end(open, came, Came { gave, note: why });
        handed
    }

    /// The app takes back one of its tokens.
    pub(super) async fn take_back(&mut self, node: usize, verb: Verb, text: &str) -> Outcome {
        let request = self.work.site.form(node, "/oauth/revoke", &[("token", text)]);
        self.send((node, verb), request, None).await
    }

    /// An order of a desk; nothing is sent if the desk is not let in now.
    pub(super) async fn order(
        &mut self,
        (node, verb): (usize, Verb),
        desk: &'static str,
        to: (Method, &str),
    ) -> Option<Outcome> {
        let request = self.work.site.order(node, desk, to).await?;
        Some(self.send((node, verb), request, Some((StatusCode::CONFLICT, "not locked"))).await)
    }

    /// Sessions are there to be asked about and used by everybody.
    pub(super) fn hold(&self, all: Vec<Held>) {
        let mut pool = self.work.pool();
        for held in all {
            held.access.iter().for_each(|token| pool.handed(token.clone()));
            pool.hold(held);
        }
    }
}
