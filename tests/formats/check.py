"""Exports a manifest in each format and reads it with readers that aren't ours. Usage: check.py GTCL"""

import contextlib
import csv
import io
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import yaml
from pycocotools.coco import COCO

NAMES = ["cat", "it's a \"dog\" & <co>, big", "Möwe: 海鸥"]
BOXES = {
    "a.jpg": (640, 480, [(0, 10, 20, 30, 40), (1, 0, 0, 640, 480)]),
    "sub/b.png": (301, 299, [(2, 3, 5, 67, 195), (0, 68, 1, 46, 27)]),
}
EXPECTED = sorted(
    (image, NAMES[label], *edges) for image, (_, _, boxes) in BOXES.items() for label, *edges in boxes
)


def manifest(folder):
    """A table of the boxes, made a manifest."""
    table = folder / "table.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow("filename width height class xmin ymin xmax ymax".split())
        for image, (width, height, boxes) in BOXES.items():
            for label, left, top, across, down in boxes:
                rows.writerow([image, width, height, NAMES[label], left, top, left + across, top + down])
    run(folder, "import", "csv", "table.csv", "--images", "s3://bkt/img", "--out", "entries.manifest")


def run(folder, *arguments):
    subprocess.run([GTCL, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def read_coco(folder):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(folder / "out"))
    sizes = {image["file_name"]: (image["width"], image["height"]) for image in coco.loadImgs(coco.getImgIds())}
    assert sizes == {image: (width, height) for image, (width, height, _) in BOXES.items()}, sizes
    for one in coco.loadAnns(coco.getAnnIds()):
        assert one["area"] == one["bbox"][2] * one["bbox"][3]
        image = coco.loadImgs(one["image_id"])[0]["file_name"]
        yield image, coco.loadCats(one["category_id"])[0]["name"], *one["bbox"]


def read_csv(folder):
    with (folder / "out").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            left, top, right, bottom = (float(row[edge]) for edge in "xmin ymin xmax ymax".split())
            yield row["filename"], row["class"], left, top, right - left, bottom - top


def read_voc(folder):
    for path in (folder / "out").rglob("*.xml"):
        root = xml.etree.ElementTree.parse(path).getroot()
        for found in root.iter("object"):
            box = [float(found.find("bndbox").findtext(edge)) for edge in "xmin ymin xmax ymax".split()]
            left, top, right, bottom = box
            # Pixels count from 1, and the last one is within the box.
            yield root.findtext("filename"), found.findtext("name"), left - 1, top - 1, right - left + 1, bottom - top + 1


def read_yolo(folder):
    names = yaml.safe_load((folder / "out/data.yaml").read_text("utf-8"))["names"]
    for image, (width, height, _) in BOXES.items():
        path = (folder / "out/labels" / image).with_suffix(".txt")
        for line in path.read_text().splitlines():
            label, x, y, across, down = line.split()
            across, down = float(across) * width, float(down) * height
            left, top = float(x) * width - across / 2, float(y) * height - down / 2
            yield image, names[int(label)], *(round(edge, 6) for edge in (left, top, across, down))


def main():
    for name, read in {"coco": read_coco, "csv": read_csv, "voc": read_voc, "yolo": read_yolo}.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            manifest(folder)
            run(folder, "export", name, "entries.manifest", "--out", "out")
            found = sorted(read(folder))
            assert found == EXPECTED, f"{name}: {found} is not {EXPECTED}"
            print(f"{name}: {len(found)} boxes as they were")


GTCL = str(pathlib.Path(sys.argv[1]).resolve())
main()
