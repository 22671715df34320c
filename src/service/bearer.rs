//! Judging a bearer token at our own resources: an access token whose audience is the issuer, read from the truth.

use super::Fault;
use crate::app::App;
use crate::model::ids::ClientId;
use crate::model::scope::Scope;
use crate::model::session::SubjectKind;
use crate::policy::verdict::{Verdict, judge};
use crate::secret::seal::Kind;
use crate::store::sessions;

/// A machine whose token is good.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// Which client.
    pub client_id: ClientId,
    /// What its token allows.
    pub scope: Scope,
}

/// The client behind a token that is good here, or `None`.
pub async fn identify(app: &App, token: &str) -> Result<Option<Bearer>, Fault> {
    let Some(reference) = app.secrets.sealer.open(Kind::Access, token) else { return Ok(None) };
    let serial = i64::try_from(reference.serial).unwrap_or(-1);
    let found = sessions::find_record(&mut app.db.read_ahead().await?, reference.session, serial).await?;
    let Some(record) = found else { return Ok(None) };
    let verdict = judge(&record, reference.expires_at, Some(reference.shape), app.clock.now());
    let session = record.session;
    let shape = session.shapes.get(usize::from(reference.shape));
    let ours = shape.filter(|shape| shape.audience.contains(&app.settings.issuer));
    Ok(match (verdict, session.subject_kind, ours) {
        (Verdict::Alive(_), SubjectKind::Service, Some(shape)) => {
            Some(Bearer { client_id: session.client_id, scope: shape.scope.clone() })
        }
        (Verdict::Alive(_) | Verdict::Dead, SubjectKind::Service | SubjectKind::Customer, _) => None,
    })
}
