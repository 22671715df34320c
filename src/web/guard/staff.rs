//! Staff at the console: who they are, what their role may do, and forms that are theirs. The session is read from the
//! truth once per request; every route asks [`Staff::may`].

use rocket::data::{Data, FromData};
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::{Request, data};
use uuid::Uuid;

use super::body::{Form, count};
use super::cookies::{self, Cookies};
use super::info::RequestInfo;
use super::pairs::Pairs;
use super::refusal::Why;
use super::same_origin::is_own;
use crate::app::App;
use crate::metrics::label::FormRefusal;
use crate::model::actor::{Actor, Who};
use crate::model::ids::StaffId;
use crate::model::staff::Role;
use crate::policy::roles::{Deed, may};
use crate::service::{Fault, staff_session};

/// A member of staff who is signed in.
#[derive(Clone, Debug)]
pub struct Staff {
    /// They, from where, in which request.
    pub actor: Actor,
    /// Their user name.
    pub username: StaffId,
    /// What they are.
    pub role: Role,
    /// Their session, which binds their forms.
    pub session_id: Uuid,
    /// The anti-forgery token of their forms.
    pub csrf: String,
}

/// A role that may not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MayNot(pub Role);

impl Staff {
    /// The actor, if their role may do it.
    pub fn may(&self, deed: Deed) -> Result<&Actor, MayNot> {
        if may(self.role, deed) { Ok(&self.actor) } else { Err(MayNot(self.role)) }
    }

    /// Who the request was found to be from, once the guard has run.
    #[must_use]
    pub fn of<'r>(request: &'r Request<'_>) -> Option<&'r Self> {
        request.local_cache(|| Known(None)).0.as_ref()
    }
}

/// The guard's finding, for the error pages and the audit trail.
struct Known(Option<Staff>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Staff {
    type Error = &'static str;

    /// 401: not signed in, which the console's catcher turns into the sign-in page. 503: nobody can say.
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        match find(request).await {
            Ok(Some(staff)) => {
                request.local_cache(|| Known(Some(staff.clone())));
                Outcome::Success(staff)
            }
            Ok(None) => {
                Why::note(request, "not signed in");
                Outcome::Error((Status::Unauthorized, "not signed in"))
            }
            Err(fault) => {
                tracing::error!(error = %fault, "a member of staff could not be recognised");
                Outcome::Error((Status::ServiceUnavailable, "unavailable"))
            }
        }
    }
}

async fn find(request: &Request<'_>) -> Result<Option<Staff>, Fault> {
    let Some(app) = request.rocket().state::<std::sync::Arc<App>>() else { return Ok(None) };
    let Outcome::Success(info) = request.guard::<RequestInfo>().await else { return Ok(None) };
    let found = staff_session::find(app, cookies::get(&Cookies::of(request), cookies::CONSOLE)).await?;
    Ok(found.map(|record| {
        let session = record.session;
        Staff {
            actor: info.actor.as_who(Who::Staff(session.username.clone())),
            username: session.username,
            role: record.role,
            session_id: session.staff_session_id,
            csrf: app.secrets.csrf.token(&session.staff_session_id),
        }
    }))
}

/// The session a sign-in in the same browser replaces.
pub async fn earlier(app: &App, jar: &Cookies<'_>) -> Result<Option<Uuid>, Fault> {
    let found = staff_session::find(app, cookies::get(jar, cookies::CONSOLE)).await?;
    Ok(found.map(|record| record.session.staff_session_id))
}

/// A form of the console: sent by our own page, to the member of staff it was shown to. Routes that take one take
/// [`Staff`] before it.
#[derive(Debug)]
pub struct StaffForm(pub Pairs);

#[rocket::async_trait]
impl<'r> FromData<'r> for StaffForm {
    type Error = &'static str;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        if !is_own(request) {
            count(request, FormRefusal::ForeignOrigin);
            return forbidden(request, "foreign origin");
        }
        let pairs = match Form::from_data(request, data).await {
            data::Outcome::Success(form) => form.0,
            data::Outcome::Error(error) => return data::Outcome::Error(error),
            data::Outcome::Forward((data, status)) => return data::Outcome::Forward((data, status)),
        };
        let (app, staff) = (request.rocket().state::<std::sync::Arc<App>>(), Staff::of(request));
        let genuine = app.zip(staff).zip(pairs.get("csrf_token"));
        if genuine.is_some_and(|((app, staff), sent)| app.secrets.csrf.is_genuine(&staff.session_id, sent)) {
            return data::Outcome::Success(Self(pairs));
        }
        count(request, FormRefusal::Forged);
        forbidden(request, "wrong anti-forgery token")
    }
}

fn forbidden<'r>(request: &Request<'_>, why: &'static str) -> data::Outcome<'r, StaffForm> {
    Why::note(request, why);
    data::Outcome::Error((Status::Forbidden, why))
}
