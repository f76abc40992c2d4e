//! Train or test, decided by the source reference alone.

use xxhash_rust::xxh3::xxh3_64;

/// Whether the image belongs to the test dataset when a share of `test_fraction` (0 to 1) goes there.
///
/// The same source reference always answers the same, whatever else is in the manifest; a larger fraction only
/// adds images to the test dataset. At 0 no image is in it, at 1 every one.
#[must_use]
pub fn is_test(source_ref: &str, test_fraction: f64) -> bool {
    /// 2 to the 53rd: one above the largest of 53 bits, all exact in `f64`.
    const RANGE: f64 = 9_007_199_254_740_992.0;
    ((xxh3_64(source_ref.as_bytes()) >> 11) as f64) / RANGE < test_fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_and_stability() {
        let count = |fraction| {
            (0..10_000)
                .filter(|n| is_test(&format!("s3://bucket/{n}.jpg"), fraction))
                .count()
        };
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((1900..2100).contains(&count(0.2)), "{}", count(0.2));
        for n in 0..1000 {
            let source_ref = format!("s3://bucket/{n}.jpg");
            assert!(!is_test(&source_ref, 0.1) || is_test(&source_ref, 0.3));
        }
    }
}
