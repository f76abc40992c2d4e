// People label in headless Chromium: `gtcl label` on images whose truth is known, workers in contexts of their own, by
// mouse and by keyboard. What they answer is what the dataset says, and nothing asks another host for anything.
//
// Usage: node check.mjs WORK_DIR GTCL (node_modules are in WORK_DIR; screenshots and gtcl's folders go there)
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { request } from "node:http";
import { join, resolve } from "node:path";
import { deflateSync, crc32 } from "node:zlib";

import { check, conclude } from "../browser/checks.mjs";

const work = resolve(process.argv[2]);
const gtcl = resolve(process.argv[3]);
const { chromium } = createRequire(join(work, "package.json"))("playwright-core");

/** A PNG of one colour with a dark rectangle. */
function png(width, height, rectangle = { left: 0, top: 0, width: 0, height: 0 }) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.from([...new Uint8Array(8), 8, 0, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const pixels = Buffer.alloc((width + 1) * height, 210);
  for (let y = 0; y < height; y++) {
    pixels[y * (width + 1)] = 0;
    const isIn = y >= rectangle.top && y < rectangle.top + rectangle.height;
    if (isIn) pixels.fill(60, y * (width + 1) + 1 + rectangle.left, y * (width + 1) + 1 + rectangle.left + rectangle.width);
  }
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", deflateSync(pixels)), chunk("IEND", Buffer.alloc(0))]);
}

function images(name, files) {
  const folder = join(work, "images", name);
  mkdirSync(folder, { recursive: true });
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(folder, file), bytes);
  return folder;
}

/** A running `gtcl label`: its address, once it printed one, and how it ends. */
async function start(args) {
  const child = spawn(gtcl, ["label", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, output })));
  const address = new Promise((resolve) => {
    const read = (bytes) => {
      output += bytes;
      const found = /http:\/\/\S+token=\w+/.exec(output);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    ended.then(() => resolve(undefined));
  });
  const found = await address;
  if (found === undefined) throw new Error(`gtcl label ended: ${output}`);
  return { child, ended, address: found };
}

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [...flags, "--disable-component-update", "--disable-sync"],
});

/** A JPEG whose Exif says that it is to be turned by a quarter. */
async function turnedJpeg(width, height) {
  const page = await browser.newPage();
  const url = await page.evaluate(
    ([width, height]) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      canvas.getContext("2d").fillRect(10, 5, 40, 15);
      return canvas.toDataURL("image/jpeg");
    },
    [width, height],
  );
  await page.close();
  const plain = Buffer.from(url.split(",")[1], "base64");
  const exif = Buffer.from("ffe100224578696600004d4d002a00000008000101120003000000010006000000000000", "hex");
  return Buffer.concat([plain.subarray(0, 2), exif, plain.subarray(2)]);
}

const foreign = [];
/** A worker in a context of their own, on the page with their first task. */
async function worker(address, name, viewport = { width: 1100, height: 900 }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  const own = new URL(address).origin;
  page.on("request", (asked) => {
    const url = asked.url();
    if (!url.startsWith(`${own}/`) && !url.startsWith("data:")) foreign.push(url);
  });
  page.on("pageerror", (error) => foreign.push(`exception ${error.message}`));
  await page.goto(address);
  await page.fill("#name", name);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#tools, #note:not([hidden])", { state: "attached" });
  return { context, page, name };
}

/** The task that is shown: its number and its frame, once all of it is there; `undefined` when there is none. */
async function task({ page }) {
  await page.waitForFunction(() => !document.querySelector("#task").hidden || !document.querySelector("#note").hidden);
  if (await page.locator("#task").isHidden()) return undefined;
  const number = Number(/\/task\/(\d+)\/page/.exec(await page.locator("#task").getAttribute("src"))[1]);
  const frame = page.frameLocator("#task");
  await frame.locator("crowd-form form img").first().waitFor();
  await frame.locator("img").evaluate((image) => image.decode());
  return { number, frame };
}

