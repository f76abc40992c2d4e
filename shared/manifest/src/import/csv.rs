//! Image-level labels from a CSV file.
//!
//! The rules of the guide's CSV script: the first column is an image's S3 URI, or its name when a folder is given;
//! every other column that isn't empty is a label. When an image stands in more than one row, there are no entries,
//! but both lists that the script writes: the duplicates, and the rows without them (the first of an image stays).
//!
//! DIFFERENCE: a row that can't become an entry is left out by itself instead of ending the import or becoming nonsense;
//! a header is recognised; a row without labels is skipped unless it is asked for; `"` quotes in both passes (the script
//! takes `|` in the second); a label repeated in one row counts once; duplicates are told by source reference.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::csv_form::{find_header, named, refuse_json, refuse_other_separator, told_separator};
use super::csv_rows::{Line, Row, RowFault, cells, lines};
use super::image_name::{has_image_extension, source_ref};
use super::{Fault, FileError, Import, push_image_level};
use crate::code::Code;
use crate::convert_options::WhenEmpty;
use crate::counted::counted;
use crate::encoding::text_bytes;
use crate::json::write_text;
use crate::line::{is_label_key, shown};
use crate::outcome::Entry;
use crate::rules::{Judgement, LABEL_NAME_CHARS_MAX, LABELS_PER_IMAGE_MAX, judge};

/// How to read a CSV file, and what to write into the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// Stands before image names: `s3://bucket/folder`.
    pub folder: Option<String>,
    /// Goes into every label.
    pub creation_date: String,
    /// Between cells. Default: what a first line `sep=X` says, as spreadsheets write it, else a comma.
    pub separator: Option<char>,
    /// Rows without a label. Default: skip.
    pub unlabeled: WhenEmpty,
}

/// What a CSV file becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CsvImport {
    /// Entries, and rows that were left out.
    Imported(Import),
    /// Images stand in several rows.
    Repeated(Repeated),
}

/// A CSV file with images that stand in several rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repeated {
    /// Each row whose image an earlier row has, and that row's number; from 1.
    pub rows: Vec<(u64, u64)>,
    /// Those rows as they came.
    pub duplicates: Vec<String>,
    /// All other rows as they came.
    pub deduplicated: Vec<String>,
}

