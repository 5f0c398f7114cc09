import assert from "node:assert/strict";
import { test } from "node:test";
import { Columns, shares, thin } from "./columns";

const row = (t: number, n = 1) => ({ t, positive: n, negative: 2 * n, neutral: n, generated: 4 * n, stored: 4 * n });

function filled(rows: number, rowsMax = 1000, stepMs = 1000): Columns {
  const columns = new Columns(stepMs, rowsMax);
  for (let i = 0; i < rows; i++) columns.append(row(i * stepMs, i));
  return columns;
}

test("Columns keep rows in order and ignore repeats", () => {
  const columns = new Columns(1000, 10);
  assert.ok(columns.append(row(1000)));
  assert.ok(columns.append(row(2040)), "an instant inside a step belongs to the step");
  assert.equal(columns.last(), 2000);
  assert.ok(!columns.append(row(2000)), "the same step again");
  assert.ok(!columns.append(row(1000)), "an older step");
  assert.equal(columns.length, 2);
});

test("Columns stay bounded and keep the newest", () => {
  const columns = filled(10_000, 300);
  assert.ok(columns.length >= 300 && columns.length <= 600, `${columns.length} rows`);
  assert.equal(columns.last(), 9_999_000);
  const t = columns.column("t");
  for (let i = 1; i < t.length; i++) assert.equal(t[i]! - t[i - 1]!, 1000);
  assert.equal(columns.column("negative").at(-1), 2 * 9999, "columns move together");
});

test("Columns begin from a history and go on", () => {
  const history = { range: "5m" as const, stepMs: 1000, t: [1000, 2000], positive: [1, 2], negative: [3, 4],
    neutral: [5, 6], generated: [9, 12], stored: [9, 12] };
  const columns = Columns.from(history, 300, 3000);
  assert.ok(!columns.append(row(2000)));
  assert.ok(columns.append(row(3000)));
  assert.deepEqual([...columns.column("neutral")], [5, 6, 1]);
  assert.equal(Columns.from(history, 300, 2999).length, 1, "the second step is not over yet");
});

test("Columns find the first row at or after an instant", () => {
  const columns = filled(10);
  for (const [t, index] of [[-5, 0], [0, 0], [1, 1], [5000, 5], [9000, 9], [9001, 10]] as const) {
    assert.equal(columns.indexOf(t), index, `at ${t}`);
  }
});

test("thin draws at most a point a pixel, and loses no record", () => {
  const columns = filled(86_400, 90_000);
  for (const points of [10, 360, 1280, 1920]) {
    const series = thin(columns, 0, 86_399_000, points);
    assert.ok(series.t.length <= points, `${series.t.length} points of ${points}`);
  }
  // Means over equal spans: their sum times the span is the sum of the counts.
  const even = thin(columns, 0, 86_399_000, 865); // 100 s a bucket
  assert.equal(even.t.length, 864);
  const drawn = even.positive.reduce<number>((sum, v) => sum + v! * 100, 0);
  assert.equal(drawn, (86_399 * 86_400) / 2);
});

test("thin shows a gap as null, never as a slope", () => {
  const columns = new Columns(1000, 100);
  for (const t of [0, 1000, 5000, 7000]) columns.append(row(t));
  const series = thin(columns, 0, 10_000, 100);
  assert.deepEqual(series.t, [0, 1, 2, 5, 7], "one missing second is drawn through");
  assert.deepEqual(series.positive, [1, 1, null, 1, 1]);
});

test("thin gives counts a second, whatever the step", () => {
  const columns = new Columns(10_000, 100);
  columns.append(row(0, 50));
  assert.deepEqual(thin(columns, 0, 60_000, 100).positive, [5]);
});

test("thin of nothing is nothing", () => {
  assert.deepEqual(thin(new Columns(1000, 10), 0, 1000, 100).t, []);
});

test("thin keeps its buckets while the window moves", () => {
  const columns = filled(1000);
  const before = thin(columns, 0, 500_000, 51);
  const after = thin(columns, 20_000, 520_000, 51);
  const at = (series: typeof before, t: number) => series.positive[series.t.indexOf(t)];
  assert.equal(at(before, 300), at(after, 300));
  assert.notEqual(at(before, 300), undefined);
});

test("shares are of the three sentiments, null where there was nothing", () => {
  const columns = new Columns(1000, 10);
  columns.append(row(0, 10));
  columns.append(row(1000, 0));
  const series = shares(thin(columns, 0, 2000, 10));
  assert.deepEqual(series.positive, [0.25, null]);
  assert.deepEqual(series.negative, [0.5, null]);
});
