//! Files of labels in the forms that people have: what becomes of them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

use manifest::WhenEmpty;
use manifest::import::coco::{self, CocoOptions};
use manifest::import::csv::{self, CsvOptions};
use manifest::import::{BoxForm, EntryOptions, FileError, Import, NameOptions, Parsed};
use serde_json::Value;

fn imported(mut parsed: Parsed) -> Result<Import, FileError> {
    parsed.locate(&NameOptions {
        folder: Some("s3://bkt".to_owned()),
        ..NameOptions::default()
    })?;
    let wanted: Vec<usize> = parsed
        .without_size(WhenEmpty::Skip)
        .map(|image| image.idx)
        .collect();
    for idx in wanted {
        parsed.set_size(idx, Ok((640, 480)));
    }
    parsed.into_import(&EntryOptions {
        label_attribute: "box".to_owned(),
        creation_date: "2024-05-01T10:00:00".to_owned(),
        when_empty: WhenEmpty::Skip,
    })
}

fn run(table: &str, options: &CsvOptions) -> Result<Import, FileError> {
    imported(csv::parse(table.as_bytes(), options)?)
}

/// Each entry as `image: label, label` or `image: label left top width height, …`.
fn told(import: &Import) -> Vec<String> {
    let entries = import.entries.iter();
    entries
        .map(|entry| {
            let line: Value = serde_json::from_str(&entry.json).unwrap();
            let image = entry.source_ref.strip_prefix("s3://bkt/").unwrap();
            let boxes = line["box"]["annotations"].as_array();
            let labels: Vec<String> = match boxes {
                Some(boxes) => boxes.iter().map(|found| told_box(found, &line)).collect(),
                None => {
                    let keys = line.as_object().unwrap().iter();
                    keys.filter_map(|(_, value)| {
                        Some(value.get("class-name")?.as_str()?.to_owned())
                    })
                    .collect()
                }
            };
            format!("{image}: {}", labels.join(", "))
        })
        .collect()
}

fn told_box(found: &Value, line: &Value) -> String {
    let class = &line["box-metadata"]["class-map"][found["class_id"].to_string()];
    let edges = ["left", "top", "width", "height"].map(|edge| found[edge].to_string());
    format!("{} {}", class.as_str().unwrap(), edges.join(" "))
}

#[track_caller]
fn check(table: &str, expected: &[&str]) {
    check_with(table, &CsvOptions::default(), expected);
}

#[track_caller]
fn check_with(table: &str, options: &CsvOptions, expected: &[&str]) {
    let import = run(table, options).unwrap();
    assert_eq!(told(&import), expected, "{table}\n{import:#?}");
    assert_eq!(import.n_rejected_and_skipped().0, 0, "{import:#?}");
}

#[track_caller]
fn refused(table: &str, reason: &str, remedy: &str) {
    let error = run(table, &CsvOptions::default()).unwrap_err();
    assert!(error.reason.contains(reason), "{table}\n{error:?}");
    assert!(error.remedy.contains(remedy), "{table}\n{error:?}");
}

#[track_caller]
fn noted(table: &str, note: &str) {
    let import = run(table, &CsvOptions::default()).unwrap();
    let notes = import.notes.join("\n");
    assert!(notes.contains(note), "{table}\n{notes}");
}

