// The pages that `gtcl run` and `gtcl report` write, in a real browser: nothing is requested and nothing goes wrong,
// what axe-core calls serious isn't there, the page's numbers are those of the JSON reports, sorting, filtering, keys and
// files work, names that are hostile stay texts, and large jobs' pages stay small.
//
// Usage: node check.mjs WORK_DIR GTCL [JOB_FOLDER] (node_modules are in WORK_DIR; jobs, pages and screenshots go there;
// JOB_FOLDER is a real job with its truth). UPDATE_PICTURE=PATH writes the picture of the documentation.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { bigJob, hostileJob, hostileTexts, writeJob } from "./jobs.mjs";
import { check, conclude } from "../browser/checks.mjs";

const work = resolve(process.argv[2]);
const gtcl = resolve(process.argv[3]);
const realJob = process.argv[4] && resolve(process.argv[4]);
const require = createRequire(join(work, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const PAGE_BYTES_MAX = 8_000_000;

/** Variables of the services that are running. */
let services = {};
const run = (...args) => spawnSync(gtcl, args, { encoding: "utf8", maxBuffer: 1 << 30, cwd: work, env: { ...process.env, ...services } });
const json = (...args) => JSON.parse(run(...args).stdout);
const timed = (work) => {
  const begin = performance.now();
  const result = work();
  return [result, (performance.now() - begin) / 1000];
};

mkdirSync(join(work, "screenshots"), { recursive: true });
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [...flags, "--disable-component-update", "--disable-sync"],
});

/** Opens a page from disk. `events`: what went wrong, what was asked for, what ran that should not. */
async function open(file, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const events = [];
  const url = pathToFileURL(file).href;
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && events.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => events.push(`exception: ${error.message}`));
  page.on("dialog", (dialog) => { events.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const asked = request.url();
    if (asked !== url && !asked.startsWith("data:") && !asked.startsWith("blob:")) events.push(`request: ${asked}`);
  });
  await page.goto(url, { waitUntil: "load" });
  return { page, events, close: () => context.close() };
}

/** What axe-core finds, as far as it is serious. */
async function serious(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return grave.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

/** Numbers as the page's elements have them. */
const numbers = (page) => page.evaluate(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const value = (element) => Number(element.dataset.v);
  const rows = (selector) => all(`${selector} table.sortable tbody tr`).map((row) => [row.cells[0].querySelector("bdi").textContent, ...[...row.cells].slice(1).map((cell) => (cell.dataset.v === undefined ? null : value(cell)))]);
  return {
    outcome: Object.fromEntries(all(".numbers b").map((number) => [number.dataset.name, value(number)])),
    agreement: Object.fromEntries(all("#workers [data-name], #truth [data-name]").map((number) => [number.dataset.name, value(number)])),
    workers: rows("#workers"),
    suspected: all("#workers tr.marked bdi").map((name) => name.textContent).filter((name) => /^[0-9a-f]{16}$/.test(name)),
    categories: rows("#categories"),
    disputed: all(".card").map((card) => [card.dataset.id, value(card)]),
    codes: Object.fromEntries(all("[data-code]").map((code) => [code.dataset.code, value(code)])),
    data: JSON.parse(document.querySelector("#data").textContent),
  };
});

const byName = (rows) => Object.fromEntries(rows.map((row) => [row[0], row.slice(1)]));
const exact = (value) => (value === undefined ? null : value);

