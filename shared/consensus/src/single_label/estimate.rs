//! From the posterior to what is answered: tempered, with a share kept for what no worker may know.

use super::Config;

/// What the posterior of an item is raised to, whose answers' workers are known by these shares, each in [0, 1], and of
/// whose votes the class with most has the share `top_share`.
///
/// Skills that differ by `spread` tell whose error it is only as far as they are known: workers of whom nothing is known
/// are all alike. An item whose workers disagree is a hard one, on which they are worse than on others.
#[inline(always)]
pub(super) fn exponent(
    spread: f64,
    known: impl ExactSizeIterator<Item = f32>,
    top_share: f64,
    config: &Config,
) -> f32 {
    let n_answers = known.len() as f64;
    let told = spread * f64::from(known.sum::<f32>()) / (n_answers * config.spread_at_half);
    // 1 / (1 + correlation / (1 + told²) (n - 1)), and 1 / (1 + disagreement (1 - top_share)), in one division.
    let weakened = 1.0 + told * told;
    let together = weakened + config.correlation * (n_answers - 1.0);
    (weakened / (together * (1.0 + config.disagreement * (1.0 - top_share)))) as f32
}

/// Finds the share of votes that the class with most of them has.
pub(super) struct TopShare {
    /// By class; all 0 between items.
    n_votes: Vec<u32>,
}

impl TopShare {
    pub(super) fn new(n_classes: usize) -> Self {
        Self {
            n_votes: vec![0; n_classes],
        }
    }

    /// Of an item whose votes are for these classes; 1 without votes.
    #[inline(always)]
    pub(super) fn of(&mut self, classes: &[u32]) -> f64 {
        let mut top = 0;
        for class in classes {
            if let Some(n) = self.n_votes.get_mut(*class as usize) {
                *n += 1;
                top = top.max(*n);
            }
        }
        for class in classes {
            if let Some(n) = self.n_votes.get_mut(*class as usize) {
                *n = 0;
            }
        }
        if top == 0 {
            return 1.0;
        }
        f64::from(top) / classes.len() as f64
    }
}

/// How far a worker is known: the share of `n_answers` of his own in an accuracy that is shrunk by `shrinkage`.
#[inline(always)]
pub(super) fn known(n_answers: f32, shrinkage: f32) -> f32 {
    n_answers / (n_answers + shrinkage)
}

/// `base` to the power of `exponent`, both in [0, 1], with a relative error below 1e-5; 0 stays 0.
///
/// From additions and multiplications alone: the same on every machine, and fast where there are many.
#[inline(always)]
pub(super) fn power(base: f32, exponent: f32) -> f32 {
    // log2: the exponent's bits, and a series around 1 for the rest, which lies in [√½, √2).
    let bits = larger(base, 1e-30).to_bits();
    let shifted = bits.wrapping_sub(0x3F35_04F3);
    let whole = (shifted as i32) >> 23;
    let rest = f32::from_bits(bits.wrapping_sub((whole as u32) << 23));
    let s = (rest - 1.0) / (rest + 1.0);
    let s2 = s * s;
    let series = s * (2.0 + s2 * (2.0 / 3.0 + s2 * (2.0 / 5.0 + s2 * (2.0 / 7.0))));
    let log2 = whole as f32 + series * std::f32::consts::LOG2_E;
    // exp2: the nearest whole number's bits, and a series for the rest, which lies in [-½, ½].
    let product = larger(log2 * exponent, -126.0);
    // Added, this leaves no bits after the point.
    const ROUND: f32 = 12_582_912.0;
    let rounded = product + ROUND;
    let whole = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    let x = (product - (rounded - ROUND)) * std::f32::consts::LN_2;
    let series =
        1.0 + x * (1.0 + x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0)))));
    let power = series * f32::from_bits(whole.wrapping_add(127) << 23);
    if base > 0.0 { power } else { 0.0 }
}

/// The larger number, in one instruction, for neither is ever not a number.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Makes probabilities, which are put into `row`, of what is tempered and not normalised, and returns the item's class.
/// `tempered` may be longer than `row`, with zeros there. `most_probable` is the class that is so by all answers, `classes`
/// are those answered; `single` is the accuracy of the worker where there is one answer.
///
/// Nothing branches on numbers that are others for each item.
#[inline(always)]
pub(super) fn choose(
    tempered: &[f32],
    row: &mut [f64],
    most_probable: usize,
    classes: &[u32],
    single: Option<f64>,
    config: &Config,
) -> u32 {
    let beyond = config.beyond_workers;
    let sum = by_lanes(tempered, 0.0, |sum, q| sum + f64::from(q), |a, b| a + b);
    let scale = (1.0 - beyond) / sum;
    let floor = beyond / row.len().max(1) as f64;
    for (p, q) in row.iter_mut().zip(tempered) {
        *p = f64::from(*q) * scale + floor;
    }
    let first = classes.first().copied().unwrap_or_default();
    let differs = classes
        .iter()
        .fold(0, |differs, class| differs | (class ^ first));
    let is_unanimous = differs == 0 && !classes.is_empty();
    let chosen = if is_unanimous {
        first as usize
    } else {
        most_probable
    };
    let top = by_lanes(row, 0.0, f64::max, f64::max);
    if let Some(accuracy) = single {
        give(row, chosen, accuracy);
    } else if let Some(p) = row.get_mut(chosen)
        && *p < top
    {
        *p = top;
        normalise(row);
    }
    chosen as u32
}

