//! Judging a bearer token at our own resources: an access token whose audience is the issuer.

use super::Fault;
use super::found::{self, Standing};
use crate::app::App;
use crate::model::ids::ClientId;
use crate::model::scope::Scope;
use crate::model::session::{Record, SubjectKind};
use crate::policy::verdict::{Verdict, judge};
use crate::secret::seal::{Kind, Reference};
use crate::store::sessions;

/// A machine whose token is good.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// Which client.
    pub client_id: ClientId,
    /// What its token allows.
    pub scope: Scope,
}

/// What somebody with a token wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// To be told something.
    Read,
    /// To take something back, or to lift that.
    Order,
}

/// The client behind a token that is good here, or `None`. Found as a check finds it, and where a check gets 503, a read does; but
/// whoever gives an order does not wait for a lease: without one the truth alone says who they are. It may be that of a
/// server that was the primary once; what is ordered there is not confirmed, but what is read there would be told.
pub async fn identify(app: &App, token: &str, wants: Wants) -> Result<Option<Bearer>, Fault> {
    let Some(reference) = app.secrets.sealer.open(Kind::Access, token) else { return Ok(None) };
    let serial = i64::try_from(reference.serial).unwrap_or(-1);
    match found::find(app, &reference, serial).await {
        Ok(Some(found)) => match found.standing(app, serial) {
            Standing::Good(_) => return Ok(good_here(app, found.record(), &reference)),
            Standing::Dead => return Ok(None),
            Standing::Unknown => {}
        },
        Ok(None) => return Ok(None),
        Err(Fault::NotFresh | Fault::Crowded) if wants == Wants::Order => {}
        Err(fault) => return Err(fault),
    }
    if wants == Wants::Read {
        return Err(Fault::NotFresh);
    }
    let record = sessions::find_record(&mut app.db.read_ahead().await?, reference.session, serial).await?;
    Ok(record.and_then(|record| good_here(app, &record, &reference)))
}

/// The client of a record, if the token is alive, a machine's, and meant for us.
fn good_here(app: &App, record: &Record, token: &Reference) -> Option<Bearer> {
    let verdict = judge(record, token.expires_at, Some(token.shape), app.clock.now());
    let session = &record.session;
    let shape = session.shapes.get(usize::from(token.shape));
    let ours = shape.filter(|shape| shape.audience.contains(&app.settings.issuer))?;
    match (verdict, session.subject_kind) {
        (Verdict::Alive(_), SubjectKind::Service) => {
            Some(Bearer { client_id: session.client_id.clone(), scope: ours.scope.clone() })
        }
        (Verdict::Alive(_) | Verdict::Dead, SubjectKind::Service | SubjectKind::Customer) => None,
    }
}
