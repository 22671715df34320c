//! HTML pages: how one is rendered, with a content security policy of its own, and the table of page errors.

use askama::Template;
use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::{Request, Response};

use super::Shared;
use super::arrival::Arrival;
use crate::app::App;
use crate::limits::Wait;
use crate::metrics::label::FormRefusal;
use crate::model::color::Color;
use crate::policy::contrast::words_on;
use crate::secret::random;
use crate::service::Fault;

/// A client's colour on a page: fills the main button and a line above the page. Our words never stand on anything else of it.
#[derive(Clone, Copy, Debug)]
pub struct Accent {
    /// The client's.
    pub fill: Color,
    /// Of the words on it: chosen by us, so that they can be read.
    pub words: Color,
}

/// What every page's layout needs.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The bank's name.
    pub bank: String,
    /// For the one stylesheet.
    pub nonce: String,
    /// Changes with every release, so that no old stylesheet is kept.
    pub version: &'static str,
    /// The zone of the times on the page.
    pub zone: String,
    /// The number people call for help.
    pub support_phone: Option<String>,
    /// The colour of the client the page is for.
    pub accent: Option<Accent>,
}

impl Frame {
    /// A frame for one response.
    #[must_use]
    pub fn new(app: &App) -> Self {
        let settings = &app.settings;
        Self {
            bank: settings.name.clone(),
            zone: settings.time_zone.to_string(),
            support_phone: settings.support_phone.clone(),
            ..Self::bare()
        }
    }

    /// In a client's colour, if it has one.
    #[must_use]
    pub fn accented(self, color: Option<Color>) -> Self {
        Self { accent: color.map(|fill| Accent { fill, words: words_on(fill) }), ..self }
    }

    /// The number people call, as telephones take it.
    #[must_use]
    pub fn dial(&self) -> String {
        let typed = self.support_phone.as_deref().unwrap_or_default();
        typed.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
    }

    /// For an answer that has no app to ask.
    pub(super) fn bare() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let (bank, nonce) = ("Rescind".to_owned(), random::letters(22));
        Self { bank, nonce, version, zone: String::new(), support_phone: None, accent: None }
    }
}

/// A rendered page.
#[derive(Debug)]
pub struct Page {
    status: Status,
    html: String,
    nonce: String,
    form_action: Option<String>,
    retry_after: Option<u64>,
    accept_ch: Option<&'static str>,
}

impl Page {
    /// Renders a page with the frame it was given.
    pub fn render(frame: &Frame, template: &impl Template) -> Result<Self, PageError> {
        let html = template.render().map_err(|_| PageError::server_error())?;
        Ok(Self {
            status: Status::Ok,
            html,
            nonce: frame.nonce.clone(),
            form_action: None,
            retry_after: None,
            accept_ch: None,
        })
    }

    /// With another status.
    #[must_use]
    pub fn with_status(self, status: Status) -> Self {
        Self { status, ..self }
    }

    /// Whose forms end, by redirect, at a client (a CSP source).
    #[must_use]
    pub fn leading_to(self, source: Option<String>) -> Self {
        Self { form_action: source, ..self }
    }

    /// With the seconds to wait, if there are any.
    #[must_use]
    pub fn retrying(self, seconds: Option<u64>) -> Self {
        Self { retry_after: seconds, ..self }
    }

    /// With the seconds to wait.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Asking the browser for hints about the device (`Accept-CH`) with what it sends next.
    #[must_use]
    pub fn asking_for(self, hints: &'static str) -> Self {
        Self { accept_ch: Some(hints), ..self }
    }

    fn policy(&self) -> String {
        let nonce = &self.nonce;
        let target = self.form_action.as_ref().map(|source| format!(" {source}")).unwrap_or_default();
        format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self'; \
             form-action 'self'{target}; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
        )
    }
}

impl<'r> Responder<'r, 'static> for Page {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let policy = self.policy();
        let mut response = Response::build()
            .status(self.status)
            .header(ContentType::HTML)
            .header(Header::new("Content-Security-Policy", policy))
            .header(Header::new("Cache-Control", "no-store"))
            .sized_body(self.html.len(), std::io::Cursor::new(self.html))
            .finalize();
        if let Some(seconds) = self.retry_after {
            response.set_header(Header::new("Retry-After", seconds.to_string()));
        }
        if let Some(hints) = self.accept_ch {
            response.set_header(Header::new("Accept-CH", hints));
        }
        Ok(response)
    }
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "notice.html")]
struct Notice {
    frame: Frame,
    title: String,
    words: String,
    next: Option<(String, String)>,
    request_id: String,
}

/// An error as a person reads it. Never a redirect, never what went wrong inside.
#[derive(Clone, Debug)]
pub struct PageError {
    status: Status,
    title: &'static str,
    words: String,
    next: Option<(String, String)>,
    retry_after: Option<u64>,
}

impl PageError {
    /// An error of one audience, in its own words.
    pub(super) fn new(status: Status, title: &'static str, words: impl Into<String>) -> Self {
        Self { status, title, words: words.into(), next: None, retry_after: None }
    }

