// What the page knows, as signals; feed.ts fills it, actions.ts changes the program, panels read.

import { computed, signal } from "@preact/signals";
import type { Problem } from "./api";
import { Columns } from "./columns";
import type { Alert, Control, Range, Status } from "./contract";
import { start, type Link } from "./link";
import type { Span } from "./span";

export const RANGE_MS: Record<Range, number> = { "5m": 300e3, "30m": 1800e3, "1h": 3600e3, "6h": 21600e3, "24h": 86400e3, "7d": 604800e3 };

export const link = signal<Link>(start(Date.now()));
export const status = signal<Status | null>(null);

/** The last five minutes by the second, and what the trend shows (the same one at range 5m). */
export const data = {
  recent: new Columns(1000, 300),
  trend: new Columns(1000, 300),
  /** A part of the trend in a finer step, fetched when somebody looks closer. */
  detail: null as { columns: Columns; span: Span; brand: string } | null,
};
/** Grows whenever `data` has changed: charts redraw. */
export const version = signal(0);

export const range = signal<Range>("5m");
export const brand = signal(""); // "": all of them
export const zoom = signal<Span | null>(null); // null: follow the present
export const history = signal<{ state: "loading" | "ready" } | { state: "failed"; problem: Problem }>({ state: "loading" });

export const alerts = signal<readonly Alert[]>([]); // the newest first
/** The program asks for its token. */
export const locked = signal(false);
export const refusal = signal<Problem | null>(null);
export const busy = signal<Control | null>(null);
const refused = signal<Partial<Record<Control, string>>>({});

export function markNotOffered(control: Control, why: string) {
  refused.value = { ...refused.value, [control]: why };
}

/** Why a control cannot be used now, or null when it can. */
export function closedBecause(control: Control): string | null {
  const offered = status.value?.controls;
  if (offered && !offered.includes(control)) return "This program does not offer it";
  if (refused.value[control]) return refused.value[control];
  if (link.value.state !== "live") return "Not connected";
  if (status.value?.state === "draining" || status.value?.state === "finished") return "The run is over";
  return null;
}

export const stale = computed(() => status.value !== null && link.value.state !== "live");

const ALERTS_KEPT = 200;

/** Adds those not yet known and returns them. */
export function learn(found: readonly Alert[]): Alert[] {
  const known = new Set(alerts.value.map((a) => a.id));
  const fresh = found.filter((a) => !known.has(a.id));
  if (fresh.length > 0) {
    alerts.value = [...alerts.value, ...fresh].sort((a, b) => b.t - a.t).slice(0, ALERTS_KEPT);
  }
  return fresh;
}
