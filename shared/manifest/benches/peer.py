#!/usr/bin/env python3
"""The peer in Python: json.loads, the same rules, json.dumps, on the lines of the bench; prints the ratio.

Twice: as scripts are usually written, and refusing duplicate keys as the program does, which takes Python a call an object.

Usage: python3 shared/manifest/benches/peer.py
Builds and runs `cargo run --release -p manifest --example convert_file` on the same file, in turns with the script.
Medians of 5 turns of processor time, user and system: what else the machine does counts less than on a clock.
The program's time has its start and its reading of the file in it.
"""
import json
import math
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

N_LINES = 100_000
N_TURNS = 5
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def write_lines(path, is_whole):
    names = ["owl", "falcon", "parrot"]
    with open(path, "w", encoding="utf-8") as out:
        for n in range(N_LINES):
            n_boxes = 1 + n % 7
            annotations = []
            for idx in range(n_boxes):
                left, top = idx * 97 + n % 50, idx * 43 + n % 30
                box = {"class_id": idx % 3, "left": left, "top": top, "width": 120 + idx, "height": 90 + idx}
                if not is_whole:
                    box.update(left=left + 0.6, top=top + 0.2, width=120 + idx + 0.4, height=90 + idx + 0.8)
                annotations.append(box)
            line = {
                "source-ref": f"s3://birds-open-images/all_data/{n:016x}.jpg",
                "birds": {"image_size": [{"width": 1024, "height": 683, "depth": 3}], "annotations": annotations},
                "birds-metadata": {
                    "objects": [{"confidence": (5 + idx % 5) / 10} for idx in range(n_boxes)],
                    "class-map": {str(idx): name for idx, name in enumerate(names[:n_boxes])},
                    "type": "groundtruth/object-detection",
                    "human-annotated": "yes",
                    "creation-date": "2018-10-18T22:18:13.527256",
                    "job-name": "labeling-job/birds",
                },
            }
            out.write(json.dumps(line, separators=(",", ":")) + "\n")


SOURCE_REF = re.compile(r"s3://[A-Za-z0-9._-]{3,63}/(.+)", re.DOTALL)
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z?")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
SLACK_PX = 1e-6


