// Finished jobs, as `aws s3 sync` brings them, for the pages to be made of.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Texts that would do something if a page took them for more than texts. */
export const hostileTexts = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(2)>',
  "</script><script>alert(3)</script>",
  "{{ task }} {% raw %} <!-- ]]> &lt;",
  "=HYPERLINK(\"https://evil.example\")",
];

/** A job whose categories, workers, images and reasons are hostile. */
export function hostileJob() {
  const labels = hostileTexts;
  const objects = labels.map((label, idx) => ({
    source: `s3://bkt/${encodeURIComponent("k")}/${label.replaceAll("/", "∕")}.jpg`,
    answers: [0, 1, 2, 3].map((worker) => [`private.us-east-1.<b>${worker}</b>`, labels[(idx + (worker > 1 ? worker - 1 : 0)) % labels.length]]),
    label,
  }));
  objects.push({ source: "s3://bkt/<i>failed</i>.jpg", answers: [], failure: "</td><script>alert(4)</script>" });
  // Ten answers or more a worker, so that their table isn't folded.
  return { objects: [...objects, ...objects.slice(0, 5), ...objects.slice(0, 5)].map((object, idx) => ({ ...object, source: `${object.source}?${idx}` })) };
}

/** So many images, five answers each of 40 workers, of which some err often. */
export function bigJob(n) {
  const labels = ["Owl", "Duck", "Gull", "Sparrow", "Falcon", "Hawk"];
  const objects = Array.from({ length: n }, (_, idx) => {
    const label = labels[(idx * 7) % labels.length];
    const answers = [0, 1, 2, 3, 4].map((place) => {
      const worker = (idx * 3 + place * 7) % 40;
      const errs = (idx * 31 + worker * 17) % 10 < (worker % 4);
      return [`private.us-east-1.${worker}`, errs ? labels[(idx + worker) % labels.length] : label];
    });
    return { source: `s3://bkt/${idx}.png`, answers, label };
  });
  return { objects };
}

/** Writes a job's folder, and answers where it is. */
export function writeJob(work, name, { objects }) {
  const folder = join(work, "jobs", name);
  rmSync(folder, { recursive: true, force: true });
  const requests = join(folder, "annotations/consolidated-annotation/consolidation-request/iteration-1");
  const manifests = join(folder, "manifests/output");
  for (const made of [requests, manifests]) mkdirSync(made, { recursive: true });
  const metadata = { "job-name": `labeling-job/${name}`, "human-annotated": "yes", "creation-date": "2026-01-01T00:00:00", type: "groundtruth/custom" };
  const line = ({ source, label, failure }) => JSON.stringify({
    "source-ref": source,
    [name]: failure ? { label: null, metadata: { "failure-reason": failure } } : { label: 0, metadata: { "class-name": label, confidence: 0.9, type: "groundtruth/image-classification" } },
    [`${name}-metadata`]: metadata,
  });
  writeFileSync(join(manifests, "output.manifest"), objects.map((object) => `${line(object)}\n`).join(""));
  writeFileSync(join(folder, "truth.jsonl"), objects.map(({ source, label }) => `${JSON.stringify({ "source-ref": source, label: label ?? "none" })}\n`).join(""));
  for (let start = 0; start < objects.length; start += 50) {
    const batch = objects.slice(start, start + 50).map(({ source, answers }, idx) => ({
      datasetObjectId: String(start + idx),
      dataObject: { s3Uri: source },
      annotations: answers.map(([workerId, label]) => ({ workerId, annotationData: { content: JSON.stringify({ category: { label } }) } })),
    }));
    writeFileSync(join(requests, `${String(start).padStart(8, "0")}.json`), JSON.stringify(batch));
  }
  return folder;
}
