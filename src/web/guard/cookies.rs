//! Our cookies: `__Host-` names, sealed references only. Those of people are Lax, because they arrive from other sites;
//! those of staff are Strict.

use std::convert::Infallible;

use rocket::Request;
use rocket::http::{Cookie, CookieJar, SameSite};
use rocket::request::{FromRequest, Outcome};

use crate::secret::text::SecretText;

/// The cookie of a signed-in person.
pub const SESSION: &str = "__Host-rescind_session";
/// The cookie of a sign-in in progress.
pub const LOGIN: &str = "__Host-rescind_login";
/// The cookie that recognises a browser.
pub const DEVICE: &str = "__Host-rescind_device";

/// The cookie of a member of staff signed in to the console.
pub const CONSOLE: &str = "__Host-rescind_console";
/// The cookie of the console's sign-in page while it is open.
pub const CONSOLE_LOGIN: &str = "__Host-rescind_console_login";
/// The cookie that recognises a browser of staff.
pub const CONSOLE_BROWSER: &str = "__Host-rescind_console_browser";

/// Cookies that no link from elsewhere may carry.
const STRICT: [&str; 3] = [CONSOLE, CONSOLE_LOGIN, CONSOLE_BROWSER];

/// The cookies that came with a request, as they were sent, and those that go with the answer.
#[derive(Debug)]
pub struct Cookies<'r> {
    lines: Vec<&'r str>,
    jar: &'r CookieJar<'r>,
}

impl<'r> Cookies<'r> {
    /// Those of a request.
    #[must_use]
    pub fn of(request: &'r Request<'_>) -> Self {
        Self { lines: request.headers().get("Cookie").collect(), jar: request.cookies() }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Cookies<'r> {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self::of(request))
    }
}

/// The value of a cookie.
#[must_use]
pub fn get<'r>(cookies: &Cookies<'r>, name: &str) -> Option<&'r str> {
    value(cookies.lines.iter().copied(), name)
}

/// What stands under a name that is spelt as we set it; nothing, if it came twice. Not read by the framework, which decodes
/// names and takes any Unicode space from their ends: a site beside ours may not set a `__Host-` name, but it may set `%5F_Host-`
/// for all of its domain, and browsers send that.
pub(super) fn value<'r>(lines: impl Iterator<Item = &'r str>, name: &str) -> Option<&'r str> {
    let pairs = lines.flat_map(|line| line.split(';')).map(|pair| pair.trim_matches([' ', '\t']));
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let only = values.next()?;
    values.next().is_none().then_some(only)
}

/// Sets a cookie; `days`: how long the browser keeps it, `None`: until it is closed.
pub fn set(cookies: &Cookies<'_>, name: &'static str, value: &SecretText, days: Option<i64>) {
    let mut cookie = made(name, value.expose().to_owned());
    if let Some(days) = days {
        cookie.set_max_age(rocket::time::Duration::days(days));
    }
    cookies.jar.add(cookie);
}

/// Takes a cookie back.
pub fn clear(cookies: &Cookies<'_>, name: &'static str) {
    cookies.jar.remove(made(name, String::new()));
}

pub(super) fn made(name: &'static str, value: String) -> Cookie<'static> {
    let same_site = if STRICT.contains(&name) { SameSite::Strict } else { SameSite::Lax };
    Cookie::build((name, value)).path("/").secure(true).http_only(true).same_site(same_site).build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'r>(lines: &[&'r str]) -> Option<&'r str> {
        value(lines.iter().copied(), SESSION)
    }

    proptest! {
        /// Cookies as browsers send them, in disguise, and anything.
        #[test]
        fn ui_01_what_is_read_is_what_was_set_and_stands_there_once(
            header in prop_oneof![
                "((__Host-|%5F_Host-|__%48ost-|\u{2003}__Host-|)rescind_(session|login|console|console_login)(=[a-z0-9_%\" =]{0,4})?(; |;|\n)){0,4}",
                ".{0,80}",
            ],
        ) {
            crate::web::guard::outside::cookies(&header);
        }
    }

    #[test]
    fn ui_01_a_name_is_read_as_it_is_spelt() {
        assert_eq!(read(&["a=b; __Host-rescind_session=x; c"]), Some("x"));
        assert_eq!(read(&["a=b", "__Host-rescind_session=x=y"]), Some("x=y"), "HTTP/2 sends a line for each");
        for disguised in [
            "%5F_Host-rescind_session=x",
            "__Host%2Drescind_session=x",
            "__Host-rescind_session%3Dx",
            "\u{2000}__Host-rescind_session=x",
            "\u{a0}__Host-rescind_session=x",
            "__host-rescind_session=x",
            "__Host-rescind_session =x",
            "__Host-rescind_session",
            "__Host-rescind_session2=x",
            "=__Host-rescind_session=x",
        ] {
            assert_eq!(read(&[disguised]), None, "{disguised}");
            let both = format!("__Host-rescind_session=ours; {disguised}");
            assert_eq!(read(&[&both]), Some("ours"), "{both}");
        }
    }

    #[test]
    fn ui_01_a_cookie_that_comes_twice_is_none() {
        assert_eq!(read(&["__Host-rescind_session=x; __Host-rescind_session=y"]), None);
        assert_eq!(read(&["__Host-rescind_session=x", "__Host-rescind_session=x"]), None);
    }
}
