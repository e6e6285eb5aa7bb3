import type { FaultRule } from "../../simulator/faults.js";
import type { FaultTrial } from "./fault-harness.js";
import { WorkerHarness } from "./worker-harness.js";

/** A response that Webex, or something before it, gives instead of the right one. */
export interface WrongAnswer {
  readonly rule: FaultRule;
  /** The problem that the status shows. */
  readonly code: string;
  /** What its message says. */
  readonly text: RegExp;
}

/** The requests that a rule applies to. */
export type RequestKind = Pick<FaultRule, "path" | "parameter">;
export const PAGES: RequestKind = { path: "/v1/people" };
/** Of a list of several pages, those after the first one. */
export const LATER_PAGES: RequestKind = { path: "/v1/people", parameter: "cursor" };
export const LOOKUPS: RequestKind = { path: "/v1/people", parameter: "email" };
export const RENEWALS: RequestKind = { path: "/v1/access_token" };

/** Three pages for the 30 persons and the bot of `WorkerHarness`. */
export function startWithSeveralPages(): Promise<WorkerHarness> {
  return WorkerHarness.startPolling({ maxPageSize: 11 });
}

/** Each poll needs a new token. */
export function startWithShortTokens(): Promise<WorkerHarness> {
  return WorkerHarness.startPolling({ accessTokenSeconds: 3 });
}

/**
 * Lets Webex give one answer after another, until the status shows each, and asks the worker to try
 * so that none takes a poll interval. The last one stays.
 */
export async function meetAnswers(
  trial: FaultTrial,
  answers: readonly WrongAnswer[],
  requests: RequestKind,
): Promise<void> {
  const { host, webex } = trial.harness;
  for (const { rule, code, text } of answers) {
    webex.clearFaults();
    webex.fail({ ...rule, ...requests, times: null });
    await host.request("worker/poll", {});
    await trial.expectProblem(code, text);
  }
  trial.measure(`${answers.length} answers`);
}

/** Ends what Webex does wrong, and waits for the recovery. */
export async function recover(trial: FaultTrial, limitMs?: number): Promise<void> {
  await trial.end(() => trial.harness.webex.clearFaults());
  await trial.expectRecovery(limitMs);
}

/** Webex goes on for longer than a poll interval, and the worker may not use much for that. */
export async function wait(trial: FaultTrial): Promise<void> {
  trial.beginWaiting();
  await trial.last(WAIT_MS);
}

const WAIT_MS = 6_000;

/** Nobody is blocked by what Webex has not said itself. */
export async function expectPolling(trial: FaultTrial): Promise<void> {
  const { phase } = await trial.harness.status();
  if (phase !== "polling") throw new Error(`The phase is ${phase}.`);
}
