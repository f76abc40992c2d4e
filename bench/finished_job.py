"""Writes a finished labeling job of generated answers, as `aws s3 sync` brings one: for `gtcl run`, `consolidate`, `evaluate`.

    python3 bench/finished_job.py JOB-FOLDER OBJECTS single|multi|boxes
    gtcl run --job JOB-FOLDER --dir RESULTS

The dataset-updater consolidates such a job in a `gtcl serve` when it lies in its bucket:

    mkdir -p FOLDER && touch FOLDER/.gtcl
    python3 bench/finished_job.py FOLDER/s3/gtcl/jobs/big OBJECTS single|multi|boxes
    cargo run -- serve --dir FOLDER --port-lambda 9301 --env CONSOLIDATE=whole-job
    curl --aws-sigv4 aws:amz:us-east-1:lambda --user gtcl:gtcl-secret -X POST \
        http://127.0.0.1:9301/2015-03-31/functions/gtcl-dataset-updater/invocations \
        -d '{"manifest": "s3://gtcl/jobs/big/manifests/output/output.manifest"}'

The REPORT line in FOLDER/logs has the function's duration and memory. Five of 200 workers answer each data object; an
image has three boxes.
"""

import json
import pathlib
import random
import sys

BATCH = 50
CATEGORIES = [f"category-{number}" for number in range(10)]


def answer(kind, truth, chance):
    if kind == "single":
        return {"label": CATEGORIES[truth] if chance.random() < 0.8 else chance.choice(CATEGORIES)}
    if kind == "multi":
        both = {CATEGORIES[truth], CATEGORIES[(truth + 3) % len(CATEGORIES)]}
        return {"labels": sorted(both if chance.random() < 0.8 else {chance.choice(CATEGORIES)})}
    boxes = [
        {
            "label": CATEGORIES[truth] if chance.random() < 0.9 else chance.choice(CATEGORIES),
            "left": 20 + 150 * number + chance.randrange(6),
            "top": 30 + chance.randrange(6),
            "width": 90 + chance.randrange(6),
            "height": 80 + chance.randrange(6),
        }
        for number in range(3)
    ]
    return {"inputImageProperties": {"width": 640, "height": 480}, "boundingBoxes": boxes}


def main():
    job, n_objects, kind = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    chance = random.Random(1)
    requests = job / "annotations/consolidated-annotation/consolidation-request/iteration-1"
    for path in (requests, job / "manifests/output", job / "annotation-tool"):
        path.mkdir(parents=True)
    categories = {"labels": [{"label": name} for name in CATEGORIES]}
    (job / "annotation-tool/data.json").write_text(json.dumps(categories))
    batch = []
    with open(job / "manifests/output/output.manifest", "w") as manifest:
        for number in range(n_objects):
            truth = chance.randrange(len(CATEGORIES))
            annotations = [
                {
                    "workerId": f"private.us-east-1.{worker:016d}",
                    "annotationData": {"content": json.dumps({"annotatedResult": answer(kind, truth, chance)})},
                }
                for worker in chance.sample(range(200), 5)
            ]
            source = f"s3://images/birds/{number:06}.jpg"
            batch.append({"datasetObjectId": str(number), "dataObject": {"s3Uri": source}, "annotations": annotations})
            metadata = {"class-name": CATEGORIES[truth], "confidence": 0.9, "type": "groundtruth/image-classification"}
            line = {
                "source-ref": source,
                job.name: {"label": truth, "metadata": metadata},
                f"{job.name}-metadata": {
                    "type": "groundtruth/custom",
                    "job-name": f"labeling-job/{job.name}",
                    "human-annotated": "yes",
                    "creation-date": "2021-03-08T23:06:49.111000",
                },
            }
            manifest.write(json.dumps(line) + "\n")
            if len(batch) == BATCH or number == n_objects - 1:
                (requests / f"{number // BATCH:06}.json").write_text(json.dumps(batch))
                batch = []


main()
