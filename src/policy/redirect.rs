//! Redirect URIs (OAuth 2.1 §2.3, RFC 8252 §7, RFC 9700 §2.1): which may be registered, which match, and what is sent to
//! them. Matching is byte for byte; the port of a loopback address is the only exception.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod outside;

use super::uri;

/// Why a redirect URI may not be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectRefusal {
    /// Over 2,000 characters.
    #[error("a redirect URI is at most 2000 characters long")]
    TooLong,
    /// A space, quote, control character, non-ASCII character or broken percent-encoding.
    #[error("a redirect URI has no spaces, quotes, control characters or characters beyond ASCII")]
    Characters,
    /// A `#`.
    #[error("a redirect URI has no fragment (#...)")]
    Fragment,
    /// No scheme.
    #[error("a redirect URI is absolute: it begins with https:// or with the scheme of an app")]
    Relative,
    /// No host, or a host or port that is none.
    #[error(
        "a redirect URI has a host name or address after //, without user name, and a port between 1 and 65535 if any"
    )]
    Host,
    /// `http` to somewhere else than this machine.
    #[error("a redirect URI with http:// goes to 127.0.0.1, [::1] or localhost; anything else needs https://")]
    PlainHttp,
    /// `javascript:`, `data:` and the like, or a scheme of an app without a dot.
    #[error("the scheme of an app is its reversed domain name with a dot, such as com.example.app:/callback")]
    Scheme,
}

/// The schemes that name a host.
const WEB: [&str; 2] = ["https", "http"];

/// Prefixes of the registered URIs that match any port (RFC 8252 §7.3).
const ANY_PORT: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// Whether a URI may be registered as a redirect URI; the refusal says what is wrong.
pub fn may_register(text: &str) -> Result<(), RedirectRefusal> {
    if text.len() > uri::LONGEST {
        return Err(RedirectRefusal::TooLong);
    }
    if !uri::is_clean(text) {
        return Err(RedirectRefusal::Characters);
    }
    if text.contains('#') {
        return Err(RedirectRefusal::Fragment);
    }
    let parts = uri::split(text).ok_or(RedirectRefusal::Relative)?;
    // An app's URI may have nothing between its slashes (`com.example.app:///callback`).
    let written = parts.authority.filter(|text| !text.is_empty() || WEB.contains(&parts.scheme));
    let host = written.map(|text| uri::authority(text).ok_or(RedirectRefusal::Host)).transpose()?;
    match (parts.scheme, host.map(|authority| authority.host)) {
        ("https", Some(_)) | ("http", Some("127.0.0.1" | "[::1]" | "localhost")) => Ok(()),
        ("https" | "http", None) => Err(RedirectRefusal::Host),
        ("http", Some(_)) => Err(RedirectRefusal::PlainHttp),
        (app, _) if app.contains('.') => Ok(()),
        (_, _) => Err(RedirectRefusal::Scheme),
    }
}

/// Whether the URI asked for is the registered one: the same bytes, or, where `http://127.0.0.1/...` or
/// `http://[::1]/...` is registered, the same bytes but for the port (RFC 8252 §7.3).
#[must_use]
pub fn matches(registered: &str, asked: &str) -> bool {
    registered == asked || ANY_PORT.iter().any(|prefix| differ_in_port_only(prefix, registered, asked))
}

fn differ_in_port_only(prefix: &str, registered: &str, asked: &str) -> bool {
    match (path_after_port(prefix, registered), path_after_port(prefix, asked)) {
        (Some(registered), Some(asked)) => registered == asked,
        (None, Some(_) | None) | (Some(_), None) => false,
    }
}

/// What follows `prefix` and, if there is one, a port; `None` unless that begins with `/`.
fn path_after_port<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let after = text.strip_prefix(prefix)?;
    let (port, path) = after.split_at(after.find('/')?);
    let fits = port.is_empty() || port.strip_prefix(':').and_then(uri::port_number).is_some();
    fits.then_some(path)
}

/// The URI the answer goes to: the one asked for if it matches a registered one, or, if none was asked for, the registered
/// one when there is exactly one (OAuth 2.1 §2.3.2). `None` means a page with an error, never a redirect.
#[must_use]
pub fn choose<'a>(registered: &'a [String], asked: Option<&'a str>) -> Option<&'a str> {
    match (asked, registered) {
        (Some(asked), registered) => registered.iter().any(|uri| matches(uri, asked)).then_some(asked),
        (None, [only]) => Some(only),
        (None, [] | [_, _, ..]) => None,
    }
}

