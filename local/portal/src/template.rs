//! A worker task template, rendered as Ground Truth renders it: Liquid whose output is escaped, with its own filters.
//!
//! Source: Developer Guide, "Adding automation with Liquid". `escape`, `escape_once`, `skip_autoescape`, `to_json` and
//! `grant_read_access` are Ground Truth's; all others are Liquid's.

mod escaping;
mod filters;

use liquid::Template;
use serde_json::{Value, json};

use crate::images::ImageFolder;
use escaping::with_escapes;

/// Crowd HTML Elements of our own.
const ELEMENTS: &str = include_str!("assets/crowd-html-elements.js");

/// The elements that our script defines.
pub const KNOWN_ELEMENTS: [&str; 10] = [
    "crowd-bounding-box",
    "crowd-button",
    "crowd-checkbox",
    "crowd-classifier",
    "crowd-form",
    "crowd-image-classifier",
    "crowd-image-classifier-multi-select",
    "crowd-input",
    "crowd-radio-button",
    "crowd-radio-group",
];

/// Why a template can't be shown to workers.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is no Liquid, or asks for something that the task input doesn't have.
    #[error("{reason}")]
    Liquid {
        /// What is wrong and where.
        reason: String,
    },
    /// It uses an element that isn't there.
    #[error(
        "<{element}> is not one of the elements that can be shown here: {}",
        KNOWN_ELEMENTS.join(", ")
    )]
    UnknownElement {
        /// Its name.
        element: String,
    },
    /// It has no form: no answer would ever be submitted.
    #[error("there is no <crowd-form>: nothing could be submitted")]
    NoForm,
}

/// A template that was read.
pub struct TaskTemplate {
    template: Template,
}

impl std::fmt::Debug for TaskTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskTemplate").finish_non_exhaustive()
    }
}

impl TaskTemplate {
    /// Reads a template whose images lie in `images`.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Liquid`].
    pub fn parse(text: &str, images: ImageFolder) -> Result<Self, TemplateError> {
        let stdlib = liquid::ParserBuilder::with_stdlib();
        let filters = filters::all(images).into_iter();
        let parser = filters.fold(stdlib, liquid::ParserBuilder::filter).build();
        let template = parser.and_then(|parser| parser.parse(&with_escapes(text)));
        Ok(Self {
            template: template.map_err(|error| liquid_error(&error))?,
        })
    }

    /// The page of a task: the rendered template, with the elements' script before it.
    ///
    /// # Errors
    ///
    /// [`TemplateError`].
    pub fn page(&self, task_input: &Value) -> Result<String, TemplateError> {
        let globals = liquid::to_object(&json!({"task": {"input": task_input}}))
            .map_err(|error| liquid_error(&error))?;
        let rendered = self.template.render(&globals);
        let rendered = rendered.map_err(|error| liquid_error(&error))?;
        let rendered = without_aws_script(&rendered);
        let names = element_names(&rendered);
        if let Some(element) = names
            .iter()
            .find(|name| !KNOWN_ELEMENTS.contains(&name.as_str()))
        {
            let element = element.clone();
            return Err(TemplateError::UnknownElement { element });
        }
        if !names.iter().any(|name| name == "crowd-form") {
            return Err(TemplateError::NoForm);
        }
        Ok(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Task</title><script>{ELEMENTS}</script>\n{rendered}"
        ))
    }
}

fn liquid_error(error: &liquid::Error) -> TemplateError {
    let reason = error.to_string();
    TemplateError::Liquid {
        reason: reason.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// The page without the element that loads AWS's script: ours stands in for it.
fn without_aws_script(html: &str) -> String {
    const OPEN: &str = "<script";
    const CLOSE: &str = "</script>";
    let mut kept = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find(OPEN) {
        let (before, script) = rest.split_at(start);
        kept.push_str(before);
        let end = script
            .find(CLOSE)
            .map_or(script.len(), |end| end + CLOSE.len());
        let (script, after) = script.split_at(end);
        let tag = script.split('>').next().unwrap_or_default();
        if !tag.contains("crowd-html-elements.js") {
            kept.push_str(script);
        }
        rest = after;
    }
    kept + rest
}

/// Names of the elements whose names begin as Crowd HTML Elements' do, in lower case, outside comments.
fn element_names(html: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let name = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
        let name = name.to_ascii_lowercase();
        if name.starts_with("crowd-") {
            names.push(name);
        }
        rest = after;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, input: &Value) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bkt")).unwrap();
        std::fs::write(folder.path().join("bkt/1.jpg"), [0xFF, 0xD8, 0xFF]).unwrap();
        let images = ImageFolder {
            root: folder.path().to_owned(),
        };
        let text = format!("{text}<crowd-form></crowd-form>");
        let page = TaskTemplate::parse(&text, images).and_then(|template| template.page(input));
        let page = page.map_err(|error| error.to_string())?;
        let (_, rendered) = page.split_once("</script>\n").unwrap();
        Ok(rendered
            .trim_end_matches("<crowd-form></crowd-form>")
            .to_owned())
    }

    #[test]
    fn outputs() {
        let input = json!({"source-ref": "s3://bkt/1.jpg", "labels": ["a'b", "<i>"], "n": 2});
        let check = |text: &str, expected: &str| {
            assert_eq!(render(text, &input).as_deref(), Ok(expected), "{text}");
        };
        check("{{ task.input.n }}", "2");
        check("{{ task.input.labels[1] }}", "&lt;i&gt;");
        check("{{ task.input.labels[1] | escape }}", "&lt;i&gt;");
        check("{{ task.input.labels[1] | skip_autoescape }}", "<i>");
        check("{{- task.input.labels[0] | upcase -}}", "A&#39;B");
        check(
            "{{ task.input.labels | to_json | escape }}",
            "[&quot;a&#39;b&quot;,&quot;&lt;i&gt;&quot;]",
        );
        check(
            "{{ task.input.labels | to_json }}",
            "[&quot;a&#39;b&quot;,&quot;&lt;i&gt;&quot;]",
        );
        check(
            "{{ task.input.source-ref | grant_read_access }}",
            "data:image/jpeg;base64,/9j/",
        );
        check("{% if task.input.missing %}x{% endif %}", "");
        check("{{ '}}<' }}", "}}&lt;");
        check("{% raw %}{{ x }}{% endraw %}", "{{ x }}");
        check(
            "{% for label in task.input.labels %}{{ label }},{% endfor %}",
            "a&#39;b,&lt;i&gt;,",
        );
    }

    #[test]
    fn what_cannot_be_shown_is_named() {
        let check = |text: &str, expected: &str| {
            let error = render(text, &json!({})).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("{{ task.input.gone }}", "gone");
        check("{% if %}", "if");
        check("{{ 'x' | sign_it }}", "sign_it");
        check("{{ 's3://bkt/2.jpg' | grant_read_access }}", "2.jpg");
        check("<crowd-polygon name=x></crowd-polygon>", "<crowd-polygon>");
        check("<CROWD-Keypoint>", "<crowd-keypoint>");
        assert!(render("<!-- <crowd-polygon> -->", &json!({})).is_ok());
    }

    #[test]
    fn the_known_elements_are_the_scripts() {
        for name in KNOWN_ELEMENTS {
            let defined = format!("define(\"{name}\"");
            assert!(ELEMENTS.contains(&defined), "{name}");
        }
        let n_defined = ELEMENTS.matches("define(\"crowd-").count();
        assert_eq!(n_defined, KNOWN_ELEMENTS.len());
        assert!(!ELEMENTS.contains("</script"));
    }
}