/** The page says what the reports for machines say. */
async function checkNumbers(name, page, report, consolidated, updater) {
  const found = await numbers(page);
  const { outcome, quality, truth } = report;
  const wanted = { "data objects": outcome.data_objects, answers: outcome.answers, labels: outcome.labeled, rejected: outcome.rejected, failed: outcome.failed };
  wanted[outcome.dataset ? "landed" : "entries"] = outcome.dataset?.landed ?? outcome.entries;
  check(`${name}: outcome`, found.outcome, wanted);
  const columns = (worker) => {
    const boxes = worker.boxes && [worker.boxes.n_matched, worker.boxes.n_missed, worker.boxes.n_extra, exact(worker.boxes.mean_iou)];
    const rates = worker.rates && [worker.rates.sensitivity, worker.rates.specificity];
    return [worker.n_answers, worker.accuracy, worker.disagreement, ...(rates ?? []), ...(boxes ?? [])];
  };
  const workers = (list) => Object.fromEntries(list.map((worker) => [worker.worker, columns(worker)]));
  const shown = Object.fromEntries(found.workers.map(([worker, ...cells]) => [worker, cells.slice(0, columns(quality.workers[0]).length)]));
  check(`${name}: workers`, shown, workers(quality.workers));
  check(`${name}: suspected`, found.suspected.sort(), quality.workers.filter((worker) => worker.is_suspected).map((worker) => worker.worker).sort());
  const categories = quality.categories.map((category) => [category.class, category.n_items, category.agreement, category.n_answered_elsewhere]);
  check(`${name}: categories`, byName(found.categories), byName(categories));
  const disputed = quality.disputed.map((object) => [object.dataset_object_id, object.confidence]);
  check(`${name}: disputed`, found.disputed, disputed.slice(0, found.disputed.length));
  check(`${name}: all disputed are told`, found.data.n_disputed, disputed.length);
  if (quality.agreement) check(`${name}: agreement`, [found.agreement.share_of_pairs, found.agreement.alpha], [quality.agreement.share_of_pairs, quality.agreement.alpha]);
  if (truth) check(`${name}: truth`, found.agreement.exact, truth.n_right / truth.n_compared);
  check(`${name}: codes`, found.codes, Object.fromEntries(report.faults.map((faults) => [faults.code, faults.n_lines])));
  check(`${name}: the page's data`, { ...found.data.quality, disputed: [] }, { ...quality, disputed: [] });
  if (consolidated) {
    // The order of sums may differ: the last digits do, too.
    const rounded = (object) => JSON.parse(JSON.stringify(object, (_, value) => (typeof value === "number" ? Number(value.toPrecision(9)) : value)));
    check(`${name}: workers of consolidate --report json`, rounded(workers(consolidated.workers)), rounded(workers(quality.workers)));
    const objects = (found) => Object.fromEntries(found.disputed.map((object) => [object.dataset_object_id, object]));
    check(`${name}: disputed objects of consolidate --report json`, rounded(objects(consolidated)), rounded(objects(quality)));
    check(`${name}: agreement of consolidate --report json`, rounded({ found: consolidated.agreement }), rounded({ found: quality.agreement }));
  }
  if (updater) {
    const { lines, entries, landed, rejected, skipped, byCode } = updater;
    check(`${name}: report.json`, [outcome.lines, outcome.entries, outcome.dataset.landed, outcome.rejected, outcome.skipped, outcome.by_code], [lines, entries, landed, rejected, skipped, byCode]);
  }
}

/** Sorting, filtering, keys, boxes, files. */
async function checkUse(name, page) {
  const column = (idx) => page.$eval("#workers table.sortable", (table, idx) => [...table.tBodies[0].rows].map((row) => Number(row.cells[idx].dataset.v)), idx);
  const head = page.locator("#workers table.sortable").first().locator("th button").nth(2);
  const before = await column(2);
  await head.click();
  check(`${name}: sorted, the largest first`, await column(2), [...before].sort((a, b) => b - a));
  await head.click();
  check(`${name}: sorted, the smallest first`, await column(2), [...before].sort((a, b) => a - b));
  check(`${name}: a sorted column says so`, await page.locator("#workers th[aria-sort=ascending]").count(), 1);

  const all = await page.locator(".card").count();
  const shown = () => page.locator(".card:visible").count();
  const first = await page.locator(".card").first().locator("code").first().getAttribute("title");
  await page.fill("#find", first);
  const texts = await page.$$eval(".card", (cards, word) => cards.filter((card) => [...card.querySelectorAll("code")].some((code) => code.title === word)).length, first);
  check(`${name}: found`, await shown(), texts);
  await page.fill("#find", "nobody is called so");
  check(`${name}: nothing found`, [await shown(), await page.textContent("#n-shown")], [0, `0 of ${all} shown`]);
  await page.fill("#find", "");
  await page.selectOption("#below", "0.7");
  const below = await page.$$eval(".card", (cards) => cards.filter((card) => Number(card.dataset.v) < 0.7).length);
  check(`${name}: below 70 %`, await shown(), below);
  await page.selectOption("#below", "2");
  check(`${name}: the first ones`, await shown(), Math.min(all, 12));
  if (all > 12) await page.click("#more");
  check(`${name}: all of them`, await shown(), all);

  await page.locator(".card").first().focus();
  await page.keyboard.press("ArrowRight");
  check(`${name}: the next one by key`, await page.evaluate(() => document.activeElement.id), "d2");
  await page.keyboard.press("ArrowLeft");
  check(`${name}: the one before by key`, await page.evaluate(() => document.activeElement.id), "d1");

  for (const what of ["workers", "disputed"]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(`#csv-${what}`)]);
    const text = readFileSync(await download.path(), "utf8");
    const n = await page.evaluate((what) => JSON.parse(document.querySelector("#data").textContent).quality[what].length, what);
    check(`${name}: ${what} as CSV`, [download.suggestedFilename(), text.split("\r\n").length], [`${what}.csv`, n + 2]);
  }
}

