// The trend's canvas: uPlot, our colours, the thresholds and the alerts. It knows no signals.

import uPlot from "uplot";
import type { Series } from "./columns";
import { SENTIMENTS, type Alert, type Sentiment } from "./contract";
import { compact, dayOf, percent, timeOfDay } from "./format";
import type { Span } from "./span";
import type { Palette } from "./theme";

export type View = "share" | "rate";
export const CRISIS = 0.5;
export const OPPORTUNITY = 0.7;

export interface Drawing {
  series: Series; // shares or rates, as `view` says
  span: Span;
  view: View;
  shown: Record<Sentiment, boolean>;
  alerts: readonly Alert[];
  palette: Palette;
}

const TEN_MINUTES = 600e3;
const TWO_DAYS = 172800e3;

export class TrendChart {
  private plot: uPlot;
  private now: Drawing;

  constructor(
    private host: HTMLElement,
    first: Drawing,
    on: { select: (span: Span) => void; hover: (index: number | null) => void },
  ) {
    this.now = first;
    const side = { stroke: () => this.now.palette.muted, font: "12px system-ui, sans-serif" };
    const grid = { stroke: () => this.now.palette.line, width: 1 };
    const line = (sentiment: Sentiment): uPlot.Series => ({
      stroke: () => this.now.palette[sentiment],
      width: 2,
      points: { show: false },
    });
    this.plot = new uPlot(
      {
        ...this.size(),
        padding: [12, 28, 0, 0], // half a time of day fits at the right edge
        legend: { show: false },
        cursor: {
          drag: { x: true, y: false, setScale: false },
          points: { size: 8, fill: (_, i) => this.now.palette[SENTIMENTS[i - 1]!] },
        },
        scales: {
          x: { time: true, range: () => [this.now.span.from / 1000, this.now.span.to / 1000] },
          y: { range: (_, __, high) => [0, this.now.view === "share" ? 1 : Math.max(1, (high ?? 0) * 1.1)] },
        },
        axes: [
          { ...side, grid: { show: false }, ticks: grid, space: 72, size: 34, values: (_, at) => at.map((t) => this.time(t)) },
          { ...side, grid, ticks: { show: false }, size: 52, values: (_, at) => at.map((v) => this.value(v)) },
        ],
        series: [{}, ...SENTIMENTS.map(line)],
        hooks: {
          draw: [() => this.drawMarks()],
          setCursor: [(u) => on.hover(u.cursor.idx ?? null)],
          setSelect: [(u) => this.select(u, on.select)],
        },
      },
      this.table(),
      host,
    );
  }

  draw(drawing: Drawing) {
    this.now = drawing;
    this.plot.batch(() => {
      SENTIMENTS.forEach((s, i) => this.plot.setSeries(i + 1, { show: drawing.shown[s] }));
      this.plot.setData(this.table());
    });
  }

  resize() {
    this.plot.setSize(this.size());
  }

  /** Points that fit: one a pixel of the plot. */
  get pixels(): number {
    return Math.max(50, Math.floor(this.plot.bbox.width / devicePixelRatio) || this.host.clientWidth);
  }

  destroy() {
    this.plot.destroy();
  }

  private size = () => ({ width: this.host.clientWidth, height: this.host.clientHeight });

  private table(): uPlot.AlignedData {
    const { t, positive, negative, neutral } = this.now.series;
    return [t, positive, negative, neutral];
  }

  private time = (t: number) => new Date(t * 1000).getHours() === 0 && this.now.span.to - this.now.span.from > TWO_DAYS ? dayOf(t * 1000) : timeOfDay(t * 1000, this.now.span.to - this.now.span.from <= TEN_MINUTES);
  private value = (v: number) => (this.now.view === "share" ? percent(v, 0) : compact(v));

  private select(u: uPlot, done: (span: Span) => void) {
    const { left, width } = u.select;
    if (width < 4) return;
    const at = (x: number) => u.posToVal(x, "x") * 1000;
    done({ from: at(left), to: at(left + width) });
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  /** Dashed thresholds in the share view; a mark on top where an alert was raised. */
  private drawMarks() {
    const { ctx, bbox } = this.plot;
    const { palette, view, alerts, span, shown } = this.now;
    const pixel = devicePixelRatio;
    ctx.save();
    ctx.lineWidth = pixel;
    if (view === "share") {
      ctx.setLineDash([4 * pixel, 4 * pixel]);
      for (const [sentiment, share] of [["negative", CRISIS], ["positive", OPPORTUNITY]] as const) {
        if (!shown[sentiment]) continue;
        const y = this.plot.valToPos(share, "y", true);
        ctx.strokeStyle = palette[sentiment];
        ctx.globalAlpha = 0.55;
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      ctx.setLineDash([]);
    }
    ctx.globalAlpha = 1;
    for (const alert of alerts) {
      if (alert.predicted || alert.t < span.from || alert.t > span.to) continue;
      const x = this.plot.valToPos(alert.t / 1000, "x", true);
      ctx.fillStyle = palette[alert.kind === "crisis" ? "negative" : "positive"];
      ctx.beginPath();
      ctx.moveTo(x - 5 * pixel, bbox.top - 9 * pixel);
      ctx.lineTo(x + 5 * pixel, bbox.top - 9 * pixel);
      ctx.lineTo(x, bbox.top - 1 * pixel);
      ctx.fill();
    }
    ctx.restore();
  }
}
