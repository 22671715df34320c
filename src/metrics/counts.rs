//! Counters, one for each value of a label or each pair of two. All are there from the start, at 0: a rate is known from the
//! first event on, and counting is one relaxed addition at a known place.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::label::{Alone, Label};

/// The counters. Clones count together.
pub struct Counts<A = Alone, B = Alone> {
    cells: Arc<[AtomicU64]>,
    of: PhantomData<fn() -> (A, B)>,
}

impl<A: Label, B: Label> Default for Counts<A, B> {
    fn default() -> Self {
        let all = A::values().len() * B::values().len();
        Self { cells: (0..all).map(|_| AtomicU64::new(0)).collect(), of: PhantomData }
    }
}

impl<A, B> Clone for Counts<A, B> {
    fn clone(&self) -> Self {
        Self { cells: self.cells.clone(), of: PhantomData }
    }
}

impl<A, B> fmt::Debug for Counts<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counts").field(&self.cells).finish()
    }
}

impl<A: Label> Counts<A, Alone> {
    /// Counts one.
    pub fn add(&self, label: A) {
        self.add2(label, Alone);
    }
}

impl<A: Label, B: Label> Counts<A, B> {
    /// Counts one.
    pub fn add2(&self, first: A, second: B) {
        // A place beyond the end would be a label that does not list all its values: not counted, never a panic.
        if let Some(cell) = self.cells.get(first.place() * B::values().len() + second.place()) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were counted under any label.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.cells.iter().map(|cell| cell.load(Ordering::Relaxed)).sum()
    }
}

impl<A: Label, B: Label> EncodeMetric for Counts<A, B> {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        let pairs = A::values().iter().flat_map(|first| B::values().iter().map(move |second| (first, second)));
        for ((first, second), cell) in pairs.zip(self.cells.iter()) {
            let labels = [(A::NAME, *first), (B::NAME, *second)];
            let labels: Vec<_> = labels.into_iter().filter(|(name, _)| !name.is_empty()).collect();
            let count = cell.load(Ordering::Relaxed);
            if labels.is_empty() {
                encoder.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            } else {
                encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}
