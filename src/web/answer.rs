//! What a route for people answers with, whoever they are: a page, the way on, or nothing.

use rocket::Responder;
use rocket::http::Header;
use rocket::response::Redirect;

use super::envelope::Empty;
use super::page::Page;

/// A page, or where to go on.
#[derive(Responder)]
pub enum Answer {
    /// The page.
    Page(Box<Page>),
    /// On.
    Redirect(Box<Redirect>),
    /// Nothing happens on HEAD.
    Empty(Empty),
}

impl Answer {
    /// A page.
    #[must_use]
    pub fn page(page: Page) -> Self {
        Self::Page(Box::new(page))
    }

    /// On, by 303.
    #[must_use]
    pub fn to(uri: impl Into<String>) -> Self {
        Self::Redirect(Box::new(Redirect::to(uri.into())))
    }
}

/// Signed out: on, and the browser forgets what it kept.
#[derive(Responder)]
pub struct SignedOut {
    inner: Redirect,
    clear: Header<'static>,
}

impl SignedOut {
    /// On to the page that says so.
    #[must_use]
    pub fn to(page: &'static str) -> Self {
        Self { inner: Redirect::to(page), clear: Header::new("Clear-Site-Data", "\"cache\"") }
    }
}
