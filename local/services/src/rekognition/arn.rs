//! ARNs of projects, datasets and model versions.

use super::super::REGION;

/// Account of every embedded resource.
const ACCOUNT: &str = "123456789012";

fn prefix() -> String {
    format!("arn:aws:rekognition:{REGION}:{ACCOUNT}:project/")
}

pub(crate) fn project(name: &str, id: u64) -> String {
    format!("{}{name}/{id}", prefix())
}

pub(crate) fn dataset(project: &str, kind: &str, id: u64) -> String {
    let kind = kind.to_ascii_lowercase();
    format!("{}{project}/dataset/{kind}/{id}", prefix())
}

pub(crate) fn version(project: &str, name: &str, id: u64) -> String {
    format!("{}{project}/version/{name}/{id}", prefix())
}

fn resource(arn: &str) -> Option<Vec<&str>> {
    let mut parts = arn.splitn(6, ':');
    let is_ours = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| !partition.is_empty())
        && parts.next() == Some("rekognition")
        && parts.next().is_some_and(|region| !region.is_empty())
        && parts
            .next()
            .is_some_and(|a| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit()));
    let resource: Vec<&str> = parts.next()?.split('/').collect();
    is_ours.then_some(resource)
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())
}

/// A project's or version's name: 1 to 255 of letters, digits, `_`, `.`, `-`.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

pub(crate) fn is_project(arn: &str) -> bool {
    matches!(resource(arn).as_deref(), Some(["project", name, id]) if is_name(name) && is_id(id))
}

pub(crate) fn is_dataset(arn: &str) -> bool {
    matches!(resource(arn).as_deref(), Some(["project", name, "dataset", "train" | "test", id]) if is_name(name) && is_id(id))
}

pub(crate) fn is_version(arn: &str) -> bool {
    matches!(resource(arn).as_deref(), Some(["project", name, "version", version, id]) if is_name(name) && is_name(version) && is_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_have_the_documented_form() {
        assert!(is_project(&project("birds", 1)));
        assert!(is_dataset(&dataset("birds", "TRAIN", 1)));
        assert!(is_version(&version("birds", "v.1", 1)));
        for arn in [
            "",
            "arn:aws:rekognition:us-east-1:1:project/birds/1",
            "arn:aws:rekognition:us-east-1:123456789012:project/birds/x",
            "arn:aws:s3:us-east-1:123456789012:project/birds/1",
            "arn:aws:rekognition:us-east-1:123456789012:project/b rds/1",
        ] {
            assert!(!is_project(arn), "{arn}");
        }
        assert!(!is_dataset(&project("birds", 1)));
        assert!(!is_dataset(&dataset("birds", "eval", 1)));
    }
}
