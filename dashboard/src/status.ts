// A status with every part present, so that no panel has to ask whether an older or smaller
// program left something out.

import type { Status } from "./contract";

export const EMPTY: Status = {
  state: "stopped",
  scenario: "",
  run: "",
  rate: { offered: 0, achieved: 0, target: 0 },
  mix: { positive: 0, negative: 0, neutral: 0 },
  mode: "fixed",
  acks: "",
  counters: { scheduled: 0, enqueued: 0, written: 0, acknowledged: 0, failed: 0, unknown: 0, readBack: 0 },
  stored: 0,
  retired: 0,
  deadLettered: 0,
  duplicatesSuppressed: 0,
  lag: { records: 0, seconds: 0 },
  latencyUs: {},
  balance: { ok: true, missing: 0, doubled: 0, text: "" },
  sentiment: { positive: 0, negative: 0, neutral: 0 },
  window: { seconds: 300, positive: 0, negative: 0, neutral: 0, score: 0 },
  brands: [],
  store: { kind: "", path: "", durability: "" },
  broker: { address: "", embedded: false, durability: "", bytes: 0 },
  startedMs: 0,
  nowMs: 0,
  elapsedS: 0,
};

type Loose = Record<string, unknown>;
const isPart = (x: unknown): x is Loose => typeof x === "object" && x !== null && !Array.isArray(x);

export function complete(said: unknown): Status {
  const given = isPart(said) ? said : {};
  const out: Loose = { ...EMPTY, ...given };
  for (const [name, empty] of Object.entries(EMPTY)) {
    const part = given[name];
    if (isPart(empty)) out[name] = isPart(part) ? { ...empty, ...part } : empty;
    else if (Array.isArray(empty) ? !Array.isArray(part) : typeof part !== typeof empty) out[name] = empty;
  }
  return out as unknown as Status;
}

/** Nothing has happened yet: the page then invites instead of showing a row of zeros. */
export const untouched = (s: Status): boolean =>
  s.counters.scheduled === 0 && s.counters.enqueued === 0 && s.stored === 0;