#[test]
fn a_column_a_label() {
    let expected = ["a.jpg: cat", "b.jpg: cat, dog"];
    for (yes, no) in [
        ("1", "0"),
        ("1.0", "0.0"),
        ("True", "False"),
        ("TRUE", "FALSE"),
        ("yes", "no"),
        ("1", ""),
    ] {
        let table = format!(
            "filename,cat,dog\r\na.jpg,{yes},{no}\r\nb.jpg,{yes},{yes}\r\nc.jpg,{no},{no}\r\n"
        );
        check(&table, &expected);
        check(&table.replace(',', ";"), &expected);
        check(&table.replace(',', "\t"), &expected);
    }
    // As pandas writes its index.
    check(",filename,cat,dog\n0,a.jpg,1,0\n1,b.jpg,1,1\n", &expected);
    check(
        "Unnamed: 0,filename,cat,dog\n0,a.jpg,1,0\n1,b.jpg,1,1\n",
        &expected,
    );
    check("cat,dog,filename\n1,0,a.jpg\n1,1,b.jpg\n", &expected);
    check("image,class_0,class_1\na.jpg,1,0\n", &["a.jpg: class_0"]);
    check("image,cat,split\na.jpg,1,train\n", &["a.jpg: cat"]);
    refused("a.jpg,1,0\nb.jpg,0,1\n", "flags", "header");
    refused("image,0,1\na.jpg,1,0\n", "flags", "--odd-labels");
    refused("image,label\na.jpg,1\nb.jpg,0\n", "flags", "--odd-labels");
    refused("image,label\na.jpg,3\nb.jpg,4\n", "numbers", "--odd-labels");
    let table = "image,cat\na.jpg,1\nb.jpg,maybe\nc.jpg,1\n";
    let many = format!("{table}{}", "d.jpg,0\n".repeat(8).replace('d', "e"));
    let import = run(&many, &CsvOptions::default()).unwrap();
    assert_eq!(told(&import), ["a.jpg: cat", "c.jpg: cat"]);
    assert_eq!(
        import
            .left_out
            .iter()
            .filter(|one| one.place == "row 3")
            .count(),
        1
    );
}

#[test]
fn labels_in_columns_rows_and_cells() {
    let both = ["a.jpg: cat, dog", "b.jpg: cat"];
    check("image,label\na.jpg,cat\na.jpg,dog\nb.jpg,cat\n", &both);
    check("image,label1,label2\na.jpg,cat,dog\nb.jpg,cat,\n", &both);
    check("a.jpg,cat,dog\nb.jpg,cat\n", &both);
    check(
        "image,labels\na.jpg,\"['cat', 'dog']\"\nb.jpg,\"['cat']\"\n",
        &both,
    );
    check(
        "image,labels\na.jpg,\"[\"\"cat\"\", \"\"dog\"\"]\"\nb.jpg,cat\n",
        &both,
    );
    let split = CsvOptions {
        split_labels: Some('|'),
        ..CsvOptions::default()
    };
    check_with("image,labels\na.jpg,cat|dog\nb.jpg,cat\n", &split, &both);
    check("id,breed\na.jpg,cat\n", &["a.jpg: cat"]);
    check(
        "Bild,Art\na.jpg,cat\nb.jpg,dog\n",
        &["a.jpg: cat", "b.jpg: dog"],
    );
    noted(
        "image,labels\na.jpg,cat|dog\nb.jpg,dog\n",
        "--split-labels '|'",
    );
    noted(
        "image,tags\na.jpg,haze sky\nb.jpg,sky\n",
        "--split-labels space",
    );
    noted(
        "image,labels\na.jpg,\"['cat','dog']\"\n",
        "list of labels in brackets",
    );
    noted("image,label\na.jpg,cat\na.jpg,dog\n", "taken as one image");
    let import = run("image,label\na.jpg,big cat\n", &CsvOptions::default()).unwrap();
    assert!(!import.notes.join("\n").contains("--split"), "{import:?}");
    let refuse = NameOptions {
        folder: Some("s3://bkt".to_owned()),
        refuse_repeated: true,
        ..NameOptions::default()
    };
    let mut parsed = csv::parse(b"a.jpg,cat\na.jpg,dog\n", &CsvOptions::default()).unwrap();
    let error = parsed.locate(&refuse).unwrap_err();
    assert!(error.reason.contains("row 2 that of row 1"), "{error:?}");
}

