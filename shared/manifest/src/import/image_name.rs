//! Image names of a file made source references.

use super::Fault;
use crate::code::Code;
use crate::line::shown;
use crate::source_ref::SourceRef;

/// Endings of the two kinds of images that Custom Labels takes.
const EXTENSIONS: [&str; 3] = [".jpg", ".jpeg", ".png"];
/// Endings of other images.
const OTHER_EXTENSIONS: [&str; 12] = [
    ".tif", ".tiff", ".bmp", ".webp", ".gif", ".heic", ".jp2", ".jfif", ".ppm", ".dcm", ".avif",
    ".svg",
];
/// Folders at the root of a computer or of a notebook in the cloud; an S3 key hardly starts so.
const LOCAL_ROOTS: [&str; 19] = [
    "Users",
    "Volumes",
    "content",
    "dbfs",
    "drive",
    "etc",
    "home",
    "kaggle",
    "media",
    "mnt",
    "opt",
    "private",
    "root",
    "scratch",
    "srv",
    "tmp",
    "usr",
    "var",
    "workspace",
];
const REMEDY_LOCAL: &str =
    "--names file keeps the file name only, --strip-prefix PREFIX takes PREFIX away";

/// How images are found by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameOptions {
    /// Stands before names: `s3://bucket/folder`.
    pub folder: Option<String>,
    /// What of a name is taken. Default: all of it.
    pub rule: NameRule,
    /// What is taken away where a name starts with it, before anything else.
    pub strip_prefix: Option<String>,
    /// Put behind names without an image's extension, such as `.jpg`.
    pub suffix: Option<String>,
    /// Images that stand several times are an error instead of one image with all labels.
    pub refuse_repeated: bool,
}

/// What of a name is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameRule {
    /// All of it.
    #[default]
    Whole,
    /// What stands behind the last `/` or `\`.
    File,
    /// As [`Self::File`], without the hash that Label Studio puts before names of uploaded files.
    Original,
}

/// Whether a name ends as a JPEG's or PNG's does.
#[must_use]
pub fn has_image_extension(name: &str) -> bool {
    ends_with_any(name, &EXTENSIONS)
}

/// Whether a name ends as an image's does, be it of a kind that Custom Labels takes or not.
pub(super) fn has_any_image_extension(name: &str) -> bool {
    has_image_extension(name) || ends_with_any(name, &OTHER_EXTENSIONS)
}

fn ends_with_any(name: &str, extensions: &[&str]) -> bool {
    extensions.iter().any(|extension| {
        let start = name.len().wrapping_sub(extension.len());
        name.get(start..)
            .is_some_and(|end| end.eq_ignore_ascii_case(extension))
    })
}