def without_duplicates(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("duplicate key")
    return found


def convert(line, seen, hook):
    """The entry, or None: the rules of manifest::Converter, for lines of a bounding box job."""
    try:
        return converted(line, seen, hook)
    except (KeyError, TypeError, ValueError):
        return None


def converted(line, seen, hook):
    if len(line) > 100_001:
        return None
    entry = json.loads(line, object_pairs_hook=hook)
    if not isinstance(entry, dict):
        return None
    source_ref = entry.get("source-ref")
    if not isinstance(source_ref, str):
        return None
    place = SOURCE_REF.fullmatch(source_ref)
    if place is None or len(place[1].encode()) > 1024:
        return None
    pairs = []
    for key, metadata in entry.items():
        if not key.endswith("-metadata") or key == "cl-metadata":
            continue
        if isinstance(metadata, dict) and metadata.get("job-name", "").removeprefix("labeling-job/").lower() == "birds":
            pairs.append(key.removesuffix("-metadata"))
    if len(pairs) != 1 or pairs[0] not in entry:
        return None
    label, metadata = entry[pairs[0]], entry[pairs[0] + "-metadata"]
    if "failure-reason" in metadata or metadata.get("type") != "groundtruth/object-detection":
        return None
    date = metadata.get("creation-date")
    if metadata.get("human-annotated") not in ("yes", "no") or not isinstance(date, str) or not DATE.fullmatch(date):
        return None
    if not isinstance(label, dict):
        return None
    sizes, annotations = label.get("image_size"), label.get("annotations")
    objects, class_map = metadata.get("objects"), metadata.get("class-map")
    if not isinstance(sizes, list) or len(sizes) != 1 or not isinstance(sizes[0], dict):
        return None
    if not isinstance(annotations, list) or not isinstance(objects, list) or not isinstance(class_map, dict):
        return None
    width, height, depth = sizes[0].get("width"), sizes[0].get("height"), sizes[0].get("depth")
    if not (isinstance(width, int) and isinstance(height, int) and isinstance(depth, int) and depth >= 1):
        return None
    if not (64 <= width <= 4096 and 64 <= height <= 4096) or max(width, height) > 20 * min(width, height):
        return None
    if len(annotations) != len(objects) or not 0 < len(annotations) <= 50:
        return None
    scale = min(1.0, 1280 / max(width, height))
    used, kept_boxes, kept_objects = set(), [], []
    for box, one in zip(annotations, objects):
        confidence, id = one["confidence"], box["class_id"]
        left, top, box_width, box_height = box["left"], box["top"], box["width"], box["height"]
        if not 0 <= confidence <= 1 or not isinstance(id, int) or str(id) not in class_map:
            return None
        if box_width < 0 or box_height < 0:
            continue
        x0, y0 = max(0, math.floor(left + SLACK_PX)), max(0, math.floor(top + SLACK_PX))
        x1 = min(width, math.ceil(left + box_width - SLACK_PX))
        y1 = min(height, math.ceil(top + box_height - SLACK_PX))
        if min(x1 - x0, y1 - y0) * scale <= 1:
            continue
        used.add(str(id))
        kept_boxes.append({"class_id": id, "left": x0, "top": y0, "width": x1 - x0, "height": y1 - y0})
        kept_objects.append({"confidence": confidence})
    if not kept_boxes:
        return None
    names = {id: name for id, name in class_map.items() if id in used}
    if any(not isinstance(name, str) or not 1 <= len(name) <= 255 or CONTROL.search(name) for name in names.values()):
        return None
    kept = {
        "source-ref": source_ref,
        pairs[0]: {"image_size": [{"width": width, "height": height, "depth": depth}], "annotations": kept_boxes},
        pairs[0] + "-metadata": {
            "objects": kept_objects,
            "class-map": names,
            "type": metadata["type"],
            "human-annotated": metadata["human-annotated"],
            "creation-date": date,
            "job-name": metadata["job-name"],
        },
    }
    written = json.dumps(kept, separators=(",", ":"))
    if len(written) > 100_000 or source_ref in seen:
        return None
    seen.add(source_ref)
    return written


def run_python(path, hook):
    seen, n_entries = set(), 0
    start = time.process_time()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            n_entries += convert(line, seen, hook) is not None
    return time.process_time() - start, n_entries


def run_program(program, path):
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    start = used()
    answer = json.loads(subprocess.run([program, path], check=True, capture_output=True).stdout)
    return used() - start, answer["n_entries"]


def main():
    build = ["cargo", "build", "--release", "--quiet", "-p", "manifest", "--example", "convert_file"]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    program = REPOSITORY / "target" / "release" / "examples" / "convert_file"
    print(f"{'pixels':<10} {'MB':>6} {'manifest MB/s':>14} {'python MB/s':>12} {'ratio':>6} {'with duplicate keys refused':>28} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for pixels in ("whole", "fractions"):
            path = pathlib.Path(folder) / f"{pixels}.manifest"
            write_lines(path, pixels == "whole")
            n_bytes = path.stat().st_size
            runs = (lambda: run_program(program, path), lambda: run_python(path, None), lambda: run_python(path, without_duplicates))
            seconds = [[] for _ in runs]
            for _ in range(N_TURNS):
                for run, taken in zip(runs, seconds):
                    one, n_entries = run()
                    taken.append(one)
                    if n_entries != N_LINES:
                        sys.exit(f"{n_entries} entries of {N_LINES} lines")
            program_s, python_s, strict_s = map(statistics.median, seconds)
            rate = lambda seconds: n_bytes / seconds / 1e6
            print(
                f"{pixels:<10} {n_bytes / 1e6:>6.0f} {rate(program_s):>14.1f} {rate(python_s):>12.1f} {python_s / program_s:>6.1f}"
                f" {rate(strict_s):>28.1f} {strict_s / program_s:>6.1f}"
            )


if __name__ == "__main__":
    main()
