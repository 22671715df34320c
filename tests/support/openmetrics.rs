//! `OpenMetrics` 1.0 text, read strictly: what a scraper could stumble over fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// A page that was read.
#[derive(Debug, Default)]
pub struct Measures {
    /// Families by name: their type.
    pub families: BTreeMap<String, String>,
    /// Samples by name and labels, as written: `name{a="b"}`.
    pub samples: BTreeMap<String, f64>,
}

/// A sample taken apart.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    value: f64,
}

impl Measures {
    /// Reads a page; panics with the line that is wrong.
    pub fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("the page ends with # EOF");
        let mut read = Self::default();
        let (mut family, mut helped) = (String::new(), BTreeSet::new());
        for line in body.split_inclusive('\n') {
            let line = line.strip_suffix('\n').expect("every line ends");
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words.as_slice() {
                ["#", "HELP", name, help] => {
                    assert!(helped.insert((*name).to_owned()) && help.ends_with('.'), "{line}");
                    (*name).clone_into(&mut family);
                }
                ["#", "TYPE", name, kind] => {
                    assert_eq!(*name, family, "{line}");
                    assert!(["counter", "gauge", "histogram"].contains(kind), "{line}");
                    assert!(read.families.insert((*name).to_owned(), (*kind).to_owned()).is_none(), "twice: {line}");
                }
                ["#", "UNIT", name, unit] => assert!(*name == family && name.ends_with(&format!("_{unit}")), "{line}"),
                _ => {
                    let sample = Sample::read(line);
                    sample.belongs_to(&family, &read.families[&family]);
                    let key = sample.key();
                    assert!(read.samples.insert(key, sample.value).is_none(), "twice: {line}");
                }
            }
        }
        assert_eq!(helped.len(), read.families.len(), "every family has help and a type");
        read.check_histograms();
        read
    }

    /// A sample, by name and labels as written.
    pub fn get(&self, key: &str) -> f64 {
        *self.samples.get(key).unwrap_or_else(|| panic!("no sample {key}"))
    }

    /// Every name a query can use.
    pub fn names(&self) -> BTreeSet<String> {
        self.samples.keys().map(|key| key.split('{').next().unwrap_or_default().to_owned()).collect()
    }

    /// What became more since an earlier page, and by how much. Buckets and sums are left out.
    pub fn since(&self, earlier: &Self) -> BTreeMap<String, f64> {
        let all = self.samples.iter().filter(|(key, _)| key.contains("_total") || key.contains("_count"));
        let moved = all.map(|(key, value)| (key.clone(), value - earlier.get(key)));
        moved.filter(|(_, by)| *by != 0.0).collect()
    }

    /// Buckets never fall, the last is `+Inf`, and it is the count.
    fn check_histograms(&self) {
        for family in self.families.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
            let counts = self
                .samples
                .iter()
                .filter(|(key, _)| *key == &format!("{family}_count") || key.starts_with(&format!("{family}_count{{")));
            let mut found = 0;
            for (key, count) in counts {
                found += 1;
                let labels = key.trim_start_matches(&format!("{family}_count")).trim_matches(['{', '}']);
                let own: Vec<(f64, f64)> = self.buckets(family, labels);
                assert!(own.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{key}: {own:?}");
                let last = own.last().expect("buckets");
                assert!(last.0.is_infinite() && (last.1 - count).abs() < f64::EPSILON, "{key}: {own:?}");
                let sum = if labels.is_empty() { format!("{family}_sum") } else { format!("{family}_sum{{{labels}}}") };
                assert!(self.get(&sum) >= 0.0, "{sum}");
            }
            assert!(found > 0, "{family} has no count");
        }
    }

    /// Bound and count of each bucket, by bound.
    fn buckets(&self, family: &str, labels: &str) -> Vec<(f64, f64)> {
        let start = format!("{family}_bucket{{");
        let own = self.samples.iter().filter(|(key, _)| key.starts_with(&start) && key.contains(labels));
        let bound = |key: &str| {
            let text = key.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a bound");
            if text == "+Inf" { f64::INFINITY } else { text.parse().expect("a number") }
        };
        let mut all: Vec<(f64, f64)> = own.map(|(key, value)| (bound(key), *value)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Self {
        let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let (name, labels) = match head.split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("not closed: {line}"))),
            None => (head, ""),
        };
        let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(is_name(name), "{line}");
        let labels = labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
            let (label, value) = pair.split_once('=').unwrap_or_else(|| panic!("no label: {line}"));
            let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            let value = value.unwrap_or_else(|| panic!("not quoted: {line}"));
            // None of ours needs an escape.
            let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.+-".contains(&b));
            assert!(is_name(label) && plain && !value.is_empty(), "{line}");
            (label, value)
        });
        Self { name, labels: labels.collect(), value }
    }

    fn belongs_to(&self, family: &str, kind: &str) {
        let ending = self.name.strip_prefix(family).unwrap_or_else(|| panic!("{} in {family}", self.name));
        let is_bucket = self.labels.iter().any(|(label, _)| *label == "le");
        match kind {
            "counter" => assert_eq!(ending, "_total", "{}", self.name),
            "gauge" => assert_eq!(ending, "", "{}", self.name),
            _ => assert!(["_sum", "_count", "_bucket"].contains(&ending), "{}", self.name),
        }
        assert_eq!(is_bucket, ending == "_bucket", "{}", self.name);
        assert!(kind == "gauge" || self.value >= 0.0, "{}", self.name);
    }

    fn key(&self) -> String {
        if self.labels.is_empty() {
            return self.name.to_owned();
        }
        let labels: Vec<String> = self.labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        format!("{}{{{}}}", self.name, labels.join(","))
    }
}

#[test]
#[should_panic(expected = "twice")]
fn a_sample_that_comes_twice_is_no_page() {
    Measures::read("# HELP a A.\n# TYPE a gauge\na 1\na 2\n# EOF\n");
}

#[test]
#[should_panic(expected = "buckets")]
fn a_histogram_without_buckets_is_no_page() {
    Measures::read("# HELP a A.\n# TYPE a histogram\na_sum 1\na_count 2\n# EOF\n");
}
