use proptest::prelude::*;

use super::*;

const SAFARI: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0";

fn told(name: &str, model: &str, agent: &str) -> DeviceDetails {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    DeviceDetails { name: text(name), model: text(model), user_agent: text(agent), ..DeviceDetails::default() }
}

fn named(model: &str) -> (String, DeviceKind) {
    let told = told("", model, "");
    (name_of(&told), kind_of(&told))
}

fn by_agent(agent: &str) -> (String, DeviceKind) {
    let told = told("", "", agent);
    (name_of(&told), kind_of(&told))
}

#[test]
fn the_table_is_well_formed() {
    let text = include_str!("models.txt");
    let mut keys: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])) {
        let (name, codes) = line.split_once(" = ").unwrap_or((line, ""));
        assert!(name.len() <= 40 && quote(name).as_deref() == Some(name), "{line:?}");
        for key in codes.split(" | ").chain([name]).filter(|key| !key.is_empty()) {
            assert_eq!(key, key.trim(), "{line:?}");
            let found = models::find(key).expect("a model");
            assert_eq!(found.name, name, "{line:?}");
            assert_ne!(found.kind, DeviceKind::Unknown, "{line:?}");
            keys.push(key.to_lowercase());
        }
    }
    assert!(keys.len() > 500, "{}", keys.len());
    keys.sort_unstable();
    let twice = keys.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None);
    for section in text.lines().filter(|line| line.starts_with('[')) {
        assert!(DeviceKind::from_name(section.trim_matches(['[', ']'])).is_some(), "{section}");
    }
}

#[test]
fn a_model_code_is_named_as_people_know_it() {
    for (code, name, kind) in [
        ("iPhone14,2", "iPhone 13 Pro", DeviceKind::Phone),
        ("iPhone8,1", "iPhone 6s", DeviceKind::Phone),
        ("iPhone18,1", "iPhone 17 Pro", DeviceKind::Phone),
        ("iPad4,1", "iPad Air", DeviceKind::Tablet),
        ("iPad13,16", "iPad Air (5th generation)", DeviceKind::Tablet),
        ("Watch6,18", "Apple Watch Ultra", DeviceKind::Watch),
        ("AppleTV14,1", "Apple TV 4K (3rd generation)", DeviceKind::Tv),
        ("SM-S911B", "Galaxy S23", DeviceKind::Phone),
        ("SM-S911B/DS", "Galaxy S23", DeviceKind::Phone),
        ("SM-S9110", "Galaxy S23", DeviceKind::Phone),
        ("sm-a546e", "Galaxy A54 5G", DeviceKind::Phone),
        ("SM-X110", "Galaxy Tab A9", DeviceKind::Tablet),
        ("SM-R870", "Galaxy Watch4", DeviceKind::Watch),
        ("Pixel 8 Pro", "Pixel 8 Pro", DeviceKind::Phone),
        ("Pixel Tablet", "Pixel Tablet", DeviceKind::Tablet),
        ("TECNO KI5q", "Tecno Spark 10", DeviceKind::Phone),
        ("Infinix X6837", "Infinix Hot 40 Pro", DeviceKind::Phone),
        ("itel A665L", "itel A70", DeviceKind::Phone),
        ("23106RN0DA", "Redmi 13C", DeviceKind::Phone),
        ("2201117TG", "Redmi Note 11", DeviceKind::Phone),
        ("V2207", "vivo Y22", DeviceKind::Phone),
        // The name itself, as sloppy apps send it.
        ("iphone 13 pro", "iPhone 13 Pro", DeviceKind::Phone),
    ] {
        assert_eq!(named(code), (name.to_owned(), kind), "{code}");
    }
}

