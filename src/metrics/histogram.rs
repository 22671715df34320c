//! How long things take, in buckets. Of our own, because the crate's takes a lock for every observation: here it is two
//! relaxed additions. The count is the sum of the buckets, so that no reader ever sees the two disagree.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::label::{Alone, Label};

/// Upper bounds in nanoseconds, each with the same in seconds: from a check out of memory to a database's deadline.
const BOUNDS: [(u64, f64); 16] = [
    (50_000, 0.000_05),
    (100_000, 0.000_1),
    (250_000, 0.000_25),
    (500_000, 0.000_5),
    (1_000_000, 0.001),
    (2_500_000, 0.002_5),
    (5_000_000, 0.005),
    (10_000_000, 0.01),
    (25_000_000, 0.025),
    (50_000_000, 0.05),
    (100_000_000, 0.1),
    (250_000_000, 0.25),
    (500_000_000, 0.5),
    (1_000_000_000, 1.0),
    (2_500_000_000, 2.5),
    (5_000_000_000, 5.0),
];

/// One histogram for each value of a label. Clones count together.
#[derive(Debug)]
pub struct Histogram<L = Alone> {
    cells: Arc<[Cell]>,
    of: PhantomData<fn() -> L>,
}

#[derive(Debug, Default)]
struct Cell {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl<L: Label> Default for Histogram<L> {
    fn default() -> Self {
        Self { cells: L::values().iter().map(|_| Cell::default()).collect(), of: PhantomData }
    }
}

impl<L> Clone for Histogram<L> {
    fn clone(&self) -> Self {
        Self { cells: self.cells.clone(), of: PhantomData }
    }
}

impl Histogram<Alone> {
    /// Counts something that took so long.
    pub fn observe(&self, took: Duration) {
        self.observe_of(Alone, took);
    }
}

impl<L: Label> Histogram<L> {
    /// The same, under a label.
    pub fn observe_of(&self, label: L, took: Duration) {
        let Some(cell) = self.cells.get(label.place()) else { return };
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|(bound, _)| *bound < nanos);
        cell.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        cell.nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Cell {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        // The crate adds the buckets up.
        let bounds = BOUNDS.iter().map(|(_, seconds)| *seconds).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

impl<L: Label> EncodeMetric for Histogram<L> {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        if L::NAME.is_empty() {
            return self.cells.first().map_or(Ok(()), |cell| cell.encode(encoder));
        }
        for (value, cell) in L::values().iter().zip(self.cells.iter()) {
            cell.encode(encoder.encode_family(&[(L::NAME, *value)])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_both_spellings_of_it_agree() {
        let histogram: Histogram = Histogram::default();
        for (nanos, seconds) in BOUNDS {
            assert!((Duration::from_nanos(nanos).as_secs_f64() - seconds).abs() < 1e-12);
            histogram.observe(Duration::from_nanos(nanos));
            histogram.observe(Duration::from_nanos(nanos + 1));
        }
        histogram.observe(Duration::MAX);
        let counts: Vec<u64> = histogram.cells[0].buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let mut expected = vec![2; BOUNDS.len() + 1];
        (expected[0], expected[BOUNDS.len()]) = (1, 2);
        assert_eq!(counts, expected);
    }
}
