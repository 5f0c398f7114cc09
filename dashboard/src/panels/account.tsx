// The account: what was generated, acknowledged and stored, and whether the sums agree.

import type { Status } from "../contract";
import { bytes, count, percent } from "../format";
import { status } from "../state";
import { untouched } from "../status";
import { Card, Icon } from "./parts";

function Figure(props: { name: string; value: number; note: string; id: string }) {
  return (
    <div class="figure">
      <dt>{props.name}</dt>
      <dd>
        <strong class="figures" data-testid={props.id}>{count(props.value)}</strong>
        <span class="note figures">{props.note}</span>
      </dd>
    </div>
  );
}

const Arrow = () => (
  <div class="arrow" aria-hidden="true">
    <Icon name="link" />
  </div>
);

/** With acks=0 nobody confirms anything; then the middle figure is what was written. */
function confirmed(s: Status): { name: string; value: number; note: string } {
  const { written, acknowledged, failed, unknown } = s.counters;
  if (s.acks === "0") {
    return { name: "Written, unconfirmed", value: written, note: "acks=0: nobody confirms" };
  }
  const trouble = [failed > 0 && `${count(failed)} failed`, unknown > 0 && `${count(unknown)} unknown`];
  return { name: "Acknowledged", value: acknowledged, note: trouble.filter(Boolean).join(", ") || "none failed" };
}

function Balance(s: Status) {
  const { balance } = s;
  if (balance.ok && untouched(s)) {
    return (
      <div class="balance none" data-testid="balance">
        <p>
          <strong>nothing to account for yet</strong>
        </p>
      </div>
    );
  }
  const faults = [
    balance.missing > 0 && `${count(balance.missing)} missing`,
    balance.doubled > 0 && `${count(balance.doubled)} doubled`,
  ].filter(Boolean);
  const text = balance.text || (balance.ok ? "every tweet accounted for" : "the sums do not agree");
  return (
    <div class={`balance ${balance.ok ? "good" : "bad"}`} data-testid="balance">
      <span class="badge">
        <Icon name={balance.ok ? "check" : "cross"} />
      </span>
      <p>
        <strong>{text}</strong>
        <span class="note figures">{faults.length ? faults.join(", ") : "none missing, none doubled"}</span>
      </p>
    </div>
  );
}

function Progress({ total, stored }: { total: number; stored: number }) {
  const share = Math.min(1, stored / total);
  return (
    <div class="progress">
      <progress max={1} value={share} aria-label="Stored of all that is wanted" />
      <span class="note figures">
        {percent(share)} of {count(total)}
      </span>
    </div>
  );
}

/** A figure without its conditions says little: what confirmed it, and what keeps it. */
function Conditions({ store, broker, acks }: Status) {
  if (!broker.address && !store.kind) return null;
  return (
    <p class="conditions">
      {broker.address && (
        <span>
          {broker.embedded ? "Embedded broker" : "Broker"} <b>{broker.address}</b>
          {acks && `, acks ${acks}`}
          {broker.durability && `, durability ${broker.durability}`}
          {broker.bytes > 0 && `, ${bytes(broker.bytes)} kept`}
          {!!broker.unreadBytes && ` (${bytes(broker.unreadBytes)} not read yet)`}
        </span>
      )}
      {store.kind && (
        <span>
          Store <b>{[store.kind, store.path].filter(Boolean).join(" ")}</b>
          {store.durability && `, ${store.durability}`}
          {store.rows != null && (
            <>
              , <b class="figures" data-testid="rows">{count(store.rows)}</b> rows of all runs
            </>
          )}
        </span>
      )}
    </p>
  );
}

function storedNote(s: Status, underway: number): string {
  if (underway > 0) return `${count(underway)} on their way`;
  if (s.stored === 0) return "none yet";
  return s.retired > 0 ? `all; ${count(s.retired)} old rows retired` : "all of them";
}

export function Account() {
  const s = status.value!;
  const middle = confirmed(s);
  return (
    <Card area="account" title="Account" aside={<span class="note">this run</span>}>
      <div class="account-row">
        <dl class="flow">
          <Figure id="generated" name="Generated" value={s.counters.enqueued} note={`${count(s.counters.scheduled)} scheduled`} />
          <Arrow />
          <Figure id="acknowledged" {...middle} />
          <Arrow />
          <Figure
            id="stored"
            name="Stored"
            value={s.stored}
            note={storedNote(s, middle.value - s.stored - s.balance.missing)}
          />
        </dl>
        <Balance {...s} />
      </div>
      {(s.total ?? 0) > 0 && <Progress total={s.total!} stored={s.stored} />}
      <Conditions {...s} />
    </Card>
  );
}
