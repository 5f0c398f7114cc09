// The connection to the program as a state machine without a socket: an event and the time go in,
// the next state and what to do come out. stream.ts drives it.

export type Link =
  | { state: "connecting"; since: number; attempt: number }
  | { state: "live"; since: number; heardAt: number }
  | { state: "waiting"; since: number; attempt: number; retryAt: number } // since: the loss
  | { state: "refused"; since: number; reason: string };

export type LinkEvent =
  | { kind: "clock" }
  | { kind: "heard" } // the connection opened, or brought something
  | { kind: "failed" }
  | { kind: "refused"; reason: string } // it answers, but not to us: trying again is of no use
  | { kind: "nudge" }; // the network came back, the page became visible, somebody pressed "now"

export type LinkAction = "none" | "connect" | "disconnect";

export const SILENCE_MS = 6_000; // the program speaks at least every 3 s
export const OPENING_MS = 8_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 8_000;

export const start = (now: number): Link => ({ state: "connecting", since: now, attempt: 0 });

/** Doubling pauses with ±25 % jitter, so that a hundred pages do not return in one instant. */
export function pause(attempt: number, random: number): number {
  const full = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** attempt);
  return Math.round(full * (0.75 + random / 2));
}

export function step(link: Link, event: LinkEvent, now: number, random: number): [Link, LinkAction] {
  switch (event.kind) {
    case "heard":
      if (link.state === "live") return [{ ...link, heardAt: now }, "none"];
      // What was closed may still deliver an event that had been on its way: it does not count.
      if (link.state !== "connecting") return [link, "none"];
      return [{ state: "live", since: now, heardAt: now }, "none"];

    case "failed":
      return link.state === "connecting" || link.state === "live" ? lose(link, now, random) : [link, "none"];

    case "refused":
      return [{ state: "refused", since: now, reason: event.reason }, "disconnect"];

    case "nudge":
      if (link.state === "waiting") return [again(link, link.attempt), "connect"];
      if (link.state === "refused") return [start(now), "connect"];
      return [link, "none"];

    case "clock":
      if (link.state === "live" && now - link.heardAt > SILENCE_MS) return lose(link, now, random);
      if (link.state === "waiting" && now >= link.retryAt) return [again(link, link.attempt), "connect"];
      return [link, "none"];
  }
}

/** While connecting and waiting take turns, `since` stays the moment of the loss. */
function lose(link: Link & { state: "connecting" | "live" }, now: number, random: number): [Link, LinkAction] {
  const attempt = link.state === "live" ? 0 : link.attempt + 1;
  const since = link.state === "live" ? now : link.since;
  return [{ state: "waiting", since, attempt, retryAt: now + pause(attempt, random) }, "disconnect"];
}

const again = (link: Link, attempt: number): Link => ({ state: "connecting", since: link.since, attempt });