#[test]
fn an_unknown_code_is_shown_with_its_maker() {
    for (code, name, kind) in [
        ("iPhone29,3", "iPhone (iPhone29,3)", DeviceKind::Phone),
        ("iPad29,1", "iPad (iPad29,1)", DeviceKind::Tablet),
        ("Watch29,1", "Apple Watch (Watch29,1)", DeviceKind::Watch),
        ("MacBookPro18,3", "Mac (MacBookPro18,3)", DeviceKind::Computer),
        ("Mac14,7", "Mac (Mac14,7)", DeviceKind::Computer),
        ("SM-A999B", "Samsung SM-A999B", DeviceKind::Phone),
        ("SM-X999", "Samsung SM-X999", DeviceKind::Tablet),
        ("TECNO KZ9", "Tecno KZ9", DeviceKind::Phone),
        ("Infinix X9999", "Infinix X9999", DeviceKind::Phone),
        ("CPH2591", "Oppo CPH2591", DeviceKind::Phone),
        ("RMX3771", "realme RMX3771", DeviceKind::Phone),
        ("V2399", "vivo V2399", DeviceKind::Phone),
        ("vivo 1906", "vivo 1906", DeviceKind::Phone),
        ("Nokia G42 5G", "Nokia G42 5G", DeviceKind::Phone),
        ("moto g54 5G", "Moto g54 5G", DeviceKind::Phone),
        ("Redmi Note 99 Pro+", "Redmi Note 99 Pro+", DeviceKind::Phone),
        ("Pixel 99", "Pixel 99", DeviceKind::Phone),
    ] {
        assert_eq!(named(code), (name.to_owned(), kind), "{code}");
    }
}

#[test]
fn user_agents_of_browsers_and_apps() {
    use DeviceKind::{Computer, Phone, Tablet, Tv, Unknown};
    let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
    let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
    let linux = "Mozilla/5.0 (X11; Linux x86_64)";
    let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)";
    let ipad = "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X)";
    let reduced = "Mozilla/5.0 (Linux; Android 10; K)";
    let ios = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
    for (agent, name, kind) in [
        (format!("{windows} {CHROME} Safari/537.36"), "Chrome on Windows", Computer),
        (format!("{windows} {CHROME} Safari/537.36 Edg/131.0.0.0"), "Edge on Windows", Computer),
        (format!("{windows} {CHROME} Safari/537.36 OPR/115.0.0.0"), "Opera on Windows", Computer),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0".to_owned(), "Firefox on Windows", Computer),
        (format!("{mac} {CHROME} Safari/537.36 Edg/131.0.0.0"), "Edge on macOS", Computer),
        (format!("{mac} {CHROME} Safari/537.36"), "Chrome on macOS", Computer),
        // A Mac, or an iPad, whose Safari asks for desktop pages with the very same words.
        (format!("{mac} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"), "Safari on Mac or iPad", Computer),
        // Chrome on an iPad that asks for desktop pages.
        (format!("{mac} {ios} CriOS/131.0.6778.73 Version/17.5 Safari/605.1.15"), "Chrome on iPad", Tablet),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0".to_owned(), "Firefox on Linux", Computer),
        (format!("{linux} {CHROME} Safari/537.36"), "Chrome on Linux", Computer),
        (format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36"), "Chrome on ChromeOS", Computer),
        (format!("{iphone} {SAFARI}"), "Safari on iPhone", Phone),
        (format!("{iphone} {ios} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1"), "Chrome on iPhone", Phone),
        (format!("{iphone} {ios} FxiOS/133.0 Mobile/15E148 Safari/605.1.15"), "Firefox on iPhone", Phone),
        (format!("{iphone} {ios} Version/17.0 EdgiOS/131.0.2903.48 Mobile/15E148 Safari/605.1.15"), "Edge on iPhone", Phone),
        (format!("{iphone} {ios} Mobile/15E148"), "App on iPhone", Phone),
        (format!("{ipad} {SAFARI}"), "Safari on iPad", Tablet),
        (format!("{reduced} {CHROME} Mobile Safari/537.36"), "Chrome on Android", Phone),
        (format!("{reduced} {CHROME} Safari/537.36"), "Chrome on Android", Tablet),
        (format!("{reduced} AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36"), "Samsung Internet on Android", Phone),
        (format!("{reduced} {CHROME} Mobile Safari/537.36 OPR/86.0.0.0"), "Opera on Android", Phone),
        (format!("{reduced} {CHROME} Mobile Safari/537.36 PHX/14.5"), "Phoenix Browser on Android", Phone),
        ("Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0".to_owned(), "Firefox on Android", Phone),
        ("Mozilla/5.0 (Android 14; Tablet; rv:133.0) Gecko/133.0 Firefox/133.0".to_owned(), "Firefox on Android", Tablet),
        ("Opera/9.80 (Android; Opera Mini/36.2/191.249; U; en) Presto/2.12.423 Version/12.16".to_owned(), "Opera Mini on Android", Phone),
        // Older browsers and web views still tell the model.
        (format!("Mozilla/5.0 (Linux; Android 13; SM-A145F) {CHROME} Mobile Safari/537.36"), "Galaxy A14", Phone),
        ("Mozilla/5.0 (Linux; Android 13; TECNO CK7n Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/128.0.6613.146 Mobile Safari/537.36".to_owned(), "Tecno Camon 20 Pro", Phone),
        ("Mozilla/5.0 (Linux; Android 13; Acme Q7 Build/TP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/128.0.0.0 Mobile Safari/537.36".to_owned(), "App on Android", Phone),
        (format!("{iphone} {ios} Mobile/15E148 Instagram 349.0.0.20.104 (iPhone14,7; iOS 17_6; fr_FR; scale=3.00; 1170x2532)"), "iPhone 14", Phone),
        ("NaybitonoMobile/4.2 (iPhone14,2; iOS 17.1)".to_owned(), "iPhone 13 Pro", Phone),
        ("NaybitonoMobile/42 CFNetwork/1494.0.7 Darwin/23.4.0".to_owned(), "App on an Apple device", Unknown),
        ("Dalvik/2.1.0 (Linux; U; Android 13; SM-A515F Build/TP1A.220624.014)".to_owned(), "Galaxy A51", Phone),
        ("Dalvik/2.1.0 (Linux; U; Android 13; Acme Q7 Build/TP1A.220624.014)".to_owned(), "App on Android", Phone),
        ("okhttp/4.12.0".to_owned(), "App on Android", Phone),
        ("Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36".to_owned(), "TV", Tv),
        ("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.79 Safari/537.36".to_owned(), "Chrome on TV", Tv),
        ("curl/7.88.1".to_owned(), "Unknown device", Unknown),
        ("Mozilla/5.0".to_owned(), "Unknown device", Unknown),
        (String::new(), "Unknown device", Unknown),
    ] {
        assert_eq!(by_agent(&agent), (name.to_owned(), kind), "{agent}");
    }
}

