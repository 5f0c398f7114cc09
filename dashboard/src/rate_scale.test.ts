import assert from "node:assert/strict";
import { test } from "node:test";
import { POSITION_MAX, positionOf, rateAt } from "./rate_scale";

test("The scale runs from a thousand to flat out", () => {
  assert.deepEqual([0, 20, 40, 60, 80, 81].map(rateAt), [1e3, 1e4, 1e5, 1e6, 1e7, "max"]);
});

test("Every position has its own rate, and finds its way back", () => {
  let previous = 0;
  for (let position = 0; position < POSITION_MAX; position++) {
    const rate = rateAt(position) as number;
    assert.ok(rate > previous, `${position}: ${rate}`);
    assert.equal(positionOf(rate), position);
    previous = rate;
  }
  assert.equal(positionOf(null), POSITION_MAX);
});

test("Rates off the scale sit at its ends", () => {
  assert.deepEqual([positionOf(0), positionOf(1), positionOf(5e8)], [0, 0, 80]);
});
