// Chromium opens the page and does what people do. By default against the stand-in; with
// DATASTORM=PROGRAM against a `datastorm up` that is started for it, with DATASTORM_URL=http://… against
// one that runs already. There the specs that need a program to misbehave on command are skipped.
// Pictures are kept in screenshots/, those of the program in screenshots/up/.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import type { Status } from "../src/contract";
import { Program } from "./program";
import { StandIn, TOKEN, type Scene } from "./stand_in";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
if (!existsSync(CHROMIUM)) {
  const inCi = Boolean(process.env["CI"]);
  console.log(`${inCi ? "FAIL" : "SKIP"}: no ${CHROMIUM} here; apt-get install chromium, or set CHROMIUM`);
  process.exit(inCi ? 1 : 77);
}

const PROGRAM = process.env["DATASTORM"];
const REAL = PROGRAM ?? process.env["DATASTORM_URL"];
const onlyStandIn = { skip: REAL ? "needs the stand-in" : false };
const onlyReal = { skip: REAL ? false : "needs the program" };
const SHOTS = REAL ? "screenshots/up" : "screenshots";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS: [number, number][] = [[360, 780], [1280, 800], [1920, 1080]];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let server: StandIn;
let program: Program | undefined;
let base: string;
let context: BrowserContext;
let page: Page;
let errors: string[] = [];
const profile = mkdtempSync(join(tmpdir(), "datastorm-chromium-"));

before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  server = new StandIn("dist");
  program = PROGRAM ? await Program.up(PROGRAM) : undefined;
  base = program?.url ?? REAL ?? (await server.start());
  context = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM, headless: true, args: FLAGS });
  page = await context.newPage();
  page.on("pageerror", (e) => errors.push(e.message));
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
});

after(async () => {
  await context?.close();
  if (!REAL) await server.stop();
  await program?.stop();
  rmSync(profile, { recursive: true, force: true });
});

beforeEach(async () => {
  await page.goto("about:blank");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  errors = [];
});

/** Opens the page in a scene; a refused request is the scene's business, a script error never is. */
async function open(scene: Scene = "live", ready = "live") {
  server.scene = scene;
  await page.goto(base);
  if (ready === "live") await live();
  else await page.getByTestId(ready).waitFor();
}

const live = () => page.getByTestId("link").getByText("Live", { exact: true }).waitFor({ timeout: 15_000 });
const scriptErrors = () => errors.filter((e) => !/Failed to load resource|ERR_/.test(e));
const figure = async (id: string) => Number((await page.getByTestId(id).innerText()).replace(/[^0-9.-]/g, ""));