#[test]
fn what_a_browser_hints_at_comes_before_its_user_agent() {
    let agent = format!("Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36");
    assert_eq!(name_of(&told("", "SM-S911B", &agent)), "Galaxy S23");
    let windows = format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36");
    for (platform, version, name) in [
        ("Windows", "15.0.0", "Chrome on Windows 11"),
        ("Windows", "13.0.0", "Chrome on Windows 11"),
        ("Windows", "10.0.0", "Chrome on Windows 10"),
        ("Windows", "10.0.19045", "Chrome on Windows 10"),
        ("Windows", "10.0.22631", "Chrome on Windows 11"),
        ("Windows", "1.0.0", "Chrome on Windows 10"),
        ("Windows", "0.3.0", "Chrome on Windows"),
        ("Windows", "", "Chrome on Windows"),
        ("Windows", "-1", "Chrome on Windows"),
        ("Windows", "99999999999", "Chrome on Windows"),
        ("macOS", "15.0.0", "Chrome on Windows"),
    ] {
        let hints = DeviceDetails {
            platform: Some(platform.to_owned()),
            os_version: Some(version.to_owned()),
            ..told("", "", &windows)
        };
        assert_eq!(name_of(&hints), name, "{platform} {version}");
    }
}

#[test]
fn an_owners_name_stands_beside_the_model_in_quotation_marks() {
    let chrome = format!("Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36");
    for (name, model, agent, shown) in [
        ("John's iPhone", "iPhone14,2", "", "iPhone 13 Pro (\"John's iPhone\")"),
        ("iPhone", "iPhone14,2", "", "iPhone 13 Pro"),
        ("IPHONE 13 PRO", "iPhone14,2", "", "iPhone 13 Pro"),
        ("Work", "", chrome.as_str(), "Chrome on Linux (\"Work\")"),
        ("John's iPhone", "", "", "\"John's iPhone\""),
        ("", "Acme Q7", "", "\"Acme Q7\""),
        ("", "Acme Q7", chrome.as_str(), "Chrome on Linux (\"Acme Q7\")"),
        ("Mine", "Acme Q7", "", "\"Mine\""),
        ("  ", "", "", "Unknown device"),
    ] {
        assert_eq!(name_of(&told(name, model, agent)), shown, "{name} {model}");
    }
}

