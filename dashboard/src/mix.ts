// Three sliders that always sum to 100.

import { SENTIMENTS, type BySentiment, type Sentiment } from "./contract";

/**
 * The mix after one slider was moved: the others share what is left in their old proportion, in
 * whole percents.
 */
export function moved(mix: BySentiment, changed: Sentiment, value: number): BySentiment {
  const fixed = Math.min(100, Math.max(0, Math.round(value)));
  const left = 100 - fixed;
  const [a, b] = SENTIMENTS.filter((s) => s !== changed) as [Sentiment, Sentiment];
  const sum = mix[a] + mix[b];
  const share = sum > 0 ? Math.round((left * mix[a]) / sum) : Math.ceil(left / 2);
  return { ...mix, [changed]: fixed, [a]: share, [b]: left - share };
}

/** Whole percents that sum to 100, from whatever the program says ("33.4", shares of nothing). */
export function whole(mix: BySentiment): BySentiment {
  const total = mix.positive + mix.negative + mix.neutral;
  if (!(total > 0)) return { positive: 34, negative: 33, neutral: 33 };
  const positive = Math.round((mix.positive / total) * 100);
  const negative = Math.min(100 - positive, Math.round((mix.negative / total) * 100));
  return { positive, negative, neutral: 100 - positive - negative };
}

export const same = (a: BySentiment, b: BySentiment): boolean => SENTIMENTS.every((s) => a[s] === b[s]);
