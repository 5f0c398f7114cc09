// What the program and the page say to each other; docs/formats/http-api.md tells it in words.

export type Sentiment = "positive" | "negative" | "neutral";
export const SENTIMENTS: readonly Sentiment[] = ["positive", "negative", "neutral"];
export type BySentiment = Record<Sentiment, number>;

export type State = "running" | "stopped" | "draining" | "finished";
export type Control = "start" | "stop" | "crisis" | "opportunity" | "rate" | "mix";
export type Mode = "fixed" | "volatile";

export interface Quantiles { p50: number; p99: number }

/** Of the embedded broker. */
export interface Holding {
  held: boolean; // producers are slowed now, so that nothing unread is dropped
  heldS: number;
  unreadBytes: number;
  liveGroups: number; // whose unread records are kept
  partitionsOffline: number;
}

export interface Status {
  state: State;
  scenario: string;
  run: string;
  rate: { offered: number; achieved: number; target: number | null }; // null: as fast as it goes
  mix: BySentiment; // percent, together 100
  mode: Mode;
  volatility?: number; // how far volatile mixes swing, 0…1
  acks: string; // with "0" nothing is ever acknowledged: written is all that is known
  counters: {
    scheduled: number;
    enqueued: number;
    written: number;
    acknowledged: number;
    failed: number;
    unknown: number;
    readBack: number;
  };
  total?: number; // records wanted; 0: no end
  stored: number;
  retired: number;
  deadLettered: number;
  duplicatesSuppressed: number;
  lag: { records: number; seconds: number };
  latencyUs: Record<string, Quantiles>; // by stage, from the intended instant
  balance: { ok: boolean; missing: number; doubled: number; text: string };
  sentiment: BySentiment; // totals stored
  byBrand?: Record<string, BySentiment>; // the same, of each
  window: Window; // what was stored in its last seconds
  brands: string[];
  store: { kind: string; path: string; durability: string; rows?: number | null }; // rows: of earlier runs too
  broker: { address: string; embedded: boolean; durability: string; bytes: number } & Partial<Holding>;
  startedMs: number;
  nowMs: number;
  elapsedS: number;
  controls?: Control[]; // what this program lets the page do; absent: everything
}

export interface Window extends BySentiment { seconds: number; score: number }

/** One whole second, counts of that second; `t` is its beginning. */
export interface Point extends BySentiment {
  t: number;
  generated: number;
  acknowledged: number;
  stored: number;
  lag: number;
}

export type AlertKind = "crisis" | "opportunity";
export interface Alert {
  id: number | string;
  t: number;
  kind: AlertKind;
  share: number; // 0…1, of the window; for a prediction the share expected
  predicted: boolean;
  inSeconds?: number | null; // predictions: until the threshold is crossed
  windowS?: number | null; // what the share was taken over
}

export const RANGES = ["5m", "30m", "1h", "6h", "24h", "7d"] as const;
export type Range = (typeof RANGES)[number];

/** Columns of equal length: row i tells of the `stepMs` from `t[i]` on, in counts. */
export interface History {
  range: Range | "";
  stepMs: number;
  t: number[];
  positive: number[];
  negative: number[];
  neutral: number[];
  generated: number[];
  stored: number[];
}

export interface RateChange { rate: number | "max" }
export interface MixChange extends BySentiment { mode?: Mode; volatility?: number }
export interface Refusal { error: string; hint?: string }
