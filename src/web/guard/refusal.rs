//! Why a request was refused, noted where it is known, for whoever writes refusals down.

use rocket::Request;

/// A few words of ours. The first note counts.
#[derive(Clone, Copy, Debug)]
pub struct Why(&'static str);

impl Why {
    /// Notes it.
    pub fn note(request: &Request<'_>, words: &'static str) {
        request.local_cache(|| Self(words));
    }

    /// What was noted.
    #[must_use]
    pub fn of(request: &Request<'_>) -> &'static str {
        request.local_cache(|| Self("refused")).0
    }
}
