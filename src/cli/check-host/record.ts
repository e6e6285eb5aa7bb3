// What a check of a host records: the judgements are functions of nothing else.
import type { PresenceState } from "../../presence/record.js";

/** Each is one process of the host, and one or several processes of the scripted worker. */
export const SCENARIOS = [
  "session",
  "flood",
  "restart",
  "silentEnd",
  "lingeringEnd",
  "slow",
  "end",
  "surprises",
  "cleanExit",
  "nonAscii",
  "relativeCommand",
] as const;
export type ScenarioId = (typeof SCENARIOS)[number];

/** What the scripted worker sees of its launch. The paths are resolved, without symbolic links. */
export interface LaunchFacts {
  /** 1 for the first process of a scenario. */
  readonly launch: number;
  /** When the process began, in milliseconds since 1970. */
  readonly startedAt: number;
  /** The arguments after the path of the script. */
  readonly args: readonly string[];
  readonly folder: string;
  readonly parentPid: number;
  /** The value of the manifest's `settingsArgument`; null if it is missing. */
  readonly settings: {
    readonly value: string;
    readonly isAbsolute: boolean;
    readonly path: string | null;
  } | null;
  /** The value of the manifest's `hostPidArgument`; null if it is missing. */
  readonly hostPid: { readonly value: string; readonly isAlive: boolean } | null;
}

/** Recorded by the scripted worker. `step` is a place in its script. */
type WorkerObservation =
  | ({ readonly type: "launched" } & LaunchFacts)
  | {
      readonly type: "received";
      /** Null for a response, which a host has nothing to send for. */
      readonly method: string | null;
      readonly id?: unknown;
      readonly params?: unknown;
    }
  | {
      readonly type: "responded";
      readonly method: string;
      readonly error: { readonly code: number; readonly message: string } | null;
    }
  /** Bytes that are not a message. */
  | { readonly type: "unreadable"; readonly reason: string }
  /** The worker is about to send a change. */
  | { readonly type: "changed"; readonly uri: string; readonly state: PresenceState }
  /** The checker is to write this address to the host's stdin. */
  | { readonly type: "asked"; readonly uri: string }
  | { readonly type: "reached"; readonly step: Step; readonly seconds?: number }
  | { readonly type: "inputEnded" }
  /** `code` is null if the process kills itself. */
  | { readonly type: "ending"; readonly code: number | null };

export type Step =
  "subscribed" | "unexpectedSent" | "outputRead" | "errorOutputRead" | "flooding" | "done";

/** Recorded by the checker. */
type HostObservation =
  | { readonly type: "hostLaunched"; readonly hostPid: number }
  /** A line of the host's stdout. */
  | {
      readonly type: "shown";
      readonly uri: string;
      readonly state: string;
      readonly reason: string | null;
      /** The fourth column; null if there is none. */
      readonly freshness: string | null;
    }
  | { readonly type: "endRequested"; readonly by: "end of stdin" | "SIGTERM" }
  | {
      readonly type: "hostEnded";
      readonly code: number | null;
      readonly signal: string | null;
      /** The last line on its stderr that tells of an error, or the last one. */
      readonly lastLine: string;
    }
  /** It did not end by itself. */
  | { readonly type: "hostKilled" }
  | { readonly type: "workerGone"; readonly workerPid: number }
  /** The worker still ran when the host had ended, and some time after. */
  | { readonly type: "workerLeft"; readonly workerPid: number };

/** `at` is in milliseconds since 1970; `pid` is that of the scripted worker. */
export type WorkerEvent = WorkerObservation & { readonly at: number; readonly pid: number };
export type HostEvent = HostObservation & { readonly at: number };
export type ScenarioEvent = WorkerEvent | HostEvent;
type EventType = ScenarioEvent["type"];
export type EventOf<Type extends EventType> = Extract<ScenarioEvent, { readonly type: Type }>;

/** What the manifest of a scenario says, and where its files are. */
export interface LaunchPlan {
  readonly folder: string;
  readonly settingsPath: string;
  /** The arguments of the manifest after the path of the script. */
  readonly args: readonly string[];
  readonly delaysSeconds: readonly number[];
}

/** Everything that happened in one scenario, in the order of time. */
export class ScenarioRecord {
  readonly plan: LaunchPlan;
  readonly events: readonly ScenarioEvent[];

  /** Leaves out what follows from killing the host, such as its end: the host did not do it. */
  constructor(plan: LaunchPlan, events: readonly ScenarioEvent[]) {
    this.plan = plan;
    const killedAt = events.find(({ type }) => type === "hostKilled")?.at ?? Infinity;
    this.events = events
      .filter(({ at, type }) => at < killedAt || type === "hostKilled")
      .sort((first, second) => first.at - second.at);
  }

  /** The same scenario with other events. */
  with(events: readonly ScenarioEvent[]): ScenarioRecord {
    return new ScenarioRecord(this.plan, events);
  }

  all<Type extends EventType>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  first<Type extends EventType>(type: Type): EventOf<Type> | null {
    return this.all(type)[0] ?? null;
  }

  /** The first event of a type that matches. */
  find<Type extends EventType>(
    type: Type,
    matches: (event: EventOf<Type>) => boolean,
  ): EventOf<Type> | null {
    return this.all(type).find(matches) ?? null;
  }

  reached(step: Step): EventOf<"reached"> | null {
    return this.find("reached", (event) => event.step === step);
  }

  /** The messages of one process of the worker, or of all. */
  received(method: string, pid?: number): EventOf<"received">[] {
    return this.all("received").filter(
      (event) => event.method === method && (pid === undefined || event.pid === pid),
    );
  }

  /** Whether the host has ended, or has ended the worker, before it was told to end. */
  endedEarly(): EventOf<"hostEnded"> | EventOf<"workerGone"> | null {
    const requestedAt = this.first("endRequested")?.at ?? Infinity;
    const hostEnded = this.first("hostEnded");
    if (hostEnded !== null && hostEnded.at < requestedAt) return hostEnded;
    return this.find("workerGone", ({ at }) => at < requestedAt);
  }

  /** The states that the host has shown for an address, in order; without answers to decisions. */
  shown(uri: string): EventOf<"shown">[] {
    return this.all("shown").filter((event) => event.uri === uri && event.freshness === null);
  }
}
