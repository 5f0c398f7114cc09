// Lag, and how long after its intended instant a tweet reaches each stage.

import { compact, latency, seconds } from "../format";
import { status } from "../state";
import { Card, Empty } from "./parts";

/** In the order of a tweet's way; what another program calls its stages comes behind. */
const ORDER = ["wait", "enqueued", "written", "acknowledged", "fetched", "decoded", "stored", "committed", "visible"];
const place = (stage: string) => (ORDER.indexOf(stage) + ORDER.length + 1) % (ORDER.length + 1);
const words = (stage: string) => (stage[0] ?? "").toUpperCase() + stage.slice(1).replaceAll("_", " ");

const FIRST_US = 100; // the bars' scale is logarithmic: 0.1 ms … 10 s
const DECADES = 5;
const along = (us: number) => Math.min(100, Math.max(1, (Math.log10(Math.max(us, FIRST_US) / FIRST_US) / DECADES) * 100));

function StageRow({ stage }: { stage: string }) {
  const q = status.value!.latencyUs[stage]!;
  const [half, most] = [along(q.p50), along(q.p99)];
  return (
    <tr>
      <th scope="row">{words(stage)}</th>
      <td class="bar" aria-hidden="true">
        <svg viewBox="0 0 100 8" preserveAspectRatio="none">
          <rect class="track" width="100" height="8" />
          <rect class="p99" width={most} height="8" />
          <rect class="p50" width={half} height="8" />
        </svg>
      </td>
      <td class="figures">{latency(q.p50)}</td>
      <td class="figures">{latency(q.p99)}</td>
    </tr>
  );
}

export function Pipeline() {
  const { lag, latencyUs } = status.value!;
  const known = Object.keys(latencyUs).sort((a, b) => place(a) - place(b));
  return (
    <Card area="pipeline" title="Lag and latency">
      <dl class="pair">
        <div>
          <dt>Records behind</dt>
          <dd class="figures" data-testid="lag-records">{compact(lag.records)}</dd>
        </div>
        <div>
          <dt>Time behind</dt>
          <dd class="figures" data-testid="lag-seconds">{seconds(lag.seconds)}</dd>
        </div>
      </dl>
      {known.length > 0 ? (
        <table class="latency">
          <caption class="note">Latency from the intended instant</caption>
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <td class="bar" aria-hidden="true" />
              <th scope="col">p50</th>
              <th scope="col">p99</th>
            </tr>
          </thead>
          <tbody>{known.map((stage) => <StageRow key={stage} stage={stage} />)}</tbody>
        </table>
      ) : (
        <Empty>No latency measured yet.</Empty>
      )}
    </Card>
  );
}
