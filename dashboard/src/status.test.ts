import assert from "node:assert/strict";
import { test } from "node:test";
import { complete, EMPTY, untouched } from "./status";

test("A status with missing or odd parts is completed, never trusted", () => {
  const cases: [string, unknown][] = [
    ["nothing", {}], ["null", null], ["a list", []], ["a word", "x"],
    ["parts of the wrong kind", { rate: null, brands: "SuperCoffee", counters: 3, latencyUs: [] }],
  ];
  for (const [what, said] of cases) assert.deepEqual(complete(said), EMPTY, what);
});

test("What is said is kept", () => {
  const status = complete({ state: "running", rate: { achieved: 5, target: null }, brands: ["a"], controls: ["stop"] });
  assert.equal(status.state, "running");
  assert.deepEqual(status.rate, { offered: 0, achieved: 5, target: null });
  assert.deepEqual(status.brands, ["a"]);
  assert.deepEqual(status.controls, ["stop"]);
});

test("Only a storm that never blew is untouched", () => {
  assert.ok(untouched(EMPTY));
  assert.ok(!untouched(complete({ stored: 1 })));
  assert.ok(!untouched(complete({ counters: { scheduled: 8000 } })));
});
