// What the page asks the program to do. Each answers with the new status.

import { problemOf, request } from "./api";
import type { AlertKind, Control, MixChange, RateChange, Status } from "./contract";
import * as state from "./state";
import { complete } from "./status";

async function ask(control: Control, path: string, body?: unknown): Promise<boolean> {
  if (state.busy.value) return false;
  state.busy.value = control;
  state.refusal.value = null;
  try {
    state.status.value = complete(await request<Status>("POST", path, body));
    return true;
  } catch (e) {
    const problem = problemOf(e);
    if (problem.notOffered) state.markNotOffered(control, problem.error);
    else state.refusal.value = problem;
    return false;
  } finally {
    state.busy.value = null;
  }
}

export const startStorm = () => ask("start", "/api/start");
export const stopStorm = () => ask("stop", "/api/stop");
export const trigger = (kind: AlertKind) => ask(kind, `/api/trigger/${kind}`);
export const setRate = (change: RateChange) => ask("rate", "/api/rate", change);
export const setMix = (change: MixChange) => ask("mix", "/api/mix", change);
