// The part of time that the trend shows: zooming and panning inside what there is.

export interface Span { from: number; to: number } // ms

const clamp = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x));

/** `inner` moved and shortened as little as needed to lie in `outer`, at least `least` long. */
export function fit(inner: Span, outer: Span, least: number): Span {
  const length = clamp(inner.to - inner.from, Math.min(least, outer.to - outer.from), outer.to - outer.from);
  const middle = (inner.from + inner.to) / 2;
  const from = clamp(middle - length / 2, outer.from, outer.to - length);
  return { from, to: from + length };
}

/** Factor 0.5 shows half as much, 2 twice as much, around the middle. */
export function zoomed(span: Span, factor: number, outer: Span, least: number): Span {
  const middle = (span.from + span.to) / 2;
  const half = ((span.to - span.from) / 2) * factor;
  return fit({ from: middle - half, to: middle + half }, outer, least);
}

/** Moves by a share of what is shown: 0.25 is a quarter to the right. */
export function panned(span: Span, share: number, outer: Span): Span {
  const by = (span.to - span.from) * share;
  return fit({ from: span.from + by, to: span.to + by }, outer, 0);
}

export const covers = (span: Span, outer: Span): boolean => span.from <= outer.from && span.to >= outer.to;