#[test]
fn columns_that_are_no_labels() {
    let expected = ["a.jpg: cat", "b.jpg: dog"];
    check(
        "filename,label,split\na.jpg,cat,train\nb.jpg,dog,val\n",
        &expected,
    );
    check(
        "label,confidence,filename\ncat,0.9,a.jpg\ndog,0.8,b.jpg\n",
        &expected,
    );
    check(
        "class id,filepaths,labels,data set\n0,a.jpg,cat,train\n1,b.jpg,dog,test\n",
        &expected,
    );
    check(",image,label\n0,a.jpg,cat\n1,b.jpg,dog\n", &expected);
    noted(
        "filename,label,split\na.jpg,cat,train\n",
        "passed over: \"split\"",
    );
    noted(
        "filename,label,split\na.jpg,cat,train\n",
        "images in \"filename\", labels in \"label\"",
    );
    refused(
        "image,colour,shape\na.jpg,red,round\n",
        "several columns could be",
        "--label-column",
    );
    refused(
        "image,age\na.jpg,7\nb.jpg,8\n",
        "no column is known",
        "--label-column",
    );
    refused(
        "label,score\ncat,0.5\n",
        "first column has no image name",
        "header",
    );
    refused(
        "0,a.jpg,cat\n1,b.jpg,dog\n",
        "first column has no image name",
        "--image-column 2",
    );
    refused(
        "a.jpg,cat,0.9\nb.jpg,dog,0.8\n",
        "column 3 look like",
        "--odd-labels",
    );
    refused("a.jpg,cat,10,20,30,40\n", "numbers", "xmin");
    let named = CsvOptions {
        label_columns: vec!["shape".to_owned(), "2".to_owned()],
        ..CsvOptions::default()
    };
    check_with(
        "image,colour,shape\na.jpg,red,round\n",
        &named,
        &["a.jpg: red, round"],
    );
    let numbered = CsvOptions {
        image_column: Some("2".to_owned()),
        label_columns: vec!["3".to_owned()],
        ..CsvOptions::default()
    };
    check_with("0,a.jpg,cat\n1,b.jpg,dog\n", &numbered, &expected);
    // OpenImages' labels that were looked for and aren't there.
    let import = run(
        "ImageID,Source,LabelName,Confidence\na.jpg,v,Cat,1\na.jpg,v,Dog,0\n",
        &CsvOptions::default(),
    )
    .unwrap();
    assert_eq!(told(&import), ["a.jpg: Cat"]);
}

#[test]
fn headers_are_no_entries() {
    for table in [
        "image,label\n",
        "filename,width,height,class,xmin,ymin,xmax,ymax\n",
        "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\n",
        "filename,cat,dog\n",
    ] {
        match run(table, &CsvOptions::default()) {
            Ok(import) => assert_eq!(import.entries, [], "{table}"),
            Err(error) => assert!(!error.reason.is_empty()),
        }
    }
    check(
        "image,label\na.jpg,cat\nimage,label\nb.jpg,dog\n",
        &["a.jpg: cat", "b.jpg: dog"],
    );
}

#[test]
fn boxes_in_columns() {
    let one = ["a.jpg: cat 10 20 30 40"];
    for header in [
        "filename,width,height,class,xmin,ymin,xmax,ymax",
        "image,image_width,image_height,label,x1,y1,x2,y2",
        "image,width,height,label,x_min,y_min,x_max,y_max",
        "image,width,height,label,bbox_left,bbox_top,bbox_right,bbox_bottom",
        "file_name,width,height,class_name,x0,y0,x1,y1",
        "Filename,Width,Height,ClassName,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2",
        "image,width,height,label,xtl,ytl,xbr,ybr",
    ] {
        check(&format!("{header}\na.jpg,640,480,cat,10,20,40,60\n"), &one);
    }
    for header in [
        "image,image_width,image_height,label,x,y,width,height",
        "image,image_width,image_height,label,left,top,width,height",
        "image,width,height,label,x,y,w,h",
        "image,width,height,label,bbox_x,bbox_y,bbox_width,bbox_height",
    ] {
        check(&format!("{header}\na.jpg,640,480,cat,10,20,30,40\n"), &one);
    }
    check(
        "image,width,height,label,x_center,y_center,w,h\na.jpg,640,480,cat,25,40,30,40\n",
        &one,
    );
    check(
        "image,xmin,ymin,xmax,ymax,label\na.jpg,10,20,40,60,cat\n",
        &one,
    );
    // Other orders of the columns, semicolons, quotes, an index.
    check(
        "\"image\";\"label\";\"xmin\";\"xmax\";\"ymin\";\"ymax\"\n\"a.jpg\";\"cat\";10;40;20;60\n",
        &one,
    );
    check(
        ",image,label,xmin,ymin,xmax,ymax\n0,a.jpg,cat,10,20,40,60\n",
        &one,
    );
    let two = [
        "a.jpg: cat 10 20 30 40, dog 1 2 30 40",
        "b.jpg: dog 1 2 30 40",
    ];
    check(
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,640,480,cat,10,20,40,60\na.jpg,640,480,dog,1,2,31,42\nb.jpg,640,480,dog,1,2,31,42\nc.jpg,640,480,,,,,\n",
        &two,
    );
    refused(
        "image,label,xmin,ymin\na.jpg,cat,1,2\n",
        "others of a box's four",
        "xmax",
    );
    refused(
        "image,label,x,y\na.jpg,cat,1,2\n",
        "others of a box's four",
        "xmax",
    );
    refused(
        "image,xmin,ymin,xmax,ymax\na.jpg,1,2,30,40\n",
        "labels of the boxes",
        "--label NAME",
    );
    refused(
        "image,ClassId,xmin,ymin,xmax,ymax\na.jpg,7,1,2,30,40\n",
        "numbers",
        "--odd-labels",
    );
    refused(
        "image,label,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,cat,1,2,3,4,5,6,7,8\n",
        "polygons",
        "xmin",
    );
    refused(
        "image,label,x,y,w,h\na.jpg,cat,400,300,600,400\nb.jpg,cat,401,300,600,400\nc.jpg,cat,402,300,600,400\n",
        "look like left, top, right, bottom",
        "--boxes corners",
    );
    let import = run(
        "image,label,xmin,ymin,xmax,ymax\na.jpg,cat,10,20,40,60\nb.jpg,cat,40,60,10,20\nc.jpg,cat,x,1,2,3\nd.jpg,,1,2,30,40\n",
        &CsvOptions::default(),
    )
    .unwrap();
    assert_eq!(told(&import), ["a.jpg: cat 10 20 30 40"]);
    // Each faulty box, and the image that has no other.
    assert_eq!(import.n_rejected_and_skipped().0, 6, "{import:#?}");
}

