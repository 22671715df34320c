//! Client hints (`Sec-CH-UA-*`): what Chromium tells of the device when the sign-in page asks for it. Strings of structured
//! fields (RFC 9651 §4.2.5), kept as harmlessly as everything a device says.

use rocket::Request;

use crate::model::device::{DeviceDetails, detail};

/// What the sign-in page asks for (`Accept-CH`). It is there for the form that is sent back, so no page is loaded twice for
/// it (`Critical-CH`); browsers' full versions are not asked for, because nobody would read them.
pub const ASKED: &str = "Sec-CH-UA-Model, Sec-CH-UA-Platform, Sec-CH-UA-Platform-Version";

/// The device as the hints of a request tell it; nothing, where there are none.
#[must_use]
pub fn told(request: &Request<'_>) -> DeviceDetails {
    let hint = |name| {
        let mut lines = request.headers().get(name);
        let only = lines.next().filter(|_| lines.next().is_none())?;
        detail(&string(only)?)
    };
    DeviceDetails {
        model: hint("Sec-CH-UA-Model"),
        platform: hint("Sec-CH-UA-Platform").filter(|name| name != "Unknown"),
        os_version: hint("Sec-CH-UA-Platform-Version"),
        ..DeviceDetails::default()
    }
}

/// A string item: in quotation marks, `\` before `"` and `\`, printable ASCII; parameters behind it say nothing to us.
fn string(line: &str) -> Option<String> {
    let mut signs = line.trim_matches(' ').strip_prefix('"')?.chars();
    let mut text = String::new();
    loop {
        match signs.next()? {
            '"' => break,
            '\\' => text.push(signs.next().filter(|c| matches!(c, '"' | '\\'))?),
            c @ ' '..='~' => text.push(c),
            _ => return None,
        }
    }
    let rest = signs.as_str().trim_start_matches(' ');
    (rest.is_empty() || rest.starts_with(';')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_as_structured_fields_write_them() {
        for (line, text) in [
            (r#""Windows""#, "Windows"),
            (r#"  "SM-S911B"  "#, "SM-S911B"),
            (r#""""#, ""),
            (r#""a \"b\" \\ c""#, r#"a "b" \ c"#),
            (r#""Pixel 8";a=1;b="x""#, "Pixel 8"),
            (r#""Pixel 8" ; a"#, "Pixel 8"),
        ] {
            assert_eq!(string(line).as_deref(), Some(text), "{line}");
        }
    }

    #[test]
    fn what_is_no_string_is_nothing() {
        for line in [
            "",
            "Windows",
            "\"",
            "\"Windows",
            "Windows\"",
            "?1",
            "\"a\" \"b\"",
            "\"a\"b",
            "\"a\", \"b\"",
            r#""\a""#,
            r#""a\"#,
            "\"a\tb\"",
            "\"é\"",
            "\"a\u{7f}\"",
            "'a'",
            "\t\"a\"",
        ] {
            assert_eq!(string(line), None, "{line:?}");
        }
    }
}
