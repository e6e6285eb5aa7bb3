// What a judgement of one requirement is, and how it is put in words.
import { EVERYONE } from "./presence-steps.js";
import type { EventOf, ScenarioRecord } from "./record.js";

export type Outcome = "passed" | "failed" | "notObserved";

/** `observed` is a sentence about what the host did. */
export interface Judgement {
  readonly outcome: Outcome;
  readonly observed: string;
}

/** A pure function of what was recorded. */
export type Judge = (record: ScenarioRecord) => Judgement;

const MAX_LISTED_LENGTH = 300;
const ALL = "all";

export function passed(observed: string): Judgement {
  return { outcome: "passed", observed };
}

export function failed(observed: string): Judgement {
  return { outcome: "failed", observed };
}

export function notObserved(observed: string): Judgement {
  return { outcome: "notObserved", observed };
}

export const SHOWS_NOTHING = notObserved("The host prints no lines of what it shows.");
export const NOT_SUBSCRIBED = notObserved("The host did not subscribe.");

/** Judges only a host that has launched the worker. */
export function ofWorker(
  judge: (record: ScenarioRecord, launched: EventOf<"launched">) => Judgement,
): Judge {
  return (record) => {
    const launched = record.first("launched");
    return launched === null
      ? notObserved("The worker was not launched.")
      : judge(record, launched);
  };
}

/** Judges only a host that has subscribed. `uri` is the first address of its subscription. */
export function ofSubscriber(judge: (record: ScenarioRecord, uri: string) => Judgement): Judge {
  return ofWorker((record) => {
    const uri = subscribedUri(record);
    return uri === null ? NOT_SUBSCRIBED : judge(record, uri);
  });
}

/** The address that the script works with; null if the host has not subscribed. */
function subscribedUri(record: ScenarioRecord): string | null {
  if (record.reached("subscribed") === null) return null;
  const changed = record.first("changed");
  if (changed !== null) return changed.uri;
  const [first = EVERYONE[0]] = subscribedUris(record, record.first("launched")?.pid ?? 0);
  return first === ALL ? EVERYONE[0] : first;
}

/** The addresses that one process of the worker was asked to watch; `all: true` is "all". */
export function subscribedUris(record: ScenarioRecord, pid: number): Set<string> {
  const all = record.received("presence/subscribe", pid).flatMap(({ params }) => {
    const parameters: unknown = Array.isArray(params) ? params[0] : params;
    const { uris } = (parameters ?? {}) as { uris?: string[] };
    return uris ?? [ALL];
  });
  return new Set(all);
}

/** A duration in milliseconds as `1.3 s`. */
export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** A value as JSON, shortened. */
export function listed(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length <= MAX_LISTED_LENGTH ? text : `${text.slice(0, MAX_LISTED_LENGTH)}…`;
}

/** How a host, or its worker, ended before it was told to: "ended with exit code 1". */
export function describeEnd(event: EventOf<"hostEnded"> | EventOf<"workerGone">): string {
  if (event.type === "workerGone") return "The worker was ended";
  const how = event.signal ?? `exit code ${event.code ?? "unknown"}`;
  const lastWords = event.lastLine === "" ? "" : `, on stderr: ${event.lastLine}`;
  return `The host ended (${how}${lastWords})`;
}
