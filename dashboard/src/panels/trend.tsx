// The trend over a range: sentiment shares or rates, filtered, zoomed, panned.

import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { shares, thin, type Columns, type Series } from "../columns";
import { RANGES, SENTIMENTS, type Range, type Sentiment } from "../contract";
import { loadDetail, loadHistory } from "../feed";
import { compact, percent, timeOfDay } from "../format";
import { covers, fit, panned, zoomed, type Span } from "../span";
import { alerts, brand, data, history, range, RANGE_MS, status, version, zoom } from "../state";
import { palette } from "../theme";
import { TrendChart, type Drawing, type View } from "../trend_chart";
import { Card, Empty, IconButton, NAMES, Segments, Words } from "./parts";

const LEAST_MS = 10e3; // closer than this there is nothing to see
const COARSE_ROWS = 240; // fewer than this on the screen, and finer ones are asked for
const SETTLED_MS = 250;
const YOUNG_MS = 60e3;

/** The range up to the newest row. The first minutes of a storm fill the chart, not its last inch. */
function whole(): Span {
  const rows = data.trend;
  const to = rows.length > 0 ? rows.last() : status.value?.nowMs || Date.now();
  const from = to - RANGE_MS[range.value];
  if (range.value !== "5m" || rows.length === 0) return { from, to };
  return { from: Math.max(from, Math.min(rows.first(), to - YOUNG_MS)), to };
}

const shownSpan = (): Span => (zoom.value ? fit(zoom.value, whole(), least()) : whole());
const least = () => LEAST_MS;

/** The rows to draw a span from: the finer ones, when they cover it. */
function rowsFor(span: Span): Columns {
  const { detail, trend } = data;
  const finer = detail && detail.brand === brand.value && detail.columns.stepMs < trend.stepMs;
  return finer && covers(detail.span, span) ? detail.columns : trend;
}

/** Whether it is worth asking for finer rows. */
function wantsDetail(span: Span): boolean {
  const rows = rowsFor(span);
  return rows === data.trend && rows.stepMs > 1000 && (span.to - span.from) / rows.stepMs < COARSE_ROWS;
}

function show(span: Span) {
  zoom.value = covers(span, whole()) ? null : fit(span, whole(), least());
}
const zoomBy = (factor: number) => show(zoomed(shownSpan(), factor, whole(), least()));
const panBy = (share: number) => zoom.value && (zoom.value = panned(shownSpan(), share, whole()));

const KEYS: Record<string, () => void> = {
  ArrowLeft: () => panBy(-0.25),
  ArrowRight: () => panBy(0.25),
  "+": () => zoomBy(0.5),
  "=": () => zoomBy(0.5),
  "-": () => zoomBy(2),
  Escape: () => (zoom.value = null),
};

function pick(next: Range) {
  range.value = next;
  zoom.value = null;
  void loadHistory();
}

function ZoomButtons() {
  const at = zoom.value;
  const all = whole();
  return (
    <div class="zoom">
      <IconButton icon="left" label="Earlier" disabled={!at || at.from <= all.from} onClick={() => panBy(-0.5)} />
      <IconButton icon="right" label="Later" disabled={!at || at.to >= all.to} onClick={() => panBy(0.5)} />
      <IconButton icon="minus" label="Zoom out" disabled={!at} onClick={() => zoomBy(2)} />
      <IconButton icon="plus" label="Zoom in" onClick={() => zoomBy(0.5)} />
      <button type="button" class="small" disabled={!at} onClick={() => (zoom.value = null)}>
        Live
      </button>
    </div>
  );
}