#[test]
fn boxes_in_shares_of_the_image() {
    check(
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded\na.jpg,x,Cat,1,0.25,0.75,0.5,1\n",
        &["a.jpg: Cat 160 240 320 240"],
    );
    check(
        "TRAIN,s3://bkt/a.jpg,cat,0.25,0.5,,,0.75,1.0,,\n",
        &["a.jpg: cat 160 240 320 240"],
    );
    check(
        "TRAIN,s3://bkt/a.jpg,cat,0.25,0.5,0.75,0.5,0.75,1.0,0.25,1.0\n",
        &["a.jpg: cat 160 240 320 240"],
    );
    refused(
        "ImageID,LabelName,XMin,XMax,YMin,YMax\na.jpg,/m/01yrx,0.1,0.2,0.1,0.2\n",
        "paths or codes",
        "--odd-labels",
    );
}

#[test]
fn boxes_in_one_cell() {
    let wheat = "image_id,width,height,bbox,source\na.jpg,640,480,\"[10.0, 20.0, 30.0, 40.0]\",usask_1\na.jpg,640,480,\"[1, 2, 30, 40]\",usask_1\n";
    refused(wheat, "labels of the boxes", "--label NAME");
    let labeled = CsvOptions {
        label: Some("wheat".to_owned()),
        ..CsvOptions::default()
    };
    let expected = ["a.jpg: wheat 10 20 30 40, wheat 1 2 30 40"];
    check_with(wheat, &labeled, &expected);
    check(
        "image,label,bbox\na.jpg,cat,\"[10, 20, 30, 40]\"\nb.jpg,,[]\n",
        &["a.jpg: cat 10 20 30 40"],
    );
    check(
        "image,label,boxes\na.jpg,cat,\"[[10, 20, 30, 40], [1, 2, 30, 40]]\"\nb.jpg,cat,10 20 30 40\n",
        &[
            "a.jpg: cat 10 20 30 40, cat 1 2 30 40",
            "b.jpg: cat 10 20 30 40",
        ],
    );
    let corners = CsvOptions {
        boxes: Some(BoxForm::Corners),
        ..CsvOptions::default()
    };
    check_with(
        "image,label,bbox\na.jpg,cat,\"[10, 20, 40, 60]\"\n",
        &corners,
        &["a.jpg: cat 10 20 30 40"],
    );
}

