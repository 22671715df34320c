//! The plainest question there is, read where it lies: one `Authorization` header, and a short form of a token that has
//! arrived whole. Nothing is refused here: whatever is not as plain as that is for the strict reading of [`super::body`],
//! which reads a genuine token the same.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use rocket::Request;
use rocket::data::Data;

use super::body::is_utf8_form;

/// Longest form that is read here: as much as can be looked at before it is taken.
const MOST: usize = 512;

/// What headers say of a plain question.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'r> {
    /// The one `Authorization` header.
    pub authorization: &'r str,
    /// How long the form is announced to be.
    length: usize,
}

impl<'r> Plain<'r> {
    /// The headers, if they announce a plain question. One pass: looking a name up hashes it letter by letter.
    #[must_use]
    pub fn of(request: &'r Request<'_>) -> Option<Self> {
        if request.uri().query().is_some() || !request.content_type().is_some_and(is_utf8_form) {
            return None;
        }
        let (mut authorization, mut length) = (None, None);
        for header in request.headers().iter() {
            let Cow::Borrowed(value) = header.value else { return None };
            match header.name.as_str() {
                name if is(name, "authorization") && authorization.is_none() => authorization = Some(value),
                name if is(name, "content-length") && length.is_none() => length = Some(value),
                name if ["authorization", "content-length", "transfer-encoding"].iter().any(|odd| is(name, odd)) => {
                    return None;
                }
                _ => {}
            }
        }
        let length = length?.parse().ok().filter(|length| (1..=MOST).contains(length))?;
        Some(Self { authorization: authorization?, length })
    }

    /// What stands in the place of the token, if the form is all here and no longer or shorter than announced. As it was
    /// sent: a genuine token is spelt with letters and digits that need no escape, and anything else is none.
    pub async fn token<'d>(&self, data: &'d mut Data<'_>) -> Option<&'d str> {
        {
            let mut arrival = pin!(data.peek(MOST));
            // What is not here yet is waited for where that has an end.
            poll_fn(|context| Poll::Ready(arrival.as_mut().poll(context).is_ready())).await.then_some(())?;
        }
        let is_whole = data.peek_complete();
        let form = Some(data.peek(MOST).await).filter(|form| is_whole && form.len() == self.length)?;
        let token = form.strip_prefix(b"token=")?;
        let token = token.strip_suffix(b"&token_type_hint=access_token").unwrap_or(token);
        std::str::from_utf8(token).ok()
    }
}

fn is(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}
