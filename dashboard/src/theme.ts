// Dark or light: the system's choice until somebody makes another one. Colours live in app.css.

import { computed, signal } from "@preact/signals";

type Theme = "light" | "dark";
const system = matchMedia("(prefers-color-scheme: dark)");
const prefersDark = signal(system.matches);
system.addEventListener("change", (e) => (prefersDark.value = e.matches));

const chosen = signal(document.documentElement.dataset["theme"] as Theme | undefined); // see boot.ts
export const theme = computed<Theme>(() => chosen.value ?? (prefersDark.value ? "dark" : "light"));

export function switchTheme() {
  const next: Theme = theme.value === "dark" ? "light" : "dark";
  document.documentElement.dataset["theme"] = next;
  localStorage.setItem("theme", next);
  chosen.value = next;
}

const NAMES = ["positive", "negative", "neutral", "accent", "muted", "line", "text"] as const;
export type Palette = Record<(typeof NAMES)[number], string>;

/** The theme's colours for a canvas, which does not understand custom properties. */
export const palette = computed<Palette>(() => {
  void theme.value;
  const probe = document.body.appendChild(document.createElement("i"));
  const read = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = Object.fromEntries(NAMES.map((name) => [name, read(name)])) as Palette;
  probe.remove();
  return colours;
});
