// Numbers as people read them. English grouping everywhere, so that screenshots and words agree.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const MINUS = "\u2212";
const THIN = "\u202f"; // narrow no-break space between a number and its unit

/** 17160000 → "17,160,000" */
export const count = (n: number): string => whole.format(n).replace("-", MINUS);

function scaled(n: number, base: number, units: readonly string[]): string {
  let value = Math.abs(n);
  let unit = 0;
  // 999.5 would be shown as 1000 of this unit, so it belongs to the next one.
  while (unit + 1 < units.length && value >= base * 0.9995) {
    value /= base;
    unit++;
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  const suffix = units[unit] ? THIN + units[unit] : "";
  return (n < 0 ? MINUS : "") + value.toFixed(digits) + suffix;
}

/** Three figures are enough for a rate: 707200 → "707 K", 1234567 → "1.23 M" */
export const compact = (n: number): string => scaled(n, 1000, ["", "K", "M", "G", "T"]);

/** 1048576 → "1.00 MiB" */
export const bytes = (n: number): string => scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);

/** Microseconds: 850 → "850 µs", 4100 → "4.10 ms", 1020000 → "1.02 s". Nothing takes none: wall clocks know milliseconds. */
export const latency = (us: number): string => (us > 0 ? scaled(us, 1000, ["µs", "ms", "s"]) : `<${THIN}1${THIN}ms`);

/** 0.5234 → "52.3 %" */
export const percent = (share: number, digits = 1): string =>
  `${(share * 100).toFixed(digits)}${THIN}%`;

/** Sentiment score −1…1: 0.2 → "+0.20"; what rounds to nothing has no sign. */
export function score(x: number): string {
  const text = Math.abs(x).toFixed(2);
  if (Number(text) === 0) return text;
  return (x < 0 ? MINUS : "+") + text;
}

/** 3723 → "01:02:03", 90061 → "1 d 01:01:01" */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const days = Math.floor(s / 86400);
  const clock = `${two(Math.floor(s / 3600) % 24)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return days > 0 ? `${days} d ${clock}` : clock;
}

/** Seconds for a sentence: 0.234 → "0.2 s", 42 → "42 s", 600 → "10 min", 7200 → "2 h" */
export function seconds(s: number): string {
  if (s < 10) return `${s.toFixed(1)}${THIN}s`;
  if (s < 120) return `${Math.round(s)}${THIN}s`;
  if (s < 7200) return `${Math.round(s / 60)}${THIN}min`;
  return `${Math.round(s / 3600)}${THIN}h`;
}

const weekday = new Intl.DateTimeFormat("en-US", { weekday: "short", day: "numeric" });

/** "21 Sat", for what lies more than a day apart */
export const dayOf = (ms: number): string => weekday.format(ms);

/** Local time of day: "14:05:09" */
export function timeOfDay(ms: number, withSeconds = true): string {
  const d = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = `${two(d.getHours())}:${two(d.getMinutes())}`;
  return withSeconds ? `${minutes}:${two(d.getSeconds())}` : minutes;
}
