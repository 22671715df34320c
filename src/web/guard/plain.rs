//! The plainest requests there are, read where they lie: one `Authorization` header, and a short form that has arrived
//! whole, of a token that is asked about or of what a machine wants a token for. Nothing is refused here: whatever is not as
//! plain as that is for the strict reading of [`super::body`], which reads these the same.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use rocket::Request;
use rocket::data::Data;

use super::body::is_utf8_form;
use super::pairs::Pairs;
use crate::service::introspect::Question;

/// Longest form that is read here: as much as can be looked at before it is taken.
const MOST: usize = 512;

/// Headers of no plain request; of the first three, a second one.
const ODD: [&str; 5] = ["authorization", "content-length", "content-type", "transfer-encoding", "content-encoding"];

/// What headers say of a plain question.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'r> {
    /// The one `Authorization` header.
    pub authorization: &'r str,
    /// Whether a script of another origin sent it, who may have to be told that it may read the answer.
    pub is_of_a_script: bool,
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
        let (mut authorization, mut length, mut is_of_a_script, mut types) = (None, None, false, 0);
        for header in request.headers().iter() {
            let Cow::Borrowed(value) = header.value else { return None };
            match header.name.as_str() {
                name if is(name, "authorization") && authorization.is_none() => authorization = Some(value),
                name if is(name, "content-length") && length.is_none() => length = Some(value),
                name if is(name, "content-type") && types == 0 => types = 1,
                name if ODD.iter().any(|odd| is(name, odd)) => return None,
                name => is_of_a_script |= is(name, "origin"),
            }
        }
        let length = length?.parse().ok().filter(|length| (1..=MOST).contains(length))?;
        Some(Self { authorization: authorization?, is_of_a_script, length })
    }

    /// What stands in the place of the token, and the address told with it, if the form is all here and no longer or shorter than
    /// announced. As it was sent: a genuine token is spelt with letters and digits that need no escape, and anything else is none.
    pub async fn question<'d>(&self, data: &'d mut Data<'_>) -> Option<Question<'d>> {
        question(self.form(data).await?)
    }

    /// What a machine asks for that wants a token of its own, if the form says nothing else.
    pub async fn machine(&self, data: &mut Data<'_>) -> Option<Pairs> {
        machine(self.form(data).await?)
    }

    /// The form as it was sent, if it is all here.
    async fn form<'d>(&self, data: &'d mut Data<'_>) -> Option<&'d str> {
        {
            let mut arrival = pin!(data.peek(MOST));
            // What is not here yet is waited for where that has an end.
            poll_fn(|context| Poll::Ready(arrival.as_mut().poll(context).is_ready())).await.then_some(())?;
        }
        let is_whole = data.peek_complete();
        let form = Some(data.peek(MOST).await).filter(|form| is_whole && form.len() == self.length)?;
        std::str::from_utf8(form).ok()
    }
}

pub(super) fn question(form: &str) -> Option<Question<'_>> {
    let mut pairs = form.strip_prefix("token=")?.split('&');
    let (mut question, mut is_hinted) = (Question { token: pairs.next()?, from: None }, false);
    for pair in pairs {
        match pair.split_once('=')? {
            ("token_type_hint", "access_token") if !is_hinted => is_hinted = true,
            ("client_ip", ip) if question.from.is_none() => question.from = Some(ip.parse().ok()?),
            _ => return None,
        }
    }
    Some(question)
}

fn machine(form: &str) -> Option<Pairs> {
    if !form.starts_with("grant_type=client_credentials") {
        return None;
    }
    let pairs = Pairs::parse(form).ok()?;
    let is_plain = pairs.names().all(|name| ["grant_type", "scope", "resource"].contains(&name));
    (is_plain && pairs.get("grant_type") == Some("client_credentials")).then_some(pairs)
}

fn is(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is asked at once is asked the same on the long way.
        #[test]
        fn what_is_read_where_it_lies_is_what_the_strict_reading_reads(
            form in prop_oneof![
                "token=[a-z0-9_%+]{0,8}(&(token_type_hint=(access_token|x)|client_ip=[0-9a-f:.%]{0,9}|token=x|[a-z=%]{0,9})){0,3}",
                ".{0,60}",
            ],
        ) {
            crate::web::guard::outside::pairs(&form);
        }

        #[test]
        fn a_machine_that_says_anything_else_goes_the_long_way(
            form in "grant_type=client_credentials(&(scope|resource|client_id|client_secret|grant_type)=[a-z%+0-9]{0,6}){0,3}",
        ) {
            if let Some(pairs) = machine(&form) {
                prop_assert!(pairs.names().all(|name| ["grant_type", "scope", "resource"].contains(&name)));
                prop_assert_eq!(pairs.get("grant_type"), Some("client_credentials"));
            } else {
                let says_more = ["client_id", "client_secret"].iter().any(|name| form.contains(name));
                prop_assert!(says_more || Pairs::parse(&form).is_err(), "{}", form);
            }
        }
    }
}
