//! Reads user agents: which browser or app on which system. One pass per word looked for, no table of versions. Since 2022
//! browsers tell no model (Chrome on Android says `K`), an iPhone's never did, and an iPad's says it is a Mac.

use super::models::{self, Model, is_apple_code};
use crate::model::device::{DeviceKind, LONGEST_DETAIL};

/// A browser or app, and the system it runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Such as `Chrome`, or `App` for whatever is no browser.
    pub browser: Option<&'static str>,
    /// Such as `Windows`.
    pub system: Option<&'static str>,
    /// What it runs on.
    pub kind: DeviceKind,
}

impl Program {
    /// `Chrome on Windows`, or as much of it as is known.
    pub fn label(self) -> Option<String> {
        match (self.browser, self.system) {
            (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
            (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
            (None, None) => None,
        }
    }
}

/// Words of browsers, those that imitate others first: nearly all say `Chrome` and `Safari`, too.
const BROWSERS: [(&str, &str); 27] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("OPX/", "Opera"),
    ("Opera Mini/", "Opera Mini"),
    ("Opera/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("UCBrowser/", "UC Browser"),
    ("PHX/", "Phoenix Browser"),
    ("MiuiBrowser/", "Mi Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("HeyTapBrowser/", "Oppo Browser"),
    ("VivoBrowser/", "vivo Browser"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("Vivaldi/", "Vivaldi"),
    ("Silk/", "Silk"),
    ("FxiOS/", "Firefox"),
    ("Focus/", "Firefox Focus"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("CrMo/", "Chrome"),
    ("Chrome/", "Chrome"),
];

/// Words of televisions.
const SETS: [&str; 9] =
    ["SmartTV", "SMART-TV", "Web0S", "NetCast", "BRAVIA", "Android TV", "GoogleTV", "AppleTV", "HbbTV"];

/// Which program sent a user agent.
#[must_use]
pub fn read(agent: &str) -> Program {
    let has = |word: &str| agent.contains(word);
    let (system, kind) = system(agent);
    // Nothing but an iPhone's or iPad's browser has these words; on a "Macintosh" it is an iPad that asks for desktop pages.
    let on_ios = ["CriOS/", "FxiOS/", "EdgiOS/", "OPT/"].iter().any(|word| has(word));
    let (system, kind) =
        if system == Some("macOS") && on_ios { (Some("iPad"), DeviceKind::Tablet) } else { (system, kind) };
    let browser = browser(agent, system);
    // An iPad's Safari says word for word what a Mac's says.
    let system = if (browser, system) == (Some("Safari"), Some("macOS")) { Some("Mac or iPad") } else { system };
    Program { browser, system, kind }
}

fn browser(agent: &str, system: Option<&'static str>) -> Option<&'static str> {
    let has = |word: &str| agent.contains(word);
    let is_app = has("; wv)") || has("CFNetwork/") || agent.starts_with("Dalvik/") || agent.starts_with("okhttp/");
    let on_apple = matches!(system, Some("iPhone" | "iPad" | "iPod touch" | "macOS"));
    if is_app || (on_apple && has("AppleWebKit/") && !has("Safari/") && !has("Chrome/") && !has("iOS/")) {
        return Some("App");
    }
    let named = BROWSERS.iter().find(|(word, _)| has(word)).map(|(_, name)| *name);
    let safari = (has("Version/") && has("Safari/") && on_apple).then_some("Safari");
    let app = (system.is_some() && !agent.starts_with("Mozilla/")).then_some("App");
    named.or(safari).or(app)
}

fn system(agent: &str) -> (Option<&'static str>, DeviceKind) {
    let has = |word: &str| agent.contains(word);
    if SETS.iter().any(|word| has(word)) {
        return (Some("TV"), DeviceKind::Tv);
    }
    let kinds = [
        ("Xbox", "Xbox", DeviceKind::Tv),
        ("PlayStation", "PlayStation", DeviceKind::Tv),
        ("Apple Watch", "Apple Watch", DeviceKind::Watch),
        ("watchOS", "Apple Watch", DeviceKind::Watch),
        ("iPad", "iPad", DeviceKind::Tablet),
        ("iPod", "iPod touch", DeviceKind::Phone),
        ("iPhone", "iPhone", DeviceKind::Phone),
        ("Windows Phone", "Windows Phone", DeviceKind::Phone),
        ("KAIOS", "KaiOS", DeviceKind::Phone),
        ("Android", "Android", DeviceKind::Phone),
        ("okhttp/", "Android", DeviceKind::Phone),
        ("CrOS", "ChromeOS", DeviceKind::Computer),
        ("Windows NT", "Windows", DeviceKind::Computer),
        ("Macintosh", "macOS", DeviceKind::Computer),
        ("CFNetwork/", "an Apple device", DeviceKind::Unknown),
        ("Linux", "Linux", DeviceKind::Computer),
    ];
    let found = kinds.into_iter().find(|(word, _, _)| has(word));
    match found {
        // Browsers on tablets leave the word `Mobile` out; apps never say it.
        Some((_, "Android", _)) if has("Chrome/") && !has("Mobile") => (Some("Android"), DeviceKind::Tablet),
        Some((_, "Android", _)) if has("Tablet") => (Some("Android"), DeviceKind::Tablet),
        Some((_, name, kind)) => (Some(name), kind),
        None => (None, DeviceKind::Unknown),
    }
}

/// The model a user agent tells: an Apple code anywhere, or what stands after `Android 13;`.
#[must_use]
pub fn model(agent: &str) -> Option<Model> {
    let agent = agent.get(..LONGEST_DETAIL).unwrap_or(agent);
    let words = agent.split(|c: char| !c.is_ascii_alphanumeric() && c != ',');
    if let Some(code) = words.map(|word| word.trim_matches(',')).find(|word| is_apple_code(word)) {
        return models::find(code);
    }
    let system = agent.split_once("Android ")?.1.split(')').next()?;
    let told = system.split(';').nth(1)?.split(" Build/").next()?.trim();
    models::find(told)
}