/// Reads a CSV file.
///
/// # Errors
///
/// [`FileError`] for what isn't text, has no rows, or has another separator.
pub fn import(file: &[u8], options: &CsvOptions) -> Result<CsvImport, FileError> {
    let lines = lines(text_bytes(file)?);
    refuse_json(&lines)?;
    // By row, to be told in the file's order.
    let mut faults: Vec<(u64, Fault)> = Vec::new();
    let told = lines.first().and_then(told_separator);
    if told.is_some() {
        faults.push((1, Fault::new(Code::Header, "it names the separator")));
    }
    let separator = options.separator.or(told).unwrap_or(',');
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(lines.len());
    for line in lines.iter().skip(usize::from(told.is_some())) {
        let row = Row {
            cells: cells(&line.text, separator),
            line,
        };
        if row.is_blank() {
            faults.push((line.number, Fault::new(Code::BlankLine, "row is blank")));
        } else {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Err(FileError::new(
            "file has no rows",
            "give it a CSV file in UTF-8: image, label, label, …",
        ));
    }
    refuse_other_separator(&rows, separator)?;
    if let Some(head) = find_header(&rows, separator).map(|header| header.line.text.as_str()) {
        for row in rows.extract_if(.., |row| row.line.text == head) {
            let reason = format!("{:?} is taken for a header", shown(head));
            faults.push((row.line.number, Fault::new(Code::Header, reason)));
        }
    }

    let mut entries = Vec::new();
    let mut repeated: BTreeMap<u64, u64> = BTreeMap::new();
    let mut first_rows: HashMap<String, u64> = HashMap::new();
    for row in &rows {
        let number = row.line.number;
        let source_ref = match image_of(row, separator, options) {
            Ok(source_ref) => source_ref,
            Err(fault) => {
                faults.push((number, fault));
                continue;
            }
        };
        if let Some(first) = first_rows.get(&source_ref) {
            repeated.insert(number, *first);
            continue;
        }
        first_rows.insert(source_ref.clone(), number);
        match entry(row, source_ref, options) {
            Ok(entry) => entries.push(entry),
            Err(fault) => faults.push((number, fault)),
        }
    }
    if !repeated.is_empty() {
        return Ok(CsvImport::Repeated(Repeated::of(&lines, &repeated)));
    }
    faults.sort_by_key(|(number, _)| *number);
    let mut import = Import {
        notes: notes(&rows, &entries),
        entries,
        ..Import::default()
    };
    for (number, fault) in faults {
        import.leave_out(format!("row {number}"), fault);
    }
    Ok(CsvImport::Imported(import))
}

impl Repeated {
    /// Parts the lines in those of `rows` (each with the first row of its image) and the others.
    fn of(lines: &[Line], rows: &BTreeMap<u64, u64>) -> Self {
        let text_of = |is_repeated: bool| {
            let lines = lines.iter();
            lines
                .filter(|line| rows.contains_key(&line.number) == is_repeated)
                .map(|line| line.text.clone())
                .collect()
        };
        Self {
            rows: rows.iter().map(|(row, first)| (*row, *first)).collect(),
            duplicates: text_of(true),
            deduplicated: text_of(false),
        }
    }
}

/// What is remarkable in rows that became entries.
fn notes(rows: &[Row<'_>], entries: &[Entry]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut others = entries
        .iter()
        .filter(|entry| !has_image_extension(&entry.source_ref))
        .map(|entry| entry.line_number);
    if let Some(first) = others.next() {
        notes.push(format!(
            "{} without .jpg, .jpeg or .png at the end, row {first} to begin with: Custom Labels takes JPEG and PNG only",
            counted(1 + others.count() as u64, "image name")
        ));
    }
    let imported: BTreeSet<u64> = entries.iter().map(|entry| entry.line_number).collect();
    let mut spellings = BTreeMap::<String, BTreeSet<&str>>::new();
    for row in rows {
        if imported.contains(&row.line.number) {
            for label in row.labels() {
                let folded = spellings.entry(label.to_lowercase());
                folded.or_default().insert(label);
            }
        }
    }
    for spellings in spellings.values().filter(|spellings| spellings.len() > 1) {
        let spellings: Vec<String> = spellings
            .iter()
            .map(|label| format!("{:?}", shown(label)))
            .collect();
        notes.push(format!(
            "labels that differ in upper and lower case only: {}",
            spellings.join(", ")
        ));
    }
    notes
}

fn image_of(row: &Row<'_>, separator: char, options: &CsvOptions) -> Result<String, Fault> {
    let wrong = |reason: &str| Fault::new(Code::InvalidRow, reason);
    if let Some(other) = row.other_separator(separator) {
        return Err(wrong(&format!(
            "{} stands between the cells where other rows have {}",
            named(other),
            named(separator)
        ))
        .with_remedy(format!("write {} in every row", named(separator))));
    }
    match row.cells {
        Err(RowFault::UnclosedQuote) => {
            return Err(
                wrong("a quotation mark is opened and not closed in the row")
                    .with_remedy("close it, or write \"\" for one that belongs to a name"),
            );
        }
        Err(RowFault::BehindQuote(found)) => {
            return Err(
                wrong(&format!("{found:?} stands behind a closing quotation mark")).with_remedy(
                    "quote whole cells, and write \"\" for a mark that belongs to a name",
                ),
            );
        }
        Ok(_) => {}
    }
    let image = row.image().split(separator).next();
    if row.cells.as_ref().is_ok_and(|cells| cells.len() == 1)
        && image.is_some_and(|image| image != row.image() && has_image_extension(image))
    {
        return Err(wrong("the whole row is in quotation marks")
            .with_remedy("quote cells one by one, or not at all"));
    }
    if !has_image_extension(row.image())
        && let Some(label) = row.labels().find(|label| has_image_extension(label))
    {
        return Err(wrong(&format!(
            "{:?} looks like an image, but the first column has {:?}",
            shown(label),
            shown(row.image())
        ))
        .with_remedy("put the image first, then its labels"));
    }
    source_ref(options.folder.as_deref(), row.image())
}

fn entry(row: &Row<'_>, source_ref: String, options: &CsvOptions) -> Result<Entry, Fault> {
    let mut json = String::from("{\"source-ref\":");
    write_text(&mut json, &source_ref);
    let mut used: Vec<&str> = Vec::new();
    for label in row.labels() {
        check_label(label)?;
        if !used.contains(&label) {
            used.push(label);
            push_image_level(&mut json, label, &options.creation_date);
        }
    }
    if used.len() > LABELS_PER_IMAGE_MAX {
        return Err(Fault::new(
            Code::TooManyLabels,
            format!(
                "image has {} labels; {LABELS_PER_IMAGE_MAX} are possible",
                used.len()
            ),
        )
        .with_remedy("keep the labels that matter most"));
    }
    if used.is_empty() && options.unlabeled == WhenEmpty::Skip {
        return Err(Fault::new(Code::Unlabeled, "row has no label"));
    }
    json.push('}');
    match judge(json.as_bytes()) {
        Judgement::Dropped { code, reason } => Err(Fault::new(code, reason)),
        Judgement::Kept(kept) => match kept
            .findings
            .into_iter()
            .find(|finding| !finding.code.is_warning())
        {
            Some(finding) => Err(Fault::new(finding.code, finding.message)),
            None => Ok(Entry {
                line_number: row.line.number,
                source_ref,
                json,
                notes: Vec::new(),
            }),
        },
    }
}

/// Refuses what can't be a label or the name of its attribute.
fn check_label(label: &str) -> Result<(), Fault> {
    let shown = shown(label);
    let wrong = |reason| Err(Fault::new(Code::LabelNameNotPlain, reason));
    if label.chars().any(char::is_control) {
        return wrong(format!("label {shown:?} has a control character"));
    }
    if label.contains('\u{FFFD}') {
        let lost = format!("label {shown:?} has the character that stands for lost ones");
        return Err(Fault::new(Code::LabelNameNotPlain, lost)
            .with_remedy("export the file again, in UTF-8"));
    }
    if label.chars().count() > LABEL_NAME_CHARS_MAX {
        return Err(Fault::new(
            Code::InvalidLabelNameLength,
            format!("label {shown:?}… has more than {LABEL_NAME_CHARS_MAX} characters"),
        ));
    }
    if !is_label_key(label) {
        return wrong(format!(
            "label {shown:?} can't be the name of a label attribute"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: Option<&str>) -> CsvOptions {
        CsvOptions {
            folder: folder.map(str::to_owned),
            creation_date: "2022-01-21T14:21:05".to_owned(),
            separator: None,
            unlabeled: WhenEmpty::Skip,
        }
    }

    #[track_caller]
    fn run_with(text: &str, options: &CsvOptions) -> Import {
        match import(text.as_bytes(), options).unwrap() {
            CsvImport::Imported(import) => import,
            CsvImport::Repeated(repeated) => panic!("{repeated:?}"),
        }
    }

    #[track_caller]
    fn run(text: &str) -> Import {
        run_with(text, &options(Some("s3://birds/f")))
    }

    fn images(import: &Import) -> Vec<&str> {
        let source_refs = import.entries.iter().map(|entry| entry.source_ref.as_str());
        source_refs
            .map(|uri| uri.strip_prefix("s3://birds/f/").unwrap_or(uri))
            .collect()
    }

    fn left_out(import: &Import) -> Vec<(&str, Code)> {
        let left_out = import.left_out.iter();
        left_out.map(|one| (one.place.as_str(), one.code)).collect()
    }

    #[test]
    fn documented_rules() {
        let sent = CsvOptions {
            unlabeled: WhenEmpty::Send,
            ..options(Some("s3://bucket/flowers/train/"))
        };
        let found = run_with(
            "camellia1.jpg,camellia,with_leaves\nspurge.jpg,,\n\"a,b.jpg\",x,x\n",
            &sent,
        );
        assert_eq!(left_out(&found), []);
        let pair = |label: &str| {
            format!(
                r#""{label}":1,"{label}-metadata":{{"confidence":1,"job-name":"labeling-job/{label}","class-name":"{label}","human-annotated":"yes","creation-date":"2022-01-21T14:21:05","type":"groundtruth/image-classification"}}"#
            )
        };
        let lines: Vec<&str> = found.entries.iter().map(|e| e.json.as_str()).collect();
        let expected = [
            format!(
                r#"{{"source-ref":"s3://bucket/flowers/train/camellia1.jpg",{},{}}}"#,
                pair("camellia"),
                pair("with_leaves")
            ),
            r#"{"source-ref":"s3://bucket/flowers/train/spurge.jpg"}"#.to_owned(),
            format!(
                r#"{{"source-ref":"s3://bucket/flowers/train/a,b.jpg",{}}}"#,
                pair("x")
            ),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn duplicates_stop_the_import() {
        let found = import(
            b"s3://birds/f/1.jpg,a\n2.jpg,b\n\n./1.jpg,\"c\"\nx y\n1.jpg,a",
            &options(Some("s3://birds/f")),
        );
        assert_eq!(
            found.unwrap(),
            CsvImport::Repeated(Repeated {
                rows: vec![(4, 1), (6, 1)],
                duplicates: vec!["./1.jpg,\"c\"".to_owned(), "1.jpg,a".to_owned()],
                deduplicated: vec![
                    "s3://birds/f/1.jpg,a".to_owned(),
                    "2.jpg,b".to_owned(),
                    String::new(),
                    "x y".to_owned()
                ],
            })
        );
    }

    #[test]
    fn rejected_rows_cost_no_other() {
        let found = run(concat!(
            "1.jpg,ok\n",
            ",Cat\n",
            "2.jpg,source-ref\n",
            "3.jpg,x-metadata\n",
            "\"4.jpg,open\n",
            "5.jpg,\"a\"b\n",
            "6.jpg;owl\n",
            "owl,7.jpg\n",
            "8.jpg,a\tb\n",
            "9.jpg\n",
            ",,\n",
            "\n",
            "10.jpg,ok\n",
            "\"11.jpg,owl\"\n",
        ));
        assert_eq!(images(&found), ["1.jpg", "10.jpg"]);
        assert_eq!(
            left_out(&found),
            [
                ("row 2", Code::InvalidSourceRefFormat),
                ("row 3", Code::LabelNameNotPlain),
                ("row 4", Code::LabelNameNotPlain),
                ("row 5", Code::InvalidRow),
                ("row 6", Code::InvalidRow),
                ("row 7", Code::InvalidRow),
                ("row 8", Code::InvalidRow),
                ("row 9", Code::LabelNameNotPlain),
                ("row 10", Code::Unlabeled),
                ("row 11", Code::BlankLine),
                ("row 12", Code::BlankLine),
                ("row 14", Code::InvalidRow),
            ]
        );
        assert_eq!(found.n_rejected_and_skipped(), (9, 3));
    }

    #[test]
    fn json_is_told_from_rows() {
        let refused = |file: &str| {
            import(file.as_bytes(), &options(None))
                .err()
                .map(|error| error.reason)
        };
        for json in [
            "\n{\"source-ref\":\"s3://birds/1.jpg\"}\n",
            "[{\"image_id\": 1}]",
            "{\n  \"images\": []\n}",
            "[\n]",
        ] {
            assert_eq!(
                refused(json).as_deref(),
                Some("file is JSON, not CSV"),
                "{json}"
            );
        }
        for csv in [
            "{1}.jpg,owl\n",
            "[1].jpg,owl\n",
            "\"{\"\"a\"\"}.jpg\",owl\n",
        ] {
            assert_eq!(refused(csv), None, "{csv}");
        }
    }

    #[test]
    fn too_many_labels() {
        let row = |n: u32| {
            let labels: Vec<String> = (0..n).map(|label| format!("l{label}")).collect();
            format!("1.jpg,{}\n2.jpg,x\n", labels.join(","))
        };
        assert_eq!(images(&run(&row(50))).len(), 2);
        let found = run(&row(51));
        assert_eq!(left_out(&found), [("row 1", Code::TooManyLabels)]);
        let long = |n: usize| format!("1.jpg,{}\n2.jpg,x\n", "é".repeat(n));
        assert_eq!(images(&run(&long(255))).len(), 2);
        let found = run(&long(256));
        assert_eq!(left_out(&found), [("row 1", Code::InvalidLabelNameLength)]);
    }

    #[test]
    fn separators() {
        let check = |text: &str, expected: &str, remedy: &str| {
            let error = import(text.as_bytes(), &options(Some("s3://birds/f"))).unwrap_err();
            assert!(error.reason.contains(expected), "{error:?}");
            assert!(error.remedy.contains(remedy), "{error:?}");
        };
        check("1.jpg;owl\n2.jpg;wren, small\n", "by ;, not", "';'");
        check("1.jpg\towl\n2.jpg\t\n", "by TAB", "tab");
        check("\"1.jpg\";\"owl\"\n", "by ;", "';'");
        check("\n1.jpg|owl\n", "row 2", "'|'");
        let semicolon = CsvOptions {
            separator: Some(';'),
            ..options(Some("s3://birds/f"))
        };
        let found = run_with("1.jpg;owl\n2.jpg;wren, small\n3.jpg,owl\n", &semicolon);
        assert_eq!(images(&found), ["1.jpg", "2.jpg"]);
        assert_eq!(left_out(&found), [("row 3", Code::InvalidRow)]);
        assert_eq!(images(&run("sep=;\n1.jpg;owl\n")), ["1.jpg"]);
    }

    #[test]
    fn headers() {
        let header = |text: &str| {
            let found = run(text);
            assert_eq!(left_out(&found), [("row 1", Code::Header)], "{text}");
        };
        header("image,label\n1.jpg,owl\n");
        header("Image Name,label\nno-extension,owl\n");
        header("Bild,Art\n1.jpg,owl\n2.jpg,wren\n");
        header("\u{FEFF}source-ref\n1.jpg,owl\n");
        let none = |text: &str| {
            let found = run(text);
            assert_eq!(left_out(&found), [], "{text}");
        };
        none("Bild,Art\n");
        none("first,owl\n2.jpg,owl\n");
        none("first,wren\nsecond,owl\n");
        none("1.jpg,label\n2.jpg,owl\n");
        let twice = run("image,label\n1.jpg,owl\nimage,label\n2.jpg,owl\n");
        assert_eq!(
            left_out(&twice),
            [("row 1", Code::Header), ("row 3", Code::Header)]
        );
    }

    #[test]
    fn remarkable() {
        let found = run("1.jpg,Owl\n2.tiff,owl\n");
        assert_eq!(images(&found), ["1.jpg", "2.tiff"]);
        let notes = found.notes.join("\n");
        assert!(notes.contains("1 image name without .jpg"), "{notes}");
        assert!(notes.contains("row 2"), "{notes}");
        assert!(notes.contains("\"Owl\", \"owl\""), "{notes}");
    }

    #[test]
    fn encodings() {
        let found = match import(
            b"caf\xe9.jpg,a\n1.jpg,gr\xfcn\n2.jpg,b\r\n",
            &options(Some("s3://birds/f")),
        ) {
            Ok(CsvImport::Imported(found)) => found,
            other => panic!("{other:?}"),
        };
        assert_eq!(images(&found), ["2.jpg"]);
        for one in &found.left_out {
            assert!(one.remedy.contains("UTF-8"), "{one:?}");
        }
        assert_eq!(found.left_out.len(), 2);
        assert!(import(b"\n \n", &options(None)).is_err());
    }
}
