//! What monitoring reads. At the main address it answers this machine alone; at an address of its own, whoever reaches that.

use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::Responder;
use rocket::{Request, Response, get};

use super::super::Shared;
use crate::app::App;
use crate::metrics::page::MEDIA_TYPE;
use crate::service::measures;
use crate::web::guard::info::RequestInfo;

/// Who may read the measures at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Programs on this machine that ask directly.
    Local,
    /// Nobody: there is another address for it.
    Nobody,
    /// Whoever reaches it.
    Everybody,
}

impl Readers {
    /// At the main address.
    #[must_use]
    pub fn of_main(app: &App) -> Self {
        if app.settings.metrics_address.is_some() { Self::Nobody } else { Self::Local }
    }

    fn let_in(self, request: &Request<'_>, app: &App) -> bool {
        match self {
            Self::Local => RequestInfo::certain_address(request, app).is_some_and(|from| from.is_loopback()),
            Self::Nobody => false,
            Self::Everybody => true,
        }
    }
}

/// The caller may read the measures. Others are told that there is nothing.
pub struct Reader;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Reader {
    type Error = &'static str;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let readers = request.rocket().state::<Readers>();
        let app = request.rocket().state::<std::sync::Arc<App>>();
        match readers.zip(app) {
            Some((readers, app)) if readers.let_in(request, app) => Outcome::Success(Self),
            Some(_) | None => Outcome::Error((Status::NotFound, "not for this caller")),
        }
    }
}

/// The measures' text.
pub struct OpenMetrics(String);

impl<'r> Responder<'r, 'static> for OpenMetrics {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let body = std::io::Cursor::new(self.0);
        Response::build().header(Header::new("Content-Type", MEDIA_TYPE)).sized_body(None, body).ok()
    }
}

/// Everything that is measured. Reads no database.
#[get("/metrics")]
pub fn metrics(app: &Shared, _reader: Reader) -> Result<OpenMetrics, Status> {
    measures::read(app).map(OpenMetrics).map_err(|error| {
        tracing::error!(%error, "the measures could not be written");
        Status::InternalServerError
    })
}
