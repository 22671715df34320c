//! A request as it arrived, before routing changed anything about it.

use rocket::Request;
use rocket::http::Method;

use super::draining::Begun;
use crate::clock::Stopwatch;
use crate::secret::random;

/// Facts about a request that routing may change, kept as it arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The method as sent: HEAD is routed as GET.
    pub method: Method,
    /// The id of the request: the caller's if it is harmless, else ours.
    pub id: String,
    /// The path as sent.
    pub path: String,
    /// Running since the request arrived.
    pub watch: Option<Stopwatch>,
    /// Until the answer is out.
    pub begun: Option<Begun>,
}

impl Arrival {
    /// The arrival of a request; made by the fairing.
    pub fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| Self {
            method: request.method(),
            id: random::letters(16),
            path: request.uri().path().as_str().to_owned(),
            watch: None,
            begun: None,
        })
    }
}