    /// With a link that leads on.
    #[must_use]
    pub(super) fn leading_to(self, address: &str, label: &str) -> Self {
        Self { next: Some((address.to_owned(), label.to_owned())), ..self }
    }

    /// With the seconds to wait, if there are any.
    #[must_use]
    pub(super) fn retrying(self, seconds: Option<u64>) -> Self {
        Self { retry_after: seconds, ..self }
    }

    /// Its status.
    #[must_use]
    pub(super) fn status(&self) -> Status {
        self.status
    }

    /// 404: the console is not shown to strangers.
    #[must_use]
    pub(super) fn console_off() -> Self {
        let words = "The console is only shown inside the bank's own network.";
        Self::new(Status::NotFound, "There is nothing here", words)
    }

    /// 400, with a reason of ours.
    #[must_use]
    pub fn bad_request(words: &str) -> Self {
        let words = format!("{words} Please go back to the application and try again.");
        Self::new(Status::BadRequest, "This link does not work", words)
    }

    /// 400: parameters are doubled or broken.
    #[must_use]
    pub fn malformed() -> Self {
        Self::bad_request("The link is damaged.")
    }

    /// 400: the sign-in was begun too long ago, elsewhere, or is over.
    #[must_use]
    pub fn stale() -> Self {
        let words =
            "This sign-in has ended or was begun in another window. Please go back to the application and begin again.";
        Self::new(Status::BadRequest, "Please begin again", words)
    }

    /// 403: the form did not come from our page.
    #[must_use]
    pub fn foreign_form() -> Self {
        Self::new(
            Status::Forbidden,
            "Nothing was changed",
            "That form did not come from this site. Please go back and try again.",
        )
    }

    /// 429.
    #[must_use]
    pub fn too_many(wait: &Wait) -> Self {
        let error = Self::new(Status::TooManyRequests, "Please wait a moment", waiting(wait.seconds()));
        Self { retry_after: Some(wait.seconds()), ..error }
    }

    fn server_error() -> Self {
        Self::new(
            Status::InternalServerError,
            "Something went wrong",
            "That is our fault. Please try again in a moment.",
        )
    }

    fn unavailable() -> Self {
        let words = "We cannot do this for certain right now. Nothing is lost. Please try again in a moment.";
        Self { retry_after: Some(1), ..Self::new(Status::ServiceUnavailable, "Please try again", words) }
    }

    /// The page for a status that has none of its own.
    #[must_use]
    pub fn of_status(status: Status) -> Self {
        match status.code {
            400 | 411 | 415 => Self::new(
                Status::new(status.code),
                "That did not work",
                "The request was damaged. Please go back and try again.",
            ),
            403 => Self::foreign_form(),
            404 => Self::new(status, "There is nothing here", "The page does not exist or has moved."),
            405 => Self::new(status, "That did not work", "This page cannot be used that way."),
            408 => Self::new(status, "That took too long", "The request did not arrive in time. Please try again."),
            413 => Self::new(status, "That was too much", "The request was too large."),
            503 => Self::unavailable(),
            _ => Self::server_error(),
        }
    }
}

/// Words for a wait.
#[must_use]
pub fn waiting(seconds: u64) -> String {
    let wait = match seconds {
        0..=1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        91..=3600 => format!("{} minutes", seconds.div_ceil(60)),
        _ => {
            return "There were too many tries. Signing in this way is switched off until you contact customer service."
                .to_owned();
        }
    };
    format!("There were too many tries. Please wait {wait} and try again.")
}

impl From<Fault> for PageError {
    fn from(fault: Fault) -> Self {
        tracing::error!(error = %fault, "a page could not be shown");
        Self::unavailable()
    }
}

impl<'r> Responder<'r, 'static> for PageError {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let frame = request.rocket().state::<std::sync::Arc<App>>().map_or_else(Frame::bare, |app| Frame::new(app));
        let request_id = Arrival::of(request).id.clone();
        let notice = Notice { frame, title: self.title.to_owned(), words: self.words, next: self.next, request_id };
        let page = Page::render(&notice.frame, &notice).map_err(|_| Status::InternalServerError)?;
        let page = page.with_status(self.status);
        match self.retry_after {
            Some(seconds) => page.retry_after(seconds),
            None => page,
        }
        .respond_to(request)
    }
}

/// The client a page's forms end at, as a CSP source.
#[must_use]
pub fn leads_to(login: &crate::model::login::Login) -> Option<String> {
    login.request.as_ref().map(|request| crate::policy::redirect::form_action(&request.redirect_uri))
}

/// The anti-forgery token of a form, bound to an id in the browser's cookie.
#[must_use]
pub fn csrf(app: &Shared, id: &uuid::Uuid) -> String {
    app.secrets.csrf.token(id)
}

/// Whether a form's anti-forgery token is the one of this id.
pub fn check_csrf(app: &Shared, id: &uuid::Uuid, sent: Option<&str>) -> Result<(), PageError> {
    let genuine = sent.is_some_and(|token| app.secrets.csrf.is_genuine(id, token));
    if genuine {
        return Ok(());
    }
    app.metrics.refused_form(FormRefusal::Forged);
    Err(PageError::foreign_form())
}
