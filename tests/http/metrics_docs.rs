//! The dashboard, the alert rules and the manual speak of measures that exist, and the manual of all of them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::TestServer;
use crate::support::openmetrics::Measures;

fn text_of(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every word of a text that is a measure's name.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    let ours = |word: &&str| word.starts_with("rescind_") || word.starts_with("process_");
    words.filter(ours).map(str::to_owned).collect()
}

/// What is asked for and not there.
fn missing(asked: &BTreeSet<String>, measures: &Measures) -> Vec<String> {
    asked.difference(&measures.names()).cloned().collect()
}

/// Every `expr` of the dashboard.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| queries(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_measure_on_the_dashboard_exists_and_every_family_is_on_it() {
    let measures = TestServer::start().await.measures().await;
    let dashboard: Value = serde_json::from_str(&text_of("grafana-dashboard.json")).expect("JSON");
    let mut found = Vec::new();
    queries(&dashboard, &mut found);
    let asked = names_in(&found.join(" "));
    assert_eq!(missing(&asked, &measures), Vec::<String>::new());
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<i64> = panels.iter().filter_map(|panel| panel["id"].as_i64()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
    let unseen: Vec<&String> =
        measures.families.keys().filter(|family| !asked.iter().any(|name| name.starts_with(family.as_str()))).collect();
    assert!(unseen.is_empty(), "no panel shows {unseen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_measure_in_the_alert_rules_exists() {
    let measures = TestServer::start().await.measures().await;
    let text = text_of("alerts.yml");
    let asked = names_in(&text);
    assert!(asked.len() > 10, "{asked:?}");
    assert_eq!(missing(&asked, &measures), Vec::<String>::new());
    let labels = |name: &str, value: &str| {
        let pair = format!("{name}=\"{value}\"");
        measures.samples.keys().any(|key| key.contains(&pair))
    };
    for selector in text.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        let pairs = selector.split(',').filter(|pair| pair.contains('=') && !pair.contains("=~"));
        for (name, value) in pairs.filter_map(|pair| pair.trim().split_once('=')) {
            assert!(labels(name, value.trim_matches('"')), "no series has {selector}");
        }
    }
    let alerts = text.matches("- alert:").count();
    assert_eq!((text.matches("summary:").count(), text.matches("severity:").count()), (alerts, alerts));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual_names_every_measure_and_no_other() {
    let measures = TestServer::start().await.measures().await;
    let manual = text_of("operating.md");
    let chapter =
        manual.split("\n## Monitoring\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("Monitoring");
    let documented = names_in(chapter);
    let unknown = missing(&documented, &measures);
    let unknown: Vec<&String> = unknown.iter().filter(|name| !measures.families.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "there is no {unknown:?}");
    let rows: Vec<&str> = chapter.lines().filter(|line| line.starts_with("| `")).collect();
    for (family, kind) in &measures.families {
        let name = if kind == "counter" { format!("{family}_total") } else { family.clone() };
        assert!(rows.iter().any(|row| row.contains(&format!("`{name}`"))), "operating.md says nothing of {name}");
    }
}
