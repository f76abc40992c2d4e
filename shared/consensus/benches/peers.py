"""Consolidation next to its Python peers on the same answers, in the same run.

    $(.ci/venv peers)/bin/python shared/consensus/benches/peers.py [--crowd FOLDER]

Speed: crowd-kit's DawidSkene against `cargo bench --bench peer`, 100,000 items x 5 answers x 10 classes, 10 iterations
each. With --crowd (a folder with boxes/, multi-label/ and single-label/) quality as well: the peers see the very
answers that `gtcl evaluate` keeps (same seeds, same generator), but all of them at once.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene, GLAD, OneCoinDawidSkene
from ensemble_boxes import weighted_boxes_fusion
from scipy.optimize import linear_sum_assignment

MASK = (1 << 64) - 1


class Random:
    """SplitMix64 and the shuffle of local/src/evaluate/random.rs."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def keep(self, values, n):
        values = list(values)
        for last in range(len(values) - 1, 0, -1):
            other = self.next() % (last + 1)
            values[last], values[other] = values[other], values[last]
        return values[:n]


def peer_binary():
    out = subprocess.run(
        ["cargo", "bench", "-p", "consensus", "--bench", "peer", "--no-run", "--message-format=json"],
        check=True, capture_output=True, text=True,
    ).stdout
    for line in out.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "peer":
            return message["executable"]
    sys.exit("cargo built no peer bench")


def speed(n_items=100_000, n_workers=1_000, n_classes=10, n_iterations=10, n_runs=3):
    rng = np.random.default_rng(1)
    truth = rng.integers(n_classes, size=n_items)
    accuracy = rng.uniform(0.5, 0.9, size=n_workers)
    items = np.repeat(np.arange(n_items), 5)
    workers = (rng.integers(n_workers, size=n_items)[:, None] + 7 * np.arange(5)).ravel() % n_workers
    is_right = rng.random(len(items)) < accuracy[workers]
    classes = np.where(is_right, truth[items], rng.integers(n_classes, size=len(items)))
    text = "\n".join(f"{i},{w},{c}" for i, w, c in zip(items, workers, classes))

    binary = peer_binary()
    path = os.path.join(os.path.dirname(binary), "peer-answers.csv")
    with open(path, "w") as file:
        file.write(text)
    def consensus(n):
        with open(path) as file:
            out = subprocess.run([binary, str(n)], stdin=file, capture_output=True, text=True, check=True)
        cpu, wall, _, peak = out.stdout.split(maxsplit=3)
        return (float(cpu), float(wall)), peak.strip()

    def crowd_kit(n):
        wall, cpu = time.perf_counter(), time.process_time()
        DawidSkene(n_iter=n, tol=0).fit_predict(frame)
        return time.process_time() - cpu, time.perf_counter() - wall

    frame = pd.DataFrame({"task": items, "worker": workers, "label": classes})
    ours, theirs = defaultdict(list), defaultdict(list)
    many = 3 * n_iterations
    for _ in range(n_runs):
        # Ours is short: one run would be at the mercy of its moment.
        for n in [n_iterations, many] * 3:
            seconds, peak = consensus(n)
            ours[n].append(seconds)
        for n in (n_iterations, many):
            theirs[n].append(crowd_kit(n))
    os.remove(path)
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    print(f"{n_items} items x 5 answers x {n_classes} classes, medians of {n_runs} interleaved runs, seconds")
    print(f"                     {n_iterations} iterations: CPU    wall  one iteration: CPU    wall   peak")
    figures = []
    for name, runs, memory in (("crowd-kit DawidSkene", theirs, f"{own_peak:.0f} MB"), ("consensus", ours, peak)):
        whole = np.median(runs[n_iterations], axis=0)
        one = (np.median(runs[many], axis=0) - whole) / (many - n_iterations)
        figures.append([*whole, *one])
        print(f"  {name:22} {whole[0]:13.3f} {whole[1]:7.3f} {one[0]:19.4f} {one[1]:7.4f}   {memory}")
    ratio = np.array(figures[0]) / np.array(figures[1])
    print(f"  {'ratio':22} {ratio[0]:13.0f} {ratio[1]:7.0f} {ratio[2]:19.0f} {ratio[3]:7.0f}")