/** After an answer: another task is there, or the end. */
const over = ({ page }, number) =>
  page.waitForFunction(
    (number) => document.querySelector("#task").hidden || !document.querySelector("#task").src.endsWith(`/task/${number}/page`),
    number,
  );

const lines = (file) => readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const output = (folder, name) => lines(join(folder, "s3/gtcl/jobs", name, "manifests/output/output.manifest"));

function responses(folder, name) {
  const root = join(folder, "s3/gtcl/jobs", name, "annotations/worker-response/iteration-1");
  if (!existsSync(root)) return {};
  return Object.fromEntries(
    readdirSync(root).map((id) => [id, readdirSync(join(root, id)).flatMap((file) => JSON.parse(readFileSync(join(root, id, file), "utf8")).answers)]),
  );
}

/** The answer to a request of no browser of ours. */
const status = (address, headers, path = "/") =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(address);
    const asked = request({ hostname, port, path, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on("error", reject);
    asked.end();
  });

async function singleLabel() {
  const files = Object.fromEntries([...Array(6).keys()].map((n) => [`${n}.png`, png(160, 120, { left: 10 * n, top: 20, width: 60, height: 50 })]));
  const folder = join(work, "single");
  const args = ["--images", images("single", files), "--labels", "cat,dog,<b>bird</b>", "--task-type", "single-label", "--workers", "3", "--name", "animals", "--dir", folder];
  const truth = ["cat", "dog", "<b>bird</b>", "cat", "dog", "cat"];
  let running = await start(args);

  const { host } = new URL(running.address);
  const token = new URL(running.address).searchParams.get("token");
  const cookie = `gtcl-token=${token}`;
  check("no token", await status(running.address, {}), 403);
  check("wrong token", await status(running.address, { cookie: "gtcl-token=00" }), 403);
  check("token", await status(running.address, { cookie }), 200);
  check("foreign origin", await status(running.address, { cookie, origin: "http://evil.example" }), 403);
  check("null origin", await status(running.address, { cookie, origin: "null" }), 403);
  check("wrong host", await status(running.address, { cookie, host: "evil.example" }), 403);
  check("no name", await status(running.address, { cookie }, "/task/0/page"), 403);
  check("task of nobody", await status(running.address, { cookie: `${cookie}; gtcl-name=x` }, "/task/0/page"), 403);
  check("own host", await status(running.address, { cookie, host }), 200);

  const ada = await worker(running.address, "Ada");
  await ada.page.screenshot({ path: join(work, "screenshots/single-label.png") });
  for (let n = 0; n < 3; n++) {
    const { number, frame } = await task(ada);
    check("labels are text", await frame.locator(".categories button").allTextContents(), ["cat", "dog", "<b>bird</b>"]);
    if (n === 0) {
      await frame.locator("#submit").click();
      check("nothing chosen", await frame.locator(".crowd-problem").textContent(), "Choose a category.");
    }
    await frame.locator(".categories button", { hasText: truth[number] }).click();
    await frame.locator("#submit").click();
    await over(ada, number);
  }
  const before = responses(folder, "animals");
  check("answers on disk", Object.values(before).flat().length, 3);
  running.child.kill("SIGKILL");
  await running.ended;
  await ada.context.close();

  running = await start(args);
  const people = [await worker(running.address, "Ada"), await worker(running.address, "Bob"), await worker(running.address, "Cy")];
  const seen = {};
  for (const who of people) {
    for (let now = await task(who); now; now = await task(who)) {
      (seen[who.name] ??= []).push(now.number);
      if (who.name === "Bob") {
        await who.page.keyboard.press(String(["cat", "dog", "<b>bird</b>"].indexOf(truth[now.number]) + 1));
        await who.page.keyboard.press("Enter");
      } else {
        await now.frame.locator(".categories button", { hasText: truth[now.number] }).click();
        await now.frame.locator("#submit").click();
      }
      await over(who, now.number);
    }
  }
  const { code, output: text } = await running.ended;
  check(`single-label: exit code (${text})`, code, 0);
  check("after the kill nothing is seen twice", seen, { Ada: [3, 4, 5], Bob: [0, 1, 2, 3, 4, 5], Cy: [0, 1, 2, 3, 4, 5] });
  const after = responses(folder, "animals");
  for (const [id, answers] of Object.entries(before)) check(`answer ${id} outlives the kill`, after[id]?.[0], answers[0]);
  check("answers of three", Object.values(after).map((answers) => new Set(answers.map((answer) => answer.workerId)).size), Array(6).fill(3));
  const shape = Object.keys(after[0][0]).sort();
  check("shape of an answer", shape, ["acceptanceTime", "answerContent", "submissionTime", "timeSpentInSeconds", "workerId"]);
  check("answer", after[0][0].answerContent, { "crowd-image-classifier": { label: "cat" } });
  check("labels", output(folder, "animals").map((line) => line.animals.metadata["class-name"]), truth);
}

