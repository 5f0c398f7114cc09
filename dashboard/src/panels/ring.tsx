// The last five minutes as a ring, with the score in its middle.

import { SENTIMENTS } from "../contract";
import { count, percent, score, seconds } from "../format";
import { status } from "../state";
import { Card, Empty, NAMES } from "./parts";

const RADIUS = 42;
const AROUND = 2 * Math.PI * RADIUS;
const GAP = 2.5;

function Arcs({ parts }: { parts: { name: string; share: number }[] }) {
  let begin = 0;
  return (
    <g transform="rotate(-90 50 50)">
      <circle class="track" cx="50" cy="50" r={RADIUS} />
      {parts.map(({ name, share }) => {
        const length = Math.max(0, share * AROUND - (share < 1 ? GAP : 0));
        const at = begin;
        begin += share * AROUND;
        if (length === 0) return null;
        return (
          <circle
            key={name}
            class={`arc ${name}`}
            cx="50"
            cy="50"
            r={RADIUS}
            stroke-dasharray={`${length} ${AROUND}`}
            stroke-dashoffset={-at}
          />
        );
      })}
    </g>
  );
}

export function Ring() {
  const w = status.value!.window;
  const total = w.positive + w.negative + w.neutral;
  const parts = SENTIMENTS.map((name) => ({ name, count: w[name], share: total > 0 ? w[name] / total : 0 }));
  const span = seconds(w.seconds);
  return (
    <Card area="ring" title="Sentiment" aside={<span class="note">last {span}</span>}>
      <div class="ring-row">
        <div class="ring-picture">
          <svg viewBox="0 0 100 100" aria-hidden="true">
            <Arcs parts={parts} />
          </svg>
          <p class="ring-middle">
            <strong class="figures" data-testid="score">{total > 0 ? score(w.score) : "\u2013"}</strong>
            <span class="note">score</span>
          </p>
        </div>
        {total > 0 ? (
          <table class="shares">
            <caption class="unseen">Shares of the last {span}</caption>
            <tbody>
              {parts.map(({ name, share, count: n }) => (
                <tr key={name}>
                  <th scope="row">
                    <i class={`mark ${name}`} aria-hidden="true" />
                    {NAMES[name]}
                  </th>
                  <td class="figures share" data-testid={`share-${name}`}>{percent(share)}</td>
                  <td class="figures note">{count(n)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <Empty>Nothing was stored in the last {span}.</Empty>
        )}
      </div>
    </Card>
  );
}