#[test]
fn boxes_without_a_header() {
    let expected = ["a.jpg: cat 10 20 100 200", "b.jpg: dog 10 20 100 200"];
    check(
        "a.jpg,10,20,110,220,cat\nb.jpg,10,20,110,220,dog\nc.jpg,,,,,\n",
        &expected,
    );
    check(
        "cat,10,20,100,200,a.jpg,640,480\ndog,10,20,100,200,b.jpg,640,480\n",
        &expected,
    );
    refused("a.jpg,10,20,110,220\n", "numbers", "header");
    refused("a.jpg,10,20,110,220,7\n", "numbers", "header");
}

#[test]
fn what_vgg_image_annotator_writes() {
    let region = |shape: &str, label: &str| {
        let quoted = |json: &str| format!("\"{}\"", json.replace('"', "\"\""));
        format!(
            "a.jpg,100,\"{{}}\",1,0,{},{}\n",
            quoted(shape),
            quoted(label)
        )
    };
    let header = "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n";
    for shape in [
        r#"{"name":"rect","x":10,"y":20,"width":30,"height":40}"#,
        r#"{"name":"polygon","all_points_x":[10,40,20],"all_points_y":[20,30,60]}"#,
        r#"{"name":"ellipse","cx":25,"cy":40,"rx":15,"ry":20}"#,
    ] {
        let table = format!("{header}{}", region(shape, r#"{"type":"cat"}"#));
        check(&table, &["a.jpg: cat 10 20 30 40"]);
        check(&table.replace('#', ""), &["a.jpg: cat 10 20 30 40"]);
    }
    let rect = r#"{"name":"rect","x":10,"y":20,"width":30,"height":40}"#;
    let ticked = format!("{header}{}", region(rect, r#"{"type":{"cat":true}}"#));
    check(&ticked, &["a.jpg: cat 10 20 30 40"]);
    let several = format!("{header}{}", region(rect, r#"{"type":"cat","age":"old"}"#));
    let import = run(&several, &CsvOptions::default()).unwrap();
    assert!(
        import
            .left_out
            .iter()
            .any(|one| one.remedy.contains("--label-column"))
    );
    let point = format!(
        "{header}{}",
        region(r#"{"name":"point","cx":1,"cy":2}"#, "{}")
    );
    let import = run(&point, &CsvOptions::default()).unwrap();
    assert_eq!(
        (import.entries.len(), import.n_rejected_and_skipped().0),
        (0, 2)
    );
}

#[test]
fn other_files_are_told() {
    for (file, reason, remedy) in [
        ("0 0.5 0.5 0.2 0.2\n", "YOLO", "gtcl import yolo"),
        ("<annotation></annotation>", "Pascal VOC", "gtcl import voc"),
        ("<!DOCTYPE html><html></html>", "HTML", "download"),
        (
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
            "error page of S3",
            "permissions",
        ),
        (
            "version https://git-lfs.github.com/spec/v1\noid x\n",
            "Git LFS",
            "git lfs pull",
        ),
    ] {
        refused(file, reason, remedy);
        let error = coco::parse(file.as_bytes(), &CocoOptions::default()).unwrap_err();
        assert!(error.reason.contains(reason), "{error:?}");
        let error = manifest::not_a_manifest(file.as_bytes()).unwrap();
        assert!(error.reason.contains(reason), "{error:?}");
    }
    let error = coco::parse(b"image,label\na.jpg,cat\n", &CocoOptions::default()).unwrap_err();
    assert!(error.remedy.contains("gtcl import csv"), "{error:?}");
}

/// A COCO file of one image of 640 x 480 px with these annotations of category 1, `cat`.
fn coco_of(annotations: &[&str]) -> Result<Import, FileError> {
    let annotations: Vec<String> = (1..)
        .zip(annotations)
        .map(|(id, rest)| format!(r#"{{"id":{id},"image_id":1,"category_id":1,{rest}}}"#))
        .collect();
    let file = format!(
        r#"{{"images":[{{"id":1,"file_name":"a.jpg","width":640,"height":480}}],"annotations":[{}],"categories":[{{"id":1,"name":"cat"}}]}}"#,
        annotations.join(",")
    );
    imported(coco::parse(file.as_bytes(), &CocoOptions::default())?)
}

#[test]
fn boxes_of_coco_that_are_told_otherwise() {
    let check = |annotation: &str, expected: &str| {
        let import = coco_of(&[annotation]).unwrap();
        assert_eq!(
            told(&import),
            [format!("a.jpg: cat {expected}")],
            "{annotation}"
        );
    };
    let rotated = |degrees: &str| {
        format!(r#""bbox":[100,100,200,50],"attributes":{{"occluded":false,"rotation":{degrees}}}"#)
    };
    check(&rotated("45.0"), "111 36 178 178");
    check(&rotated("\"405\""), "111 36 178 178");
    check(&rotated("90"), "175 25 50 200");
    check(&rotated("0"), "100 100 200 50");
    check(&rotated("360"), "100 100 200 50");
    for bbox in [
        "",
        "\"bbox\":[],",
        "\"bbox\":null,",
        "\"bbox\":[0,0,0,0],",
        "\"bbox\":[1,2],",
    ] {
        let polygon = |points: &str| format!("{bbox}\"segmentation\":{points}");
        check(&polygon("[[10,20,40,20,40,60,10,60]]"), "10 20 30 40");
        check(&polygon("[10,20,40,60]"), "10 20 30 40");
        check(&polygon("[[10,20,20,30],[30,40,40,60]]"), "10 20 30 40");
        for unusable in [
            "{\"counts\":[1],\"size\":[1,2]}",
            "[]",
            "[[1,2,3]]",
            "[[\"x\",1]]",
            "7",
        ] {
            let import = coco_of(&[&polygon(unusable)]).unwrap();
            let reasons: Vec<&str> = import
                .left_out
                .iter()
                .map(|one| one.reason.as_str())
                .collect();
            assert_eq!(import.entries, []);
            assert!(
                reasons.contains(&"none of its 1 annotation can be used"),
                "{reasons:?}"
            );
        }
    }
}

#[test]
fn boxes_of_coco_that_reach_over_the_edge() {
    let bbox = |left: u32| format!("\"bbox\":[{left},200,400,300]");
    let [a, b, c, d] = [300, 301, 302, 303].map(bbox);
    let error = coco_of(&[&a, &b, &c, &d]).unwrap_err();
    assert!(error.reason.contains("4 of 4 boxes"), "{error:?}");
    assert!(
        error
            .reason
            .contains("these look like left, top, right, bottom"),
        "{error:?}"
    );
    let notes = |annotations: &[&str]| coco_of(annotations).unwrap().notes.join("\n");
    let two = notes(&[&a, &b]);
    assert!(two.contains("look like left, top, right, bottom"), "{two}");
    assert!(
        two.contains("annotations[0], id 1 on \"a.jpg\": 21 % of the box"),
        "{two}"
    );
    let good = "\"bbox\":[1,2,30,40]";
    let some = notes(&[&a, good, good, good]);
    assert!(
        some.contains("21 %") && !some.contains("look like"),
        "{some}"
    );
    // A tenth, inclusive, is no remark.
    let edge = notes(&["\"bbox\":[550,2,100,40]"]);
    assert!(!edge.contains('%'), "{edge}");
}

#[test]
fn images_of_coco_that_stand_twice() {
    let file = |second: &str| {
        format!(
            r#"{{"images":[{{"id":1,"file_name":"a.jpg","width":640,"height":480}},{{"id":2,"file_name":"a.jpg",{second}}}],"annotations":[{{"id":1,"image_id":1,"category_id":1,"bbox":[10,20,30,40]}},{{"id":2,"image_id":2,"category_id":1,"bbox":[1,2,30,40]}}],"categories":[{{"id":1,"name":"cat"}},{{"id":1,"name":"cat"}}]}}"#
        )
    };
    let run = |second: &str| {
        imported(coco::parse(file(second).as_bytes(), &CocoOptions::default()).unwrap()).unwrap()
    };
    let same = run("\"width\":640,\"height\":480");
    assert_eq!(told(&same), ["a.jpg: cat 10 20 30 40, cat 1 2 30 40"]);
    assert_eq!(same.n_rejected_and_skipped(), (0, 0));
    let other = run("\"width\":480,\"height\":640");
    assert_eq!(
        (other.entries.len(), other.n_rejected_and_skipped()),
        (0, (2, 0))
    );
    assert!(
        other
            .notes
            .join("\n")
            .contains("2 annotations went with images"),
        "{other:?}"
    );
}

#[test]
fn lists_that_are_no_coco() {
    for (file, reason) in [
        (
            r#"[{"file_name":"a.jpg","annotations":[{"bbox":[1,2,3,4],"bbox_mode":0}]}]"#,
            "Detectron2",
        ),
        (
            r#"[{"id":1,"data":{"image":"a.jpg"},"annotations":[]}]"#,
            "Label Studio",
        ),
        (
            r#"[{"image_id":1,"bbox":[1,2,3,4],"score":0.5}]"#,
            "COCO results",
        ),
        (r#"[{"a":1}]"#, "JSON list"),
    ] {
        let error = coco::parse(file.as_bytes(), &CocoOptions::default()).unwrap_err();
        assert!(error.reason.contains(reason), "{error:?}");
    }
}

#[test]
fn rows_that_cannot_be_read_cost_no_other() {
    let import = run(
        concat!(
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
            "caf\u{FFFD}.jpg,owl\n",
        ),
        &CsvOptions::default(),
    )
    .unwrap();
    assert_eq!(told(&import), ["1.jpg: ok", "10.jpg: ok"]);
    let codes: Vec<(&str, &str)> = import
        .left_out
        .iter()
        .map(|one| (one.place.as_str(), one.code.as_str()))
        .collect();
    assert_eq!(
        codes,
        [
            ("row 2", "ERROR_INVALID_SOURCE_REF_FORMAT"),
            ("row 3", "REJECTED_LABEL_NAME"),
            ("row 4", "REJECTED_LABEL_NAME"),
            ("row 5", "REJECTED_ROW"),
            ("row 6", "REJECTED_ROW"),
            ("row 7", "REJECTED_ROW"),
            ("row 8", "REJECTED_ROW"),
            ("row 9", "REJECTED_LABEL_NAME"),
            ("row 10", "SKIPPED_UNLABELED"),
            ("row 11", "SKIPPED_BLANK_LINE"),
            ("row 12", "SKIPPED_BLANK_LINE"),
            ("row 14", "REJECTED_ROW"),
            ("row 15", "ERROR_INVALID_SOURCE_REF_FORMAT"),
        ]
    );
}

#[test]
fn separators_and_encodings() {
    let expected = ["1.jpg: owl", "2.jpg: wren, small"];
    check("1.jpg;owl\n2.jpg;wren, small\n", &expected);
    check("sep=;\n1.jpg;owl\n2.jpg;wren, small\n", &expected);
    check("\u{FEFF}1.jpg\towl\n2.jpg\twren, small\n", &expected);
    check("source-ref,label\rs3://bkt/1.jpg,owl\r", &["1.jpg: owl"]);
    noted("1.jpg;owl\n", "separated by ;");
    refused("1.jpg|owl\n", "separated by |", "'|'");
    refused("\n \n", "no rows", "UTF-8");
    for json in [
        "\n{\"source-ref\":\"s3://bkt/1.jpg\"}\n",
        "[{\"image_id\": 1}]",
    ] {
        refused(json, "file is JSON", "gtcl check");
    }
    let error = csv::parse(b"\x1f\x8b\x08", &CsvOptions::default()).unwrap_err();
    assert!(error.reason.contains("gzip"), "{error:?}");
}

#[test]
fn as_many_labels_as_an_image_may_have() {
    let row = |n: u32| {
        let labels: Vec<String> = (0..n).map(|label| format!("label{label}")).collect();
        format!("1.jpg,{}\n2.jpg,x\n", labels.join(","))
    };
    for (n, n_entries) in [(49, 2), (50, 2), (51, 1)] {
        let import = run(&row(n), &CsvOptions::default()).unwrap();
        assert_eq!(import.entries.len(), n_entries, "{n}");
    }
    for (n, n_entries) in [(254, 2), (255, 2), (256, 1)] {
        let table = format!("1.jpg,{}\n2.jpg,x\n", "é".repeat(n));
        let import = run(&table, &CsvOptions::default()).unwrap();
        assert_eq!(import.entries.len(), n_entries, "{n}");
    }
}