async function multiLabel() {
  const folder = join(work, "multi");
  const files = { "a.png": png(200, 100), "b.png": png(100, 200) };
  const running = await start(["--images", images("multi", files), "--labels", "red,blue", "--task-type", "multi-label", "--name", "colors", "--dir", folder]);
  const who = await worker(running.address, "Dora");
  let { number, frame } = await task(who);
  await who.page.screenshot({ path: join(work, "screenshots/multi-label.png") });
  const button = (name) => frame.locator(".categories button", { hasText: name });
  await button("None of the above").click();
  await button("blue").click();
  await button("red").click();
  const checked = () => frame.locator(".categories button").evaluateAll((all) => all.map((one) => one.getAttribute("aria-checked")));
  check("a category takes the exclusion away", await checked(), ["true", "true", "false"]);
  await frame.locator("#submit").click();
  await over(who, number);
  ({ number, frame } = await task(who));
  await button("red").click();
  await button("None of the above").click();
  check("the exclusion takes categories away", await checked(), ["false", "false", "true"]);
  await frame.locator("#submit").click();
  await over(who, number);
  const { code, output: text } = await running.ended;
  const answers = responses(folder, "colors");
  check("multi-label answers", [answers[0][0].answerContent, answers[1][0].answerContent], [
    { "crowd-image-classifier-multi-select": { labels: ["red", "blue"] } },
    { "crowd-image-classifier-multi-select": { labels: ["None of the above"] } },
  ]);
  check("multi-label labels", output(folder, "colors").map((line) => line.colors.label), [[0, 1], []]);
  check(`multi-label: exit code (${text})`, code, 0);
}

/** Draws with the mouse from one natural place to another; places may lie outside. */
async function draw({ page }, frame, from, to) {
  const surface = frame.locator(".crowd-surface");
  await surface.scrollIntoViewIfNeeded();
  const box = await surface.boundingBox();
  const size = await frame.locator("img").evaluate((image) => [image.naturalWidth, image.naturalHeight]);
  const at = ([x, y]) => [box.x + (x / size[0]) * box.width, box.y + (y / size[1]) * box.height];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]));
  await page.mouse.move(...at(to));
  await page.mouse.up();
}

const isNear = (found, expected) =>
  found.length === expected.length && found.every((box, idx) => ["left", "top", "width", "height"].every((side) => Math.abs(box[side] - expected[idx][side]) <= 1));