function BrandPicker() {
  const brands = status.value?.brands ?? [];
  if (brands.length < 2) return null;
  return (
    <label class="picker">
      Brand
      <select
        value={brand.value}
        onChange={(e) => {
          brand.value = e.currentTarget.value;
          void loadHistory();
        }}
      >
        <option value="">All brands</option>
        {brands.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  );
}

/** What the lines say, in words: at the pointer, or else at the newest point. */
function Readout(props: { series: Series; at: number | null; view: View; shown: Record<Sentiment, boolean>; toggle: (s: Sentiment) => void }) {
  const { series, view } = props;
  let i = props.at ?? series.t.length - 1;
  if (i >= series.t.length) i = series.t.length - 1;
  const text = (s: Sentiment) => {
    const value = series[s][i];
    if (value == null) return "\u2013";
    return view === "share" ? percent(value) : `${compact(value)}/s`;
  };
  return (
    <div class="readout">
      {SENTIMENTS.map((s) => (
        <button key={s} type="button" class="toggle" aria-pressed={props.shown[s]} onClick={() => props.toggle(s)}>
          <i class={`mark ${s}`} aria-hidden="true" />
          {NAMES[s]} <b class="figures">{text(s)}</b>
        </button>
      ))}
      <span class="note figures">{i >= 0 ? timeOfDay(series.t[i]! * 1000) : ""}</span>
    </div>
  );
}

export function Trend() {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<TrendChart | null>(null);
  const view = useSignal<View>("share");
  const shown = useSignal<Record<Sentiment, boolean>>({ positive: true, negative: true, neutral: true });
  const hover = useSignal<number | null>(null);
  const width = useSignal(0);
  const series = useSignal<Series>({ t: [], positive: [], negative: [], neutral: [], generated: [], stored: [] });

  const drawing = (): Drawing => {
    const span = shownSpan();
    const rates = thin(rowsFor(span), span.from, span.to, chart.current?.pixels ?? 300);
    return {
      series: view.value === "share" ? shares(rates) : rates,
      span,
      view: view.value,
      shown: shown.value,
      alerts: alerts.value,
      palette: palette.value,
    };
  };

  useLayoutEffect(() => {
    const made = new TrendChart(host.current!, drawing(), { select: show, hover: (i) => (hover.value = i) });
    chart.current = made;
    const watch = new ResizeObserver(() => {
      made.resize();
      width.value = host.current!.clientWidth;
    });
    watch.observe(host.current!);
    return () => {
      watch.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, []);

  useSignalEffect(() => {
    void version.value;
    void width.value;
    const next = drawing();
    chart.current?.draw(next);
    series.value = next.series;
  });

  useEffect(() => {
    const at = zoom.value;
    if (!at || !wantsDetail(at)) return;
    const timer = setTimeout(() => void loadDetail(at), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [zoom.value]);

  useEffect(() => {
    const wheel = (e: WheelEvent) => {
      if (!e.ctrlKey && Math.abs(e.deltaX) <= Math.abs(e.deltaY)) return; // the page scrolls
      e.preventDefault();
      if (e.ctrlKey) zoomBy(e.deltaY > 0 ? 1.25 : 0.8);
      else panBy(e.deltaX / 1000);
    };
    const element = host.current!;
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, []);

  const past = history.value;
  return (
    <Card
      area="trend"
      title="Trend"
      aside={
        <div class="head-tools">
          <ZoomButtons />
          <Segments legend="Range" options={RANGES.map((r) => ({ value: r, label: r }))} value={range.value} onPick={pick} />
        </div>
      }
    >
      <div class="chart-tools">
        <Readout
          series={series.value}
          at={hover.value}
          view={view.value}
          shown={shown.value}
          toggle={(s) => (shown.value = { ...shown.value, [s]: !shown.value[s] })}
        />
        <BrandPicker />
        <Segments
          legend="Show"
          options={[{ value: "share", label: "Shares" }, { value: "rate", label: "Tweets/s" }]}
          value={view.value}
          onPick={(v) => (view.value = v)}
        />
      </div>
      <div
        class="chart"
        role="group"
        tabIndex={0}
        aria-label="Trend chart: plus and minus zoom, arrow keys move, Escape follows the present again"
        data-testid="chart"
        data-zoomed={zoom.value !== null}
        onKeyDown={(e) => {
          const act = KEYS[e.key];
          if (!act || e.ctrlKey || e.metaKey || e.altKey) return;
          e.preventDefault();
          act();
        }}
        onDblClick={() => (zoom.value = null)}
      >
        <div class="canvas" ref={host} aria-hidden="true" />
        {series.value.t.length === 0 && (
          <Empty>{past.state === "loading" ? "Loading the history\u2026" : "Nothing in this range yet."}</Empty>
        )}
      </div>
      {past.state === "failed" && (
        <p class="reason">
          No history: <Words text={past.problem.error} />. Shown is what came since this page was opened.
        </p>
      )}
    </Card>
  );
}
