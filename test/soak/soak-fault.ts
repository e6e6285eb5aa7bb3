import type { FaultRule } from "../../simulator/faults.js";
import type { Knobs } from "../../simulator/knobs.js";
import type { RandomFunction } from "../../simulator/random.js";
import type { SoakRequest, SoakStatus } from "./messages.js";
import type { SoakSettings } from "./soak-settings.js";

/** What a fault may act on. */
export interface SoakControls {
  readonly settings: SoakSettings;
  readonly logDirectory: string;
  readonly random: RandomFunction;
  readonly fail: (rule: FaultRule) => Promise<void>;
  readonly clearFaults: () => Promise<void>;
  readonly set: (knobs: Partial<Knobs>) => Promise<void>;
  readonly expireAccessTokens: () => Promise<void>;
  /** Kills the worker at a moment when no token exists in it alone. */
  readonly kill: () => Promise<void>;
  readonly signalWorker: (signal: NodeJS.Signals) => void;
  readonly signalHost: (signal: NodeJS.Signals) => void;
  /** Calls `worker/poll`, as somebody does who has put a failure right. */
  readonly poll: () => Promise<void>;
  /** Records may, or may no longer, have this reason. */
  readonly allow: (reason: string) => void;
  readonly disallow: (reason: string) => void;
}

/** What has been seen since a fault began, or since it ended. */
export interface FaultView {
  /** The latest status, or null if there was none. */
  readonly status: SoakStatus | null;
  readonly log: readonly string[];
  readonly requests: readonly SoakRequest[];
  /** Whether the worker was launched. */
  readonly hasStarted: boolean;
}

export interface Expectation {
  readonly what: string;
  readonly withinMs: number;
  /** Whether the time counts during which the worker says nothing, because of this fault. */
  readonly countsSilence?: boolean;
  readonly isMet: (view: FaultView, controls: SoakControls) => boolean;
}

/** Something bad that happens to a worker while it is watched. */
export interface SoakFault {
  readonly name: string;
  /** At least and at most; longer if it has not been shown by then. */
  readonly lastsMs: readonly [number, number];
  readonly begin: (controls: SoakControls) => unknown;
  readonly end?: (controls: SoakControls) => unknown;
  /** How it is seen; null for what the worker has to endure silently. */
  readonly shown: Expectation | null;
  /** How it is seen to be over. */
  readonly gone: Expectation;
  /** When it is over. */
  readonly after?: (controls: SoakControls) => unknown;
  /** The problems that it may cause. */
  readonly problems?: readonly string[];
  /** Only in the first half, so that memory is measured in one process that has seen it all. */
  readonly isEarly?: boolean;
  /** Whether no other fault may write the settings meanwhile. */
  readonly ownsSettings?: boolean;
}

const hasProblem = ({ status }: FaultView, codes: readonly string[]): boolean =>
  status?.problems.some(({ code }) => codes.includes(code)) ?? false;

export function problemShown(codes: readonly string[], withinMs: number): Expectation {
  const isMet = (view: FaultView): boolean => hasProblem(view, codes);
  return { what: `the problem ${codes.join(" or ")}`, withinMs, isMet };
}

export function problemGone(codes: readonly string[], withinMs: number): Expectation {
  const isMet = (view: FaultView): boolean => view.status !== null && !hasProblem(view, codes);
  return { what: `no problem ${codes.join(" or ")}`, withinMs, isMet };
}

export function phaseShown(phase: string, withinMs: number): Expectation {
  return { what: `phase ${phase}`, withinMs, isMet: ({ status }) => status?.phase === phase };
}
