//! Seeded choice, the same on every machine and in every version: figures must be repeatable.

/// SplitMix64. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// Starts from a seed.
    #[must_use]
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Shuffles. Fisher and Yates, from the end, by remainder: the bias is below 2⁻⁴⁰ for what is shuffled here.
    pub(super) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let other = (self.next() % (last as u64 + 1)) as usize;
            values.swap(last, other);
        }
    }

    /// Keeps `n` of the values, chosen and ordered at random; all of them, shuffled, where there are not more.
    pub(super) fn keep<T>(&mut self, values: &mut Vec<T>, n: usize) {
        self.shuffle(values);
        values.truncate(n);
    }
}
