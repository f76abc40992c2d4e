//! `gtcl import` and `gtcl export` as a user runs them, and how other commands tell what a file is.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

struct Ran {
    code: i32,
    /// Standard output, then errors.
    text: String,
}

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.text);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        assert!(self.text.contains(text), "no {text:?} in\n{}", self.text);
        self
    }
}

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
        self
    }

    fn image(&self, name: &str, width: u32, height: u32) -> &Self {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        let pixels = vec![0; (width * height) as usize];
        writer.write_image_data(&pixels).unwrap();
        writer.finish().unwrap();
        self.write(name, bytes)
    }

    /// Nothing listens where S3 is said to be.
    fn run(&self, arguments: &str) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_gtcl"))
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .env_clear()
            .env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        Ran {
            code: output.status.code().unwrap(),
            text: String::from_utf8(text).unwrap(),
        }
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Each entry as image and labels, boxes with their edges.
    fn told(&self, name: &str) -> Vec<String> {
        self.lines(name).iter().map(told).collect()
    }
}

fn told(line: &Value) -> String {
    let image = line["source-ref"].as_str().unwrap().to_owned();
    let attributes = line.as_object().unwrap().iter();
    let mut labels = Vec::new();
    for (name, metadata) in attributes.filter(|(name, _)| name.ends_with("-metadata")) {
        if let Some(class) = metadata["class-name"].as_str() {
            labels.push(class.to_owned());
        }
        let boxes = line[name.strip_suffix("-metadata").unwrap()]["annotations"].as_array();
        for found in boxes.into_iter().flatten() {
            let class = &metadata["class-map"][found["class_id"].to_string()];
            let edges = ["left", "top", "width", "height"].map(|edge| found[edge].to_string());
            labels.push(format!("{} {}", class.as_str().unwrap(), edges.join(" ")));
        }
    }
    format!("{image}: {}", labels.join(", "))
}

const IMAGES: &str = "--images s3://bkt/img";

#[test]
fn sizes_come_from_images() {
    let desk = Desk::new();
    let table = "a.png,10,20,110,220,cat\nb.png,10,20,110,220,dog\nsub/c.png,1,2,60,70,cat\nd.png,1,2,3,4,cat\n";
    desk.write("r.csv", table)
        .image("pics/a.png", 400, 300)
        .image("pics/bkt/img/b.png", 400, 300)
        .image("pics/c.png", 400, 300);
    let import = format!("import csv r.csv {IMAGES} --out e");
    desk.run(&import)
        .exits(2)
        .says("doesn't say the size of 4 images")
        .says("--images-from FOLDER");
    assert!(!desk.path("e").exists());
    desk.run(&format!("{import} --images-from pics"))
        .exits(1)
        .says("row 4: ERROR_INVALID_IMAGE image's size isn't known");
    assert_eq!(
        desk.told("e"),
        [
            "s3://bkt/img/a.png: cat 10 20 100 200",
            "s3://bkt/img/b.png: dog 10 20 100 200",
            "s3://bkt/img/sub/c.png: cat 1 2 59 68",
        ]
    );
    desk.run(&format!("{import} --images-from none"))
        .exits(2)
        .says("none could not be read");
}

