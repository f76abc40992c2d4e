//! When a model that fails is left alone for a while.

use std::time::Duration;

/// Failures in a row that may pass by themselves, after which the model is left alone all the same.
const PASSING_FAILURES_MAX: u32 = 3;

/// What a failed question says about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFailure {
    /// Nothing: it is this image's, or the model has more to do than it can at the moment.
    ThisImage,
    /// It may pass by itself: no answer, or none in time.
    Passing,
    /// It lasts until somebody does something: the model isn't running, or may not be asked.
    Lasting,
}

/// One process's memory of its model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelRest {
    n_failures: u32,
    until: Option<Duration>,
}

impl ModelRest {
    /// Whether the model is not to be asked. Times are since any fixed moment.
    #[must_use]
    pub fn rests(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Takes an answer down.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// Takes a failure down; `true` when the model is left alone from now on, for `rest`.
    pub fn failed(&mut self, failure: ModelFailure, now: Duration, rest: Duration) -> bool {
        let begins = match failure {
            ModelFailure::ThisImage => false,
            ModelFailure::Lasting => true,
            ModelFailure::Passing => {
                self.n_failures += 1;
                self.n_failures >= PASSING_FAILURES_MAX
            }
        };
        if begins {
            *self = Self {
                n_failures: 0,
                until: Some(now.saturating_add(rest)),
            };
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::ModelFailure::{Lasting, Passing, ThisImage};
    use super::*;

    const REST: Duration = Duration::from_secs(300);

    fn check(failures: &[Option<ModelFailure>], rests: bool) {
        let mut rest = ModelRest::default();
        for failure in failures {
            match failure {
                Some(failure) => {
                    rest.failed(*failure, Duration::from_secs(1), REST);
                }
                None => rest.answered(),
            }
        }
        for (now_s, expected) in [(1, rests), (300, rests), (301, false)] {
            let now = Duration::from_secs(now_s);
            assert_eq!(rest.rests(now), expected, "{failures:?} {now_s}");
        }
    }

    #[test]
    fn rests() {
        check(&[], false);
        check(&[Some(Lasting)], true);
        check(&[Some(Lasting), None], false);
        check(&[Some(ThisImage); 10], false);
        check(&[Some(Passing); 2], false);
        check(&[Some(Passing); 3], true);
        check(&[Some(Passing), Some(Passing), None, Some(Passing)], false);
        let pressed = [Some(Passing), Some(ThisImage), Some(Passing), Some(Passing)];
        check(&pressed, true);
    }
}
