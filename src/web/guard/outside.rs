//! What must hold of forms, Basic headers, cookies and what proxies say, whatever is sent: they are read as a second parser
//! reads them, or refused for a reason that the second one sees too.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::http::{Cookie, RawStr};

use super::pairs::Pairs;
use super::{cookies as jar, credentials, info, plain};
use crate::model::network::Network;
use crate::service::client_auth::Credentials;
use crate::service::introspect::Question;

// ------------------------------------------------------------------------------------------------ forms

/// Whatever is sent as a form.
pub(crate) fn pairs(form: &str) {
    match Pairs::parse(form) {
        Ok(pairs) => {
            let read: Vec<(String, String)> = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
            assert_eq!(Some(&read), unambiguous(form).as_ref(), "{form:?}");
            let again = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&read).finish();
            let again = Pairs::parse(&again).unwrap_or_else(|why| panic!("{why}: {again:?}, from {form:?}"));
            assert!(again.iter().eq(pairs.iter()), "{form:?}");
        }
        Err(why) => assert_eq!(unambiguous(form), None, "{why}: {form:?}"),
    }
    asked_at_once(form);
}

/// What a parser reads that repairs what is broken and refuses nothing, if there was nothing to repair and nothing to refuse.
fn unambiguous(form: &str) -> Option<Vec<(String, String)>> {
    let sent: Vec<&str> = form.split('&').filter(|pair| !pair.is_empty()).collect();
    let is_readable = sent.len() <= 100 && sent.iter().all(|pair| decoded(pair).is_some());
    let mut read: Vec<(String, String)> =
        url::form_urlencoded::parse(form.as_bytes()).into_owned().take_while(|_| is_readable).collect();
    let once = |name: &str| name == "resource" || read.iter().filter(|(other, _)| other == name).count() == 1;
    let holds_no_controls = |name: &str, value: &str| {
        let is_odd = |c: char| if name == "password" { c == '\0' } else { c.is_control() };
        !name.contains(char::is_control) && !value.contains(is_odd)
    };
    let fits = is_readable && read.iter().all(|(name, value)| once(name) && holds_no_controls(name, value));
    read.retain(|(_, value)| !value.is_empty());
    fits.then_some(read)
}

/// A name or value as the framework decodes it, which overlooks broken escapes.
fn decoded(text: &str) -> Option<String> {
    let is_whole = |after: &str| after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    let has_whole_escapes = text.split('%').skip(1).all(is_whole);
    RawStr::new(text).url_decode().ok().filter(|_| has_whole_escapes).map(Into::into)
}

/// Whatever is asked at once is asked the same on the long way. What can't be a genuine token is none, however it is read.
fn asked_at_once(form: &str) {
    let may_be_genuine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let Some(Question { token, from }) = plain::question(form).filter(|asked| asked.token.chars().all(may_be_genuine))
    else {
        return;
    };
    let pairs = Pairs::parse(form).unwrap_or_else(|why| panic!("{why}: {form:?}"));
    assert_eq!(pairs.get("token").unwrap_or_default(), token, "{form:?}");
    assert_eq!(pairs.get("client_ip").map(|ip| ip.parse().ok()), from.map(Some), "{form:?}");
}

// ------------------------------------------------------------------------------------------------ Basic

/// Whatever is sent as an `Authorization` header.
pub(crate) fn basic(header: &str) {
    let read = id_and_secret(header);
    assert_eq!(read, second_id_and_secret(header), "{header:?}");
    if let Some((id, secret)) = read {
        assert_eq!(id_and_secret(&format!("Basic {}", encoded(&id, &secret))), Some((id, secret)), "{header:?}");
    }
}

fn id_and_secret(header: &str) -> Option<(String, String)> {
    match credentials::basic(header)? {
        Credentials::Basic(id, secret) => Some((id, secret.expose().to_owned())),
        other => panic!("{header:?} is {other:?}"),
    }
}

