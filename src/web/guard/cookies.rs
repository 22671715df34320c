//! Our cookies: `__Host-` names, sealed references only. Those of people are Lax, because they arrive from other sites;
//! those of staff are Strict.

use rocket::http::{Cookie, CookieJar, SameSite};

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

/// The value of a cookie.
#[must_use]
pub fn get<'j>(jar: &'j CookieJar<'_>, name: &str) -> Option<&'j str> {
    jar.get(name).map(Cookie::value)
}

/// Sets a cookie; `days`: how long the browser keeps it, `None`: until it is closed.
pub fn set(jar: &CookieJar<'_>, name: &'static str, value: &SecretText, days: Option<i64>) {
    let mut cookie = made(name, value.expose().to_owned());
    if let Some(days) = days {
        cookie.set_max_age(rocket::time::Duration::days(days));
    }
    jar.add(cookie);
}

/// Takes a cookie back.
pub fn clear(jar: &CookieJar<'_>, name: &'static str) {
    jar.remove(made(name, String::new()));
}

fn made(name: &'static str, value: String) -> Cookie<'static> {
    let same_site = if STRICT.contains(&name) { SameSite::Strict } else { SameSite::Lax };
    Cookie::build((name, value)).path("/").secure(true).http_only(true).same_site(same_site).build()
}
