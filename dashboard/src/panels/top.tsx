// The header: what is running, whether we still hear from it, and the theme.

import type { State } from "../contract";
import { duration, timeOfDay } from "../format";
import { link, status } from "../state";
import { switchTheme, theme } from "../theme";
import { IconButton } from "./parts";

const STATES: Record<State, string> = { running: "Running", stopped: "Stopped", draining: "Draining", finished: "Finished" };

function linkWords(): { text: string; kind: string } {
  const now = link.value;
  switch (now.state) {
    case "live":
      return { text: "Live", kind: "good" };
    case "connecting":
    case "waiting":
      if (!status.value) return { text: "Connecting", kind: "wait" };
      return { text: `Reconnecting since ${timeOfDay(now.since)}`, kind: "wait" };
    case "refused":
      return { text: "Not let in", kind: "bad" };
  }
}

function LinkState() {
  const { text, kind } = linkWords();
  return (
    <p class={`pill ${kind}`} role="status" data-testid="link">
      <i class="dot" aria-hidden="true" />
      {text}
    </p>
  );
}

function RunFacts() {
  const s = status.value;
  if (!s) return null;
  return (
    <dl class="facts run-facts">
      <div>
        <dt>Storm</dt>
        <dd data-testid="state">{STATES[s.state] ?? s.state}</dd>
      </div>
      {s.scenario && (
        <div>
          <dt>Scenario</dt>
          <dd>{s.scenario}</dd>
        </div>
      )}
      {s.run && (
        <div class="wide-only">
          <dt>Run</dt>
          <dd data-testid="run">
            <code>{s.run}</code>
          </dd>
        </div>
      )}
      <div>
        <dt>Elapsed</dt>
        <dd class="figures">{duration(s.elapsedS)}</dd>
      </div>
    </dl>
  );
}

export function Top() {
  const other = theme.value === "dark" ? "light" : "dark";
  return (
    <header class="top">
      <h1>
        <img src="/icon.svg" alt="" width="28" height="28" />
        DataStorm
      </h1>
      <RunFacts />
      <div class="top-end">
        <LinkState />
        <IconButton icon={other === "light" ? "sun" : "moon"} label={`Switch to ${other} theme`} onClick={switchTheme} />
      </div>
    </header>
  );
}
