// The few parts that all panels are made of: one visual language.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { AlertKind, Sentiment } from "../contract";

export const NAMES: Record<Sentiment, string> = { positive: "Positive", negative: "Negative", neutral: "Neutral" };
export const ALERT_NAMES: Record<AlertKind, string> = { crisis: "Crisis", opportunity: "Opportunity" };

/** A card is a region with a name; `area` places it in the page's grid. */
export function Card(props: { area: string; title: string; aside?: ComponentChildren; children: ComponentChildren }) {
  const id = useId();
  return (
    <section class={`card ${props.area}`} aria-labelledby={id}>
      <header class="card-head">
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

const PATHS = {
  bolt: "M13 2 4 14h7l-1 8 9-12h-7z",
  check: "M4 12.5 9.5 18 20 6.5",
  cross: "M6 6l12 12M18 6 6 18",
  warn: "M12 3 2.5 20h19zM12 10v4.5M12 17.2v.3",
  up: "M4 17l6-6 4 4 7-8M15 7h6v6",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2.5M12 19.500V22M2 12h2.500M19.5 12H22M4.9 4.900l1.8 1.800M17.3 17.300l1.8 1.800M4.9 19.100l1.8-1.800M17.3 6.700l1.8-1.8",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.500z",
  sound: "M4 9.500v5h3.500L12 19V5L7.5 9.500zM15.5 9a4 4 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11",
  mute: "M4 9.500v5h3.500L12 19V5L7.5 9.500zM16 9.500l5 5M21 9.500l-5 5",
  play: "M7 4.500v15l12-7.500z",
  stop: "M6.5 6.500h11v11h-11z",
  left: "M14.5 5 8 12l6.5 7",
  right: "M9.5 5 16 12l-6.5 7",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  link: "M5 12h14M13 6l6 6-6 6",
} as const;

/** Decoration beside a word, or inside a button that has a name. */
export const Icon = ({ name }: { name: keyof typeof PATHS }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);

export function IconButton(props: {
  icon: keyof typeof PATHS;
  label: string;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
}) {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.pressed}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** One of a few, as a row: radio buttons, so that arrow keys work as everywhere. */
export function Segments<T extends string>(props: {
  legend: string;
  options: readonly { value: T; label: string }[];
  value: T;
  onPick: (value: T) => void;
  disabled?: boolean;
}) {
  const name = useId();
  return (
    <fieldset class="segments" disabled={props.disabled}>
      <legend class="unseen">{props.legend}</legend>
      {props.options.map(({ value, label }) => (
        <label key={value}>
          <input type="radio" name={name} checked={value === props.value} onChange={() => props.onPick(value)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** A slider with its name and its value; `onDone` when it is let go. */
export function Slider(props: {
  label: string;
  class?: string;
  value: number;
  max: number;
  step?: number;
  shown: string;
  disabled: boolean;
  onMove: (value: number) => void;
  onDone: () => void;
}) {
  const id = useId();
  const read = (e: Event) => Number((e.currentTarget as HTMLInputElement).value);
  return (
    <div class={`slider ${props.class ?? ""}`}>
      <label for={id}>{props.label}</label>
      <output for={id}>{props.shown}</output>
      <input
        id={id}
        type="range"
        min={0}
        max={props.max}
        step={props.step ?? 1}
        value={props.value}
        disabled={props.disabled}
        aria-valuetext={props.shown}
        style={{ "--fill": `${(props.value / props.max) * 100}%` }}
        onInput={(e) => props.onMove(read(e))}
        onChange={props.onDone}
      />
    </div>
  );
}

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;

/** The program's sentences mark commands by backquotes: "start one with `datastorm up`". */
export const Words = ({ text }: { text: string }) => (
  <>{text.split("`").map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>
);

/** Why something is greyed. */
export const Reason = ({ why }: { why: string | null }) =>
  why ? (
    <p class="reason">
      <Words text={why} />
    </p>
  ) : null;