async function boxes() {
  const folder = join(work, "boxes");
  const files = { "a.png": png(300, 200, { left: 50, top: 40, width: 100, height: 80 }), "b.png": png(4000, 3000, { left: 1000, top: 900, width: 1500, height: 1200 }), "c.jpg": await turnedJpeg(60, 40), "d.png": png(120, 90) };
  const running = await start(["--images", images("boxes", files), "--labels", "cat,dog", "--task-type", "bounding-box", "--name", "boxes", "--dir", folder]);
  const who = await worker(running.address, "Eve");
  const expected = [];
  const box = (left, top, width, height) => ({ left, top, width, height });

  let { number, frame } = await task(who);
  await frame.locator("#submit").click();
  check("nothing drawn", await frame.locator(".crowd-problem").textContent(), "Draw a box, or say that there is nothing to draw.");
  await draw(who, frame, [50, 40], [150, 120]);
  await draw(who, frame, [250, 40], [160, 20]);
  await draw(who, frame, [30, 190], [10, 130]);
  await draw(who, frame, [200, 190], [280, 150]);
  await draw(who, frame, [270, 100], [390, 130]);
  expected.push([box(50, 40, 100, 80), box(160, 20, 90, 20), box(10, 130, 20, 60), box(200, 150, 80, 40), box(270, 100, 30, 30)]);
  await draw(who, frame, [220, 60], [240, 80]);
  check("drawn", await frame.locator(".box").count(), 6);
  await frame.getByRole("button", { name: "Undo" }).click();
  check("undone", await frame.locator(".box").count(), 5);
  await frame.getByRole("button", { name: "Redo" }).click();
  await who.page.keyboard.press("Delete");
  check("deleted", await frame.locator(".box").count(), 5);
  await who.page.screenshot({ path: join(work, "screenshots/bounding-box.png") });
  await frame.locator("#submit").click();
  await over(who, number);

  ({ number, frame } = await task(who));
  await frame.getByRole("radio", { name: "dog" }).click();
  await draw(who, frame, [1000, 900], [2500, 2100]);
  // A handle of the selected box, zoomed in: to the edge and past it.
  const first = (await frame.locator(".box").first().boundingBox()).width;
  await who.page.keyboard.press("+");
  check("zoomed", Math.round(((await frame.locator(".box").first().boundingBox()).width / first) * 10) / 10, 1.5);
  await who.page.keyboard.press("0");
  await draw(who, frame, [2500, 1500], [4400, 1500]);
  expected.push([box(1000, 900, 3000, 1200)]);
  await who.page.screenshot({ path: join(work, "screenshots/bounding-box-4000.png") });
  await frame.locator("#submit").click();
  await over(who, number);

  ({ number, frame } = await task(who));
  check("stored pixels, not turned", await frame.locator("img").evaluate((image) => [image.naturalWidth, image.naturalHeight]), [60, 40]);
  await draw(who, frame, [10, 5], [50, 20]);
  expected.push([box(10, 5, 40, 15)]);
  await who.page.screenshot({ path: join(work, "screenshots/bounding-box-exif.png") });
  await frame.locator("#submit").click();
  await over(who, number);

  ({ number } = await task(who));
  for (const key of ["b", "2", "ArrowRight", "Control+ArrowDown", "Shift+ArrowLeft", "Enter"]) await who.page.keyboard.press(key);
  await over(who, number);
  const { code, output: text } = await running.ended;
  const answers = responses(folder, "boxes");
  const found = [0, 1, 2, 3].map((id) => answers[id][0].answerContent.boundingBox.boundingBoxes);
  expected.forEach((boxes, id) => check(`boxes of ${id}: ${JSON.stringify(found[id])}`, isNear(found[id], boxes), true));
  check("by keyboard", found[3], [{ height: 45, label: "dog", left: 35, top: 24, width: 55 }]);
  check("label of the second", found[1][0].label, "dog");
  check("sizes", [0, 1, 2, 3].map((id) => answers[id][0].answerContent.boundingBox.inputImageProperties), [
    { height: 200, width: 300 },
    { height: 3000, width: 4000 },
    { height: 40, width: 60 },
    { height: 90, width: 120 },
  ]);
  const labeled = output(folder, "boxes").map((line) => line.boxes.label.annotations.length);
  check("boxes in the output", labeled, [5, 1, 1, 1]);
  check(`bounding-box: exit code (${text})`, code, 0);
}

rmSync(join(work, "images"), { recursive: true, force: true });
for (const folder of ["single", "multi", "boxes"]) rmSync(join(work, folder), { recursive: true, force: true });
mkdirSync(join(work, "screenshots"), { recursive: true });
try {
  await singleLabel();
  await multiLabel();
  await boxes();
  check("nothing asked elsewhere", foreign, []);
} finally {
  await browser.close();
}
conclude();
