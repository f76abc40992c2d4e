// The worker task templates on the task inputs of cases.json: rendered by a real Liquid engine with Ground Truth's
// filters, opened in a real browser, answered with its mouse, consolidated by gtcl. That the task inputs are what
// pre-annotation answers is proven by shared/labeling/tests/task_templates.rs.
//
// Usage: node check.mjs WORK_DIR GTCL (node_modules are in WORK_DIR; screenshots, annotation files and the browser's
// profile go there)
import { execFileSync } from "node:child_process";
import { readFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { check, conclude } from "../browser/checks.mjs";

const work = resolve(process.argv[2]);
const gtcl = resolve(process.argv[3]);
const require = createRequire(join(work, "package.json"));
const { Liquid } = require("liquidjs");
const { chromium } = require("playwright-core");

const here = dirname(fileURLToPath(import.meta.url));
const read = (...path) => readFileSync(join(here, ...path), "utf8");
const cases = JSON.parse(read("cases.json"));
const elements = read("../../local/portal/src/assets/crowd-html-elements.js");
const names = ["single-label", "multi-label", "bounding-box"];
const templates = Object.fromEntries(names.map((name) => [name, read("../../templates", `${name}.liquid.html`)]));

// Source: API reference, UiTemplate. Characters, inclusive.
const TEMPLATE_CHARS_MAX = 128_000;
const PAGE = "https://task.example/";
const IMAGES = "https://gt-images.s3.us-east-1.amazonaws.com/";
const SCRIPT = "https://assets.crowd.aws/crowd-html-elements.js";
const IMAGE = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="200"><rect width="320" height="200" fill="#def"/><circle cx="160" cy="100" r="70" fill="#9b6"/></svg>`;

// Two ways to make an address of an S3 URI: what S3 signs is percent-encoded; a bare key is what escaping must stand.
const query = "?X-Amz-Expires=900&X-Amz-Signature=0123";
const key = (uri) => uri.replace(/^s3:\/\/gt-images\//, "");
const signers = {
  signed: (uri) => IMAGES + key(uri).split("/").map(encodeURIComponent).join("/") + query,
  bare: (uri) => IMAGES + key(uri) + query,
};

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };
const escape = (value) => String(value ?? "").replace(/[&<>"']/g, (char) => escapes[char]);

/** Source: Developer Guide, "Adding automation with Liquid": escaped by default, and once only. */
function liquid(sign) {
  const engine = new Liquid({ outputEscape: escape, strictFilters: true, strictVariables: true, lenientIf: true });
  engine.registerFilter("escape", { raw: true, handler: escape });
  engine.registerFilter("skip_autoescape", { raw: true, handler: (value) => value });
  engine.registerFilter("to_json", (value) => JSON.stringify(value));
  engine.registerFilter("grant_read_access", sign);
  return (template, input) => engine.parseAndRenderSync(template, { task: { input } });
}

/** The same task input with nothing in it that needs escaping. */
function tame(input) {
  const boxes = input.initialValue?.map((box) => ({ ...box, label: "x" }));
  const suggested = input.suggestedLabels?.map((label) => ({ ...label, label: "x" }));
  return {
    ...input,
    taskObject: "s3://gt-images/x.jpg",
    labels: input.labels.map(() => "x"),
    ...(boxes && { initialValue: boxes }),
    ...(suggested && { suggestedLabels: suggested }),
  };
}

mkdirSync(join(work, "screenshots"), { recursive: true });
const profile = mkdtempSync(join(work, "profile-"));
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [...flags, "--disable-component-update", "--disable-sync"],
  viewport: { width: 960, height: 900 },
});

/** Opens a rendered template. `events`: whatever a hostile value got to run, and every request that isn't ours. */
async function open(html) {
  const page = await context.newPage();
  const events = [];
  await page.exposeFunction("record", (event) => events.push(event));
  await page.addInitScript(() => {
    window.alert = (text) => window.record(`alert ${text}`);
    window.addEventListener("error", (event) => window.record(`error ${event.message ?? event.target?.tagName}`), true);
  });
  page.on("pageerror", (error) => events.push(`exception ${error.message}`));
  await page.route("**", (route) => {
    const url = route.request().url();
    if (url === PAGE) return route.fulfill({ contentType: "text/html; charset=utf-8", body: `<!doctype html>${html}` });
    if (url === SCRIPT) return route.fulfill({ contentType: "text/javascript; charset=utf-8", body: elements });
    if (url.startsWith(IMAGES)) return route.fulfill({ contentType: "image/svg+xml", body: IMAGE });
    if (url !== `${PAGE}favicon.ico`) events.push(`request ${url}`);
    return route.abort();
  });
  await page.goto(PAGE, { waitUntil: "load" });
  return { page, events };
}

/** The element tree that a browser reads from a text, without running it: names of elements and of their attributes. */
const skeleton = (page, html) =>
  page.evaluate((html) => {
    const parsed = new DOMParser().parseFromString(html, "text/html");
    const all = [...parsed.querySelectorAll("*")];
    return all.map((element) => [element.tagName, ...element.getAttributeNames()].join(" "));
  }, html);

/** Does with the mouse what a worker would, and submits. */
async function answer(page, chosen) {
  const shown = await page.locator(".categories button").allTextContents();
  for (const choice of chosen) {
    await page.locator(".categories button").nth(shown.indexOf(choice.label ?? choice)).click();
    if (choice.label === undefined) continue;
    await page.locator("img").scrollIntoViewIfNeeded();
    await page.keyboard.press("Escape");
    const image = await page.locator("img").boundingBox();
    const scale = image.width / (await page.locator("img").evaluate((image) => image.naturalWidth));
    await page.mouse.move(image.x + choice.left * scale, image.y + choice.top * scale);
    await page.mouse.down();
    await page.mouse.move(image.x + (choice.left + choice.width) * scale, image.y + (choice.top + choice.height) * scale);
    await page.mouse.up();
  }
  const nothing = page.locator(".crowd-nothing input");
  if ((await nothing.count()) > 0 && (await page.locator(".box").count()) === 0) await nothing.check();
  await page.locator("#submit").click();
  return JSON.parse(await page.evaluate(() => window.submitted));
}

async function checkCase({ name, template, taskInput, choose, answer: expected }, signer) {
  const what = (of) => `${template}, ${name}, ${signer}: ${of}`;
  const render = liquid(signers[signer]);
  const html = render(templates[template], taskInput);
  const { page, events } = await open(html);
  check(what("element tree"), await skeleton(page, html), await skeleton(page, render(templates[template], tame(taskInput))));
  const exclusion = template === "multi-label" ? ["None of the above"] : [];
  check(what("labels shown"), await page.locator(".categories button").allTextContents(), [...taskInput.labels, ...exclusion]);
  check(what("boxes shown"), await page.locator(".box").allTextContents(), (taskInput.initialValue ?? []).map((box) => box.label));
  const suggested = (taskInput.suggestedLabels ?? []).slice(0, template === "single-label" ? 1 : undefined);
  const shown = await page.locator("short-instructions").locator("strong, li").allTextContents();
  check(what("suggestions shown"), shown, template === "bounding-box" ? [] : suggested.map(({ label }) => label));
  const image = page.locator("crowd-form > * img").first();
  check(what("image address"), await image.getAttribute("src"), signers[signer](taskInput.taskObject));
  check(what("image loaded"), await image.evaluate((image) => image.naturalWidth), 320);
  const submitted = await answer(page, choose);
  check(what("answer"), submitted, expected);
  check(what("nothing else ran"), events, []);
  await page.screenshot({ path: join(work, "screenshots", `${template}-${name}-${signer}.png`), fullPage: true });
  await page.close();
  return { name, template, submitted, expected: [...(taskInput.initialValue ?? []), ...choose] };
}

/** What a consolidated annotation says, in the form of `choose`. */
function chosen({ label, metadata }) {
  const classes = metadata["class-map"];
  if (label.annotations) return label.annotations.map(({ class_id, left, top, width, height }) => ({ label: classes[class_id], left, top, width, height }));
  return classes ? label.map((id) => classes[id]) : [metadata["class-name"]];
}

/** One worker's answers to all cases of a template, as Ground Truth stores them, consolidated: each comes out as it went in. */
function checkConsolidation(template, answers) {
  const objects = answers.map(({ name, submitted }) => ({
    datasetObjectId: name,
    annotations: [{ workerId: "private.us-east-1.worker", annotationData: { content: JSON.stringify(submitted) } }],
  }));
  const file = join(work, `${template}.annotations.json`);
  writeFileSync(file, JSON.stringify(objects));
  const lines = execFileSync(gtcl, ["consolidate", "--task-type", template, file], { encoding: "utf8" }).trim().split("\n");
  const sorted = (values) => values.map((value) => JSON.stringify(value)).sort();
  check(`${template}: consolidated annotations`, lines.length, answers.length);
  lines.map((line) => JSON.parse(line)).forEach((annotation, idx) => {
    const { name, expected } = answers[idx];
    const wanted = expected.filter((choice) => choice !== "None of the above");
    check(`${template}, ${name}: consolidated`, sorted(chosen(annotation.consolidatedAnnotation.content.label)), sorted(wanted));
  });
}

/** A check that can't fail proves nothing: without escaping, the same values must be caught. */
async function checkControl() {
  const { taskInput } = cases.find(({ name }) => name === "script");
  const unsafe = templates["single-label"].replace("to_json | escape", "to_json | skip_autoescape");
  const { page, events } = await open(liquid(signers.signed)(unsafe, taskInput));
  await page.waitForFunction(() => document.querySelector("img[onerror]")?.complete);
  check("control: an unescaped label runs", events.includes("alert 1"), true);
  await page.close();
}

function checkText(name, text) {
  const outputs = [...text.matchAll(/\{\{(.*?)\}\}/gs)].map((output) => output[1].split("|").at(-1).trim());
  check(`${name}: every output is escaped in so many words or an address`, outputs.filter((filter) => !["escape", "grant_read_access"].includes(filter)), []);
  check(`${name}: size`, [...text].length <= TEMPLATE_CHARS_MAX, true);
  check(`${name}: says what it needs first`, text.startsWith("<!--\n  Task input: "), true);
  for (const part of ["<short-instructions>", "<full-instructions header=", SCRIPT]) check(`${name}: ${part}`, text.includes(part), true);
}

try {
  for (const [name, text] of Object.entries(templates)) checkText(name, text);
  await checkControl();
  const answers = [];
  for (const one of cases) answers.push(await checkCase(one, "signed"));
  for (const one of cases) await checkCase(one, "bare");
  for (const name of names) checkConsolidation(name, answers.filter(({ template }) => template === name));
} finally {
  await context.close();
}
conclude();