/// By another decoder of base64, and the framework's of what is in it.
fn second_id_and_secret(header: &str) -> Option<(String, String)> {
    let space = header.find(' ')?;
    let sent = header[space..].trim();
    // This one reads several padded texts as one.
    let is_one = !sent.trim_end_matches('=').contains('=');
    let text = data_encoding::BASE64.decode(sent.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
    let colon = text.find(':')?;
    let (id, secret) = (decoded(&text[..colon])?, decoded(&text[colon + 1..])?);
    let is_basic = header[..space].eq_ignore_ascii_case("basic");
    (is_basic && is_one && !id.contains(char::is_control)).then_some((id, secret))
}

/// As RFC 6749 §2.3.1 has it: both encoded as in a form, joined, and that in base64.
pub(super) fn encoded(id: &str, secret: &str) -> String {
    let escape = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    STANDARD.encode(format!("{}:{}", escape(id), escape(secret)))
}

// ------------------------------------------------------------------------------------------------ cookies

/// Names a site beside ours could set for all of its domain, which a lenient reading takes for ours.
const DISGUISES: [&str; 6] = ["%5F_Host-", "_%5fHost-", "\u{2000}__Host-", "\u{85}__Host-", "__%48ost-", "__host-"];

/// Whatever is sent as `Cookie` headers, a line for each.
pub(crate) fn cookies(header: &str) {
    for name in [jar::SESSION, jar::LOGIN, jar::DEVICE, jar::CONSOLE, jar::CONSOLE_LOGIN, jar::CONSOLE_BROWSER] {
        let value = |more: &str| jar::value(header.lines().chain([more]), name).map(str::to_owned);
        let read = value("");
        // As another parser takes a pair apart, which trims more and decodes nothing here.
        let pairs = header.lines().flat_map(Cookie::split_parse).filter_map(Result::ok);
        let lenient: Vec<String> =
            pairs.filter(|pair| pair.name() == name).map(|pair| pair.value().to_owned()).collect();
        if let Some(read) = &read {
            assert!(lenient.contains(&read.trim().to_owned()), "{name} in {header:?}");
            assert!(!read.contains(';') && header.matches(&format!("{name}={read}")).count() > 0, "{header:?}");
            assert_eq!(value(&format!("{name}=another")), None, "the same name twice: {header:?}");
        }
        let is_plainly_written = !header.contains(|c: char| c.is_whitespace() && c != ' ' && c != '\n')
            && !header.contains(&format!("{name} "));
        if is_plainly_written {
            assert_eq!(read.is_some(), lenient.len() == 1, "{name} in {header:?}");
        }
        for disguise in DISGUISES {
            let disguised = name.replacen("__Host-", disguise, 1);
            assert_eq!(value(&format!("{disguised}=forged")), read, "{disguised} after {header:?}");
        }
        is_read_as_it_was_set(name, header);
    }
}

/// What we seal is made of letters and digits that need no escape.
fn is_read_as_it_was_set(name: &'static str, text: &str) {
    let sealed: String = text.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect();
    let line = jar::made(name, sealed.clone()).encoded().to_string();
    let sent = line.split(';').next();
    assert_eq!(jar::value(sent.into_iter(), name), Some(sealed.as_str()), "{line}");
}

// ------------------------------------------------------------------------------------------------ proxies

/// Whoever is connected, whichever proxies are configured (by commas), and whatever the lines of a header say.
pub(crate) fn proxies(peer: IpAddr, trusted: &str, lines: &[&str]) {
    let networks: Vec<Network> = trusted.split(',').filter_map(Network::parse).collect();
    for network in &networks {
        assert_eq!(Network::parse(&network.text()), Some(*network), "{network:?}");
    }
    let trusts = |address: IpAddr| networks.iter().any(|network| network.has(address));
    let said = |lines: &[&str]| info::forwarded_for(peer, lines.iter().copied(), trusts);
    let surely = |lines: &[&str]| info::surely_forwarded_for(lines.iter().copied(), trusts);

    // The way from whoever wrote first to us, and back along it as far as proxies vouch for what they say.
    let mut way: Vec<Option<IpAddr>> = lines.join(",").split(',').map(|hop| hop.trim().parse().ok()).collect();
    way.push(Some(peer));
    let mut at = way.len() - 1;
    while at > 0 && way[at].is_some_and(trusts) && way[at - 1].is_some() {
        at -= 1;
    }
    let (found, is_told) = (way[at].map(|address| address.to_canonical()), at + 1 < way.len());
    assert_eq!(Some(said(lines)), found, "{peer} {trusted:?} {lines:?}");
    let is_stranger = !found.is_some_and(trusts);
    if trusts(peer) {
        let is_sure = is_told && (is_stranger || at == 0);
        assert_eq!(surely(lines), found.filter(|_| is_sure), "{peer} {trusted:?} {lines:?}");
    }
    if is_stranger {
        changes_nothing_by_writing_before(lines, &said);
    }
    assert_eq!(info::says_https(lines.iter().copied()), matches!(lines, ["https"]), "{lines:?}");
}

/// A stranger was found: what they themselves had sent along, in a line of its own or the same one, is not believed.
fn changes_nothing_by_writing_before(lines: &[&str], said: &impl Fn(&[&str]) -> IpAddr) {
    for forged in ["203.0.113.99", "127.0.0.1", "nonsense", ","] {
        let before = [&[forged], lines].concat();
        assert_eq!(said(&before), said(lines), "{before:?}");
        if let Some((first, rest)) = lines.split_first() {
            let first = format!("{forged}, {first}");
            let within = [&[first.as_str()], rest].concat();
            assert_eq!(said(&within), said(lines), "{within:?}");
        }
    }
}
