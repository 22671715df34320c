//! What a device is called before an agent and a caller: `iPhone 13 Pro`, `Chrome on Windows`. What devices say about
//! themselves is never trusted; a name its owner gave stands in quotation marks beside what the model or the browser tells,
//! and never in its place.

mod models;
mod user_agent;

use crate::model::device::{Device, DeviceDetails, DeviceKind};
use models::Model;
use user_agent::Program;

/// Most characters shown of a text the device chose freely.
const LONGEST_QUOTE: usize = 40;

/// What a device is called. At most 100 characters.
#[must_use]
pub fn name(device: &Device) -> String {
    name_of(&device.details)
}

/// What a device is.
#[must_use]
pub fn kind(device: &Device) -> DeviceKind {
    kind_of(&device.details)
}

/// [`name`], of what a device says about itself: the model if its code is known, else its browser or app and system, else
/// that it is unknown; with the owner's name for it, quoted.
#[must_use]
pub fn name_of(told: &DeviceDetails) -> String {
    let known = model(told).map(|model| model.name).or_else(|| program(told).label());
    let quoted = told.name.as_deref().and_then(quote).or_else(|| unknown_model(told));
    match (known, quoted) {
        (Some(known), Some(quoted)) if says_more(&known, &quoted) => format!("{known} (\"{quoted}\")"),
        (Some(known), _) => known,
        (None, Some(quoted)) => format!("\"{quoted}\""),
        (None, None) => "Unknown device".to_owned(),
    }
}

/// [`kind`], of what a device says about itself.
#[must_use]
pub fn kind_of(told: &DeviceDetails) -> DeviceKind {
    model(told).map_or_else(|| program(told).kind, |model| model.kind)
}

/// The model: as an app or `Sec-CH-UA-Model` told it, else as the user agent does.
fn model(told: &DeviceDetails) -> Option<Model> {
    told.model.as_deref().and_then(models::find).or_else(|| user_agent::model(told.user_agent.as_deref()?))
}

fn program(told: &DeviceDetails) -> Program {
    let read = user_agent::read(told.user_agent.as_deref().unwrap_or_default());
    let windows = told.platform.as_deref() == Some("Windows") && read.system == Some("Windows");
    match told.os_version.as_deref().filter(|_| windows).and_then(windows_name) {
        Some(name) => Program { system: Some(name), ..read },
        None => read,
    }
}

/// Which Windows: browsers send 13 and above for Windows 11, 1 to 10 for Windows 10 (the table of `Sec-CH-UA-Platform-Version`
/// in Microsoft's documentation); apps send 10.0 and the build, which is 22000 or above for Windows 11.
fn windows_name(version: &str) -> Option<&'static str> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let (major, build) = (parts.next()??, parts.nth(1).flatten().unwrap_or(0));
    match major {
        0 | 11 | 12 => None,
        10 if build >= 22_000 => Some("Windows 11"),
        1..=10 => Some("Windows 10"),
        _ => Some("Windows 11"),
    }
}

fn unknown_model(told: &DeviceDetails) -> Option<String> {
    let text = told.model.as_deref()?;
    if models::find(text).is_some() { None } else { quote(text) }
}

/// A free text as it may stand in quotation marks: none of its own, nothing that cannot be seen, not long.
fn quote(text: &str) -> Option<String> {
    let seen = |c: &char| !c.is_control() && !is_invisible(*c);
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut kept: String =
        words.join(" ").chars().filter(seen).map(|c| if is_quotation_mark(c) { '\'' } else { c }).collect();
    if let Some((cut, _)) = kept.char_indices().nth(LONGEST_QUOTE) {
        kept.truncate(cut);
        kept.push('…');
    }
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '‟' | '«' | '»' | '″' | '〝' | '〞' | '＂' | 'ˮ' | '‶' | '❝' | '❞')
}

/// Characters without width, by which a name can look like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a quoted name adds anything: `iPhone` beside `iPhone 13 Pro` does not.
fn says_more(known: &str, quoted: &str) -> bool {
    !known.to_lowercase().contains(&quoted.to_lowercase())
}

#[cfg(test)]
mod tests;