async function checkBoxes(name, page) {
  const visible = (selector) => page.$$eval(`#d1 ${selector}`, (boxes) => boxes.filter((box) => getComputedStyle(box).display !== "none").length);
  const [labels, workers] = [await visible(".box.ca"), await visible(".box:not(.ca)")];
  check(`${name}: boxes of workers`, workers > 0, true);
  await page.click("#show-workers");
  check(`${name}: without workers' boxes`, [await visible(".box.ca"), await visible(".box:not(.ca)")], [labels, 0]);
  await page.click("#show-workers");
  const [color, own] = await page.$eval("#d1", (card) => {
    const checks = [...card.querySelectorAll("[data-color]")].map(({ dataset }) => dataset.color);
    const found = checks.map((color) => [color, card.querySelectorAll(`.box.c${color}`).length]);
    return found.find(([, n]) => n > 0);
  });
  await page.click(`#d1 [data-color="${color}"]`);
  check(`${name}: without one worker's boxes`, await visible(".box:not(.ca)"), workers - own);
}

/** Is it on the screen without scrolling? */
const onScreen = (page, selector) => page.$eval(selector, (element) => {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
});

async function shoot(name, page) {
  const path = (what) => join(work, "screenshots", `${name}-${what}.png`);
  await page.evaluate(() => { document.documentElement.style.scrollBehavior = "auto"; scrollTo(0, 0); });
  await page.screenshot({ path: path("light") });
  await page.screenshot({ path: path("light-whole"), fullPage: true });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: path("dark-whole"), fullPage: true });
  check(`${name}: axe-core, dark`, await serious(page), []);
  await page.emulateMedia({ colorScheme: "light", media: "print" });
  await page.setViewportSize({ width: 794, height: 1123 });
  await page.screenshot({ path: path("print-whole"), fullPage: true });
  await page.emulateMedia({ media: "screen" });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path("phone") });
  await page.screenshot({ path: path("phone-whole"), fullPage: true });
  check(`${name}: no wider than a phone`, await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function checkExample() {
  const folder = join(work, "example");
  rmSync(folder, { recursive: true, force: true });
  const summary = json("run", "--dir", folder, "--json");
  for (const job of summary.jobs) {
    const { name } = job;
    const file = resolve(work, job.files.page);
    const { page, events, close } = await open(file);
    const jobFolder = join(folder, "s3/gtcl/jobs", name);
    const report = json("report", jobFolder, "--format", "json");
    const updater = JSON.parse(readFileSync(join(jobFolder, "dataset-updater/report.json"), "utf8"));
    const { quality } = json("consolidate", jobFolder, "--label-attribute", name, "--report", "json");
    // The page of a run names workers as the job's folder in S3 does; this one as the others here do.
    const own = join(work, `${name}.html`);
    const made = run("report", jobFolder, "--images-from", join(folder, "s3"), "--out", own);
    check(`${name}: exit code`, made.status, 0);
    const again = join(work, `${name}-again.html`);
    run("report", jobFolder, "--images-from", join(folder, "s3"), "--out", again);
    check(`${name}: the same bytes`, readFileSync(own).equals(readFileSync(again)), true);
    check(`${name}: a suspected worker on the first screen`, await onScreen(page, ".look code"), true);
    check(`${name}: disputed objects on the first screen`, await onScreen(page, '.look a[href="#disputed"]'), true);
    check(`${name}: suspected, as the summary has it`, (await numbers(page)).suspected, job.quality.suspected_workers);
    check(`${name}: all disputed have pictures`, await page.$$eval("#disputed svg.picture", (all) => all.every((one) => one.querySelector("image, use"))), true);
    check(`${name}: axe-core`, await serious(page), []);
    await checkUse(name, page);
    if (name === "shapes-in-boxes") await checkBoxes(name, page);
    check(`${name}: nothing went wrong`, events, []);
    await close();
    const second = await open(own);
    await checkNumbers(name, second.page, report, quality, updater);
    await shoot(name, second.page);
    check(`${name}: nothing went wrong in the other page`, second.events, []);
    await second.close();
    const plain = await open(own, { javaScriptEnabled: false });
    check(`${name}: pictures without script`, await plain.page.locator(".card svg.picture").first().isVisible(), true);
    check(`${name}: workers without script`, await plain.page.locator("#workers td").first().isVisible(), true);
    check(`${name}: no idle controls without script`, await plain.page.locator("#find").isVisible(), false);
    await plain.close();
  }
}

/** A job that lies in S3, with its images there: the page goes there, too, and says what the run's page says. */
async function checkS3() {
  const served = spawn(gtcl, ["serve", "--dir", join(work, "example")], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    let text = "";
    for await (const chunk of served.stdout) {
      text += chunk;
      if (/^export AWS_SECRET_ACCESS_KEY=.*\n/m.test(text)) break;
    }
    services = Object.fromEntries([...text.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value.replace(/^'|'$/g, "")]));
    for (const name of ["shapes", "shapes-in-boxes"]) {
      const made = run("report", `s3://gtcl/jobs/${name}/`, "--out", `s3://gtcl/reports/${name}.html`);
      check(`${name} in S3: exit code`, [made.status, made.stderr], [0, ""]);
      const there = join(work, "example/s3/gtcl/reports", `${name}.html`);
      const data = (file) => JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(readFileSync(file, "utf8"))[1]);
      const [found, ofRun] = [data(there), data(join(work, "example/reports", `${name}.html`))];
      check(`${name} in S3: the run's figures`, [found.outcome, found.quality], [ofRun.outcome, ofRun.quality]);
      const pictures = (file) => readFileSync(file, "utf8").match(/data:image\/jpeg/g).length;
      check(`${name} in S3: pictures`, pictures(there) > 0, true);
    }
    const missing = run("report", "s3://gtcl/jobs/nothing", "--out", join(work, "nothing.html"));
    check("no job in S3", [missing.status, missing.stderr.includes("s3://gtcl/jobs/nothing has neither")], [2, true]);
  } finally {
    services = {};
    served.kill();
    await new Promise((resolve) => served.once("exit", resolve));
  }
}