#[test]
fn names_that_are_no_keys() {
    let desk = Desk::new();
    let file = |name: &str| {
        json!({
            "images": [{"id": 1, "width": 640, "height": 480, "file_name": name}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}],
            "categories": [{"id": 1, "name": "cat"}],
        })
        .to_string()
    };
    for (name, what, file_only) in [
        ("C:/Users/me/a.jpg", "on a computer", "a.jpg"),
        ("/home/me/a.jpg", "on a computer", "a.jpg"),
        ("/data/local-files/?d=x%5Ca.jpg", "Label Studio", "a.jpg"),
        ("images\\ab12cd34-x.png", "backslash", "ab12cd34-x.png"),
        ("gs://other/a.jpg", "not of S3", "a.jpg"),
    ] {
        desk.write("c.json", file(name));
        desk.run(&format!("import coco c.json {IMAGES} --out e"))
            .exits(2)
            .says(what)
            .says("--names file");
        desk.run(&format!("import coco c.json {IMAGES} --out e --names file"))
            .exits(0);
        assert_eq!(
            desk.told("e"),
            [format!("s3://bkt/img/{file_only}: cat 10 20 30 40")]
        );
        fs::remove_file(desk.path("e")).unwrap();
    }
    desk.run(&format!(
        "import coco c.json {IMAGES} --out e --strip-prefix gs://other/"
    ))
    .exits(0);
    desk.write("c.json", file("images/ab12cd34-x.png"));
    desk.run(&format!(
        "import coco c.json {IMAGES} --out e --names original"
    ))
    .exits(0);
    assert_eq!(desk.told("e"), ["s3://bkt/img/x.png: cat 10 20 30 40"]);
}

#[test]
fn the_same_notes_in_all_commands() {
    let desk = Desk::new();
    desk.write("l.csv", "a.tif,cat\nb.jpg,Cat\nc.jpg,dog\nd.jpg,dog\n");
    let alike = "labels that look alike and are different ones: \"Cat\", \"cat\"";
    let format = "1 image name without .jpg, .jpeg or .png at the end, \"s3://bkt/img/a.tif\" in";
    desk.run(&format!("import csv l.csv {IMAGES} --out e"))
        .exits(0)
        .says(alike)
        .says(format);
    desk.run("check e").says(alike).says(format);
    desk.run("convert e --out f")
        .exits(0)
        .says(alike)
        .says(format);
}

#[test]
fn characters_that_cannot_be_seen() {
    let desk = Desk::new();
    let line = |key: &str| {
        json!({
            "source-ref": format!("s3://bkt/{key}"), "k": 1,
            "k-metadata": {"confidence": 1, "job-name": "labeling-job/k", "class-name": "ripe", "human-annotated": "yes",
                "creation-date": "2020-05-30T08:29:18", "type": "groundtruth/image-classification"},
        })
        .to_string()
    };
    desk.write(
        "m",
        format!(
            "{}\n{}\n",
            line("x/banana\u{200B}.png"),
            line("cafe\u{301}.png")
        ),
    )
    .image("i/bkt/x/banana.png", 100, 100)
    .image("i/bkt/caf\u{E9}.png", 100, 100);
    desk.run("check m --images --images-from i")
        .says("banana\\u{200b}.png")
        .says("there is \"banana.png\", which looks the same")
        .says("cafe\\u{301}.png")
        .says("there is \"café.png\"");
}

#[test]
fn files_that_are_no_manifest_are_told() {
    let desk = Desk::new();
    desk.write("y.txt", "0 0.5 0.5 0.2 0.2\n")
        .write("t.csv", "image,label\na.jpg,cat\n")
        .write(
            "v.xml",
            "<annotation><filename>a.jpg</filename></annotation>",
        )
        .write("h.html", "<html></html>")
        .write("p", "version https://git-lfs.github.com/spec/v1\n");
    for command in [
        "check {}",
        "convert {} --out e",
        "import coco {} --out e",
        "export coco {} --out e",
    ] {
        for (file, what, remedy) in [
            ("y.txt", "YOLO labels", "gtcl import yolo"),
            ("t.csv", "file is CSV", "gtcl import csv"),
            ("v.xml", "Pascal VOC", "gtcl import voc"),
            ("h.html", "HTML", "download"),
            ("p", "Git LFS", "git lfs pull"),
        ] {
            desk.run(&command.replace("{}", file))
                .exits(2)
                .says(what)
                .says(remedy);
        }
    }
    assert!(!desk.path("e").exists());
}

