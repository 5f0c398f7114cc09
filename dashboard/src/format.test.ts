import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "./format";

const plain = (text: string) => text.replaceAll("\u202f", " ").replaceAll("\u2212", "-");

function table(name: string, show: (n: number) => string, cases: [number, string][]) {
  test(`${name} reads as people write it`, () => {
    for (const [n, text] of cases) assert.equal(plain(show(n)), text, `${name}(${n})`);
  });
}

table("count", format.count, [[0, "0"], [999, "999"], [17_160_000, "17,160,000"], [-1200, "-1,200"]]);
table("compact", format.compact, [
  [0, "0"], [7, "7"], [950.4, "950"], [999.6, "1.00 K"], [1000, "1.00 K"], [12_340, "12.3 K"],
  [99_960, "100 K"], [707_200, "707 K"], [999_600, "1.00 M"], [1_234_567, "1.23 M"],
  [30e6, "30.0 M"], [-1500, "-1.50 K"], [5e15, "5000 T"],
]);
table("bytes", format.bytes, [[0, "0 B"], [1023, "1023 B"], [1024, "1.00 KiB"], [2 ** 30, "1.00 GiB"]]);
table("latency", format.latency, [
  [0, "< 1 ms"], [850, "850 µs"], [4100, "4.10 ms"], [64_000, "64.0 ms"], [1_020_000, "1.02 s"],
  [90e6, "90.0 s"],
]);
table("percent", format.percent, [[0, "0.0 %"], [0.5234, "52.3 %"], [1, "100.0 %"]]);
table("score", format.score, [[0, "0.00"], [0.2, "+0.20"], [-0.2, "-0.20"], [-0.001, "0.00"]]);
table("duration", format.duration, [
  [0, "00:00:00"], [59.9, "00:00:59"], [3723, "01:02:03"], [90_061, "1 d 01:01:01"], [-1, "00:00:00"],
]);
table("seconds", format.seconds, [[0.234, "0.2 s"], [42.4, "42 s"], [600, "10 min"], [7200, "2 h"]]);
