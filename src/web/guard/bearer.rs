//! Machines that call our own API with a bearer token of ours (RFC 6750).

use rocket::Request;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};

use super::info::RequestInfo;
use super::pairs::Pairs;
use crate::app::App;
use crate::limits::{Rule, Wait};
use crate::model::actor::{Actor, Who};
use crate::model::ids::ClientId;
use crate::model::scope::Scope;
use crate::service::allowance;
use crate::service::bearer::{self, Bearer, Wants};

/// A machine whose token is good; what it may do is asked for by each route.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The client, from where, in which request.
    pub actor: Actor,
    scope: Scope,
}

/// Why a machine is turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turned {
    /// No credentials at all.
    Nothing,
    /// Two ways at once, or malformed.
    Malformed,
    /// A bad token.
    Invalid,
    /// Too little scope: this one is needed.
    Scope(&'static str),
    /// Too many requests.
    TooMany(Wait),
    /// We can't say.
    Unavailable,
}

impl Machine {
    /// The actor, if the machine has a scope.
    pub fn may(&self, scope: &'static str) -> Result<&Actor, Turned> {
        if self.scope.has(scope) { Ok(&self.actor) } else { Err(Turned::Scope(scope)) }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Machine {
    type Error = Turned;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Turned> {
        match identify(request).await {
            Ok(machine) => Outcome::Success(machine),
            Err(turned) => {
                request.local_cache(|| Some(turned.clone()));
                Outcome::Error((status(&turned), turned))
            }
        }
    }
}

fn status(turned: &Turned) -> Status {
    match turned {
        Turned::Nothing | Turned::Invalid => Status::Unauthorized,
        Turned::Malformed => Status::BadRequest,
        Turned::Scope(_) => Status::Forbidden,
        Turned::TooMany(_) => Status::TooManyRequests,
        Turned::Unavailable => Status::ServiceUnavailable,
    }
}

async fn identify(request: &Request<'_>) -> Result<Machine, Turned> {
    let app = request.rocket().state::<std::sync::Arc<App>>().ok_or(Turned::Unavailable)?;
    let sent: Vec<&str> = request.headers().get("Authorization").collect();
    let header = match sent.as_slice() {
        [] => return Err(Turned::Nothing),
        [one] => *one,
        _ => return Err(Turned::Malformed),
    };
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Turned::Nothing);
    }
    let token = token.trim();
    if token.is_empty() || token.contains(' ') {
        return Err(Turned::Malformed);
    }
    let query = Pairs::parse(request.uri().query().map_or("", |q| q.as_str())).map_err(|_| Turned::Malformed)?;
    if query.has("access_token") {
        return Err(Turned::Malformed);
    }
    let info = request.guard::<RequestInfo>().await.succeeded().ok_or(Turned::Unavailable)?;
    match bearer::identify(app, token, wants(request)).await {
        Ok(Some(Bearer { client_id, scope })) => {
            let actor = info.actor.as_who(Who::Client(client_id.clone()));
            limit(app, request, &actor, &client_id).await?;
            Ok(Machine { actor, scope })
        }
        Ok(None) => Err(Turned::Invalid),
        Err(error) => {
            tracing::error!(%error, "a bearer token could not be judged");
            Err(Turned::Unavailable)
        }
    }
}

fn wants(request: &Request<'_>) -> Wants {
    if request.method() == rocket::http::Method::Get { Wants::Read } else { Wants::Order }
}

/// Reads and revocations have budgets of their own: no flood of reads holds up a lockdown.
async fn limit(app: &App, request: &Request<'_>, actor: &Actor, client: &ClientId) -> Result<(), Turned> {
    let rule = match wants(request) {
        Wants::Read => Rule::MachineReadPerClient,
        Wants::Order => Rule::RevokePerClient,
    };
    allowance::take(app, actor, rule, client.as_str()).await.map_err(Turned::TooMany)
}
