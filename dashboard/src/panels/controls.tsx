// The controls: start and stop, trigger events, set rate and mix. What the program does not offer
// is greyed and says why; what it refuses is shown in its own words.

import { useSignal, type Signal } from "@preact/signals";
import * as actions from "../actions";
import { SENTIMENTS, type AlertKind, type BySentiment, type Control, type Mode } from "../contract";
import { compact } from "../format";
import { moved, whole } from "../mix";
import { POSITION_MAX, positionOf, rateAt } from "../rate_scale";
import { busy, closedBecause, refusal, status } from "../state";
import { ALERT_NAMES, Card, Icon, IconButton, NAMES, Reason, Segments, Slider, Words } from "./parts";

/** The one sentence that explains why all of these are greyed, if all are. */
function reasonFor(controls: Control[]): string | null {
  const reasons = controls.map(closedBecause);
  return reasons.every((r) => r !== null) ? reasons[0]! : null;
}

/** For a control that is greyed alone. */
function someReason(controls: AlertKind[]): string | null {
  const closed = controls.find((c) => closedBecause(c) !== null);
  return closed ? `${ALERT_NAMES[closed]}: ${closedBecause(closed)}` : null;
}

function Refused() {
  const problem = refusal.value;
  return (
    <div role="alert">
      {problem && (
        <div class="refused" data-testid="refusal">
          <p>
            <strong>
              <Words text={problem.error} />
            </strong>
            {problem.hint && (
              <span class="note">
                Try: <Words text={problem.hint} />
              </span>
            )}
          </p>
          <IconButton icon="cross" label="Dismiss" onClick={() => (refusal.value = null)} />
        </div>
      )}
    </div>
  );
}

function Action(props: { control: Control; icon: Parameters<typeof Icon>[0]["name"]; label: string; class: string; onClick: () => void }) {
  const why = closedBecause(props.control);
  return (
    <button
      type="button"
      class={`action ${props.class}`}
      disabled={why !== null}
      title={why ?? undefined}
      aria-busy={busy.value === props.control}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
      {props.label}
    </button>
  );
}

export function Storm() {
  const running = status.value!.state === "running";
  return (
    <Card area="storm" title="Storm">
      <div class="actions">
        {running ? (
          <Action control="stop" icon="stop" label="Stop" class="plain" onClick={actions.stopStorm} />
        ) : (
          <Action control="start" icon="play" label="Start" class="primary" onClick={actions.startStorm} />
        )}
        <Action control="crisis" icon="warn" label="Crisis" class="crisis" onClick={() => actions.trigger("crisis")} />
        <Action control="opportunity" icon="up" label="Opportunity" class="opportunity" onClick={() => actions.trigger("opportunity")} />
      </div>
      <Reason why={reasonFor([running ? "stop" : "start", "crisis", "opportunity"]) ?? someReason(["crisis", "opportunity"])} />
      <Refused />
    </Card>
  );
}

/** What a hand is moving wins over what the program says, until the program has answered. */
async function send<T>(draft: Signal<T | null>, ask: (value: T) => Promise<boolean>) {
  const value = draft.value;
  if (value === null) return;
  await ask(value);
  if (draft.value === value) draft.value = null;
}

/** Rate and mix share a card: when both are greyed alike, it says why once. */
const ownReason = (why: string | null) => (reasonFor(["rate", "mix"]) ? null : why);

function RateControl() {
  const draft = useSignal<number | null>(null);
  const { target } = status.value!.rate;
  const position = draft.value ?? positionOf(target);
  const rate = draft.value === null ? (target ?? "max") : rateAt(draft.value);
  const why = closedBecause("rate");
  return (
    <>
      <Slider
        label="Rate"
        value={position}
        max={POSITION_MAX}
        shown={rate === "max" ? "flat out" : `${compact(rate)}/s`}
        disabled={why !== null}
        onMove={(p) => (draft.value = p)}
        onDone={() => send(draft, (p) => actions.setRate({ rate: rateAt(p) }))}
      />
      <Reason why={ownReason(why)} />
    </>
  );
}

function MixControl() {
  const draft = useSignal<BySentiment | null>(null);
  const mode = useSignal<Mode | null>(null);
  const moving = useSignal<number | null>(null);
  const said = status.value!;
  const volatility = moving.value ?? Math.round((said.mode === "volatile" ? (said.volatility ?? 0.8) : 0.8) * 100);
  const mix = draft.value ?? whole(said.mix);
  const nowMode = mode.value ?? said.mode;
  const why = closedBecause("mix");

  const ask = async (wanted: BySentiment) => {
    const change = { ...wanted, mode: nowMode };
    const done = await actions.setMix(nowMode === "volatile" ? { ...change, volatility: volatility / 100 } : change);
    mode.value = moving.value = null;
    return done;
  };
  return (
    <>
      {SENTIMENTS.map((s) => (
        <Slider
          key={s}
          class={s}
          label={NAMES[s]}
          value={mix[s]}
          max={100}
          shown={`${mix[s]}\u202f%`}
          disabled={why !== null}
          onMove={(value) => (draft.value = moved(mix, s, value))}
          onDone={() => send(draft, ask)}
        />
      ))}
      <Segments
        legend="Mode"
        options={[{ value: "fixed", label: "Fixed" }, { value: "volatile", label: "Volatile" }]}
        value={nowMode}
        disabled={why !== null}
        onPick={(next) => {
          mode.value = next;
          void ask(mix);
        }}
      />
      {nowMode === "volatile" && (
        <Slider
          label="Volatility"
          value={volatility}
          max={100}
          shown={(volatility / 100).toFixed(2)}
          disabled={why !== null}
          onMove={(value) => (moving.value = value)}
          onDone={() => ask(mix)}
        />
      )}
      <Reason why={ownReason(why)} />
    </>
  );
}

export function Shape() {
  return (
    <Card area="shape" title="Rate and mix">
      <RateControl />
      <hr />
      <MixControl />
      <Reason why={reasonFor(["rate", "mix"])} />
    </Card>
  );
}