async function checkRealJob() {
  const file = join(work, "birds.html");
  const made = run("report", realJob, "--out", file);
  check("birds: exit code", made.status, 0);
  const { page, events, close } = await open(file);
  await checkNumbers("birds", page, json("report", realJob, "--format", "json"));
  check("birds: axe-core", await serious(page), []);
  await checkUse("birds", page);
  await shoot("birds", page);
  check("birds: nothing went wrong", events, []);
  await close();
}

async function checkHostile() {
  const folder = writeJob(work, "hostile", hostileJob());
  const file = join(work, "hostile.html");
  run("report", folder, "--out", file, "--truth", join(folder, "truth.jsonl"));
  const { page, events, close } = await open(file);
  const text = await page.evaluate(() => document.body.textContent);
  for (const hostile of hostileTexts) check(`hostile: ${hostile} is shown`, text.includes(hostile), true);
  const elements = await page.evaluate(() => [...document.querySelectorAll("script, style, iframe, object, img, meta, base, a[href^='javascript']")].map((found) => found.tagName).sort());
  check("hostile: no element is made of a text", elements, ["META", "META", "META", "META", "META", "SCRIPT", "SCRIPT", "STYLE"]);
  await checkUse("hostile", page);
  check("hostile: axe-core", await serious(page), []);
  check("hostile: nothing ran", events, []);
  await close();
}

/** Opens a page of a large job. */
async function checkLarge(name, file, seconds) {
  const size = statSync(file).size;
  check(`${name}: at most 8 MB`, size <= PAGE_BYTES_MAX, true);
  const begin = performance.now();
  const { page, events, close } = await open(file);
  const opened = (performance.now() - begin) / 1000;
  check(`${name}: nothing went wrong`, events, []);
  const shown = await page.$$eval(".card image", (all) => all.length);
  console.log(`${name}: ${size} bytes, written in ${seconds.toFixed(1)} s, opened in ${opened.toFixed(1)} s, ${shown} pictures of disputed objects`);
  await close();
}

async function checkLargeJobs() {
  // 1,000 data objects with the example's images, 1,000 files.
  const images = join(work, "buckets");
  const keys = readdirSync(join(work, "example/s3/gtcl"), { recursive: true }).filter((key) => key.endsWith(".png"));
  mkdirSync(join(images, "bkt"), { recursive: true });
  for (let idx = 0; idx < 1000; idx += 1) copyFileSync(join(work, "example/s3/gtcl", keys[idx % keys.length]), join(images, "bkt", `${idx}.png`));
  const pictures = writeJob(work, "pictures", bigJob(1000));
  const out = join(work, "pictures.html");
  const [, seconds] = timed(() => run("report", pictures, "--images-from", images, "--out", out));
  await checkLarge("1,000 data objects with images", out, seconds);
  const objects = writeJob(work, "objects", bigJob(100_000));
  const large = join(work, "objects.html");
  const [, longer] = timed(() => run("report", objects, "--out", large));
  await checkLarge("100,000 data objects", large, longer);
}

/** The picture of the documentation: the boxes example, light, as wide as a page of text. */
async function picture(path) {
  const { page, close } = await open(join(work, "shapes-in-boxes.html"), { viewport: { width: 960, height: 760 } });
  mkdirSync(dirname(path), { recursive: true });
  await page.screenshot({ path });
  await close();
}

try {
  await checkExample();
  await checkS3();
  await checkHostile();
  if (realJob) await checkRealJob();
  await checkLargeJobs();
  if (process.env.UPDATE_PICTURE) await picture(resolve(process.env.UPDATE_PICTURE));
} finally {
  await browser.close();
}
conclude();
