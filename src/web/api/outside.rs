//! What must hold of JSON bodies, whatever is sent: a body is read as its members in order say, or refused because one of
//! them is missing, of another type, there twice, or holds a control character.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::lockdown::{LockBody, UnlockBody};
use crate::web::guard::body;

/// Whatever is sent as a body.
pub(crate) fn json(text: &str) {
    let members = serde_json::from_str::<Members>(text).ok().map(|members| members.0);
    let told = |name: &str| members.as_deref().and_then(|members| only(members, name));
    let words = |name: &str| told(name).and_then(|value| value.as_str().map(str::to_owned));
    let note = || match told("note") {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(note)) => Some(Some(note.clone())),
        Some(_) => None,
    };
    let fits = |names: &[&str]| members.as_deref().is_some_and(|members| is_unambiguous(members, names));

    let read = body::json::<LockBody>(text).ok().map(|body| (body.reason, body.note));
    let expected = words("reason").zip(note()).filter(|_| fits(&["reason", "note"]));
    assert_eq!(read, expected, "{text:?}");

    let read = body::json::<UnlockBody>(text).ok().map(|body| ((body.reason, body.note), body.approved_by));
    let expected = words("reason").zip(note()).zip(words("approved_by"));
    let expected = expected.filter(|_| fits(&["reason", "note", "approved_by"]));
    assert_eq!(read, expected, "{text:?}");
}

/// The value of a member.
fn only<'m>(members: &'m [(String, Value)], name: &str) -> Option<&'m Value> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Whether none of these names is there twice, and no text holds a control character. What nobody asked for may be there
/// twice: nobody reads it.
fn is_unambiguous(members: &[(String, Value)], names: &[&str]) -> bool {
    let once = |name: &&str| members.iter().filter(|(known, _)| known == *name).count() <= 1;
    let last: BTreeMap<&String, &Value> = members.iter().map(|(name, value)| (name, value)).collect();
    // Written out, a control character of ASCII is an escape and any other stands there as it is.
    let written = serde_json::to_string(&last).unwrap_or_default().replace("\\\\", "").replace("\\n", "");
    let is_odd = ["\\u00", "\\b", "\\f", "\\r", "\\t"].iter().any(|escape| written.contains(escape));
    names.iter().all(once) && !is_odd && !written.contains(char::is_control)
}

/// An object as it is written: every member, in order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Each)
    }
}

struct Each;

impl<'de> Visitor<'de> for Each {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        /// Objects as machines send them, with members missing, twice, of odd types; other JSON, cut off; anything.
        #[test]
        fn api_bodies_are_read_as_their_members_say(
            text in prop_oneof![
                "\\{(\"(reason|note|approved_by|x|r\\\\u0065ason)\": ?(\"([a-zé ]|\\\\n|\\\\u00[0-9a-f]{2}|\\\\\\\\){0,5}\"|null|7|\\[\\]|\\{\"x\":\"\\\\t\"\\}),?){0,4}\\}?",
                "\\[(\"[a-z]{1,5}\",?){0,3}\\]",
                ".{0,60}",
            ],
        ) {
            super::json(&text);
        }

        #[test]
        fn what_a_machine_writes_is_read(reason in "\\PC{0,30}", note in proptest::option::of("(\\PC|\n){0,30}")) {
            let text = json!({ "reason": reason, "note": note, "more": [1, { "x": null }] }).to_string();
            super::json(&text);
            let read = body::json::<LockBody>(&text).map_err(TestCaseError::fail)?;
            prop_assert_eq!((read.reason, read.note), (reason, note));
        }
    }

    #[test]
    fn a_body_is_an_object_and_nothing_that_could_be_taken_for_one() {
        for text in
            [r#"["stolen"]"#, r#"["stolen",null]"#, r#""stolen""#, "null", "", r#"{"reason":"a"}{"reason":"b"}"#]
        {
            assert!(body::json::<LockBody>(text).is_err(), "{text}");
        }
        assert!(body::json::<LockBody>(r#"{"reason":"stolen"}"#).is_ok());
    }
}
