// A small server that speaks docs/formats/http-api.md, so that the page can be seen in states that
// a real storm reaches rarely: nothing yet, lost, refused, out of balance, a smaller program.

import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Alert, BySentiment, History, Holding, Point, Range, Status } from "../src/contract";

export type Scene =
  | "live" // a storm in good order
  | "fresh" // started, nothing happened yet
  | "broken" // acks=0, tweets are missing, the broker is full and has a damaged partition
  | "bare" // status and stream alone, as a small program offers
  | "closed"; // wants a token

const TYPES: Record<string, string> = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
// As strict as the program's own: a page that needs more fails here first.
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STEPS: Record<Range, [number, number]> = { "5m": [1, 300], "30m": [1, 1800], "1h": [10, 360], "6h": [10, 2160], "24h": [60, 1440], "7d": [600, 1008] };
const RATE = 100_000;
const FULL: Holding = { held: true, heldS: 12, unreadBytes: 700_000_000, liveGroups: 2, partitionsOffline: 1 };
export const TOKEN = "correct horse battery staple";

/** A mood that swings slowly and trembles, the same in every run. */
function mood(t: number): BySentiment {
  const s = t / 1000;
  const swing = Math.sin(s / 47) * 0.16 + Math.sin(s / 13) * 0.05 + Math.sin(s * 0.9) * 0.006;
  const positive = 0.47 + swing;
  const negative = 0.31 - swing * 0.8;
  return { positive, negative, neutral: 1 - positive - negative };
}

export class StandIn {
  scene: Scene = "live";
  posts: { path: string; body: unknown }[] = [];
  refuseNext: { status: number; error: string; hint?: string } | null = null;
  brands = ["SuperCoffee", "MegaTea"];

  private server: Server;
  private sockets = new Set<Socket>();
  private viewers = new Set<ServerResponse>();
  private timer: NodeJS.Timeout | undefined;
  private eventId = 0;
  private started = Date.now() - 1_234_000;
  private done = 123_400_000;
  private state: Status["state"] = "running";
  private rate: number | null = RATE;
  private mix: BySentiment = { positive: 50, negative: 30, neutral: 20 };
  private mode: Status["mode"] = "volatile";
  private port = 0;

  constructor(private dist: string) {
    this.server = createServer((q, r) => this.answer(q, r));
    this.server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
  }

  /** Listens, on the same port after a stop(): the page must find it again. */
  async start(): Promise<string> {
    await new Promise<void>((ready) => this.server.listen(this.port, "127.0.0.1", ready));
    this.port = (this.server.address() as AddressInfo).port;
    this.timer = setInterval(() => this.tick(), 1000);
    return `http://127.0.0.1:${this.port}`;
  }