#[test]
fn an_input_manifest_leaves_the_earlier_file() {
    let desk = Desk::new();
    desk.write(
        "m",
        "{\"source-ref\":\"s3://bkt/a.jpg\"}\n\n{\"source-ref\":\"s3://bkt/b.jpg\",\"note\":1}\n",
    )
    .write("e", "earlier");
    desk.run("convert m --out e")
        .exits(2)
        .says("no line of m has a label: this looks like a job's input manifest");
    assert_eq!(fs::read(desk.path("e")).unwrap(), b"earlier");
    desk.run("convert m --out e --send-unlabeled").exits(0);
}

#[test]
fn missing_confidences() {
    let desk = Desk::new();
    let metadata = |human: &str| {
        format!(
            r#"{{"class-name":"anomaly","job-name":"a","human-annotated":"{human}","creation-date":"2022-08-22T20:52:51.851Z","type":"groundtruth/image-classification"}}"#
        )
    };
    let mask = r#""m-ref":"s3://bkt/m.png","m-ref-metadata":{"type":"groundtruth/semantic-segmentation","job-name":"m","human-annotated":"yes","creation-date":"2022-08-22T20:52:51"}"#;
    let line = |human: &str| {
        format!(
            r#"{{"source-ref":"s3://bkt/{human}.jpg","a":1,"a-metadata":{},{mask}}}"#,
            metadata(human)
        )
    };
    desk.write("m", format!("{}\n{}\n", line("yes"), line("no")));
    desk.run("convert m --out e")
        .exits(1)
        .says("confidence is missing or not a number")
        .says("--missing-confidence 1");
    desk.run("convert m --out e --missing-confidence 0.9")
        .exits(1)
        .says("1 missing confidence filled in");
    let lines = desk.lines("e");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines.first().unwrap()["a-metadata"]["confidence"], 0.9);
}

#[test]
fn answers_in_a_manifest() {
    let desk = Desk::new();
    let answer = |worker: &str, left: u32| {
        let content = json!({"annotatedResult": {
            "boundingBoxes": [{"label": "dent", "left": left, "top": 20, "width": 100, "height": 80}],
            "inputImageProperties": {"width": 640, "height": 480},
        }});
        json!({"workerId": worker, "annotationData": {"content": content.to_string()}})
    };
    let line = |n: u32| {
        json!({
            "source-ref": format!("s3://bkt/{n}.jpg"),
            "damage": {"annotationsFromAllWorkers": [answer("a", 10), answer("b", 12), answer("c", 11)]},
            "damage-metadata": {"type": "groundtruth/custom", "job-name": "labeling-job/damage", "human-annotated": "yes",
                "creation-date": "2024-05-05T10:00:00.000000"},
        })
    };
    desk.write(
        "m",
        format!(
            "{}\n{}\n{{\"source-ref\":\"s3://bkt/2.jpg\"}}\n",
            line(0),
            line(1)
        ),
    );
    desk.run("convert m --out e")
        .exits(1)
        .says("workers' answers, not a label")
        .says("gtcl import answers");
    desk.run("import answers m --out e")
        .exits(0)
        .says("6 answers on 2 images")
        .says("1 skipped");
    assert_eq!(
        desk.told("e"),
        [
            "s3://bkt/0.jpg: dent 11 20 100 80",
            "s3://bkt/1.jpg: dent 11 20 100 80"
        ]
    );
    desk.write("n", "{\"source-ref\":\"s3://bkt/2.jpg\"}\n");
    desk.run("import answers n --out f")
        .exits(2)
        .says("annotationsFromAllWorkers");
}

