// What the page says when it has nothing to show, or when what it shows is old.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { logIn, tryNow } from "../feed";
import { bytes, timeOfDay } from "../format";
import { link, locked, stale, status } from "../state";
import { untouched } from "../status";
import { Icon, Words } from "./parts";

const TryNow = () => (
  <button type="button" class="small" onClick={tryNow}>
    Try now
  </button>
);

/** Above old figures: since when they are old, and that somebody is working on it. */
export function Lost() {
  const now = link.value;
  if (!stale.value) return null;
  return (
    <div class="notice wait" data-testid="lost">
      <Icon name="warn" />
      <p>
        <strong>The connection was lost at {timeOfDay(now.since)}.</strong>{" "}
        <Words
          text={
            now.state === "refused"
              ? `${now.reason}.`
              : "The figures below are from then. This page reconnects by itself; if it does not, see whether `datastorm up` still runs."
          }
        />
      </p>
      <TryNow />
    </div>
  );
}

export function Idle() {
  if (stale.value || status.value!.state !== "stopped" || !untouched(status.value!)) return null;
  return (
    <div class="notice" data-testid="idle">
      <Icon name="bolt" />
      <p>
        <strong>All is ready, and still.</strong> Start the storm, watch the mood move, then press Crisis.
      </p>
    </div>
  );
}

const SLOWED_SHOWN_MS = 10_000; // so that it does not come and go every second

/** The embedded broker slows the storm rather than drop what somebody has still to read. */
export function Slowed() {
  const before = useRef({ heldS: 0, until: 0 });
  const { broker, nowMs } = status.value!;
  const { held = false, heldS = 0, unreadBytes = 0, liveGroups = 0 } = broker;
  if (held || heldS > before.current.heldS) before.current.until = nowMs + SLOWED_SHOWN_MS;
  before.current.heldS = heldS;
  if (stale.value || nowMs >= before.current.until) return null;
  return (
    <div class="notice wait" data-testid="slowed">
      <Icon name="warn" />
      <p>
        <strong>The broker slows the storm.</strong> It is full of what {liveGroups === 1 ? "one group has" : `${liveGroups} groups have`} not
        read yet ({bytes(unreadBytes)}), and drops none of it.
      </p>
    </div>
  );
}

/** Part of the log is damaged, or its disk has failed. */
export function Offline() {
  const offline = status.value!.broker.partitionsOffline ?? 0;
  if (stale.value || offline === 0) return null;
  return (
    <div class="notice wait" data-testid="offline">
      <Icon name="warn" />
      <p>
        <strong>{offline === 1 ? "One partition is" : `${offline} partitions are`} offline.</strong> The program's log says why; the others go on.
      </p>
    </div>
  );
}

function LogIn() {
  const token = useSignal("");
  const wrong = useSignal<string | null>(null);
  return (
    <form
      class="login"
      onSubmit={async (e) => {
        e.preventDefault();
        wrong.value = await logIn(token.value);
      }}
    >
      <label>
        Token
        <input
          type="password"
          autocomplete="current-password"
          required
          value={token.value}
          onInput={(e) => (token.value = e.currentTarget.value)}
        />
      </label>
      <button type="submit" class="action primary">
        Open
      </button>
      <p role="alert" class="wrong">{wrong.value}</p>
      <p>It is what the program was started with: DATASTORM_TOKEN or --token.</p>
    </form>
  );
}

/** Instead of the panels, before the first status has come. */
export function Nothing() {
  const now = link.value;
  return (
    <main class="nothing" data-testid="nothing">
      <img src="/icon.svg" alt="" width="56" height="56" />
      {now.state === "refused" ? (
        <>
          <h2>{now.reason}</h2>
          {locked.value ? <LogIn /> : <p>Open it under the address that the program printed when it started.</p>}
          {!locked.value && <TryNow />}
        </>
      ) : now.state === "waiting" || (now.state === "connecting" && now.attempt > 0) ? (
        <>
          <h2>No answer from the program</h2>
          <p>
            Start it with <code>datastorm up</code>. This page has been trying since {timeOfDay(now.since)} and goes on by itself.
          </p>
          <TryNow />
        </>
      ) : (
        <h2>Connecting…</h2>
      )}
    </main>
  );
}
