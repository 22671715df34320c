//! What a scrape reads: `OpenMetrics` text, which Prometheus asks for by itself. Built anew for each, so that two scrapes at
//! once never see each other's half.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::counts::Counts;
use super::histogram::Histogram;
use super::label::Label;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The page being written. Names come without the ending of their unit or type (`_seconds`, `_total`): it is added.
#[derive(Debug, Default)]
pub struct Page(Registry);

/// Numbers of this moment, each with its labels.
#[derive(Debug)]
struct Now {
    kind: MetricType,
    numbers: Vec<(Labels, Number)>,
}

/// Names and values.
type Labels = Vec<(&'static str, &'static str)>;

#[derive(Clone, Copy, Debug)]
enum Number {
    Whole(i64),
    Real(f64),
}

impl Page {
    /// Counters.
    pub fn counts<A: Label, B: Label>(&mut self, name: &str, help: &str, counts: &Counts<A, B>) {
        self.0.register(name, help, counts.clone());
    }

    /// Durations.
    pub fn seconds<L: Label>(&mut self, name: &str, help: &str, histogram: &Histogram<L>) {
        self.0.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    }

    /// A number of this moment.
    pub fn gauge(&mut self, name: &str, help: &str, value: i64) {
        self.gauges(name, help, vec![(vec![], value)]);
    }

    /// Numbers of this moment, each with its labels.
    pub fn gauges(&mut self, name: &str, help: &str, values: Vec<(Labels, i64)>) {
        let numbers = values.into_iter().map(|(labels, value)| (labels, Number::Whole(value))).collect();
        self.0.register(name, help, Now { kind: MetricType::Gauge, numbers });
    }

    /// A length, or a point of time.
    pub fn seconds_now(&mut self, name: &str, help: &str, value: f64) {
        let now = Now { kind: MetricType::Gauge, numbers: vec![(vec![], Number::Real(value))] };
        self.0.register_with_unit(name, help, Unit::Seconds, now);
    }

    /// So many bytes.
    pub fn bytes(&mut self, name: &str, help: &str, value: i64) {
        let now = Now { kind: MetricType::Gauge, numbers: vec![(vec![], Number::Whole(value))] };
        self.0.register_with_unit(name, help, Unit::Bytes, now);
    }

    /// A count that only grows, kept elsewhere.
    pub fn count(&mut self, name: &str, help: &str, value: i64) {
        let now = Now { kind: MetricType::Counter, numbers: vec![(vec![], Number::Whole(value))] };
        self.0.register(name, help, now);
    }

    /// Seconds that only grow, counted elsewhere.
    pub fn count_seconds(&mut self, name: &str, help: &str, value: f64) {
        let now = Now { kind: MetricType::Counter, numbers: vec![(vec![], Number::Real(value))] };
        self.0.register_with_unit(name, help, Unit::Seconds, now);
    }

    /// The text.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(32 * 1024);
        text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

impl Number {
    fn encode(self, mut encoder: MetricEncoder, kind: MetricType) -> fmt::Result {
        match (self, kind) {
            (Self::Real(value), MetricType::Counter) => encoder.encode_counter::<NoLabelSet, _, f64>(&value, None),
            (Self::Whole(value), MetricType::Counter) => {
                let value = u64::try_from(value).unwrap_or(0);
                encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
            }
            (Self::Real(value), _) => encoder.encode_gauge(&value),
            (Self::Whole(value), _) => encoder.encode_gauge(&value),
        }
    }
}

impl EncodeMetric for Now {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        for (labels, number) in &self.numbers {
            if labels.is_empty() {
                return number.encode(encoder, self.kind);
            }
            number.encode(encoder.encode_family(labels)?, self.kind)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}
