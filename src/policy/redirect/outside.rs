//! What must hold of redirect URIs, whatever is registered and asked for. A second parser, the one of browsers, says where an
//! address leads.

use url::{Host, Url};

use super::super::uri;
use super::{RedirectRefusal, answer, form_action, matches, may_register};

/// Whatever is registered, and whatever is asked for.
pub(crate) fn redirect(registered: &str, asked: &str) {
    let is_match = matches(registered, asked);
    assert!(matches(registered, registered));
    assert_eq!(is_match, matches(asked, registered), "{registered:?} {asked:?}");
    let but_for_port = without_port(registered).zip(without_port(asked)).is_some_and(|(one, other)| one == other);
    assert_eq!(is_match, registered == asked || but_for_port, "{registered:?} {asked:?}");
    for text in [registered, asked].into_iter().filter(|text| may_register(text).is_ok()) {
        leads_where_it_says(text);
        takes_an_answer(text, asked);
    }
    if is_match && may_register(registered).is_ok() {
        let refused = may_register(asked).err();
        assert!(refused.is_none_or(|why| why == RedirectRefusal::TooLong), "{registered:?} {asked:?}");
        leads_to_the_same(registered, asked);
    }
}

/// An address of this machine without its port, the path behind a space.
fn without_port(text: &str) -> Option<String> {
    let after = text.strip_prefix("http://")?;
    let host = ["127.0.0.1", "[::1]"].into_iter().find(|host| after.starts_with(host))?;
    let (port, path) = after[host.len()..].split_once('/')?;
    let number = port.strip_prefix(':').and_then(|digits| digits.parse::<u16>().ok()).filter(|number| *number > 0);
    let is_port = number.is_some_and(|number| port == format!(":{number}"));
    (port.is_empty() || is_port).then(|| format!("{host} {path}"))
}

/// What a browser sees in an address that may be registered is what we saw.
fn leads_where_it_says(text: &str) {
    let source = form_action(text);
    assert!(!source.contains([';', ',', ' ', '\'', '"']), "{text:?} {source}");
    assert!(uri::is_clean(text) && !text.contains('#'), "{text:?}");
    let (Ok(seen), Some(parts)) = (Url::parse(text), uri::split(text)) else { return };
    assert!(seen.scheme().eq_ignore_ascii_case(parts.scheme), "{text:?}");
    assert_eq!((seen.username(), seen.password(), seen.fragment()), ("", None, None), "{text:?}");
    assert!(!["javascript", "data", "file", "blob", "about", "ftp", "ws", "wss"].contains(&seen.scheme()), "{text:?}");
    let Some(authority) =
        parts.authority.filter(|_| ["http", "https"].contains(&seen.scheme())).and_then(uri::authority)
    else {
        return;
    };
    assert_eq!(seen.port_or_known_default(), authority.port.or(seen.port_or_known_default()), "{text:?}");
    match seen.host() {
        Some(Host::Domain(name)) => assert!(name.eq_ignore_ascii_case(authority.host), "{text:?} {name}"),
        Some(Host::Ipv6(ip)) => assert_eq!(authority.host[1..authority.host.len() - 1].parse(), Ok(ip), "{text:?}"),
        // Browsers know more spellings of those: `https://1.2` leads to 1.0.0.2, and needs its certificate.
        Some(Host::Ipv4(_)) => {}
        None => panic!("{text:?} leads nowhere"),
    }
    if seen.scheme() == "http" {
        assert!(["127.0.0.1", "[::1]", "localhost"].contains(&seen.host_str().unwrap_or_default()), "{text:?}");
    }
}

/// Where both lead is the same but for the port, and that differs on this machine alone.
fn leads_to_the_same(registered: &str, asked: &str) {
    let (Ok(one), Ok(other)) = (Url::parse(registered), Url::parse(asked)) else { return };
    let place =
        |url: &Url| [Some(url.scheme()), url.host_str(), Some(url.path()), url.query()].map(|p| p.map(str::to_owned));
    assert_eq!(place(&one), place(&other), "{registered:?} {asked:?}");
    let is_here = one.scheme() == "http" && ["127.0.0.1", "[::1]"].contains(&one.host_str().unwrap_or_default());
    assert!(is_here || one.port() == other.port(), "{registered:?} {asked:?}");
}

/// What is appended comes back as it was, behind what was registered, at the same place.
fn takes_an_answer(text: &str, state: &str) {
    let sent = answer(text, &[("code", "a+b"), ("state", state)]);
    assert!(uri::is_clean(&sent), "{text:?} {state:?}");
    let (Ok(before), Ok(after)) = (Url::parse(text), Url::parse(&sent)) else { return };
    let told = |url: &Url| url.query_pairs().into_owned().collect::<Vec<_>>();
    let mut expected = told(&before);
    expected.extend([("code", "a+b"), ("state", state)].map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(told(&after), expected, "{text:?}");
    let place = |mut url: Url| {
        url.set_query(None);
        url
    };
    assert_eq!(place(before), place(after), "{text:?}");
}
