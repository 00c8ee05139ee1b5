//! Times, counted by how long they are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets, in microseconds: 250 µs and from there each time about 1.4 times as long, up to 16 s.
const BUCKETS: [u64; 33] = [
    250, 354, 500, 707, 1_000, 1_414, 2_000, 2_828, 4_000, 5_657, 8_000, 11_314, 16_000, 22_627,
    32_000, 45_255, 64_000, 90_510, 128_000, 181_019, 256_000, 362_039, 512_000, 724_077,
    1_024_000, 1_448_155, 2_048_000, 2_896_309, 4_096_000, 5_792_619, 8_192_000, 11_585_238,
    16_384_000,
];

/// How often times lay in each bucket.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// One for each bucket, the last for what is longer than all.
    counts: [AtomicU64; BUCKETS.len() + 1],
    sum_micros: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_micros: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts a time, so many times.
    pub(crate) fn count(&self, time: Duration, times: u64) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.partition_point(|end| *end < micros);
        self.counts[bucket].fetch_add(times, Ordering::Relaxed);
        let sum = micros.saturating_mul(times);
        self.sum_micros.fetch_add(sum, Ordering::Relaxed);
    }

    /// As Prometheus reads it: upper ends in seconds with how many were no longer, then the sum
    /// in seconds and the count.
    pub(crate) fn rows(&self) -> (Vec<(f64, u64)>, f64, u64) {
        let mut total = 0;
        let mut rows = Vec::with_capacity(BUCKETS.len());
        for (end, count) in BUCKETS.iter().zip(&self.counts) {
            total += count.load(Ordering::Relaxed);
            rows.push((*end as f64 / 1e6, total));
        }
        total += self.counts[BUCKETS.len()].load(Ordering::Relaxed);
        let sum = self.sum_micros.load(Ordering::Relaxed) as f64 / 1e6;
        (rows, sum, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_where_they_lie() {
        let histogram = Histogram::default();
        for micros in [1, 250, 251, 16_384_000, 16_384_001] {
            histogram.count(Duration::from_micros(micros), 2);
        }
        let (rows, sum, count) = histogram.rows();
        assert_eq!(rows.first(), Some(&(0.000_25, 4)));
        assert_eq!(rows.get(1), Some(&(0.000_354, 6)));
        assert_eq!(rows.last(), Some(&(16.384, 8)));
        assert_eq!(count, 10);
        assert!((sum - 65.537_006).abs() < 1e-6, "{sum}");
    }
}