  /** Goes away as a killed program does: all connections break. */
  async stop() {
    clearInterval(this.timer);
    const closed = new Promise<void>((done) => this.server.close(() => done()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Goes silent as a frozen program does: connections stay, nothing comes. */
  freeze = () => clearInterval(this.timer);

  raise(alert: Alert) {
    this.send("alert", alert);
  }

  private get idle() {
    return this.scene === "fresh";
  }

  private tick() {
    if (this.state === "running" && !this.idle) this.done += RATE;
    this.send("status", this.status());
    if (!this.idle) this.send("point", this.point());
  }

  private send(event: string, data: unknown) {
    this.eventId++;
    for (const viewer of this.viewers) viewer.write(`id: ${this.eventId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  private status(): Status {
    const now = Date.now();
    const share = mood(now);
    const n = this.idle ? 0 : this.done;
    const missing = this.scene === "broken" ? 1_204 : 0;
    const of = (total: number): BySentiment => ({
      positive: Math.round(total * share.positive),
      negative: Math.round(total * share.negative),
      neutral: Math.round(total * share.neutral),
    });
    const speed = this.state === "running" && !this.idle ? RATE : 0;
    return {
      state: this.idle ? "stopped" : this.state,
      scenario: "brandpulse",
      run: "5f2c9d01e7a4",
      rate: { offered: speed, achieved: speed * (0.995 + Math.sin(now / 3000) * 0.004), target: this.rate },
      mix: this.mix,
      mode: this.mode,
      acks: this.scene === "broken" ? "0" : "all",
      counters: { scheduled: n, enqueued: n, written: n, acknowledged: n && this.scene !== "broken" ? n - 8_000 : 0, failed: missing, unknown: 0, readBack: 0 },
      total: 0,
      stored: n && n - 24_000 - missing,
      retired: n && 48_000_000,
      deadLettered: 0,
      duplicatesSuppressed: 0,
      lag: { records: n && 16_000, seconds: n && 0.16 },
      latencyUs: n ? { acknowledged: { p50: 850, p99: 4_100 }, wait: { p50: 190, p99: 900 }, fetched: { p50: 1_010, p99: 4_800 }, stored: { p50: 21_000, p99: 64_000 }, visible: { p50: 510_000, p99: 1_020_000 } } : {},
      balance: missing
        ? { ok: false, missing, doubled: 0, text: "1,204 tweets of stream 17 are missing" }
        : { ok: true, missing: 0, doubled: 0, text: "every tweet accounted for" },
      sentiment: of(n),
      window: { seconds: 300, ...of(n ? 300 * RATE : 0), score: n ? share.positive - share.negative : 0 },
      brands: this.brands,
      store: { kind: "sqlite", path: "datastorm-data/storm.db", durability: "synchronous=normal", rows: n && n + 41_000_000 },
      broker: { address: "127.0.0.1:9092", embedded: true, durability: "cache", bytes: n && 734_003_200, ...(missing ? FULL : {}) },
      startedMs: this.started,
      nowMs: now,
      elapsedS: (now - this.started) / 1000,
    };
  }

  private counts(t: number, spanS: number): Omit<Point, "t" | "lag"> {
    const share = mood(t);
    const n = Math.round(RATE * spanS * (1 + Math.sin(t / 9000) * 0.03));
    const positive = Math.round(n * share.positive);
    const negative = Math.round(n * share.negative);
    return { positive, negative, neutral: n - positive - negative, generated: n, acknowledged: n, stored: Math.round(n * 0.99) };
  }

  private point(): Point {
    const t = Math.floor(Date.now() / 1000 - 1) * 1000;
    return { t, ...this.counts(t, 1), lag: 16_000 };
  }

  private history(range: Range): History {
    const [stepS, rows] = STEPS[range];
    const out: History = { range, stepMs: stepS * 1000, t: [], positive: [], negative: [], neutral: [], generated: [], stored: [] };
    const end = Math.floor(Date.now() / out.stepMs - 1);
    for (let i = this.idle ? rows : 0; i < rows; i++) {
      const t = (end - rows + 1 + i) * out.stepMs;
      const c = this.counts(t, stepS);
      out.t.push(t);
      for (const name of ["positive", "negative", "neutral", "generated", "stored"] as const) out[name].push(c[name]);
    }
    return out;
  }

  private between(from: number, to: number): History {
    const out: History = { range: "", stepMs: 10_000, t: [], positive: [], negative: [], neutral: [], generated: [], stored: [] };
    for (let t = Math.ceil(from / 10_000) * 10_000; t < Math.min(to, Date.now() - 10_000); t += 10_000) {
      const c = this.counts(t, 10);
      out.t.push(t);
      for (const name of ["positive", "negative", "neutral", "generated", "stored"] as const) out[name].push(c[name]);
    }
    return out;
  }

  private alerts(): Alert[] {
    if (this.idle) return [];
    const now = Date.now();
    return [
      { id: 1, t: now - 236_000, kind: "opportunity", share: 0.713, predicted: false },
      { id: 2, t: now - 131_000, kind: "crisis", share: 0.52, predicted: true, inSeconds: 14 },
      { id: 3, t: now - 117_000, kind: "crisis", share: 0.537, predicted: false },
    ];
  }

  private async answer(q: IncomingMessage, r: ServerResponse) {
    const url = new URL(q.url!, "http://stand-in");
    const json = (status: number, body: unknown) => r.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const notOffered = (error: string) => json(501, { error });

    if (url.pathname === "/login") {
      let text = "";
      for await (const part of q) text += part;
      if ((JSON.parse(text) as { token: string }).token !== TOKEN) return json(401, { error: "this is not the token" });
      this.scene = "live";
      return json(200, {});
    }
    if (!url.pathname.startsWith("/api/")) return this.file(url.pathname, r);
    if (this.scene === "closed") return json(401, { error: "this dashboard is protected by a token" });
    if (q.method === "POST") {
      let text = "";
      for await (const part of q) text += part;
      if (this.scene === "bare") return notOffered("this program shows the storm, it does not steer it");
      const refusal = this.refuseNext;
      this.refuseNext = null;
      if (refusal) return json(refusal.status, refusal);
      this.obey(url.pathname, JSON.parse(text || "{}"));
      return json(200, this.status());
    }
    switch (url.pathname) {
      case "/api/status":
        return json(200, this.status());
      case "/api/history":
        return this.scene === "bare" ? notOffered("this program keeps none") : json(200, url.searchParams.has("from") ? this.between(Number(url.searchParams.get("from")), Number(url.searchParams.get("to"))) : this.history(url.searchParams.get("range") as Range));
      case "/api/alerts":
        return this.scene === "bare" ? notOffered("this program raises none") : json(200, this.alerts());
      case "/api/stream":
        r.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" }).write(": hello\n\n");
        this.viewers.add(r);
        q.on("close", () => this.viewers.delete(r));
        return;
      default:
        return json(404, { error: "there is no such thing here" });
    }
  }

  private obey(path: string, body: Record<string, unknown>) {
    this.posts.push({ path, body });
    if (path === "/api/start") this.scene = "live";
    if (path === "/api/start") this.state = "running";
    if (path === "/api/stop") this.state = "stopped";
    if (path === "/api/rate") this.rate = body["rate"] === "max" ? null : Number(body["rate"]);
    if (path === "/api/mix") {
      const { mode, volatility: _, ...mix } = body;
      this.mix = mix as unknown as BySentiment;
      this.mode = (mode as Status["mode"]) ?? this.mode;
    }
    if (path.startsWith("/api/trigger/")) {
      const kind = path.endsWith("crisis") ? "crisis" : "opportunity";
      setTimeout(() => this.raise({ id: `t${this.eventId}`, t: Date.now(), kind, share: kind === "crisis" ? 0.61 : 0.74, predicted: false }), 200);
    }
  }

  private file(path: string, r: ServerResponse) {
    const name = path === "/" ? "index.html" : path.slice(1);
    const type = TYPES[name.split(".").at(-1)!];
    if (!/^[a-z]+\.[a-z]+$/.test(name) || !type) return void r.writeHead(404).end();
    r.writeHead(200, { "content-type": type, "content-security-policy": CSP }).end(readFileSync(`${this.dist}/${name}`));
  }
}