/// [`choose`] of many classes of which all but `chosen` have nothing beyond what each is given for items beyond the
/// workers: the class and its probability. `tempered` stands beside `chosen`, which ascend and of which the one at
/// `most_probable` is the item's.
pub(super) fn choose_among(
    tempered: &[f32],
    chosen: &[u32],
    most_probable: usize,
    n_classes: usize,
    single: Option<f64>,
    config: &Config,
) -> (u32, f64) {
    let sum: f64 = tempered.iter().map(|q| f64::from(*q)).sum();
    let scale = (1.0 - config.beyond_workers) / sum;
    let floor = config.beyond_workers / n_classes.max(1) as f64;
    let mut probabilities = tempered.iter().map(|q| f64::from(*q) * scale + floor);
    let top = probabilities.clone().fold(0.0, f64::max);
    let own = probabilities.nth(most_probable).unwrap_or_default();
    let class = chosen.get(most_probable).copied().unwrap_or_default();
    (class, single.unwrap_or(top / (1.0 + top - own)))
}

/// How far two probabilities may be apart, as a share, and are still the same one: iterations make rounding larger.
const TIE: f32 = 1e-4;

/// The first of the most probable.
#[inline(always)]
pub(super) fn most_probable(posterior: &[f32]) -> usize {
    let top = by_lanes(posterior, 0.0, larger, larger);
    let mut best = 0;
    for (k, q) in posterior.iter().enumerate().rev() {
        best = if q * (1.0 + TIE) >= top { k } else { best };
    }
    best
}

/// Folds lane by lane, which go side by side, and then the lanes.
#[inline(always)]
fn by_lanes<V: Copy, T: Copy>(
    values: &[V],
    start: T,
    with: impl Fn(T, V) -> T,
    both: impl Fn(T, T) -> T,
) -> T {
    let (chunks, rest) = values.as_chunks::<4>();
    let mut lanes = [start; 4];
    for some in chunks {
        for (lane, value) in lanes.iter_mut().zip(some) {
            *lane = with(*lane, *value);
        }
    }
    let [a, b, c, d] = lanes;
    rest.iter()
        .fold(both(both(a, b), both(c, d)), |all, value| with(all, *value))
}

fn normalise(probabilities: &mut [f64]) {
    let sum: f64 = probabilities.iter().sum();
    for p in probabilities {
        *p /= sum;
    }
}

/// The class has this probability, the others the rest in proportion to what they had.
fn give(probabilities: &mut [f64], class: usize, p_class: f64) {
    let others: f64 = probabilities
        .iter()
        .enumerate()
        .filter(|(k, _)| *k != class)
        .map(|(_, p)| p)
        .sum();
    for (k, p) in probabilities.iter_mut().enumerate() {
        *p = if k == class {
            p_class
        } else if others > 0.0 {
            *p / others * (1.0 - p_class)
        } else {
            0.0
        };
    }
    normalise(probabilities);
}

#[cfg(test)]
mod tests {
    use super::{TopShare, exponent, power};
    use crate::single_label::Config;

    #[test]
    fn skills_tell_errors_apart_as_far_as_workers_are_known() {
        let config = Config::default();
        let of = |spread, known: &[f32]| {
            f64::from(exponent(spread, known.iter().copied(), 1.0, &config))
        };
        let half = config.spread_at_half;
        let of_three = |correlation: f64| 1.0 / (1.0 + correlation * 2.0);
        for (spread, known, correlation) in [
            (0.0, [1.0; 3], config.correlation),
            (half, [0.0; 3], config.correlation),
            (half, [1.0; 3], config.correlation / 2.0),
            (half, [0.0, 0.5, 1.0], config.correlation / 1.25),
            (2.0 * half, [1.0; 3], config.correlation / 5.0),
        ] {
            let error = (of(spread, &known) - of_three(correlation)).abs();
            assert!(error < 1e-6, "{spread} {known:?}: {error}");
        }
        assert_eq!(of(0.0, &[0.3]), 1.0);
    }

    #[test]
    fn disagreement_makes_less_certain() {
        let config = Config::default();
        let of = |share| f64::from(exponent(0.0, [1.0; 3].into_iter(), share, &config));
        let ratio = of(0.5) * (1.0 + config.disagreement / 2.0) / of(1.0);
        assert!((ratio - 1.0).abs() < 1e-6, "{ratio}");
    }

    #[test]
    fn top_shares() {
        let mut shares = TopShare::new(4);
        for (classes, expected) in [
            (&[][..], 1.0),
            (&[3], 1.0),
            (&[0, 1], 0.5),
            (&[1, 0, 1], 2.0 / 3.0),
            (&[0, 0, 0], 1.0),
            (&[0, 1, 2, 3], 0.25),
        ] {
            assert_eq!(shares.of(classes), expected, "{classes:?}");
        }
    }

    #[test]
    fn powers() {
        for base in [
            0.0_f32,
            1e-30,
            1e-12,
            0.001,
            0.3,
            0.5,
            std::f32::consts::FRAC_1_SQRT_2,
            0.99,
            1.0,
        ] {
            for exponent in [0.05_f32, 0.25, 1.0 / 3.0, 0.7, 1.0] {
                let expected = f64::from(base).powf(f64::from(exponent));
                let error = (f64::from(power(base, exponent)) - expected).abs();
                assert!(error <= 1e-5 * expected, "{base} ^ {exponent}: {error}");
            }
        }
    }
}