/// The redirect URI with the answer's parameters appended to its query (RFC 6749 §4.1.2): the registered query stays, names
/// and values are percent-encoded down to letters, digits and `- . _ ~`, so any `state` comes back as it was. A URI that
/// passed [`may_register`] gives a valid ASCII URI without spaces or quotes.
#[must_use]
pub fn answer(redirect_uri: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = redirect_uri.to_owned();
    for (name, value) in pairs {
        // Only the first `?` begins a query; a later one is part of it.
        match out.split_once('?').map(|(_, query)| query.is_empty() || query.ends_with('&')) {
            None => out.push('?'),
            Some(true) => {}
            Some(false) => out.push('&'),
        }
        encode_into(&mut out, name);
        out.push('=');
        encode_into(&mut out, value);
    }
    out
}

fn encode_into(out: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// The source expression that lets a form of ours end at this redirect URI (Content Security Policy 3 §2.3.1,
/// `form-action`): `https://host[:port]`; `http://127.0.0.1:*` for the loopback address; `scheme:` for the scheme of an app
/// and for other addresses, whose numbers CSP does not match; `'none'` for what is no URI. Never a `;`, `,` or space.
#[must_use]
pub fn form_action(redirect_uri: &str) -> String {
    let Some(parts) = uri::split(redirect_uri) else { return "'none'".to_owned() };
    let scheme = parts.scheme;
    let Some(authority) = parts.authority.filter(|_| WEB.contains(&scheme)).and_then(uri::authority) else {
        return format!("{scheme}:");
    };
    let host = authority.host;
    let numeric = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    if scheme == "http" && host == "127.0.0.1" {
        return "http://127.0.0.1:*".to_owned();
    }
    match (numeric, authority.port) {
        (true, Some(_) | None) => format!("{scheme}:"),
        (false, Some(port)) => format!("{scheme}://{host}:{port}"),
        (false, None) => format!("{scheme}://{host}"),
    }
}

/// Whether only the address's owner gets what is sent there: an `https` address has one. A program's own scheme and a
/// loopback port belong to whichever program on the device takes them (RFC 8252 §8.6).
#[must_use]
pub fn proves_its_owner(redirect_uri: &str) -> bool {
    uri::split(redirect_uri).is_some_and(|parts| parts.scheme == "https")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A scheme, a host, a port and a path.
    fn pieces() -> impl Strategy<Value = [&'static str; 4]> {
        const SCHEMES: [&str; 7] = ["http://", "https://", "http:/", "HTTP://", "com.a://", "javascript://", "com.a:"];
        const HOSTS: [&str; 16] = [
            "127.0.0.1",
            "[::1]",
            "localhost",
            "a.example",
            "A.example",
            "127.1",
            "127.0.0.1.evil.com",
            "[::2]",
            "u@127.0.0.1",
            "127.0.0.1@evil.com",
            "evil.com\\@127.0.0.1",
            "",
            "xn--bcher-kva.example",
            "0x7f.1",
            "1.2.3.256",
            "[::ffff:127.0.0.1]",
        ];
        const PORTS: [&str; 9] = ["", ":80", ":443", ":65535", ":65536", ":0", ":080", ":", ":+80"];
        const PATHS: [&str; 12] =
            ["", "/", "/cb", "/cb?a=b", "/cb?", "?x", "/cb?x?", "/a/../cb", "/cb#x", "/%2F", "/%2f", "/c\tb"];
        let one = |of: &'static [&'static str]| prop::sample::select(of);
        // Where more than the same bytes may match, most is to be got wrong.
        let here = (one(&SCHEMES[..1]), one(&HOSTS[..2]));
        let place = prop_oneof![here, (one(&SCHEMES), one(&HOSTS))];
        (place, one(&PORTS), one(&PATHS)).prop_map(|((scheme, host), port, path)| [scheme, host, port, path])
    }

    #[test]
    fn ui_08_only_an_https_address_has_an_owner() {
        for (uri, owned) in [
            ("https://app.example/cb", true),
            ("https://127.0.0.1/cb", true),
            ("http://127.0.0.1:4711/cb", false),
            ("http://localhost:3000/cb", false),
            ("com.example.app:/cb", false),
            ("https.example:/cb", false),
            ("", false),
        ] {
            assert_eq!(proves_its_owner(uri), owned, "{uri}");
        }
    }

    #[test]
    fn aut_04_what_may_be_registered() {
        let longest = format!("https://a.example/{}", "x".repeat(2_000 - 18));
        for good in [
            "https://app.example/cb",
            "https://app.example",
            "https://app.example:8443/cb?tenant=7",
            "https://[2001:db8::1]/cb",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:8080/cb",
            "http://[::1]/cb",
            "http://localhost:3000/cb",
            "com.naybitono.app:/oauth/callback",
            "com.naybitono.app://callback",
            "com.naybitono.app:///callback",
            &longest,
        ] {
            assert_eq!(may_register(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn aut_04_what_is_refused_and_why() {
        use RedirectRefusal::{Characters, Fragment, Host, PlainHttp, Relative, Scheme, TooLong};
        let too_long = format!("https://a.example/{}", "x".repeat(2_000 - 17));
        for (bad, why) in [
            ("", Relative),
            ("/cb", Relative),
            ("//app.example/cb", Relative),
            ("app.example/cb", Relative),
            ("https://app.example/cb#x", Fragment),
            ("https://app.example/cb#", Fragment),
            ("http://app.example/cb", PlainHttp),
            ("http://127.0.0.1.evil.com/cb", PlainHttp),
            ("http://127.1/cb", PlainHttp),
            ("http://localhost.evil.com/cb", PlainHttp),
            ("http://localhost@evil.com/cb", Host),
            ("https://user@app.example/cb", Host),
            ("https://user:pass@app.example/cb", Host),
            ("https:///cb", Host),
            ("https:app.example", Host),
            ("https://app.example:99999/", Host),
            ("https://app.example;x/", Host),
            ("https://*/cb", Host),
            ("javascript:alert(1)", Scheme),
            ("JavaScript:alert(1)", Scheme),
            ("data:text/html,x", Scheme),
            ("vbscript:x", Scheme),
            ("file:///etc/passwd", Scheme),
            ("com.bank.app://user@cb", Host),
            ("myapp:/cb", Scheme),
            ("myapp://cb", Scheme),
            ("HTTP://app.example/cb", Scheme),
            ("https://app.example/a b", Characters),
            ("https://app.example/\r\nSet-Cookie:x", Characters),
            ("https://app.example/\"", Characters),
            ("https://app.example/'", Characters),
            ("https://app.example\\@evil.com", Characters),
            ("https://bücher.example/", Characters),
            ("https://app.example/%", Characters),
            (&too_long, TooLong),
        ] {
            assert_eq!(may_register(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn aut_02_only_the_same_bytes_match() {
        let registered = "https://app.example/cb?x=%2f";
        assert!(matches(registered, registered));
        for asked in [
            "https://app.example/CB?x=%2f",
            "https://APP.example/cb?x=%2f",
            "https://app.example/cb/?x=%2f",
            "https://app.example/cb?x=%2F",
            "https://app.example/cb?x=/",
            "https://app.example/cb?x=%2f&y",
            "https://app.example:443/cb?x=%2f",
            "https://u@app.example/cb?x=%2f",
            "https://app.example/a/../cb?x=%2f",
            "https://app.example/cb?x=%2f#",
            "https://app.example/cb",
            "https://app.example.evil.com/cb?x=%2f",
            "https://sub.app.example/cb?x=%2f",
            "http://app.example/cb?x=%2f",
            "",
        ] {
            assert!(!matches(registered, asked), "{asked}");
        }
    }

    #[test]
    fn aut_03_a_loopback_address_matches_any_port() {
        for (registered, asked) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"),
            ("http://127.0.0.1:80/cb", "http://127.0.0.1/cb"),
            ("http://127.0.0.1:1/cb?a=b", "http://127.0.0.1:65535/cb?a=b"),
            ("http://[::1]/cb", "http://[::1]:51004/cb"),
        ] {
            assert!(matches(registered, asked), "{registered} {asked}");
        }
    }

    #[test]
    fn aut_03_nothing_else_about_it_may_differ() {
        let registered = "http://127.0.0.1/cb";
        for asked in [
            "http://127.0.0.1:51004/cb2",
            "http://127.0.0.1:51004/cb?x",
            "http://127.0.0.1:51004/CB",
            "http://127.0.0.1:51004",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:8a/cb",
            "http://127.0.0.1:+80/cb",
            "http://127.0.0.1.evil.com/cb",
            "http://127.0.0.1:80@evil.com/cb",
            "http://127.0.0.1@evil.com/cb",
            "http://user@127.0.0.1/cb",
            "http://127.1/cb",
            "http://127.0.0.2/cb",
            "http://0x7f.0.0.1/cb",
            "http://localhost/cb",
            "http://[::1]/cb",
            "https://127.0.0.1:51004/cb",
            "HTTP://127.0.0.1:51004/cb",
        ] {
            assert!(!matches(registered, asked), "{asked}");
        }
        assert!(!matches("https://127.0.0.1/cb", "https://127.0.0.1:51004/cb"));
        assert!(!matches("http://localhost/cb", "http://localhost:51004/cb"));
        assert!(!matches("http://localhost/cb", "http://127.0.0.1:51004/cb"));
    }

    #[test]
    fn aut_04_none_asked_needs_exactly_one_registered() {
        let one = ["https://a.example/".to_owned()];
        let two = ["https://a.example/".to_owned(), "http://127.0.0.1/b".to_owned()];
        assert_eq!(choose(&one, None), Some("https://a.example/"));
        assert_eq!(choose(&two, None), None);
        assert_eq!(choose(&[], None), None);
        assert_eq!(choose(&two, Some("http://127.0.0.1:9/b")), Some("http://127.0.0.1:9/b"));
        assert_eq!(choose(&two, Some("https://a.example/x")), None);
        assert_eq!(choose(&[], Some("https://a.example/")), None);
    }

    #[test]
    fn aut_05_the_registered_query_stays_and_values_are_encoded() {
        let pairs = [("code", "a+b"), ("state", "x&y=#%\r\n é'\"")];
        let query = "code=a%2Bb&state=x%26y%3D%23%25%0D%0A%20%C3%A9%27%22";
        for (uri, start) in [
            ("https://a.example/cb", "https://a.example/cb?"),
            ("https://a.example/cb?t=1", "https://a.example/cb?t=1&"),
            ("https://a.example/cb?", "https://a.example/cb?"),
            ("https://a.example/cb?t&", "https://a.example/cb?t&"),
            ("https://a.example/cb?t=1?", "https://a.example/cb?t=1?&"),
            ("http://[::1]?0.1?", "http://[::1]?0.1?&"),
            ("com.bank.app:/cb", "com.bank.app:/cb?"),
        ] {
            assert_eq!(answer(uri, &pairs), format!("{start}{query}"));
        }
        assert_eq!(answer("https://a.example/cb", &[]), "https://a.example/cb");
    }

    proptest! {
        #[test]
        fn aut_05_any_state_comes_back_identical(state in ".{0,1500}") {
            let sent = answer("https://a.example/cb?tenant=7", &[("state", &state)]);
            prop_assert!(uri::is_clean(&sent));
            let back = url::Url::parse(&sent).unwrap();
            let pairs: Vec<_> = back.query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, [("tenant".to_owned(), "7".to_owned()), ("state".to_owned(), state)]);
        }

        /// One address and another, of pieces that are easily taken for each other.
        #[test]
        fn aut_02_an_answer_goes_where_a_browser_too_sees_the_registered_address(
            pieces in pieces(),
            other in pieces(),
            differs in prop::sample::select(vec![0_usize, 1, 2, 2, 2, 3, 4]),
            odd in "(https?|com.a|x)?:?(//)?.{0,60}",
        ) {
            // Most of both is the same, or they would never match.
            let mut near = pieces;
            if let Some(piece) = near.get_mut(differs) {
                *piece = other[differs];
            }
            let [one, two] = [pieces.concat(), near.concat()];
            outside::redirect(&one, &two);
            outside::redirect(&one, &odd);
            outside::redirect(&odd, &one);
        }
    }

    #[test]
    fn forms_may_end_at_the_redirect_uri_and_nowhere_else() {
        for (uri, source) in [
            ("https://a.example/cb?x", "https://a.example"),
            ("https://a.example:8443/cb", "https://a.example:8443"),
            ("http://localhost:3000/cb", "http://localhost:3000"),
            ("http://127.0.0.1:51004/cb", "http://127.0.0.1:*"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:*"),
            ("http://[::1]:51004/cb", "http:"),
            ("https://10.0.0.1/cb", "https:"),
            ("com.naybitono.app:/oauth/callback", "com.naybitono.app:"),
            ("com.naybitono.app://callback", "com.naybitono.app:"),
            ("nonsense", "'none'"),
            ("a; script-src *:x", "'none'"),
        ] {
            assert_eq!(form_action(uri), source, "{uri}");
        }
    }
}
