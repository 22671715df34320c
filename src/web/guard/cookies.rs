//! Our cookies: `__Host-` names, sealed references only. Lax, because people arrive from other sites.

use rocket::http::{Cookie, CookieJar, SameSite};

use crate::secret::text::SecretText;

/// The cookie of a signed-in person.
pub const SESSION: &str = "__Host-rescind_session";
/// The cookie of a sign-in in progress.
pub const LOGIN: &str = "__Host-rescind_login";
/// The cookie that recognises a browser.
pub const DEVICE: &str = "__Host-rescind_device";

/// The value of a cookie.
#[must_use]
pub fn get<'j>(jar: &'j CookieJar<'_>, name: &str) -> Option<&'j str> {
    jar.get(name).map(Cookie::value)
}

/// Sets a cookie; `days`: how long the browser keeps it, `None`: until it is closed.
pub fn set(jar: &CookieJar<'_>, name: &'static str, value: &SecretText, days: Option<i64>) {
    let mut cookie = Cookie::build((name, value.expose().to_owned()))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .build();
    if let Some(days) = days {
        cookie.set_max_age(rocket::time::Duration::days(days));
    }
    jar.add(cookie);
}

/// Takes a cookie back.
pub fn clear(jar: &CookieJar<'_>, name: &'static str) {
    jar.remove(Cookie::build(name).path("/").secure(true).http_only(true).same_site(SameSite::Lax));
}
