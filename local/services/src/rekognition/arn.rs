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
