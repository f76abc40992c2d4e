#!/usr/bin/env python3
"""The peer in Python: json.loads, the same rules, json.dumps, on the lines of the bench; prints the ratio.

Usage: python3 shared/manifest/benches/peer.py
Builds and runs `cargo run --release -p manifest --example convert_file` on the same file, in turns with the script.
Medians of 5 turns of processor time, user and system: what else the machine does counts less than on a clock.
The program's time has its start and its reading of the file in it.
"""
import json
import math
import pathlib
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


def convert(line, seen):
    if len(line) > 100_000:
        return None
    entry = json.loads(line)
    source_ref = entry.get("source-ref")
    if not isinstance(source_ref, str) or not source_ref.startswith("s3://") or source_ref in seen:
        return None
    pairs = [key for key in entry if key + "-metadata" in entry]
    if len(pairs) != 1:
        return None
    label, metadata = entry[pairs[0]], entry[pairs[0] + "-metadata"]
    if metadata.get("type") != "groundtruth/object-detection" or metadata.get("human-annotated") not in ("yes", "no"):
        return None
    if not isinstance(metadata.get("creation-date"), str) or metadata.get("job-name") != "labeling-job/birds":
        return None
    size, annotations, objects, class_map = label["image_size"][0], label["annotations"], metadata["objects"], metadata["class-map"]
    width, height = size["width"], size["height"]
    if not (64 <= width <= 4096 and 64 <= height <= 4096) or max(width, height) > 20 * min(width, height):
        return None
    if len(annotations) != len(objects) or not 0 < len(annotations) <= 50:
        return None
    if any(not 0 <= one["confidence"] <= 1 for one in objects):
        return None
    scale = min(1.0, 1280 / max(width, height))
    used = set()
    for box in annotations:
        used.add(str(box["class_id"]))
        left, top = max(0, math.floor(box["left"])), max(0, math.floor(box["top"]))
        right, bottom = min(width, math.ceil(box["left"] + box["width"])), min(height, math.ceil(box["top"] + box["height"]))
        if min(right - left, bottom - top) * scale <= 1:
            return None
        box.update(left=left, top=top, width=right - left, height=bottom - top)
    if any(not 1 <= len(class_map[id]) <= 255 for id in used):
        return None
    metadata["class-map"] = {id: name for id, name in class_map.items() if id in used}
    seen.add(source_ref)
    kept = {"source-ref": source_ref, pairs[0]: label, pairs[0] + "-metadata": metadata}
    return json.dumps(kept, separators=(",", ":"))


def run_python(path):
    seen, n_entries = set(), 0
    start = time.process_time()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            n_entries += convert(line, seen) is not None
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
    print(f"{'pixels':<10} {'MB':>6} {'python MB/s':>12} {'manifest MB/s':>14} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for pixels in ("whole", "fractions"):
            path = pathlib.Path(folder) / f"{pixels}.manifest"
            write_lines(path, pixels == "whole")
            n_bytes = path.stat().st_size
            python_s, program_s = [], []
            for _ in range(N_TURNS):
                seconds, n_python = run_python(path)
                python_s.append(seconds)
                seconds, n_program = run_program(program, path)
                program_s.append(seconds)
                if not n_python == n_program == N_LINES:
                    sys.exit(f"entries differ: {n_python} and {n_program}")
            python_s, program_s = statistics.median(python_s), statistics.median(program_s)
            rate = lambda seconds: n_bytes / seconds / 1e6
            print(f"{pixels:<10} {n_bytes / 1e6:>6.0f} {rate(python_s):>12.1f} {rate(program_s):>14.1f} {python_s / program_s:>6.1f}")


if __name__ == "__main__":
    main()
