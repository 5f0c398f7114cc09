// Keeps the page fed: one event stream, reopened when it breaks, and the history behind it.
// The decisions are link.ts's; here are the sockets and the clock.

import { batch } from "@preact/signals";
import { problemOf, request } from "./api";
import { Columns } from "./columns";
import type { Alert, History, Point, Range, Status } from "./contract";
import { step, type LinkEvent } from "./link";
import type { Span } from "./span";
import { play } from "./sound";
import * as state from "./state";
import { complete } from "./status";

const CLOCK_MS = 500;
const REFRESH_MIN_MS = 5_000;

let source: EventSource | null = null;
let lastEventId = "";
let opening = 0; // counts attempts, so that answers to an abandoned one are dropped

function happen(event: LinkEvent) {
  const [next, action] = step(state.link.value, event, Date.now(), Math.random());
  if (next !== state.link.value) state.link.value = next;
  if (action === "connect") void connect();
  if (action === "disconnect") disconnect();
}

function disconnect() {
  opening++;
  source?.close();
  source = null;
}

/** The status first: it paints the page, and unlike a stream it can say why it refuses. */
async function connect() {
  disconnect();
  const mine = opening;
  try {
    const said = complete(await request<Status>("GET", "/api/status"));
    if (mine !== opening) return;
    state.status.value = said;
    state.locked.value = false;
  } catch (e) {
    if (mine !== opening) return;
    const problem = problemOf(e);
    state.locked.value = problem.status === 401;
    happen(problem.closed ? { kind: "refused", reason: problem.error } : { kind: "failed" });
    return;
  }
  source = new EventSource(lastEventId ? `/api/stream?since=${encodeURIComponent(lastEventId)}` : "/api/stream");
  source.onopen = () => {
    happen({ kind: "heard" });
    void loadAlerts();
    void loadHistory();
  };
  source.onerror = () => happen({ kind: "failed" });
  listen<Status>("status", (said) => later(() => (state.status.value = complete(said))));
  listen<Point>("point", (point) => {
    state.data.recent.append(point);
    if (state.data.trend !== state.data.recent && growsBySecond()) state.data.trend.append(point);
    later(() => state.version.value++);
  });
  listen<Alert>("alert", (alert) => state.learn([alert]).forEach((a) => play(a.kind)));
}

function listen<T>(name: string, take: (message: T) => void) {
  source!.addEventListener(name, (e) => {
    const event = e as MessageEvent<string>;
    if (event.target !== source) return; // of a connection that we gave up
    if (event.lastEventId) lastEventId = event.lastEventId;
    happen({ kind: "heard" });
    take(JSON.parse(event.data) as T);
  });
}

// A second's events are drawn together, once, when the browser is about to paint.
const waiting: (() => void)[] = [];
function later(change: () => void) {
  if (waiting.push(change) > 1) return;
  if (document.hidden) setTimeout(flush, 0); // no frames are painted, but the title should follow
  else requestAnimationFrame(flush);
}
function flush() {
  batch(() => waiting.splice(0).forEach((change) => change()));
}

async function loadAlerts() {
  try {
    state.learn(await request<Alert[]>("GET", "/api/alerts"));
  } catch {
    // The stream brings those of today; without a history the list simply begins now.
  }
}

/** Whether seconds from the stream continue the trend, or it has to be asked for again. */
const growsBySecond = () => state.data.trend.stepMs <= 1000 && state.brand.value === "";

let loading = 0;
let loadedAt = 0;

/** Fetches what the chosen range and brand need; the old lines stay until it is there. */
export async function loadHistory() {
  const mine = ++loading;
  const range = state.range.value;
  const brand = state.brand.value;
  loadedAt = Date.now();
  try {
    const recent = range === "5m" && brand === "" ? null : fetchColumns("5m", "");
    const trend = await fetchColumns(range, brand);
    const seconds = recent ? await recent : trend;
    if (mine !== loading) return;
    carryOver(seconds);
    state.data.recent = seconds;
    state.data.trend = trend;
    state.history.value = { state: "ready" };
  } catch (e) {
    if (mine !== loading) return;
    state.data.trend = state.data.recent; // what the stream brought is better than nothing
    state.history.value = { state: "failed", problem: problemOf(e) };
  }
  state.version.value++;
}

async function fetchColumns(range: Range, brand: string): Promise<Columns> {
  const query = new URLSearchParams(brand ? { range, brand } : { range });
  const said = await request<History>("GET", `/api/history?${query}`);
  return Columns.from(said, state.RANGE_MS[range] / said.stepMs, state.status.value?.nowMs || Date.now());
}

/** A closer look at a part of a long range: the program tells it in the finest step it still keeps. */
export async function loadDetail(span: Span) {
  const brand = state.brand.value;
  const margin = span.to - span.from; // so that panning a little needs nothing new
  const around = { from: Math.max(0, Math.floor(span.from - margin)), to: Math.ceil(span.to + margin) };
  const query = new URLSearchParams({ from: String(around.from), to: String(around.to), ...(brand && { brand }) });
  try {
    const said = await request<History>("GET", `/api/history?${query}`);
    if (brand !== state.brand.value || said.stepMs >= state.data.trend.stepMs) return;
    const columns = Columns.from(said, said.t.length, state.status.value?.nowMs || Date.now());
    state.data.detail = { columns, span: around, brand };
    state.version.value++;
  } catch {
    // The coarse lines are there, and true.
  }
}

/** Seconds that came while the history was on its way. */
function carryOver(to: Columns) {
  const from = state.data.recent;
  const first = from.indexOf(to.length > 0 ? to.last() + 1 : -Infinity);
  const column = (name: Parameters<Columns["column"]>[0]) => from.column(name);
  for (let i = first; i < from.length; i++) {
    to.append({
      t: column("t")[i]!,
      positive: column("positive")[i]!,
      negative: column("negative")[i]!,
      neutral: column("neutral")[i]!,
      generated: column("generated")[i]!,
      stored: column("stored")[i]!,
    });
  }
}

function refresh() {
  if (state.link.value.state !== "live" || document.hidden || growsBySecond()) return;
  const every = Math.max(REFRESH_MIN_MS, state.data.trend.stepMs);
  if (Date.now() - loadedAt >= every && state.history.value.state === "ready") void loadHistory();
}

/** Trades the token for a cookie, which this page cannot read, and connects. */
export async function logIn(token: string): Promise<string | null> {
  try {
    await request("POST", "/login", { token });
  } catch (e) {
    return problemOf(e).error;
  }
  tryNow();
  return null;
}

export const tryNow = () => happen({ kind: "nudge" });

export function begin() {
  void connect();
  setInterval(() => {
    happen({ kind: "clock" });
    refresh();
  }, CLOCK_MS);
  addEventListener("online", tryNow);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && state.link.value.state === "waiting") tryNow();
  });
}
