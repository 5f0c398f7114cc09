import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, fit, panned, zoomed } from "./span";

const outer = { from: 0, to: 1000 };

test("A span stays inside what there is", () => {
  const cases: [string, ReturnType<typeof fit>, [number, number]][] = [
    ["inside already", fit({ from: 200, to: 400 }, outer, 10), [200, 400]],
    ["over the left edge", fit({ from: -100, to: 100 }, outer, 10), [0, 200]],
    ["over the right edge", fit({ from: 950, to: 1150 }, outer, 10), [800, 1000]],
    ["too long", fit({ from: -500, to: 5000 }, outer, 10), [0, 1000]],
    ["too short", fit({ from: 500, to: 500 }, outer, 100), [450, 550]],
    ["shorter than the least there is", fit({ from: 1, to: 2 }, { from: 0, to: 50 }, 100), [0, 50]],
    ["zoomed in", zoomed({ from: 0, to: 1000 }, 0.5, outer, 10), [250, 750]],
    ["zoomed out", zoomed({ from: 0, to: 400 }, 2, outer, 10), [0, 800]],
    ["panned right", panned({ from: 0, to: 400 }, 0.25, outer), [100, 500]],
    ["panned to the end", panned({ from: 500, to: 900 }, 1, outer), [600, 1000]],
  ];
  for (const [what, got, [from, to]] of cases) assert.deepEqual(got, { from, to }, what);
});

test("A span that covers everything is no zoom", () => {
  assert.ok(covers({ from: 0, to: 1000 }, outer));
  assert.ok(!covers({ from: 1, to: 1000 }, outer));
});
