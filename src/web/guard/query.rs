//! The query of a page, read as strictly as a form: what is sent twice or broken is a 400.

use rocket::Request;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};

use super::pairs::{Malformed, Pairs};

/// The pairs after `?`.
#[derive(Debug)]
pub struct Query(pub Pairs);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Query {
    type Error = Malformed;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Malformed> {
        match Pairs::parse(request.uri().query().map_or("", |query| query.as_str())) {
            Ok(pairs) => Outcome::Success(Self(pairs)),
            Err(why) => Outcome::Error((Status::BadRequest, why)),
        }
    }
}
