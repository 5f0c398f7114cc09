// Requests to the program. Everything that can go wrong becomes a Problem: a sentence and a hint.

import type { Refusal } from "./contract";

export class Problem {
  constructor(
    readonly status: number, // HTTP's; 0 when there was no answer
    readonly error: string,
    readonly hint?: string,
  ) {}

  /** The program is there and does not offer this part. */
  get notOffered(): boolean {
    return this.status === 404 || this.status === 501;
  }
  /** The program is there and does not let this page in. */
  get closed(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

const WORDS: Record<number, string> = {
  401: "This dashboard is protected by a token",
  403: "The program does not accept requests from this address",
  404: "This program does not offer it",
  501: "This program does not offer it",
};

const TIMEOUT_MS = 10_000;

export async function request<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" };
  if (method === "POST") {
    init.headers = { "content-type": "application/json" };
    init.body = JSON.stringify(body ?? {});
  }
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new Problem(0, "The program does not answer", "see whether `datastorm up` is still running");
  }
  const said: unknown = await answer.json().catch(() => null);
  if (answer.ok && said !== null) return said as T;
  const refusal = (said ?? {}) as Partial<Refusal>;
  const error = refusal.error ?? WORDS[answer.status] ?? `The program answered ${answer.status}`;
  throw new Problem(answer.status, error, refusal.hint);
}

export const problemOf = (e: unknown): Problem => (e instanceof Problem ? e : new Problem(0, String(e)));
