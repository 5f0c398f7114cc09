// The page: what hangs where.

import "uplot/dist/uPlot.min.css";
import "./app.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { begin } from "./feed";
import { compact } from "./format";
import { Account } from "./panels/account";
import { Alerts } from "./panels/alerts";
import { Shape, Storm } from "./panels/controls";
import { Idle, Lost, Nothing, Offline, Slowed } from "./panels/notices";
import { Pipeline } from "./panels/pipeline";
import { Rate } from "./panels/rate";
import { Ring } from "./panels/ring";
import { Top } from "./panels/top";
import { Trend } from "./panels/trend";
import { link, locked, stale, status } from "./state";

function Page() {
  const known = status.value !== null && !locked.value;
  return (
    <>
      <Top />
      {known ? (
        <main class={stale.value ? "stale" : ""}>
          <Lost />
          <Slowed />
          <Offline />
          <Idle />
          <div class="panels">
            <Account />
            <Storm />
            <Trend />
            <Shape />
            <Ring />
            <Rate />
            <Pipeline />
            <Alerts />
          </div>
        </main>
      ) : (
        <Nothing />
      )}
    </>
  );
}

// A tab in the background still tells its rate.
effect(() => {
  const s = status.value;
  const rate = s?.state === "running" && link.value.state === "live" ? `${compact(s.rate.achieved)}/s` : s?.state;
  document.title = rate ? `${rate} · DataStorm` : "DataStorm";
});

render(<Page />, document.getElementById("app")!);
begin();