async function hasNoViolations(what: string) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run: (d: Document) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe;
    const { violations: found } = await axe.run(document);
    return found.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary}`));
  });
  assert.deepEqual(violations, [], what);
}

/** Nothing sticks out sideways, whatever the width. */
async function fits(what: string) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(over, 0, `${what}: ${over} pixels too wide`);
}

async function picture(name: string) {
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

async function inAllSizes(name: string) {
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: theme });
    for (const [width, height] of WIDTHS) {
      await page.setViewportSize({ width, height });
      await page.waitForFunction((w) => innerWidth === w, width);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const what = `${name}-${theme}-${width}`;
      await picture(what);
      await fits(what);
      await hasNoViolations(what);
    }
  }
}

test("The live page is accessible and fits, in both themes at every width", async () => {
  await open();
  await page.getByTestId("score").waitFor();
  await inAllSizes("live");
  assert.deepEqual(scriptErrors(), []);
});

test("Figures move once a second", async () => {
  await open();
  const generated = await figure("generated");
  await page.waitForFunction((then) => Number(document.querySelector("[data-testid=generated]")!.textContent!.replaceAll(",", "")) > then, generated);
  const shares = await Promise.all(["positive", "negative", "neutral"].map((s) => figure(`share-${s}`)));
  assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 100) < 0.3, `shares ${shares}`);
  assert.match(await page.title(), /\/s · DataStorm/);
  const stages = await page.locator(".latency tbody th").allInnerTexts();
  assert.deepEqual(stages, ["Wait", "Acknowledged", "Fetched", "Stored", "Visible"], "in the order of a tweet's way");
});

test("The chart draws lines and follows range, zoom and keys", async () => {
  await open();
  const chart = page.getByTestId("chart");
  const ink = () =>
    chart.locator("canvas").evaluate((c: HTMLCanvasElement) => {
      const { data } = c.getContext("2d")!.getImageData(0, 0, c.width, c.height);
      let n = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3]! > 200 && Math.max(data[i]!, data[i + 1]!, data[i + 2]!) - Math.min(data[i]!, data[i + 1]!, data[i + 2]!) > 60) n++;
      return n;
    });
  await page.waitForFunction(() => !document.querySelector("[data-testid=chart] .empty"));
  const all = await ink();
  assert.ok(all > 20, `${all} coloured pixels`);
  await page.getByRole("button", { name: /^Negative/ }).click();
  await page.waitForFunction(() => document.querySelector("button.toggle:nth-of-type(2)")!.getAttribute("aria-pressed") === "false");
  assert.ok((await ink()) < all, "a line that is filtered out is gone");

  const zoomed = (yes: boolean) => page.locator(`[data-testid=chart][data-zoomed=${yes}]`).waitFor();
  await chart.focus();
  await page.keyboard.press("+");
  await zoomed(true);
  await page.keyboard.press("Escape");
  await zoomed(false);
  const box = (await chart.boundingBox())!;
  await page.mouse.move(box.x + 200, box.y + 100);
  await page.mouse.down();
  await page.mouse.move(box.x + 400, box.y + 120, { steps: 4 });
  await page.mouse.up();
  await zoomed(true);
  await page.getByRole("button", { name: "Live", exact: true }).click();
  await zoomed(false);

  const answer = page.waitForResponse((r) => r.url().includes("range=24h"));
  await page.getByRole("radio", { name: "24h" }).check({ force: true });
  assert.equal((await answer).status(), 200);
  await page.getByRole("radio", { name: "Tweets/s" }).check({ force: true });
  await picture("trend-24h-rate");
  assert.deepEqual(scriptErrors(), []);
});

test("A day of history is drawn within a frame", async () => {
  await open();
  await page.getByRole("radio", { name: "24h" }).check({ force: true });
  const frames = await page.evaluate(
    () => new Promise<number[]>((done) => {
      const at: number[] = [];
      const next = (t: number) => (at.push(t) < 300 ? requestAnimationFrame(next) : done(at));
      requestAnimationFrame(next);
    }),
  );
  const gaps = frames.slice(1).map((t, i) => t - frames[i]!).sort((a, b) => a - b);
  const median = gaps[gaps.length >> 1]!;
  const late = gaps.filter((g) => g > 20).length;
  console.log(`frames: median ${median.toFixed(1)} ms, p95 ${gaps[Math.floor(gaps.length * 0.95)]!.toFixed(1)} ms, worst ${gaps.at(-1)!.toFixed(1)} ms, ${late} of ${gaps.length} late`);
  assert.ok(gaps.length === 299);
});

test("The theme switch wins over the system, and stays", async () => {
  await open();
  const theme = () => page.evaluate(() => document.documentElement.dataset["theme"]);
  await page.getByRole("button", { name: "Switch to dark theme" }).click();
  assert.equal(await theme(), "dark");
  await page.reload();
  assert.equal(await theme(), "dark");
  await page.getByRole("button", { name: "Switch to light theme" }).click();
  await page.evaluate(() => localStorage.clear());
});

test("Crisis and opportunity are triggered, and their alerts come", async () => {
  await open();
  const rows = page.getByTestId("alerts").getByRole("listitem");
  for (const name of ["Crisis", "Opportunity"]) {
    await page.getByRole("button", { name, exact: true }).click();
    if (!REAL) await rows.first().getByText(name, { exact: true }).waitFor();
  }
  if (!REAL) assert.deepEqual(server.posts.splice(0).map((p) => p.path), ["/api/trigger/crisis", "/api/trigger/opportunity"]);
});

test("Stop and start", async () => {
  await open();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByTestId("state").getByText("Stopped").waitFor();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByTestId("state").getByText("Running").waitFor();
});

test("The counts on the page are the program's", onlyReal, async () => {
  await open();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByTestId("state").getByText("Stopped").waitFor();
  const said = async () => (await (await fetch(`${base}/api/status`)).json()) as Status;
  let status = await said();
  for (let before = -1; status.stored !== before || status.lag.records > 0; status = await said()) {
    before = status.stored;
    await page.waitForResponse(() => true, { timeout: 1100 }).catch(() => null); // a second of the program's
  }
  assert.ok(status.stored > 0, "something was stored");
  assert.equal(status.rate.target, 20_000, "what Start will bring");
  assert.equal(status.stored, status.counters.acknowledged);
  await page.waitForFunction((n) => document.querySelector("[data-testid=stored]")!.textContent!.replaceAll(",", "") === String(n), status.stored);
  assert.equal(await figure("stored"), status.stored);
  assert.equal(await figure("acknowledged"), status.counters.acknowledged);
  const { positive, negative, neutral } = status.sentiment;
  assert.equal(positive + negative + neutral, status.stored);
  await picture("stopped");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByTestId("state").getByText("Running").waitFor();
});

test("Every second is told once", onlyReal, async () => {
  await open();
  const t = await page.evaluate(() => new Promise<number[]>((done) => {
    const heard: number[] = [];
    const source = new EventSource("/api/stream");
    source.addEventListener("point", (e) => {
      heard.push((JSON.parse((e as MessageEvent<string>).data) as { t: number }).t);
      if (heard.length === 5) source.close(), done(heard);
    });
  }));
  assert.deepEqual(t, t.map((_, i) => t[0]! + i * 1000));
});

test("Rate and mix follow the keyboard, and the mix sums to 100", onlyStandIn, async () => {
  await open();
  server.posts.length = 0;
  const rate = page.getByRole("slider", { name: "Rate", exact: true });
  await rate.press("End");
  await page.getByText("flat out").first().waitFor();
  await page.getByRole("slider", { name: "Negative" }).press("End");
  await page.waitForFunction(() => [...document.querySelectorAll(".shape output")].some((o) => o.textContent!.startsWith("100")));
  await page.waitForTimeout(0);
  const [first, second] = server.posts;
  assert.deepEqual(first, { path: "/api/rate", body: { rate: "max" } });
  assert.equal(second?.path, "/api/mix");
  assert.deepEqual(second?.body, { positive: 0, negative: 100, neutral: 0, mode: "volatile", volatility: 0.8 });
});

test("What the program refuses is shown in its words", onlyStandIn, async () => {
  await open();
  server.refuseNext = { status: 409, error: "the storm is draining", hint: "start it again in a moment" };
  await page.getByRole("button", { name: "Crisis", exact: true }).click();
  const refusal = page.getByTestId("refusal");
  await refusal.getByText("the storm is draining").waitFor();
  await refusal.getByText("start it again in a moment").waitFor();
  await hasNoViolations("refusal");
  await picture("refused");
  await refusal.getByRole("button", { name: "Dismiss" }).click();
  await refusal.waitFor({ state: "detached" });
});

test("A storm that never blew invites to start it", onlyStandIn, async () => {
  await open("fresh", "idle");
  await live();
  await page.getByText("Nothing in this range yet.").waitFor();
  await inAllSizes("fresh");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByTestId("idle").waitFor({ state: "detached" });
});

test("Missing tweets are said loudly", onlyStandIn, async () => {
  await open("broken");
  await page.getByTestId("balance").getByText("1,204 missing").waitFor();
  await page.getByText("Written, unconfirmed").waitFor(); // this scene is also one of acks=0
  await page.getByTestId("slowed").getByText("full of what 2 groups have not read").waitFor();
  await page.getByTestId("offline").getByText("One partition is offline.").waitFor();
  await hasNoViolations("broken");
  await picture("broken");
});

test("A smaller program greys what it does not offer, with the reason", onlyStandIn, async () => {
  await open("bare");
  await page.getByText("No history:").waitFor();
  await page.getByRole("button", { name: "Crisis", exact: true }).click();
  await page.getByRole("button", { name: "Crisis", exact: true, disabled: true }).waitFor();
  await page.getByText("Crisis: this program shows the storm, it does not steer it").waitFor();
  await picture("bare");
  assert.deepEqual(scriptErrors(), []);
});

test("A page without its token says so", onlyStandIn, async () => {
  await open("closed", "nothing");
  await page.getByText("protected by a token").waitFor();
  await inAllSizes("closed");
  await page.getByLabel("Token").fill("a guess");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("alert").getByText("this is not the token").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await live();
});

test("A closer look at a day brings finer rows", onlyStandIn, async () => {
  await open();
  await page.getByRole("radio", { name: "24h" }).check({ force: true });
  const chart = page.getByTestId("chart");
  await chart.focus();
  const finer = page.waitForResponse((r) => r.url().includes("from="));
  for (let i = 0; i < 4; i++) await page.keyboard.press("+");
  assert.equal((await finer).status(), 200);
  await picture("trend-24h-closer");
  assert.deepEqual(scriptErrors(), []);
});

test("The first paint comes within a second", async () => {
  await open();
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]!.startTime);
  console.log(`first paint after ${paint.toFixed(0)} ms`);
  assert.ok(paint > 0);
});

test("A lost program is said, and found again", onlyStandIn, async () => {
  await open();
  await server.stop();
  await page.getByTestId("lost").waitFor();
  await page.getByTestId("link").getByText(/Reconnecting since \d\d:\d\d:\d\d/).waitFor();
  assert.ok(await page.getByRole("button", { name: "Crisis", exact: true }).isDisabled());
  try {
    await inAllSizes("lost");
  } finally {
    await server.start();
  }
  await live();
  await page.getByTestId("lost").waitFor({ state: "detached" });
  const before = await figure("generated");
  await page.waitForFunction((then) => Number(document.querySelector("[data-testid=generated]")!.textContent!.replaceAll(",", "")) > then, before);
  assert.deepEqual(scriptErrors(), []);
});

test("A program that only goes silent is noticed too", onlyStandIn, async () => {
  await open();
  server.freeze();
  await page.getByTestId("link").getByText(/Reconnecting/).waitFor({ timeout: 12_000 });
  await server.stop();
  await server.start();
  await live();
});

test("Names cannot inject markup", onlyStandIn, async () => {
  server.brands = ["<img src=x onerror=alert(1)>", "b"];
  await open();
  await page.getByRole("combobox", { name: "Brand" }).waitFor();
  assert.equal(await page.locator("img[src=x]").count(), 0);
  server.brands = ["SuperCoffee", "MegaTea"];
});
