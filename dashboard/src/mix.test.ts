import assert from "node:assert/strict";
import { test } from "node:test";
import { SENTIMENTS, type BySentiment, type Sentiment } from "./contract";
import { moved, same, whole } from "./mix";

const mix = (positive: number, negative: number, neutral: number): BySentiment => ({ positive, negative, neutral });

test("Moving one slider moves the others in proportion", () => {
  const cases: [BySentiment, Sentiment, number, BySentiment][] = [
    [mix(50, 30, 20), "positive", 50, mix(50, 30, 20)],
    [mix(50, 30, 20), "positive", 0, mix(0, 60, 40)],
    [mix(50, 30, 20), "negative", 100, mix(0, 100, 0)],
    [mix(0, 100, 0), "negative", 61, mix(20, 61, 19)],
    [mix(50, 30, 20), "neutral", 33, mix(42, 25, 33)],
    [mix(50, 30, 20), "positive", 140, mix(100, 0, 0)],
    [mix(50, 30, 20), "positive", -3, mix(0, 60, 40)],
  ];
  for (const [before, changed, value, after] of cases) {
    assert.deepEqual(moved(before, changed, value), after, `${changed} to ${value}`);
  }
});

test("Whatever is moved, the three are whole, not negative and sum to 100", () => {
  let now = mix(50, 30, 20);
  for (let i = 0; i < 5000; i++) {
    now = moved(now, SENTIMENTS[i % 3]!, (i * 37) % 101);
    const values = SENTIMENTS.map((s) => now[s]);
    assert.equal(values.reduce((a, b) => a + b), 100, JSON.stringify(now));
    assert.ok(values.every((v) => Number.isInteger(v) && v >= 0), JSON.stringify(now));
  }
});

test("The program's mix becomes whole percents", () => {
  assert.deepEqual(whole(mix(33.4, 33.3, 33.3)), mix(33, 33, 34));
  assert.deepEqual(whole(mix(0, 0, 0)), mix(34, 33, 33));
  assert.deepEqual(whole(mix(0.5, 0.5, 0)), mix(50, 50, 0));
  assert.deepEqual(whole(mix(99.5, 0.5, 0)), mix(100, 0, 0));
});

test("same compares all three", () => {
  assert.ok(same(mix(50, 30, 20), mix(50, 30, 20)));
  assert.ok(!same(mix(50, 30, 20), mix(50, 20, 30)));
});