def single_label(folder, r, seeds):
    methods = {
        "DawidSkene": lambda: DawidSkene(n_iter=100),
        "OneCoin": lambda: OneCoinDawidSkene(n_iter=30),
        "GLAD": lambda: GLAD(n_iter=20),
    }
    right = defaultdict(list)
    for name in sorted(os.listdir(folder)):
        truth = {row["item"]: row["truth"] for row in csv.DictReader(open(f"{folder}/{name}/truth.csv"))}
        answers = defaultdict(dict)
        for row in csv.DictReader(open(f"{folder}/{name}/label.csv")):
            answers[row["item"]].setdefault(row["worker"], row["label"])
        # GLAD takes minutes on the large sets.
        used = [m for m in methods if m != "GLAD" or len(answers) <= 1100]
        for seed in seeds:
            random = Random(seed)
            kept = {item: random.keep(given.items(), r) for item, given in answers.items()}
            rows = [(item, worker, label) for item, given in kept.items() for worker, label in given]
            frame = pd.DataFrame(rows, columns=["task", "worker", "label"])
            vote = 0.0
            for item, given in kept.items():
                if item in truth:
                    counts = Counter(label for _, label in given)
                    tied = [label for label, n in counts.items() if n == max(counts.values())]
                    vote += (truth[item] in tied) / len(tied)
            right["vote", name].append(vote / len(truth.keys() & kept.keys()))
            for method in used:
                found = methods[method]().fit_predict(frame)
                judged = [found[item] == label for item, label in truth.items() if item in found.index]
                right[method, name].append(np.mean(judged))
    names = sorted({name for _, name in right})
    print(f"single-label, r = {r}, whole job, right % (points against the vote)")
    for method in ["vote", *methods]:
        per_set = {n: 100 * np.mean(right[method, n]) for n in names if (method, n) in right}
        points = np.mean([p - 100 * np.mean(right["vote", n]) for n, p in per_set.items()])
        print(f"  {method:12} mean {np.mean(list(per_set.values())):6.2f} ({points:+.2f}) on {len(per_set)} sets")


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def boxes(path, r, seeds):
    images = json.load(open(path))["images"]
    order = sorted(images, key=lambda name: (len(name), name))
    found = true = hit50 = hit75 = 0
    overlap = 0.0
    for seed in seeds:
        random = Random(seed)
        for name in order:
            image = images[name]
            given = sorted(image["answers"].items(), key=lambda pair: (len(pair[0]), pair[0]))
            kept = random.keep(given, r)
            if image.get("truth") is None:
                continue
            size = np.array([image["width"], image["height"]] * 2)
            lists = [np.clip(np.array(b, dtype=float).reshape(-1, 4) / size, 0, 1) for _, b in kept]
            fused, scores, _ = weighted_boxes_fusion(
                lists, [np.ones(len(b)) for b in lists], [np.zeros(len(b)) for b in lists], iou_thr=0.55
            )
            fused = (fused * size)[scores >= 0.5 - 1e-6]
            truth = image["truth"]
            found, true = found + len(fused), true + len(truth)
            if len(fused) and len(truth):
                weights = np.array([[iou(a, b) for b in truth] for a in fused])
                for row, column in zip(*linear_sum_assignment(-weights)):
                    weight = weights[row, column]
                    if weight >= 0.5:
                        hit50, overlap = hit50 + 1, overlap + weight
                    hit75 += weight >= 0.75
    print(f"boxes, r = {r}, weighted boxes fusion: F1@0.5 {2 * hit50 / (found + true):.3f}"
          f" F1@0.75 {2 * hit75 / (found + true):.3f} mean IoU {overlap / hit50:.3f}")


def multi_label(path, r, seeds):
    rows = list(csv.DictReader(line for line in open(path) if not line.startswith("#")))
    images = sorted({row["image"] for row in rows}, key=lambda name: (len(name), name))
    n_raters = len(rows[0]["answers"])
    found = true = hit = 0
    for seed in seeds:
        random = Random(seed)
        kept = {image: random.keep(range(n_raters), r) for image in images}
        pairs = [
            (idx, rater, int(row["answers"][rater] == "2"))
            for idx, row in enumerate(rows)
            for rater in kept[row["image"]]
        ]
        labels = DawidSkene(n_iter=100).fit_predict(pd.DataFrame(pairs, columns=["task", "worker", "label"]))
        for idx, row in enumerate(rows):
            is_true = row["truth"] == "1"
            found, true = found + labels[idx], true + is_true
            hit += labels[idx] and is_true
    print(f"multi-label, r = {r}, crowd-kit DawidSkene over all pairs: F1 {2 * hit / (found + true):.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--crowd", help="folder with boxes/, multi-label/ and single-label/")
    parser.add_argument("--seeds", default="10,11,12")
    args = parser.parse_args()
    speed()
    if args.crowd:
        seeds = [int(seed) for seed in args.seeds.split(",")]
        for r in (3, 5):
            single_label(f"{args.crowd}/single-label", r, seeds)
            boxes(f"{args.crowd}/boxes/pedestrians.json", r, seeds)
            multi_label(f"{args.crowd}/multi-label/reassessed_imagenet.csv", r, seeds)


if __name__ == "__main__":
    main()
