// How fast it goes: achieved against offered, and the last five minutes as a small line.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { thin, type Field } from "../columns";
import { compact, count, percent } from "../format";
import { data, RANGE_MS, status, version } from "../state";
import { Card } from "./parts";

const WIDTH = 300;
const HEIGHT = 64;

/** A line for each run of known values, or with `area` the surface below it. */
function path(t: number[], values: (number | null)[], from: number, span: number, high: number, area = false): string {
  let out = "";
  let pen = "M";
  let last = "";
  for (let i = 0; i < t.length; i++) {
    const value = values[i];
    if (value == null) {
      if (area && last) out += `L${last} ${HEIGHT}Z`;
      pen = "M";
      last = "";
      continue;
    }
    const x = (((t[i]! * 1000 - from) / span) * WIDTH).toFixed(1);
    const y = (HEIGHT - 2 - (value / high) * (HEIGHT - 4)).toFixed(1);
    out += area && !last ? `M${x} ${HEIGHT}L${x} ${y}` : `${pen}${x} ${y}`;
    pen = "L";
    last = x;
  }
  return area && last ? `${out}L${last} ${HEIGHT}Z` : out;
}

function Spark() {
  void version.value;
  const box = useRef<HTMLDivElement>(null);
  const [pixels, setPixels] = useState(WIDTH);
  useLayoutEffect(() => setPixels(box.current?.clientWidth || WIDTH), []);

  const span = RANGE_MS["5m"];
  const to = data.recent.length > 0 ? data.recent.last() : Date.now();
  const series = thin(data.recent, to - span, to, pixels);
  const high = Math.max(1, ...series.generated.map((v) => v ?? 0), ...series.stored.map((v) => v ?? 0));
  const line = (field: Field, area = false) => path(series.t, series[field], to - span, span, high, area);
  return (
    <div class="spark" ref={box}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="area" d={line("stored", true)} />
        <path class="generated" d={line("generated")} />
        <path class="stored" d={line("stored")} />
      </svg>
      <p class="legend note">
        <span>
          <i class="stroke generated" aria-hidden="true" /> generated
        </span>
        <span>
          <i class="stroke stored" aria-hidden="true" /> stored
        </span>
        <span class="end">{high > 1 ? `5 minutes, top ${compact(high)}/s` : "nothing in 5 minutes"}</span>
      </p>
    </div>
  );
}

export function Rate() {
  const { rate, state } = status.value!;
  const flatOut = rate.target === null;
  const running = state === "running";
  const kept = rate.offered > 0 ? Math.min(1, rate.achieved / rate.offered) : 0;
  const filled = !running ? 0 : flatOut ? (rate.achieved > 0 ? 100 : 0) : kept * 100;
  return (
    <Card area="rate" title="Rate" aside={<span class="note">tweets a second</span>}>
      <p class="headline">
        <strong class="figures" data-testid="achieved">{count(rate.achieved)}</strong>
        <span class="note figures">
          {running && flatOut && "flat out"}
          {running && !flatOut && `of ${count(rate.offered)} offered, ${percent(kept)}`}
          {!running && "not running"}
        </span>
      </p>
      <div class="meter" aria-hidden="true">
        <svg viewBox="0 0 100 4" preserveAspectRatio="none">
          <rect class={kept < 0.95 && !flatOut ? "behind" : ""} width={filled} height="4" />
        </svg>
      </div>
      <Spark />
    </Card>
  );
}
