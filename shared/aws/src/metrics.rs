//! Metrics in the log: CloudWatch's embedded metric format.

use std::io::Write as _;

use serde_json::{Map, Value, json};

/// Where all metrics of the functions are found.
const NAMESPACE: &str = "GroundTruthCustomLabels";

/// A metric's value, and with it the unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// A number of things.
    Count(u64),
    /// A time.
    Seconds(f64),
}

/// One log line with metrics, at a time in milliseconds since 1970. `dimensions` tell metrics of one name apart;
/// `properties` are only there to be read.
///
/// Source: CloudWatch User Guide, "Embedded metric format specification".
#[must_use]
pub fn line(
    now_ms: i64,
    dimensions: &[(&str, &str)],
    properties: &[(&str, &str)],
    metrics: &[(&str, Figure)],
) -> String {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let definitions = metrics.iter().map(|(name, figure)| {
        let unit = match figure {
            Figure::Count(_) => "Count",
            Figure::Seconds(_) => "Seconds",
        };
        json!({"Name": name, "Unit": unit})
    });
    let definitions: Vec<Value> = definitions.collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [names],
                "Metrics": definitions,
            }],
        }),
    );
    for (name, text) in dimensions.iter().chain(properties) {
        line.insert((*name).to_owned(), json!(text));
    }
    for (name, figure) in metrics {
        let value = match figure {
            Figure::Count(n) => json!(n),
            Figure::Seconds(seconds) => json!(seconds),
        };
        line.insert((*name).to_owned(), value);
    }
    Value::from(line).to_string()
}

/// Writes lines to where Lambda looks for them.
pub fn log(lines: &[String]) {
    let text = format!("{}\n", lines.join("\n"));
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        tracing::warn!(%error, "metrics not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        let metrics = [
            ("Lines", Figure::Count(3)),
            ("UpdateSeconds", Figure::Seconds(0.5)),
        ];
        let line = line(7, &[("FunctionName", "f")], &[("Code", "X")], &metrics);
        let expected = json!({
            "_aws": {"Timestamp": 7, "CloudWatchMetrics": [{
                "Namespace": "GroundTruthCustomLabels",
                "Dimensions": [["FunctionName"]],
                "Metrics": [{"Name": "Lines", "Unit": "Count"}, {"Name": "UpdateSeconds", "Unit": "Seconds"}],
            }]},
            "FunctionName": "f",
            "Code": "X",
            "Lines": 3,
            "UpdateSeconds": 0.5,
        });
        assert_eq!(serde_json::from_str::<Value>(&line).ok(), Some(expected));
    }
}
