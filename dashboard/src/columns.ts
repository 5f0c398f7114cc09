// History as columns: one typed array a quantity instead of an object a second. Twenty-four hours
// are then a few hundred KB, and a redraw walks straight through memory.

import type { History, Point } from "./contract";

export const FIELDS = ["positive", "negative", "neutral", "generated", "stored"] as const;
export type Field = (typeof FIELDS)[number];
type Rows<Column> = { t: Column } & Record<Field, Column>;

const NAMES = ["t", ...FIELDS] as const;

function make<T>(column: () => T): Rows<T> {
  return Object.fromEntries(NAMES.map((name) => [name, column()])) as Rows<T>;
}

/** Rows in order of time, each telling of `stepMs`; the oldest go when there are `rowsMax`. */
export class Columns {
  length = 0;
  private rows = make(() => new Float64Array(0));

  constructor(readonly stepMs: number, readonly rowsMax: number) {}

  /** A step that is not over at `now` is left out: half of it would look like a fall. */
  static from(history: History, rowsMax: number, now: number): Columns {
    const columns = new Columns(history.stepMs, Math.max(rowsMax, history.t.length));
    columns.reserve(columns.rowsMax * 2);
    for (const name of NAMES) columns.rows[name].set(history[name]);
    columns.length = history.t.length;
    while (columns.length > 0 && columns.last() + columns.stepMs > now) columns.length--;
    return columns;
  }

  /** False when the row is not newer than the last: a repeat after a reconnect. */
  append(row: Pick<Point, "t" | Field>): boolean {
    const t = Math.floor(row.t / this.stepMs) * this.stepMs;
    if (this.length > 0 && t <= this.last()) return false;
    if (this.length === this.rows.t.length) this.makeRoom();
    for (const name of FIELDS) this.rows[name][this.length] = row[name];
    this.rows.t[this.length++] = t;
    return true;
  }

  first = (): number => this.rows.t[0] ?? NaN;
  last = (): number => this.rows.t[this.length - 1] ?? NaN;
  column = (name: "t" | Field): Float64Array => this.rows[name].subarray(0, this.length);

  /** The first row at or after `t`. */
  indexOf(t: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows.t[middle]! < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private reserve(capacity: number) {
    const grown = make(() => new Float64Array(capacity));
    for (const name of NAMES) grown[name].set(this.column(name));
    this.rows = grown;
  }

  // Dropping moves everything, so half is dropped at once: a row is moved once on average.
  private makeRoom() {
    if (this.length < this.rowsMax * 2) {
      this.reserve(Math.min(this.rowsMax * 2, Math.max(64, this.length * 2)));
      return;
    }
    const dropped = this.length - this.rowsMax;
    for (const name of NAMES) this.rows[name].copyWithin(0, dropped, this.length);
    this.length -= dropped;
  }
}

/** What a chart draws: records a second, null where nothing is known; `t` in seconds. */
export type Series = { t: number[] } & Record<Field, (number | null)[]>;

/**
 * The rows between two instants as at most `points` means. Buckets begin at multiples of their
 * width, so that a moving window does not make the line shimmer. One missing bucket is a clock's
 * jitter and is drawn through; more are a gap.
 */
export function thin(columns: Columns, from: number, to: number, points: number): Series {
  const step = columns.stepMs;
  const width = step * Math.max(1, Math.ceil((to - from) / step / Math.max(1, points - 1)));
  const t = columns.column("t");
  const out: Series = { t: [], positive: [], negative: [], neutral: [], generated: [], stored: [] };

  let row = columns.indexOf(from);
  let previous = NaN;
  while (row < columns.length && t[row]! <= to) {
    const bucket = Math.floor(t[row]! / width) * width;
    let end = row;
    while (end < columns.length && t[end]! <= to && t[end]! < bucket + width) end++;

    if (bucket > previous + 2 * width) {
      out.t.push((previous + width) / 1000); // a gap: the line ends here
      for (const name of FIELDS) out[name].push(null);
    }
    out.t.push(bucket / 1000);
    const spanS = ((end - row) * step) / 1000;
    for (const name of FIELDS) {
      const column = columns.column(name);
      let sum = 0;
      for (let i = row; i < end; i++) sum += column[i]!;
      out[name].push(sum / spanS);
    }
    previous = bucket;
    row = end;
  }
  return out;
}

/** Each sentiment's share of the three, 0…1; null where there was nothing. */
export function shares(series: Series): Series {
  const out: Series = { ...series, positive: [], negative: [], neutral: [] };
  for (let i = 0; i < series.t.length; i++) {
    const [p, n, o] = [series.positive[i] ?? 0, series.negative[i] ?? 0, series.neutral[i] ?? 0];
    const total = p + n + o;
    out.positive.push(total > 0 ? p / total : null);
    out.negative.push(total > 0 ? n / total : null);
    out.neutral.push(total > 0 ? o / total : null);
  }
  return out;
}
