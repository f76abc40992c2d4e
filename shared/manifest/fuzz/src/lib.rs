//! What must hold for any bytes; the fuzz targets and the replay of their corpus call it.
//!
//! From `shared/manifest`: `RUSTC_BOOTSTRAP=1 cargo fuzz run lines` (or `imports`, `formats`, `splitter`), after
//! `cargo install cargo-fuzz`. `cargo fuzz cmin lines` makes the corpus small again.

use manifest::dataset::{DatasetCheck, Expectations};
use manifest::import::yolo::{ClassNames, YoloFiles};
use manifest::import::{
    EntryOptions, FileError, NameOptions, Parsed, coco, csv, label_studio, voc,
};
use manifest::{
    Code, ConvertOptions, Converted, Converter, Entry, Judgement, LINE_BYTES_MAX, LineSplitter,
    RawLine, WhenEmpty, WhenFaultyBox, WhenTooManyBoxes, annotate, judge,
};

/// Calls `work` with each line of `bytes`, which arrive in blocks of `n` bytes.
fn each_line(bytes: &[u8], n: usize, max: usize, mut work: impl FnMut(u64, RawLine<'_>)) {
    let mut splitter = LineSplitter::new(max);
    for block in bytes.chunks(n.max(1)) {
        splitter.feed(block);
        while let Some((number, line)) = splitter.next_line() {
            work(number, line);
        }
    }
    splitter.finish();
    while let Some((number, line)) = splitter.next_line() {
        work(number, line);
    }
}

fn options(flags: u8) -> ConvertOptions {
    let is = |bit: u8| flags & (1 << bit) != 0;
    let when_empty = if is(0) {
        WhenEmpty::Send
    } else {
        WhenEmpty::Skip
    };
    ConvertOptions {
        job_name: is(1).then(|| "birds".to_owned()),
        label_attribute: is(2).then(|| "bird".to_owned()),
        min_confidence: is(3).then_some(0.5),
        unlabeled: when_empty,
        without_boxes: when_empty,
        too_many_boxes: if is(4) {
            WhenTooManyBoxes::KeepMostConfident
        } else {
            WhenTooManyBoxes::Reject
        },
        faulty_boxes: if is(5) {
            WhenFaultyBox::Reject
        } else {
            WhenFaultyBox::DropBox
        },
        ..ConvertOptions::default()
    }
}

/// Custom Labels would have nothing against the entry.
fn assert_is_usable(entry: &Entry, may_be_unlabeled: bool) {
    let Judgement::Kept(kept) = judge(entry.json.as_bytes()) else {
        panic!("would be dropped: {entry:?}")
    };
    assert_eq!(kept.source_ref, entry.source_ref);
    let errors = kept
        .findings
        .iter()
        .filter(|finding| !finding.code.is_warning());
    assert_eq!(errors.count(), 0, "{:?} of {entry:?}", kept.findings);
    assert!(kept.is_usable() || may_be_unlabeled, "{entry:?}");
}

/// Converting an entry changes nothing.
fn assert_is_fixed(entry: &Entry, options: &ConvertOptions) {
    // An entry of a line whose job is unknown is another job's for a run that names a job.
    let mut converter = Converter::new(ConvertOptions {
        job_name: None,
        label_attribute: None,
        ..options.clone()
    });
    match converter.convert(1, RawLine::Line(entry.json.as_bytes())) {
        Converted::Entry(again) => assert_eq!(again.json, entry.json),
        other => panic!("{other:?} of {entry:?}"),
    }
}

fn assert_annotated_alike(line: &[u8]) {
    let Judgement::Kept(kept) = judge(line) else {
        return;
    };
    match judge(annotate(line, &kept).as_bytes()) {
        Judgement::Kept(again) => {
            assert_eq!(again.findings, kept.findings);
            assert_eq!(again.labels, kept.labels);
            assert_eq!(again.is_labeled, kept.is_labeled);
        }
        Judgement::Dropped {
            code: Code::LineTooLong,
            ..
        } => {}
        Judgement::Dropped { reason, .. } => panic!("annotated line: {reason}"),
    }
}

/// A manifest: one byte of options, then lines.
pub fn lines(data: &[u8]) {
    let Some((flags, manifest)) = data.split_first() else {
        return;
    };
    let options = options(*flags);
    let mut converter = Converter::new(options.clone());
    let mut check = DatasetCheck::new(Expectations::default());
    let mut n_lines = 0;
    each_line(manifest, 4096, LINE_BYTES_MAX, |number, line| {
        n_lines += 1;
        check.feed(number, line);
        if let RawLine::Line(line) = line {
            assert_annotated_alike(line);
        }
        if let Converted::Entry(entry) = converter.convert(number, line) {
            assert_is_usable(&entry, flags & 1 != 0);
            assert_is_fixed(&entry, &options);
        }
    });
    let counts = converter.counts();
    assert_eq!(counts.n_lines, n_lines);
    assert_eq!(
        n_lines,
        counts.n_entries + counts.n_rejected + counts.n_skipped
    );
    assert_eq!(check.finish().0.n_lines, n_lines);
}

/// What becomes of a file's labels, with sizes given to all images.
fn import(parsed: Result<Parsed, FileError>, when_empty: WhenEmpty) {
    let Ok(mut parsed) = parsed else {
        return;
    };
    let names = NameOptions {
        folder: Some("s3://birds/images".to_owned()),
        ..NameOptions::default()
    };
    if parsed.locate(&names).is_err() {
        return;
    }
    let wanted: Vec<usize> = parsed
        .without_size(when_empty)
        .map(|image| image.idx)
        .collect();
    for idx in wanted {
        parsed.set_size(idx, Ok((640, 480)));
    }
    let import = parsed.into_import(&EntryOptions {
        label_attribute: "box".to_owned(),
        creation_date: "2024-05-01T10:00:00".to_owned(),
        when_empty,
    });
    for entry in import.unwrap_or_default().entries {
        assert_is_usable(&entry, when_empty == WhenEmpty::Send);
    }
}

/// A CSV or COCO file.
pub fn imports(data: &[u8]) {
    for when_empty in [WhenEmpty::Skip, WhenEmpty::Send] {
        import(csv::parse(data, &csv::CsvOptions::default()), when_empty);
    }
    import(
        coco::parse(data, &coco::CocoOptions::default()),
        WhenEmpty::Skip,
    );
}

/// A Pascal VOC file, YOLO labels with their names, Label Studio's export.
pub fn formats(data: &[u8]) {
    let mut voc = voc::VocFiles::default();
    voc.add("a.xml", data);
    import(Ok(voc.finish(None)), WhenEmpty::Skip);
    import(label_studio::parse(data), WhenEmpty::Skip);
    let names = [
        Ok(ClassNames::of_lines(data)),
        ClassNames::of_data_yaml(data),
    ];
    for names in names.into_iter().flatten() {
        if let Ok(mut files) = YoloFiles::new(names) {
            files.add("a.jpg", Some(("a.txt", data)));
            import(Ok(files.finish()), WhenEmpty::Skip);
        }
    }
}

/// Two bytes of sizes, then a stream: its lines don't depend on the blocks it arrives in.
pub fn splitter(data: &[u8]) {
    let [block, max, stream @ ..] = data else {
        return;
    };
    let split = |n: usize| {
        let mut lines = Vec::new();
        each_line(stream, n, usize::from(*max), |number, line| {
            lines.push((
                number,
                match line {
                    RawLine::Line(line) => Ok(line.to_vec()),
                    RawLine::TooLong { n_bytes } => Err(n_bytes),
                },
            ));
        });
        lines
    };
    assert_eq!(split(usize::from(*block)), split(stream.len()));
}
