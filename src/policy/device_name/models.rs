//! The table of model codes (`models.txt`), and what can be said of a code that is not in it.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::model::device::DeviceKind;

/// A model by the name people know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Such as `iPhone 13 Pro`, or brand and code where the table does not know it.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
}

/// Names and kinds by code, and by the name itself, in lower case.
static MODELS: LazyLock<HashMap<String, (&'static str, DeviceKind)>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    let mut kind = DeviceKind::Unknown;
    for line in include_str!("models.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[') {
            kind = DeviceKind::from_name(section.trim_end_matches(']')).unwrap_or_default();
            continue;
        }
        let (name, codes) = line.split_once(" = ").unwrap_or((line, ""));
        for key in codes.split(" | ").chain([name]).filter(|key| !key.is_empty()) {
            all.insert(key.to_lowercase(), (name, kind));
        }
    }
    all
});

/// Makers whose codes show whose they are: how the code begins, what to call it, whether the beginning is part of the
/// name, and what such a device is.
const MAKERS: [(&str, &str, DeviceKind); 30] = [
    ("iphone", "iPhone", DeviceKind::Phone),
    ("ipad", "iPad", DeviceKind::Tablet),
    ("ipod", "iPod touch", DeviceKind::Phone),
    ("watch", "Apple Watch", DeviceKind::Watch),
    ("appletv", "Apple TV", DeviceKind::Tv),
    ("macbook", "Mac", DeviceKind::Computer),
    ("macmini", "Mac", DeviceKind::Computer),
    ("imac", "Mac", DeviceKind::Computer),
    ("mac", "Mac", DeviceKind::Computer),
    ("sm-t", "Samsung", DeviceKind::Tablet),
    ("sm-x", "Samsung", DeviceKind::Tablet),
    ("sm-p", "Samsung", DeviceKind::Tablet),
    ("sm-r", "Samsung", DeviceKind::Watch),
    ("sm-l", "Samsung", DeviceKind::Watch),
    ("sm-", "Samsung", DeviceKind::Phone),
    ("tecno ", "Tecno", DeviceKind::Phone),
    ("infinix ", "Infinix", DeviceKind::Phone),
    ("itel ", "itel", DeviceKind::Phone),
    ("redmi ", "Redmi", DeviceKind::Phone),
    ("poco ", "POCO", DeviceKind::Phone),
    ("mi ", "Mi", DeviceKind::Phone),
    ("pixel ", "Pixel", DeviceKind::Phone),
    ("nokia ", "Nokia", DeviceKind::Phone),
    ("moto ", "Moto", DeviceKind::Phone),
    ("huawei ", "Huawei", DeviceKind::Phone),
    ("oneplus ", "OnePlus", DeviceKind::Phone),
    ("cph", "Oppo", DeviceKind::Phone),
    ("rmx", "realme", DeviceKind::Phone),
    ("vivo ", "vivo", DeviceKind::Phone),
    ("v2", "vivo", DeviceKind::Phone),
];

/// A model by its code or exact name; by its maker if only that can be told; else `None`.
#[must_use]
pub fn find(code: &str) -> Option<Model> {
    let key = code.trim().to_lowercase();
    // Samsung: `SM-S911B/DS` is the `SM-S911` of some market.
    let samsung = key.get(..7).filter(|start| start.starts_with("sm-")).unwrap_or(&key);
    let found = MODELS.get(&key).or_else(|| MODELS.get(samsung));
    found.map(|(name, kind)| Model { name: (*name).to_owned(), kind: *kind }).or_else(|| of_a_maker(code.trim(), &key))
}

/// Whether a text is an Apple code, such as `iPhone14,2`.
#[must_use]
pub fn is_apple_code(text: &str) -> bool {
    let Some(start) = ["iPhone", "iPad", "iPod", "Watch", "AppleTV"].iter().find(|start| text.starts_with(**start))
    else {
        return false;
    };
    let numbers = text[start.len()..].split_once(',');
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(model, variant)| is_number(model) && is_number(variant))
}

fn of_a_maker(code: &str, key: &str) -> Option<Model> {
    let (start, maker, kind) = MAKERS.iter().find(|(start, _, _)| key.starts_with(start))?;
    let is_apple = key.contains(',') && !start.ends_with(' ');
    if !looks_like_a_code(code) || (code.contains(',') != is_apple) {
        return None;
    }
    let name = match start.strip_suffix(' ') {
        Some(_) => format!("{maker} {}", code.get(start.len()..)?.trim()),
        None if is_apple => format!("{maker} ({code})"),
        None => format!("{maker} {code}"),
    };
    Some(Model { name, kind: *kind })
}

/// Short words of plain signs with a number among them: a sentence that begins with a maker's name is none.
fn looks_like_a_code(code: &str) -> bool {
    let words: Vec<&str> = code.split(' ').collect();
    let plain = |word: &&str| {
        (1..=14).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+/,()".contains(&b))
    };
    words.len() <= 5 && code.len() <= 30 && words.iter().all(plain) && code.bytes().any(|b| b.is_ascii_digit())
}
