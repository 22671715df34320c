//! Resource indicators (RFC 8707): which audience a token may be asked for.

use super::uri;

/// Why the resources asked for are not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// Not a resource URI, or not one this client may ask for: `invalid_target` (RFC 8707 §2).
    #[error("a requested resource is malformed or not available to this client")]
    InvalidTarget,
}

/// Whether a text can name a resource (RFC 8707 §2): an absolute URI without fragment, 2,000 characters at most, with a
/// proper host if it has one.
#[must_use]
pub fn is_resource(text: &str) -> bool {
    let shaped = |parts: uri::Parts<'_>| match parts.authority {
        Some(authority) => uri::authority(authority).is_some(),
        None => !parts.rest.is_empty() && parts.scheme != "https" && parts.scheme != "http",
    };
    text.len() <= uri::LONGEST && uri::is_clean(text) && !text.contains('#') && uri::split(text).is_some_and(shaped)
}

/// The resources granted: those asked for, without repeats, each byte for byte one of `allowed`; all of `allowed` when none
/// is asked for. The same rule narrows a grant at refresh (RFC 8707 §2.2).
pub fn choose(allowed: &[String], asked: &[String]) -> Result<Vec<String>, TargetRefusal> {
    let wanted = if asked.is_empty() { allowed } else { asked };
    let mut chosen: Vec<String> = Vec::new();
    for resource in wanted {
        if !is_resource(resource) || !allowed.contains(resource) {
            return Err(TargetRefusal::InvalidTarget);
        }
        if !chosen.contains(resource) {
            chosen.push(resource.clone());
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn aut_15_a_resource_is_an_absolute_uri_without_fragment() {
        for good in
            ["https://api.example", "https://api.example/accounts?v=1", "urn:bank:accounts", "http://localhost:8000"]
        {
            assert!(is_resource(good), "{good}");
        }
        let long = format!("https://a/{}", "x".repeat(2_000));
        for bad in ["", "accounts", "/accounts", "//api.example", "https:", "https:a", "https://", "urn:", &long] {
            assert!(!is_resource(bad), "{bad}");
        }
        for bad in ["https://a#", "https://a/#x", "https://u@a/", "https://a/ b", "https://a/\n", "https://é/", "a b:c"]
        {
            assert!(!is_resource(bad), "{bad}");
        }
    }

    #[test]
    fn aut_15_what_is_granted_is_exactly_what_was_asked_for_and_allowed() {
        let allowed = list(&["https://a.example/x", "https://b.example"]);
        let refused = Err(TargetRefusal::InvalidTarget);
        assert_eq!(choose(&allowed, &[]), Ok(allowed.clone()));
        assert_eq!(choose(&[], &[]), Ok(vec![]));
        for (asked, granted) in [
            (list(&["https://b.example"]), Ok(list(&["https://b.example"]))),
            (list(&["https://b.example", "https://b.example"]), Ok(list(&["https://b.example"]))),
            (
                list(&["https://b.example", "https://a.example/x"]),
                Ok(list(&["https://b.example", "https://a.example/x"])),
            ),
            (list(&["https://b.example/"]), refused.clone()),
            (list(&["https://a.example"]), refused.clone()),
            (list(&["https://B.example"]), refused.clone()),
            (list(&["https://b.example", "https://c.example"]), refused.clone()),
            (list(&["https://b.example#"]), refused.clone()),
            (list(&[""]), refused.clone()),
        ] {
            assert_eq!(choose(&allowed, &asked), granted, "{asked:?}");
        }
        assert_eq!(choose(&[], &list(&["https://b.example"])), refused);
    }
}
