import assert from "node:assert/strict";
import { test } from "node:test";
import { pause, SILENCE_MS, start, step, type Link, type LinkAction, type LinkEvent } from "./link";

/** Plays events at their times; returns the states and actions as "state:action". */
function play(events: [number, LinkEvent["kind"]][]): { link: Link; story: string[] } {
  let link = start(0);
  const story: string[] = [];
  for (const [now, kind] of events) {
    const event = (kind === "refused" ? { kind, reason: "no token" } : { kind }) as LinkEvent;
    let action: LinkAction;
    [link, action] = step(link, event, now, 0.5);
    story.push(`${link.state}:${action}`);
  }
  return { link, story };
}

test("A link goes live, is lost, comes back", () => {
  const { story } = play([[10, "heard"], [1000, "heard"], [1500, "failed"], [1600, "clock"], [2000, "clock"], [2010, "heard"]]);
  assert.deepEqual(story, ["live:none", "live:none", "waiting:disconnect", "waiting:none", "connecting:connect", "live:none"]);
});

test("Silence is a loss even when no error came", () => {
  const { story } = play([[0, "heard"], [SILENCE_MS, "clock"], [SILENCE_MS + 1, "clock"]]);
  assert.deepEqual(story, ["live:none", "live:none", "waiting:disconnect"]);
});

test("The moment of the loss survives the attempts to return", () => {
  const { link } = play([[0, "heard"], [5000, "failed"], [6000, "clock"], [6100, "failed"], [9000, "clock"]]);
  assert.equal(link.state, "connecting");
  assert.equal(link.since, 5000);
});

test("A page that never connected counts from its opening", () => {
  const { link } = play([[100, "failed"]]);
  assert.equal(link.since, 0);
});

test("A refusal is not hammered, but somebody may try again", () => {
  const { story } = play([[10, "refused"], [60_000, "clock"], [60_001, "failed"], [60_002, "heard"], [61_000, "nudge"]]);
  assert.deepEqual(story, ["refused:disconnect", "refused:none", "refused:none", "refused:none", "connecting:connect"]);
});

test("A nudge ends the wait, and does nothing else", () => {
  const { story } = play([[0, "heard"], [1, "nudge"], [2, "failed"], [3, "nudge"], [4, "nudge"]]);
  assert.deepEqual(story, ["live:none", "live:none", "waiting:disconnect", "connecting:connect", "connecting:none"]);
});

test("A late event of the old connection does not end the wait", () => {
  const { story } = play([[0, "heard"], [1, "failed"], [2, "heard"]]);
  assert.equal(story[2], "waiting:none");
});

test("Pauses double to a bound and are jittered", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 99].map((n) => pause(n, 0.5)), [500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.deepEqual([pause(0, 0), pause(0, 1)], [375, 625]);
});
