// The rate slider: 1 K/s to 10 M/s over 80 steps on a logarithmic scale, and flat out at the end.

export type Rate = number | "max";

const LOW = 1_000;
const DECADES = 4;
const STEPS = 80;
export const POSITION_MAX = STEPS + 1;

/** Two figures are as fine as a finger can choose: 126,000 and not 125,892. */
const rounded = (rate: number): number => Number(rate.toPrecision(2));

export function rateAt(position: number): Rate {
  if (position > STEPS) return "max";
  return rounded(LOW * 10 ** ((Math.max(0, position) / STEPS) * DECADES));
}

/** The nearest position; a rate beyond the scale sits at its end, not at "max". */
export function positionOf(rate: number | null): number {
  if (rate === null) return POSITION_MAX;
  const position = Math.round((Math.log10(Math.max(LOW, rate) / LOW) / DECADES) * STEPS);
  return Math.min(STEPS, position);
}
