//! How long workers took for their answers, from worker-response files.

use std::collections::BTreeMap;

use manifest::seconds_between;
use serde_json::Value;

use crate::worker::pseudonym;

/// Times of a job's answers: a worker's last one to each data object.
#[derive(Debug, Clone, Default)]
pub struct WorkTimes {
    /// By worker id, then data object.
    seconds: BTreeMap<String, BTreeMap<String, f64>>,
}

/// One worker's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorkerTimes {
    /// Answers whose time is known.
    pub n_answers: u32,
    /// The median, in seconds; of an even number the mean of the middle two.
    pub median_seconds: f64,
}

impl WorkTimes {
    /// Adds the answers of a worker-response file that tell a time: `timeSpentInSeconds`, else what lies between
    /// `acceptanceTime` and `submissionTime`. Anything else in the file, or another file, adds nothing.
    pub fn add_file(&mut self, dataset_object_id: &str, file: &[u8]) {
        let Ok(file) = serde_json::from_slice::<Value>(file) else {
            return;
        };
        let answers = file.get("answers").and_then(Value::as_array);
        for answer in answers.into_iter().flatten() {
            let worker = answer.get("workerId").and_then(Value::as_str);
            if let (Some(worker), Some(seconds)) = (worker, seconds(answer)) {
                let of_worker = self.seconds.entry(worker.to_owned()).or_default();
                of_worker.insert(dataset_object_id.to_owned(), seconds);
            }
        }
    }

    /// Times of each worker, by pseudonym; `job_key` keys these.
    #[must_use]
    pub fn by_pseudonym(&self, job_key: &str) -> BTreeMap<String, WorkerTimes> {
        let times = self.seconds.iter().filter_map(|(worker, seconds)| {
            let mut sorted: Vec<f64> = seconds.values().copied().collect();
            sorted.sort_by(f64::total_cmp);
            let (low, high) = (
                sorted.get((sorted.len() - 1) / 2)?,
                sorted.get(sorted.len() / 2)?,
            );
            let times = WorkerTimes {
                n_answers: sorted.len() as u32,
                median_seconds: f64::midpoint(*low, *high),
            };
            Some((pseudonym(job_key, worker), times))
        });
        times.collect()
    }
}

fn seconds(answer: &Value) -> Option<f64> {
    let text = |name: &str| answer.get(name)?.as_str();
    let spent = answer.get("timeSpentInSeconds").and_then(Value::as_f64);
    let between = || seconds_between(text("acceptanceTime")?, text("submissionTime")?);
    let seconds = spent.or_else(between)?;
    (seconds.is_finite() && seconds > 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let check = |answers: &[&str], expected: Option<(u32, f64)>| {
            let mut times = WorkTimes::default();
            for (idx, answer) in answers.iter().enumerate() {
                let file = format!(
                    r#"{{"answers":[7,{{"workerId":"w"{answer}}},{{"timeSpentInSeconds":9}}]}}"#
                );
                times.add_file(&idx.to_string(), file.as_bytes());
            }
            let found = times.by_pseudonym("job").remove(&pseudonym("job", "w"));
            let found = found.map(|times| (times.n_answers, times.median_seconds));
            assert_eq!(found, expected, "{answers:?}");
        };
        check(&[], None);
        check(&[""], None);
        check(&[r#","timeSpentInSeconds":8.5"#], Some((1, 8.5)));
        check(
            &[
                r#","timeSpentInSeconds":"8""#,
                r#","timeSpentInSeconds":-1"#,
            ],
            None,
        );
        check(
            &[
                r#","timeSpentInSeconds":1"#,
                r#","timeSpentInSeconds":100"#,
                r#","acceptanceTime":"2020-06-11T00:54:41.000Z","submissionTime":"2020-06-11T00:54:44.500Z""#,
            ],
            Some((3, 3.5)),
        );
        check(
            &[r#","timeSpentInSeconds":1"#, r#","timeSpentInSeconds":2"#],
            Some((2, 1.5)),
        );
        check(
            &[r#","acceptanceTime":"x","submissionTime":"2020-06-11T00:54:44.500Z""#],
            None,
        );
    }

    #[test]
    fn a_later_answer_to_the_same_object_takes_the_place() {
        let mut times = WorkTimes::default();
        for seconds in [5, 7] {
            let file =
                format!(r#"{{"answers":[{{"workerId":"w","timeSpentInSeconds":{seconds}}}]}}"#);
            times.add_file("0", file.as_bytes());
        }
        times.add_file("1", b"not JSON");
        let found = times.by_pseudonym("job").into_values().next();
        assert_eq!(
            found,
            Some(WorkerTimes {
                n_answers: 1,
                median_seconds: 7.0
            })
        );
    }
}
