//! Files that are no manifests, told from their start: one hint says more than an error a line.

use crate::encoding::text_start;
use crate::file_error::FileError;
use crate::file_kind::FileKind;
use crate::json::{JsonError, Reader};
use crate::line::Line;
use crate::lines::LINE_BYTES_MAX;

/// JSON that isn't JSON Lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WholeDocument {
    /// One object, or several, over several lines each.
    Object,
    /// A list, of objects presumably.
    List,
    /// A COCO file.
    Coco,
}

/// Says what a file is that surely is no manifest, by its start (some 100 KB; any length will do): text in UTF-16,
/// compressed, XML, a table or YOLO labels, or a JSON document instead of JSON Lines. `None`: its lines have to tell.
///
/// # Examples
///
/// ```
/// # use manifest::not_a_manifest;
/// let pretty = b"{\n  \"source-ref\": \"s3://birds/1.jpg\"\n}\n";
/// assert!(not_a_manifest(pretty).unwrap().remedy.contains("jq -c"));
/// assert_eq!(not_a_manifest(b"{\"source-ref\":\"s3://birds/1.jpg\"}\n"), None);
/// ```
#[must_use]
pub fn not_a_manifest(start: &[u8]) -> Option<FileError> {
    let text = match text_start(start) {
        Ok(text) => text,
        Err(error) => return Some(error),
    };
    if let Some(kind) = FileKind::of(text) {
        return Some(kind.told());
    }
    let (reason, remedy) = match whole_document(text)? {
        WholeDocument::Object => (
            "file is JSON over several lines; a manifest has one object a line",
            "jq -c . FILE > NEW.manifest writes each object on one line",
        ),
        WholeDocument::List => (
            "file is a JSON list; a manifest has one object a line and nothing around them",
            "jq -c '.[]' FILE > NEW.manifest writes each object on one line",
        ),
        WholeDocument::Coco => (
            "file is a COCO file, not a manifest",
            "gtcl import coco FILE --out ENTRIES makes dataset entries of it",
        ),
    };
    Some(FileError::new(reason, remedy))
}

/// Recognises a JSON document: a list, or an object that goes over several lines none of which is an object with a
/// source-ref itself.
fn whole_document(start: &[u8]) -> Option<WholeDocument> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The start may end within a character.
        Err(error) => std::str::from_utf8(start.get(..error.valid_up_to())?).ok()?,
    };
    let first = text.trim_ascii_start().bytes().next()?;
    if !matches!(first, b'{' | b'[') {
        return None;
    }
    let is_entry = |line: &str| {
        line.len() <= LINE_BYTES_MAX
            && Line::open(line.as_bytes()).is_ok_and(|line| line.member("source-ref").is_some())
    };
    if first == b'{' && text.lines().any(is_entry) {
        return None;
    }
    let mut reader = Reader::new(text);
    let mut keys = Keys::default();
    let raw = match keys.pass(&mut reader) {
        Ok(raw) => raw,
        Err(JsonError::Syntax { at }) if at >= text.trim_ascii_end().len() => text,
        Err(_) => return None,
    };
    if keys.is_coco {
        Some(WholeDocument::Coco)
    } else if first == b'[' {
        Some(WholeDocument::List)
    } else {
        raw.trim_ascii()
            .contains('\n')
            .then_some(WholeDocument::Object)
    }
}

/// What the keys of the document's object tell.
#[derive(Default)]
struct Keys {
    is_coco: bool,
}

impl Keys {
    /// Passes the document, noting its keys.
    fn pass<'a>(&mut self, reader: &mut Reader<'a>) -> Result<&'a str, JsonError> {
        let start = reader.start()?;
        if !reader.enter_object()? {
            return reader.skip();
        }
        let mut is_first = true;
        let mut has_images = false;
        while let Some(key) = reader.next_key(&mut is_first)? {
            has_images |= key.is("images");
            self.is_coco |= has_images || key.is("annotations") || key.is("categories");
            reader.skip()?;
        }
        reader.since(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        let check = |text: &str, expected: Option<WholeDocument>| {
            let start = text_start(text.as_bytes()).unwrap();
            assert_eq!(whole_document(start), expected, "{text:?}");
        };
        let line = r#"{"source-ref":"s3://birds/1.jpg"}"#;
        let pretty = "{\n \"source-ref\": \"s3://birds/1.jpg\",\n \"a\": [\n  {\"b\":1}\n ]\n}\n";
        check(pretty, Some(WholeDocument::Object));
        check(&pretty.repeat(2), Some(WholeDocument::Object));
        check(&pretty[..40], Some(WholeDocument::Object));
        check(&format!("\u{FEFF}{pretty}"), Some(WholeDocument::Object));
        check(&pretty.replace('\n', "\r\n"), Some(WholeDocument::Object));
        check(&format!("[{line},{line}]"), Some(WholeDocument::List));
        check(
            &format!("[\n{line},\n{line},\n{line}"),
            Some(WholeDocument::List),
        );
        check("{\"info\":{},\"images\":[", Some(WholeDocument::Coco));
        check(
            "{\n\"annotations\":[],\"images\":[]}",
            Some(WholeDocument::Coco),
        );
        check(&pretty.replace("\n", ""), None);
        check(&format!("{line}\n{line}\n"), None);
        check(&format!("nonsense\n{line}\n"), None);
        check(&format!("{{\n{line}\n"), None);
        check("{}\n{}\n", None);
        check("{\"a\":1}\n", None);
        check("{\n nonsense\n", None);
        check("", None);
        check("7\n8\n", None);
    }

    #[test]
    fn other_files() {
        let reason = |start: &[u8]| not_a_manifest(start).map(|error| error.reason);
        assert!(reason(b"\x1f\x8b\x08").unwrap().contains("gzip"));
        assert!(reason(b"\xff\xfe{\0").unwrap().contains("UTF-16"));
        assert!(reason(b"[1]").unwrap().contains("list"));
        assert_eq!(reason(b"a\0b\n"), None);
    }
}
