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

/// Makers whose codes show whose they are: how the code begins, what to call it, and what such a device is. Behind a space the
/// rest is the model's name; else the code is one word.
const MAKERS: [(&str, &str, DeviceKind); 22] = [
    ("sm-t", "Samsung", DeviceKind::Tablet),
    ("sm-x", "Samsung", DeviceKind::Tablet),
    ("sm-p", "Samsung", DeviceKind::Tablet),
    ("sm-r", "Samsung", DeviceKind::Watch),
    ("sm-l", "Samsung", DeviceKind::Watch),
    ("sm-", "Samsung", DeviceKind::Phone),
    ("cph", "Oppo", DeviceKind::Phone),
    ("rmx", "realme", DeviceKind::Phone),
    ("v2", "vivo", DeviceKind::Phone),
    ("tecno ", "Tecno", DeviceKind::Phone),
    ("infinix ", "Infinix", DeviceKind::Phone),
    ("itel ", "itel", DeviceKind::Phone),
    ("redmi ", "Redmi", DeviceKind::Phone),
    ("poco ", "POCO", DeviceKind::Phone),
    ("mi ", "Mi", DeviceKind::Phone),
    ("xiaomi ", "Xiaomi", DeviceKind::Phone),
    ("pixel ", "Pixel", DeviceKind::Phone),
    ("nokia ", "Nokia", DeviceKind::Phone),
    ("moto ", "Moto", DeviceKind::Phone),
    ("huawei ", "Huawei", DeviceKind::Phone),
    ("oneplus ", "OnePlus", DeviceKind::Phone),
    ("vivo ", "vivo", DeviceKind::Phone),
];

/// Apple's families, by how their codes begin.
const APPLES: [(&str, &str, DeviceKind); 7] = [
    ("iPhone", "iPhone", DeviceKind::Phone),
    ("iPad", "iPad", DeviceKind::Tablet),
    ("iPod", "iPod touch", DeviceKind::Phone),
    ("Watch", "Apple Watch", DeviceKind::Watch),
    ("AppleTV", "Apple TV", DeviceKind::Tv),
    ("iMac", "Mac", DeviceKind::Computer),
    ("Mac", "Mac", DeviceKind::Computer),
];

/// Words without a number that names of models have.
const WORDS: [&str; 18] = [
    "note", "pro", "pro+", "plus", "max", "ultra", "lite", "edge", "neo", "prime", "power", "play", "fold", "flip",
    "xl", "fusion", "go", "nord",
];

/// A model by its code or exact name; by its maker if only that can be told; else `None`.
#[must_use]
pub fn find(code: &str) -> Option<Model> {
    let code = code.trim();
    let key = code.to_lowercase();
    // Samsung: `SM-S911B/DS` is the `SM-S911` of some market.
    let of_a_market = key.starts_with("sm-") && key.len() <= 14 && is_word_of_a_model(&key);
    let samsung = key.get(..7).filter(|_| of_a_market).unwrap_or(&key);
    let found = MODELS.get(&key).or_else(|| MODELS.get(samsung));
    let found = found.map(|(name, kind)| Model { name: (*name).to_owned(), kind: *kind });
    found.or_else(|| of_apple(code)).or_else(|| of_a_maker(code, &key))
}

/// Whether a text is a code of Apple's, such as `iPhone14,2`.
#[must_use]
pub fn is_apple_code(text: &str) -> bool {
    let numbers = text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).split_once(',');
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let is_code = numbers.is_some_and(|(model, variant)| is_number(model) && is_number(variant));
    is_code && text.len() <= 24 && APPLES.iter().any(|(start, _, _)| text.starts_with(start))
}

fn of_apple(code: &str) -> Option<Model> {
    let (_, family, kind) = APPLES.iter().find(|(start, _, _)| is_apple_code(code) && code.starts_with(start))?;
    Some(Model { name: format!("{family} ({code})"), kind: *kind })
}

fn of_a_maker(code: &str, key: &str) -> Option<Model> {
    let (start, maker, kind) = MAKERS.iter().find(|(start, _, _)| key.starts_with(start))?;
    let rest = code.get(start.len()..)?;
    let name = if start.ends_with(' ') { rest } else { code };
    let words: Vec<&str> = name.split(' ').collect();
    let fits = words.len() <= if start.ends_with(' ') { 4 } else { 1 };
    let is_model =
        fits && rest.bytes().any(|b| b.is_ascii_digit()) && words.iter().all(|word| is_word_of_a_model(word));
    is_model.then(|| Model { name: format!("{maker} {name}"), kind: *kind })
}

/// A sentence that begins with a maker's name has other words.
fn is_word_of_a_model(word: &str) -> bool {
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+/()".contains(&b));
    let tells = word.bytes().any(|b| b.is_ascii_digit()) || WORDS.contains(&word.to_lowercase().as_str());
    (1..=14).contains(&word.len()) && plain && tells
}
