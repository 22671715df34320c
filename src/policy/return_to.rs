//! Where a sign-in to the console may lead back to: a path of the console itself and nothing else, so that a link to the
//! sign-in page is no way to anywhere.

/// Longest such path.
const LONGEST: usize = 512;

/// The path, if it is one of the console's: `/console`, `/console?...` or `/console/...`, in plain characters, without
/// segments that lead elsewhere, and neither signing in nor out.
#[must_use]
pub fn local(text: &str) -> Option<&str> {
    let (path, query) = text.split_once('?').map_or((text, ""), |(path, query)| (path, query));
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let in_console = segments.first() == Some(&"console");
    let elsewhere = matches!(segments.get(1), Some(&("login" | "sign-out" | "")));
    // Browsers read `%2e%2e` and `\` as ways up and out; no path of ours needs them.
    let plain = |segment: &&str| {
        let harmless = segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:@+-".contains(&b));
        harmless && !segment.is_empty() && !segment.bytes().all(|b| b == b'.')
    };
    let plain_query = query.bytes().all(|b| b.is_ascii_graphic() && !b"\\#\"'<>".contains(&b));
    let fits = text.len() <= LONGEST && in_console && !elsewhere && segments.iter().all(plain) && plain_query;
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ui_07_a_sign_in_leads_back_into_the_console_only() {
        for good in [
            "/console",
            "/console?x=1",
            "/console/customers?q=%2B254712345678",
            "/console/customers/CUST_789456123",
            "/console/customers/a.b@c+d:e-f/lockdown",
        ] {
            assert_eq!(local(good), Some(good));
        }
        for bad in [
            "",
            "/",
            "//evil.example/console",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example/console",
            "console",
            "/consolex",
            "/login",
            "/console/",
            "/console//evil.example",
            "/console/../account",
            "/console/%2e%2e/account",
            "/console/%2E%2E/account",
            "/console/./x",
            "/console/login",
            "/console/login?next=/console",
            "/console/sign-out",
            "/console\r\nSet-Cookie: x=1",
            "/console?a=\r\n",
            "/console?a=b c",
            "/console#x",
            "/console?x=1#y",
            "/console?x=\\",
            "javascript:alert(1)",
            " /console",
            "/console\u{202e}",
        ] {
            assert_eq!(local(bad), None, "{bad:?}");
        }
        assert_eq!(local(&format!("/console?{}", "a".repeat(LONGEST))), None);
    }
}
