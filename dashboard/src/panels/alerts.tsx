// Alerts and forecasts, the newest first; each is also told to screen readers once.

import type { Alert } from "../contract";
import { dayOf, percent, seconds, timeOfDay } from "../format";
import { sound, switchSound } from "../sound";
import { alerts } from "../state";
import { ALERT_NAMES, Card, Empty, Icon, IconButton } from "./parts";

const SHOWN = 50;

function words(alert: Alert): string {
  const of = alert.kind === "crisis" ? "negative" : "positive";
  const over = alert.windowS ? ` over ${seconds(alert.windowS)}` : "";
  if (!alert.predicted) return `${percent(alert.share, 0)} ${of}${over}`;
  const when = alert.inSeconds == null ? "soon" : `in ${seconds(alert.inSeconds)}`;
  return `expected ${when}, ${percent(alert.share, 0)} ${of}`;
}

const DAY_MS = 86400e3;
const when = (t: number) => (Date.now() - t < DAY_MS / 2 ? timeOfDay(t) : `${dayOf(t)} ${timeOfDay(t, false)}`);

function Row({ alert }: { alert: Alert }) {
  return (
    <li class={`alert ${alert.kind} ${alert.predicted ? "predicted" : ""}`}>
      <span class="badge">
        <Icon name={alert.kind === "crisis" ? "warn" : "up"} />
      </span>
      <p>
        <strong>
          {ALERT_NAMES[alert.kind]}
          {alert.predicted && " ahead"}
        </strong>
        <span class="note figures">{words(alert)}</span>
      </p>
      <time class="note figures" dateTime={new Date(alert.t).toISOString()}>{when(alert.t)}</time>
    </li>
  );
}

export function Alerts() {
  const list = alerts.value;
  const newest = list[0];
  return (
    <Card
      area="alerts"
      title="Alerts"
      aside={
        <IconButton
          icon={sound.value ? "sound" : "mute"}
          label="Sound with alerts"
          pressed={sound.value}
          onClick={switchSound}
        />
      }
    >
      <p class="unseen" role="status">
        {newest && `${ALERT_NAMES[newest.kind]}${newest.predicted ? " ahead" : ""}, ${words(newest)}`}
      </p>
      {list.length > 0 ? (
        <ol class="alert-list" data-testid="alerts" tabIndex={0} aria-label="Alerts, the newest first">
          {list.slice(0, SHOWN).map((alert) => <Row key={alert.id} alert={alert} />)}
        </ol>
      ) : (
        <Empty>
          All calm. More than {percent(0.5, 0)} negative raises a crisis, more than {percent(0.7, 0)} positive an opportunity.
        </Empty>
      )}
    </Card>
  );
}