#[test]
fn folders_of_labels() {
    let desk = Desk::new();
    desk.image("y/train/images/a.png", 200, 100)
        .image("y/train/images/b.png", 200, 100)
        .write("y/data.yaml", "nc: 2\nnames: ['cat', 'dog']\n")
        .write("y/train/labels/a.txt", "1 0.5 0.5 0.5 0.5\n7 0.5 0.5 0.5 0.5\n")
        .image("v/a.png", 200, 100)
        .write("v/a.xml", "<annotation><filename>a.png</filename><object><name>cat</name><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>110</xmax><ymax>80</ymax></bndbox></object></annotation>")
        .image("f/cat/a.png", 1, 1)
        .image("f/dog/b.png", 1, 1)
        .write("l.json", r#"[{"id":1,"data":{"image":"a.png"},"annotations":[{"result":[{"type":"choices","value":{"choices":["cat"]}}]}]}]"#);
    for (format, path, code, expected) in [
        (
            "yolo",
            "y",
            1,
            "s3://bkt/img/train/images/a.png: dog 50 25 100 50",
        ),
        ("voc", "v", 0, "s3://bkt/img/a.png: cat 10 20 100 60"),
        (
            "folders",
            "f",
            0,
            "s3://bkt/img/cat/a.png: cat\ns3://bkt/img/dog/b.png: dog",
        ),
        ("label-studio", "l.json", 0, "s3://bkt/img/a.png: cat"),
    ] {
        desk.run(&format!("import {format} {path} {IMAGES} --out e"))
            .exits(code);
        assert_eq!(desk.told("e").join("\n"), expected, "{format}");
        fs::remove_file(desk.path("e")).unwrap();
        desk.run(&format!("import {path} {IMAGES} --out e"))
            .exits(code)
            .says(&format!("({format})"));
        assert_eq!(desk.told("e").join("\n"), expected, "{format}");
        fs::remove_file(desk.path("e")).unwrap();
    }
    desk.run(&format!("import yolo v {IMAGES} --out e"))
        .exits(2)
        .says("no data.yaml");
    desk.run(&format!("import voc f {IMAGES} --out e"))
        .exits(2)
        .says("no .xml");
    desk.run(&format!("import folders y {IMAGES} --out e"))
        .exits(2)
        .says("aren't labels");
    desk.image("x/a.png", 1, 1);
    desk.run(&format!("import x {IMAGES} --out e"))
        .exits(2)
        .says("it isn't sure what the folder is");
    desk.write("m", "{\"source-ref\":\"s3://bkt/a.jpg\"}\n");
    desk.run("import m --out e")
        .exits(2)
        .says("file is a manifest");
    desk.run("import").exits(2);
    assert!(!desk.path("e").exists());
}

#[test]
fn out_and_in_again() {
    let desk = Desk::new();
    let table = "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,416,300,big cat,235,157,296,266\nb.png,301,299,\"it's, a \"\"dog\"\" & <co>\",68,1,114,28\nb.png,301,299,big cat,3,5,70,200\n";
    desk.write("t.csv", table)
        .image("i/a.png", 416, 300)
        .image("i/b.png", 301, 299);
    desk.run(&format!("import csv t.csv {IMAGES} --out e"))
        .exits(0);
    let expected = desk.told("e");
    assert_eq!(expected.len(), 2);
    for format in ["coco", "csv", "yolo", "voc"] {
        desk.run(&format!("export {format} e --out {format}"))
            .exits(0)
            .says("2 images with 3 labels")
            .says("--images s3://bkt/img");
        if format == "yolo" {
            desk.image("yolo/images/a.png", 416, 300)
                .image("yolo/images/b.png", 301, 299);
        }
        let names = if format == "yolo" {
            " --names file"
        } else {
            ""
        };
        desk.run(&format!(
            "import {format} {format} {IMAGES} --out again{names}"
        ))
        .exits(0);
        assert_eq!(desk.told("again"), expected, "{format}");
    }
    desk.run("export yolo e --out yolo")
        .exits(2)
        .says("not empty");
    desk.write("l.csv", "a.jpg,cat,dog\nb.jpg,cat\n");
    desk.run(&format!("import csv l.csv {IMAGES} --out l"))
        .exits(0);
    desk.run("export csv l --out labels.csv")
        .exits(0)
        .says("2 images with 3 labels");
    desk.run(&format!("import csv labels.csv {IMAGES} --out again"))
        .exits(0);
    assert_eq!(desk.told("again"), desk.told("l"));
    desk.run("export coco l --out labels.json")
        .exits(2)
        .says("3 image-level labels which the format can't hold: left out");
    assert!(!desk.path("labels.json").exists());
}
