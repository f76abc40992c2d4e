//! Image names of a file made source references.

use super::Fault;
use crate::code::Code;
use crate::line::shown;
use crate::source_ref::SourceRef;

/// Endings of the two kinds of images that Custom Labels takes.
const EXTENSIONS: [&str; 3] = [".jpg", ".jpeg", ".png"];

/// Whether a name ends as a JPEG's or PNG's does.
pub(super) fn has_image_extension(name: &str) -> bool {
    EXTENSIONS.iter().any(|extension| {
        let start = name.len().wrapping_sub(extension.len());
        name.get(start..)
            .is_some_and(|end| end.eq_ignore_ascii_case(extension))
    })
}

/// The image's S3 URI: a whole URI stays as it is, byte for byte, and a name is put behind `folder` (`s3://bucket/folder`).
///
/// A leading `./` is the folder itself. Nothing is decoded: `%20` is three characters of an object key.
///
/// # Errors
///
/// What can't be an image, or would name another object than was meant.
pub(super) fn source_ref(folder: Option<&str>, name: &str) -> Result<String, Fault> {
    let shown = shown(name);
    let wrong = |reason: String| Fault::new(Code::InvalidSourceRefFormat, reason);
    if name.is_empty() {
        return Err(wrong("image has no name".to_owned()).with_remedy("name the image"));
    }
    if name.chars().any(char::is_control) {
        return Err(
            wrong(format!("image name {shown:?} has a control character"))
                .with_remedy("write the object's key as it is in S3"),
        );
    }
    if name.contains('\u{FFFD}') {
        return Err(wrong(format!(
            "image name {shown:?} has the character that stands for lost ones"
        ))
        .with_remedy("export the file again, in UTF-8"));
    }
    if name.ends_with('/') {
        return Err(
            wrong(format!("image name {shown:?} is a folder's")).with_remedy("name the image")
        );
    }
    let uri = if name.starts_with("s3://") {
        name.to_owned()
    } else if name.contains("://") {
        return Err(
            wrong(format!("image name {shown:?} is a URL, but not of S3"))
                .with_remedy("copy the images to S3 and write s3://bucket/key, or the names alone"),
        );
    } else {
        let relative = relative(name)?;
        let Some(folder) = folder else {
            return Err(wrong(format!("{shown:?} is a name, not an s3:// URI"))
                .with_remedy("say which folder the images are in: --images s3://BUCKET/FOLDER"));
        };
        format!("{}/{relative}", folder.trim_end_matches('/'))
    };
    match SourceRef::parse(&uri) {
        Ok(_) => Ok(uri),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// A name as it stands behind a folder.
fn relative(name: &str) -> Result<&str, Fault> {
    let shown = shown(name);
    let wrong = |reason| Fault::new(Code::InvalidSourceRefFormat, reason);
    if name.contains('\\') {
        return Err(
            wrong(format!("image name {shown:?} has a backslash")).with_remedy(
                "write / between folders; a key that really has a backslash as a whole s3:// URI",
            ),
        );
    }
    let mut name = name.trim_start_matches('/');
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.trim_start_matches('/');
    }
    if name.split('/').any(|part| part == "." || part == "..") {
        return Err(wrong(format!(
            "image name {shown:?} has a . or .. for a folder, which S3 doesn't follow"
        ))
        .with_remedy("write the name as it stands behind the images' folder"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_refs() {
        let folder = Some("s3://birds/images/");
        let good = |folder, name: &str, expected: &str| {
            assert_eq!(source_ref(folder, name).unwrap(), expected, "{name}");
        };
        good(folder, "1.jpg", "s3://birds/images/1.jpg");
        good(folder, "/a/1.jpg", "s3://birds/images/a/1.jpg");
        good(folder, "./a/1.jpg", "s3://birds/images/a/1.jpg");
        good(folder, "ü %20+é.jpg", "s3://birds/images/ü %20+é.jpg");
        good(folder, "a..b/1.jpg", "s3://birds/images/a..b/1.jpg");
        good(folder, "s3://other/../1.jpg", "s3://other/../1.jpg");
        good(None, "s3://birds/a\\b.jpg", "s3://birds/a\\b.jpg");
        let bad = |folder, name: &str, expected: &str| {
            let fault = source_ref(folder, name).unwrap_err();
            assert_eq!(fault.code, Code::InvalidSourceRefFormat);
            let told = format!("{}; {:?}", fault.reason, fault.remedy);
            assert!(told.contains(expected), "{told}");
        };
        bad(folder, "", "no name");
        bad(folder, "a\nb.jpg", "control character");
        bad(folder, "caf\u{FFFD}.jpg", "lost ones");
        bad(folder, "a/", "folder's");
        bad(folder, "https://example.com/1.jpg", "copy the images to S3");
        bad(folder, "S3://birds/1.jpg", "not of S3");
        bad(folder, "a\\1.jpg", "backslash");
        bad(folder, "../1.jpg", "..");
        bad(folder, "a/./1.jpg", "..");
        bad(None, "1.jpg", "--images");
        bad(None, "s3://b/1.jpg", "bucket");
        bad(folder, &"k".repeat(1025), "1024");
    }

    #[test]
    fn extensions() {
        for (name, expected) in [
            ("1.jpg", true),
            ("1.JPEG", true),
            ("a.b.png", true),
            ("1.gif", false),
            ("jpg", false),
            ("", false),
            ("é", false),
        ] {
            assert_eq!(has_image_extension(name), expected, "{name}");
        }
    }
}