#[test]
fn ui_07_a_device_cannot_pass_for_another_by_the_name_it_gives_itself() {
    for (name, model, shown) in [
        // A free text never stands where a model stands.
        ("iPhone 13 Pro", "SM-S911B", "Galaxy S23 (\"iPhone 13 Pro\")"),
        ("iPhone 13 Pro", "", "\"iPhone 13 Pro\""),
        ("", "iPhone 13 Pro of John, safe", "\"iPhone 13 Pro of John, safe\""),
        ("", "iPhone14,2 checked by the bank", "\"iPhone14,2 checked by the bank\""),
        ("", "TECNO phone of the bank's own manager 1", "\"TECNO phone of the bank's own manager 1\""),
        ("", "TECNO phone of bank 1", "\"TECNO phone of bank 1\""),
        ("", "SM-S911B John's, safe", "\"SM-S911B John's, safe\""),
        ("", "CPH2591 safe 1", "\"CPH2591 safe 1\""),
        ("", "SM-", "\"SM-\""),
        // It cannot get out of its quotation marks, nor hide signs in them.
        ("x\") and iPhone 13 Pro (\"", "", "\"x') and iPhone 13 Pro ('\""),
        ("“iPhone” «13» ＂Pro＂", "", "\"'iPhone' '13' 'Pro'\""),
        ("a\u{202e}b\u{200b}c\u{feff}\u{e0041}d\u{7}", "", "\"abcd\""),
        ("a \n\t\u{2028} b", "", "\"a b\""),
        ("<script>alert(1)</script>", "", "\"<script>alert(1)</script>\""),
    ] {
        assert_eq!(name_of(&told(name, model, "")), shown, "{name} {model}");
    }
    let long = "x".repeat(200);
    assert_eq!(name_of(&told(&long, "", "")), format!("\"{}…\"", "x".repeat(LONGEST_QUOTE)));
}

#[test]
fn kinds_have_names_that_are_read_back() {
    for kind in DeviceKind::ALL {
        assert_eq!(DeviceKind::from_name(kind.as_str()), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    assert_eq!(DeviceKind::from_name("fridge"), None);
}

/// Text made of words that the parser looks for, and of anything else.
fn agent() -> impl Strategy<Value = String> {
    let words = [
        "Mozilla/5.0 ",
        "(Linux; ",
        "Android ",
        "Android 13; ",
        "K) ",
        "; wv)",
        " Build/",
        "iPhone14,",
        "iPhone",
        "iPad13,16",
        "Chrome/",
        "Safari/",
        "Version/",
        "CriOS/",
        "Macintosh",
        "CFNetwork/",
        "SM-",
        "SM-S911",
        "TECNO ",
        ",",
        ";",
        "(",
        ")",
        "\"",
        "é",
        "𝕏",
        "\u{301}",
    ];
    let word = prop_oneof![proptest::sample::select(words.to_vec()).prop_map(str::to_owned), any::<String>()];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn whatever_devices_say_gives_a_short_visible_name(name in agent(), model in agent(), agent in agent(), system in ".*") {
        let told = DeviceDetails { platform: Some("Windows".to_owned()), os_version: Some(system), ..told(&name, &model, &agent) };
        let shown = name_of(&told);
        prop_assert!((1..=100).contains(&shown.chars().count()), "{}", shown);
        prop_assert!(!shown.trim().is_empty() && shown.chars().all(|c| !c.is_control() && !is_invisible(c)), "{:?}", shown);
        // Quotation marks only where this file sets them: none, or one pair.
        prop_assert!(matches!(shown.matches('"').count(), 0 | 2), "{}", shown);
        let _ = kind_of(&told);
    }

    #[test]
    fn a_free_name_never_changes_what_stands_outside_the_quotation_marks(name in ".*", model in "(iPhone14,2|SM-S911B|Acme)") {
        let without = name_of(&told("", &model, "okhttp/4"));
        let with = name_of(&told(&name, &model, "okhttp/4"));
        let outside = |text: &str| text.split_once(" (\"").map_or(text.to_owned(), |(outside, _)| outside.to_owned());
        prop_assert_eq!(outside(&with), outside(&without));
    }
}
