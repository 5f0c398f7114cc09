// A report's page comes whole from the program, with pictures for plots. This draws the same charts
// to be looked into (drag to zoom, double click for all), and sorts the tables.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

interface ChartSeries {
  name: string;
  color: string;
  shape: "line" | "dashes" | "bars";
  y: (number | null)[];
}

interface Chart {
  name: string;
  x_name: string;
  y_name: string;
  x_kind: "number" | "time" | "log";
  bar_width: number;
  x: number[];
  series: ChartSeries[];
}

const HEIGHT = 320;

const charts: Chart[] = JSON.parse(document.getElementById("charts")?.textContent ?? "[]");
const plots: { plot: uPlot; host: HTMLElement }[] = [];

function colour(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function shown(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return size >= 10 || Number.isInteger(value) ? value.toFixed(size >= 100 ? 0 : 1).replace(/\.0$/, "") : value.toPrecision(3);
}

function compact(value: number): string {
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const)
    if (Math.abs(value) >= unit * 10 || (Math.abs(value) >= unit && value % (unit / 10) === 0)) return `${+(value / unit).toFixed(2)}${letter}`;
  return `${+value.toPrecision(6)}`;
}

function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23).replace("T", " ")}Z`;
}

/** Its legend, which is also the readout of what lies under the pointer. */
function legendOf(chart: Chart, host: HTMLElement) {
  const line = document.createElement("div");
  line.className = "legend";
  const figures = chart.series.map((series) => {
    const item = document.createElement("span");
    const mark = document.createElement("i");
    mark.style.background = `var(--${series.color})`;
    const figure = document.createElement("b");
    item.append(mark, series.name, figure);
    line.append(item);
    return figure;
  });
  const at = document.createElement("span");
  at.className = "at";
  line.append(at);
  host.before(line);
  return (index: number | null) => {
    const x = index === null ? undefined : chart.x[index];
    at.textContent = x === undefined ? "" : chart.x_kind === "time" ? moment(x) : `${chart.x_name} ${shown(x)}`;
    chart.series.forEach((series, i) => {
      const y = index === null ? null : series.y[index];
      figures[i]!.textContent = y === null || y === undefined ? "" : shown(y);
    });
  };
}

function draw(chart: Chart, host: HTMLElement): uPlot {
  const read = legendOf(chart, host);
  const time = chart.x_kind === "time";
  const toX = (x: number) => (time ? x / 1000 : x);
  const half = chart.series.some((series) => series.shape === "bars") ? toX(chart.bar_width) / 2 : 0;
  const first = toX(chart.x[0] ?? 0) - half;
  const last = toX(chart.x.at(-1) ?? 1) + half;
  const axis = { stroke: () => colour("muted"), font: "12px system-ui, sans-serif", ticks: { stroke: () => colour("line"), width: 1 } };
  const grid = { stroke: () => colour("line"), width: 1 };
  const bars = uPlot.paths.bars!({ size: [1, Infinity], gap: 1 });
  return new uPlot(
    {
      width: host.clientWidth,
      height: HEIGHT,
      padding: [10, 18, 0, 0],
      legend: { show: false },
      ...(time ? { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") } : {}),
      cursor: { drag: { x: true, y: false }, points: { size: 7 } },
      scales: {
        x: {
          time,
          ...(chart.x_kind === "log" ? { distr: 3 as const, range: (_: uPlot, low: number, high: number): [number, number] => [low, high] } : {}),
          ...(half > 0 ? { range: (_: uPlot, low: number, high: number): [number, number] => (low === toX(chart.x[0]!) ? [first, last] : [low, high]) } : {}),
        },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.06 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, space: 76, values: (_: uPlot, at: number[]) => at.map((v) => (v === null ? "" : time ? new Date(v * 1000).toISOString().slice(11, 19) : compact(v))) },
        { ...axis, grid, size: 62, values: (_: uPlot, at: number[]) => at.map(compact) },
      ],
      series: [
        {},
        ...chart.series.map((series): uPlot.Series => ({
          label: series.name,
          stroke: () => colour(series.color),
          width: series.shape === "bars" ? 0 : 2,
          points: { show: chart.x.length === 1 },
          ...(series.shape === "dashes" ? { dash: [6, 5] } : {}),
          ...(series.shape === "bars" ? { paths: bars, fill: () => colour(series.color) } : {}),
        })),
      ],
      hooks: { setCursor: [(u) => read(u.cursor.idx ?? null)] },
    },
    [chart.x.map(toX), ...chart.series.map((series) => series.y)] as uPlot.AlignedData,
    host,
  );
}

function drawAll() {
  for (const chart of charts) {
    const figure = document.querySelector<HTMLElement>(`figure[data-chart="${chart.name}"]`);
    if (!figure || chart.x.length === 0) continue;
    const host = document.createElement("div");
    host.className = "plot";
    figure.append(host);
    plots.push({ plot: draw(chart, host), host });
    host.previousElementSibling?.classList.add("plot");
  }
  document.body.classList.add("live");
  new ResizeObserver(() => {
    for (const { plot, host } of plots) if (host.clientWidth > 0 && host.clientWidth !== plot.width) plot.setSize({ width: host.clientWidth, height: HEIGHT });
  }).observe(document.body);
}

/** Tables of class `sorts`: a click on a column's head sorts by it, a second one the other way. */
function sortable(table: HTMLTableElement) {
  const heads = [...table.tHead!.rows[0]!.cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0]!;
      const key = (row: HTMLTableRowElement) => row.cells[column]!.dataset["v"] ?? row.cells[column]!.textContent ?? "";
      const rows = [...body.rows].map((row) => ({ row, key: key(row) }));
      rows.sort((a, b) => {
        const [x, y] = [Number(a.key), Number(b.key)];
        const order = Number.isNaN(x) || Number.isNaN(y) ? a.key.localeCompare(b.key) : x - y;
        return down ? -order : order;
      });
      body.append(...rows.map(({ row }) => row));
    });
  });
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function redraw() {
  for (const { plot } of plots) plot.redraw();
}

function themeButton() {
  const tools = document.querySelector(".tools");
  if (!tools) return;
  const button = document.createElement("button");
  const root = document.documentElement;
  const isDark = () => (root.dataset["theme"] ?? (dark.matches ? "dark" : "light")) === "dark";
  const say = () => (button.textContent = isDark() ? "Light" : "Dark");
  button.addEventListener("click", () => {
    root.dataset["theme"] = isDark() ? "light" : "dark";
    say();
    redraw();
  });
  dark.addEventListener("change", () => {
    say();
    redraw();
  });
  say();
  tools.append(button);
}

themeButton();
drawAll();
for (const table of document.querySelectorAll<HTMLTableElement>("table.sorts")) sortable(table);
