//! Takes URIs apart as they are written (RFC 3986): nothing is decoded, lower-cased or put right, because every
//! comparison here is byte for byte and a normalised text would hide the difference.

/// Most characters of a URI anybody may register or send.
pub(super) const LONGEST: usize = 2_000;

/// The parts of an absolute URI, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// Before the first `:`.
    pub scheme: &'a str,
    /// Between `//` and the next `/` or `?`; `None` without `//`.
    pub authority: Option<&'a str>,
    /// What follows: path and query.
    pub rest: &'a str,
}

/// The parts of an authority, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub host: &'a str,
    /// 1 to 65535, `None` where no port is written.
    pub port: Option<u16>,
}

/// Whether the text has only characters a URI may have (RFC 3986 §2), every `%` followed by two hex digits. No space, no
/// control character, no quote (the apostrophe too, which RFC 3986 allows), nothing beyond ASCII.
pub(super) fn is_clean(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&()*+,;=%".contains(&c);
    let escapes = |after: &[u8]| after.len() >= 2 && after[..2].iter().all(u8::is_ascii_hexdigit);
    text.bytes().all(allowed) && text.split('%').skip(1).all(|after| escapes(after.as_bytes()))
}

/// Splits an absolute URI without fragment. `None` for what has no scheme, or has brackets outside its authority.
pub(super) fn split(text: &str) -> Option<Parts<'_>> {
    let (scheme, after) = text.split_once(':')?;
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = scheme.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c));
    let (authority, rest) = match after.strip_prefix("//") {
        None => (None, after),
        Some(after) => {
            let (authority, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
            (Some(authority), rest)
        }
    };
    (named && plain && !rest.contains(['[', ']'])).then_some(Parts { scheme, authority, rest })
}

/// Takes an authority apart. `None` with user information (`user@host`, never wanted), an empty or odd host, or an odd port.
pub(super) fn authority(text: &str) -> Option<Authority<'_>> {
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = if port.is_empty() { None } else { Some(port_number(port.strip_prefix(':')?)?) };
    is_host(host).then_some(Authority { host, port })
}

/// 1 to 65535 in decimal digits without leading zeros.
pub(super) fn port_number(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// A name of letters, digits, dots and dashes (what a CSP host may have), or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|c| c.is_ascii_alphanumeric() || b"-.".contains(&c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_split_as_written() {
        let parts = |text| split(text).map(|p| (p.scheme, p.authority, p.rest));
        assert_eq!(parts("https://a.example:8443/x?y"), Some(("https", Some("a.example:8443"), "/x?y")));
        assert_eq!(parts("https://a.example?y"), Some(("https", Some("a.example"), "?y")));
        assert_eq!(parts("com.bank.app:/cb"), Some(("com.bank.app", None, "/cb")));
        for bad in ["", "a", "/a:b", "1a:b", ":a", "a b:c", "https://a/[x]"] {
            assert_eq!(parts(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn authorities_have_a_host_and_perhaps_a_port_and_never_a_user() {
        let taken = |text| authority(text).map(|a| (a.host, a.port));
        assert_eq!(taken("a.example"), Some(("a.example", None)));
        assert_eq!(taken("[::1]:80"), Some(("[::1]", Some(80))));
        for bad in
            ["", ":80", "a:", "a:0", "a:080", "a:65536", "a:8x", "u@a", "u:p@a", "[::1", "::1", "[x]", "a;b", "a%41"]
        {
            assert_eq!(taken(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_uri_characters_are_clean() {
        assert!(is_clean("https://a/%2F?b=c&d=(e)#f"));
        for bad in ["a b", "a'b", "a\"b", "a\\b", "a\nb", "é", "%", "%2", "%zz", "%2%46", "a<b", "a|b", "a\0b"] {
            assert!(!is_clean(bad), "{bad:?}");
        }
    }
}