/// Whether a text starts as URIs of images do.
pub(super) fn is_uri(text: &str) -> bool {
    let scheme = text.split("://").next().unwrap_or_default();
    scheme.len() < text.len()
        && (2..=6).contains(&scheme.len())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The image's S3 URI: a whole URI stays as it is, byte for byte, and a name is put behind `folder` (`s3://bucket/folder`).
///
/// A leading `./` is the folder itself. Nothing is decoded: `%20` is three characters of an object key.
///
/// # Errors
///
/// What can't be an image, or would name another object than was meant.
pub(super) fn source_ref(options: &NameOptions, name: &str) -> Result<String, Fault> {
    let wrong = |reason: String| Fault::new(Code::InvalidSourceRefFormat, reason);
    if name.is_empty() {
        return Err(wrong("image has no name".to_owned()).with_remedy("name the image"));
    }
    let quoted = format!("image name {:?}", shown(name));
    if name.chars().any(char::is_control) {
        return Err(wrong(format!("{quoted} has a control character"))
            .with_remedy("write the object's key as it is in S3"));
    }
    if name.contains('\u{FFFD}') {
        return Err(wrong(format!(
            "{quoted} has the character that stands for lost ones"
        ))
        .with_remedy("export the file again, in UTF-8"));
    }
    let prefix = options.strip_prefix.as_deref().unwrap_or_default();
    let name = name.strip_prefix(prefix).unwrap_or(name);
    let mut name = match options.rule {
        NameRule::Whole => name.to_owned(),
        NameRule::File => file_name(name),
        NameRule::Original => without_hash(&file_name(name)).to_owned(),
    };
    if name.is_empty() || name.ends_with('/') {
        return Err(wrong(format!("{quoted} is a folder's")).with_remedy("name the image"));
    }
    if !has_any_image_extension(&name) {
        name.push_str(options.suffix.as_deref().unwrap_or_default());
    }
    let uri = if name.starts_with("s3://") {
        name
    } else if let Some(fault) = local_fault(&name, &quoted) {
        return Err(fault);
    } else if is_uri(&name) {
        return Err(wrong(format!("{quoted} is a URL, but not of S3")).with_remedy(
            "copy the images to S3 and write s3://bucket/key, or the names alone: --names file, or --strip-prefix PREFIX",
        ));
    } else {
        let relative = relative(&name)?;
        let Some(folder) = options.folder.as_deref() else {
            return Err(
                wrong(format!("{:?} is a name, not an s3:// URI", shown(&name)))
                    .with_remedy("say which folder the images are in: --images s3://BUCKET/FOLDER"),
            );
        };
        format!("{}/{relative}", folder.trim_end_matches('/'))
    };
    match SourceRef::parse(&uri) {
        Ok(_) => Ok(uri),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// What stands behind the last separator of folders, `%5C` and the like included where a program of labels wrote them.
fn file_name(name: &str) -> String {
    let name = match name.split_once("/?d=") {
        Some((_, path)) => percent_decoded(path),
        None => name.to_owned(),
    };
    let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
    file.to_owned()
}

/// `ab12cd34-x.png` → `x.png`.
fn without_hash(name: &str) -> &str {
    match name.split_once('-') {
        Some((hash, original))
            if hash.len() == 8
                && !original.is_empty()
                && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            original
        }
        _ => name,
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escape = behind.get(..2).filter(|_| *first == b'%');
        let escape = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Refuses paths on somebody's computer and in a labeling program's storage: they name no object.
fn local_fault(name: &str, quoted: &str) -> Option<Fault> {
    let root = name.strip_prefix('/').and_then(|path| path.split_once('/'));
    let root = root.map(|(root, _)| root);
    let is_drive = name.as_bytes().get(1) == Some(&b':')
        && name.starts_with(|first: char| first.is_ascii_alphabetic());
    let what = if name.contains("/local-files/?d=") || name.starts_with("/data/upload/") {
        "is a path in Label Studio's own storage"
    } else if is_drive
        || name.starts_with("\\\\")
        || name.starts_with("~/")
        || name.starts_with("file:")
        || root.is_some_and(|root| LOCAL_ROOTS.contains(&root))
    {
        "is a path on a computer"
    } else {
        return None;
    };
    let remedy = match what.contains("Label Studio") {
        true => format!("{REMEDY_LOCAL}; --names original takes the hash away, too"),
        false => REMEDY_LOCAL.to_owned(),
    };
    Some(
        Fault::new(
            Code::InvalidSourceRefFormat,
            format!("{quoted} {what}, not an object's key"),
        )
        .with_remedy(remedy),
    )
}

/// A name as it stands behind a folder.
fn relative(name: &str) -> Result<&str, Fault> {
    let shown = shown(name);
    let wrong = |reason| Fault::new(Code::InvalidSourceRefFormat, reason);
    if name.contains('\\') {
        return Err(wrong(format!("image name {shown:?} has a backslash")).with_remedy(format!(
            "{REMEDY_LOCAL}; --names original takes Label Studio's hash away, too; write a key that really has a backslash as a whole s3:// URI"
        )));
    }
    let mut name = name.trim_start_matches('/');
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.trim_start_matches('/');
    }
    if name.split('/').any(|part| part == "." || part == "..") {
        return Err(wrong(format!(
            "image name {shown:?} has a . or .. for a folder, which S3 doesn't follow"
        ))
        .with_remedy(format!(
            "write the name as it stands behind the images' folder: {REMEDY_LOCAL}"
        )));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_refs() {
        let folder = Some("s3://birds/images/");
        let options = |folder: Option<&str>| NameOptions {
            folder: folder.map(str::to_owned),
            ..NameOptions::default()
        };
        let good = |folder, name: &str, expected: &str| {
            assert_eq!(
                source_ref(&options(folder), name).unwrap(),
                expected,
                "{name}"
            );
        };
        good(folder, "1.jpg", "s3://birds/images/1.jpg");
        good(folder, "/a/1.jpg", "s3://birds/images/a/1.jpg");
        good(folder, "./a/1.jpg", "s3://birds/images/a/1.jpg");
        good(folder, "ü %20+é.jpg", "s3://birds/images/ü %20+é.jpg");
        good(folder, "a..b/1.jpg", "s3://birds/images/a..b/1.jpg");
        good(folder, "s3://other/../1.jpg", "s3://other/../1.jpg");
        good(None, "s3://birds/a\\b.jpg", "s3://birds/a\\b.jpg");
        let bad = |folder, name: &str, expected: &str| {
            let fault = source_ref(&options(folder), name).unwrap_err();
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
        bad(folder, "C:/Users/me/a.jpg", "on a computer");
        bad(folder, "C:\\pics\\a.jpg", "on a computer");
        bad(folder, "\\\\server\\pics\\a.jpg", "on a computer");
        bad(folder, "/home/me/a.jpg", "--names file");
        bad(folder, "~/a.jpg", "--strip-prefix");
        bad(folder, "file:///home/a.jpg", "on a computer");
        bad(folder, "/data/local-files/?d=a.jpg", "--names original");
        bad(folder, "gs://b/a.jpg", "--names file");
        bad(None, "1.jpg", "--images");
        bad(None, "s3://b/1.jpg", "bucket");
        bad(folder, &"k".repeat(1025), "1024");
    }

    #[test]
    fn what_of_a_name_is_taken() {
        let check = |name: &str, rule: NameRule, prefix: Option<&str>, expected: &str| {
            let options = NameOptions {
                folder: Some("s3://birds".to_owned()),
                rule,
                strip_prefix: prefix.map(str::to_owned),
                suffix: Some(".jpg".to_owned()),
                refuse_repeated: false,
            };
            let found = source_ref(&options, name).unwrap();
            assert_eq!(found.strip_prefix("s3://birds/"), Some(expected), "{name}");
        };
        use NameRule::{File, Original, Whole};
        check("C:/Users/me/a.jpg", File, None, "a.jpg");
        check("C:\\me\\a.jpg", File, None, "a.jpg");
        check("/home/me/x/a.jpg", Whole, Some("/home/me/"), "x/a.jpg");
        check("gs://b/x/a.jpg", Whole, Some("gs://b/"), "x/a.jpg");
        check("x/a.jpg", Whole, Some("y/"), "x/a.jpg");
        check("images\\ab12cd34-x.png", File, None, "ab12cd34-x.png");
        check("images\\ab12cd34-x.png", Original, None, "x.png");
        check("images/ab12cd3-x.png", Original, None, "ab12cd3-x.png");
        check("/data/local-files/?d=a%5Cb%20c.png", File, None, "b c.png");
        check("/data/local-files/?d=a/b%2.png", File, None, "b%2.png");
        check("000123", Whole, None, "000123.jpg");
        check("a.tif", Whole, None, "a.tif");
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
