//! The functions' log: one JSON object a line, which says of which invocation and which job it is.
//!
//! Keys are those of Powertools for AWS Lambda where it has them: `level`, `message`, `timestamp`, `function_name`,
//! `function_request_id`, `cold_start`, `xray_trace_id`. Fields of the spans that a line is in stand beside its own, which
//! win.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Field names of lambda_runtime's span, and what they are called in a line.
const RENAMED: [(&str, &str); 2] = [
    ("requestId", "function_request_id"),
    ("xrayTraceId", "xray_trace_id"),
];

/// Whether no invocation has begun yet in this process.
static IS_COLD: AtomicBool = AtomicBool::new(true);

/// Name of the function and coldness of the invocation that is under way, or was last: lambda_runtime logs an error
/// outside of the span of [`invocation`].
static LATEST: Mutex<Option<(String, bool)>> = Mutex::new(None);

/// Starts logging to the process's standard output, once a process. `level` is `ERROR`, `WARN` or `INFO`, whatever its
/// case; anything else, and none, is `INFO`.
pub fn start(level: Option<&str>) {
    let level = level.and_then(|level| level.trim().parse().ok());
    tracing_subscriber::fmt()
        .fmt_fields(JsonFields::new())
        .event_format(Lines)
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .init();
}

/// The span that an invocation's lines are in. The first one of a process has `cold_start`.
#[must_use]
pub fn invocation(function_name: &str) -> Span {
    let cold_start = IS_COLD.swap(false, Ordering::Relaxed);
    *LATEST.lock().unwrap_or_else(PoisonError::into_inner) =
        Some((function_name.to_owned(), cold_start));
    tracing::error_span!("invocation", function_name, cold_start)
}

/// The labeling job's name in its ARN, in lower case there; empty when the text is none.
#[must_use]
pub fn job_name(labeling_job_arn: &str) -> &str {
    let name = labeling_job_arn.split_once(":labeling-job/");
    name.map_or("", |(_, name)| name)
}

struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|it| it.from_root())
        {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                line.extend(object(fields));
            }
        }
        for (theirs, ours) in RENAMED {
            if let Some(value) = line.remove(theirs) {
                line.insert(ours.to_owned(), value);
            }
        }
        if !line.contains_key("function_name")
            && let Some((name, is_cold)) = &*LATEST.lock().unwrap_or_else(PoisonError::into_inner)
        {
            line.insert("function_name".to_owned(), Value::from(name.as_str()));
            line.insert("cold_start".to_owned(), Value::from(*is_cold));
        }
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        line.extend(object(&own));
        let mut now = String::new();
        SystemTime.format_time(&mut Writer::new(&mut now))?;
        line.insert("timestamp".to_owned(), Value::from(now));
        let level = event.metadata().level().as_str();
        line.insert("level".to_owned(), Value::from(level));
        writeln!(writer, "{}", Value::from(line))
    }
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(Lines)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = kept.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_has_what_its_spans_have() {
        let found = lines(|| {
            let runtime = tracing::info_span!("Lambda runtime invoke", requestId = "r-1");
            let _runtime = runtime.entered();
            let _invocation = invocation("updater").entered();
            tracing::warn!(n_lines = 7, "first \"quoted\"\nline");
            let _manifest =
                tracing::info_span!("manifest", job_name = "birds", n_lines = 8).entered();
            tracing::info!(n_lines = 9, share = 0.5, reason = %"x");
        });
        assert_eq!(found.len(), 2);
        for line in &found {
            assert_eq!(line["function_request_id"], "r-1");
            assert_eq!(line["function_name"], "updater");
            assert!(line["cold_start"].is_boolean());
            assert!(
                line["timestamp"]
                    .as_str()
                    .is_some_and(|it| it.ends_with('Z'))
            );
            assert!(line.get("requestId").is_none());
        }
        assert_eq!(found[0]["message"], "first \"quoted\"\nline");
        assert_eq!(
            (&found[0]["level"], &found[0]["n_lines"]),
            (&"WARN".into(), &7.into())
        );
        assert!(found[0].get("job_name").is_none());
        assert_eq!(
            (&found[1]["job_name"], &found[1]["n_lines"]),
            (&"birds".into(), &9.into())
        );
        assert_eq!(
            (&found[1]["share"], &found[1]["reason"]),
            (&0.5.into(), &"x".into())
        );
    }

    #[test]
    fn only_the_first_invocation_is_cold() {
        let found = lines(|| {
            for _ in 0..3 {
                let _invocation = invocation("f").entered();
                tracing::info!("x");
            }
        });
        let cold = found.iter().filter(|line| line["cold_start"] == true);
        assert!(cold.count() <= 1);
        assert_eq!(found[2]["cold_start"], false);
    }

    #[test]
    fn names_of_jobs() {
        let arn = "arn:aws:sagemaker:us-east-1:111122223333:labeling-job/birds-1";
        assert_eq!(job_name(arn), "birds-1");
        assert_eq!(job_name("birds-1"), "");
    }
}
