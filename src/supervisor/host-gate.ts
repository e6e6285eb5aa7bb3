import { compareVersions, OLDEST_CONSOLE, OLDEST_HOST } from "./host-version.js";
import type { ProblemReport } from "./problem-book.js";

/** What `initialize` says of the host, as far as it said it. */
export interface HostDescription {
  readonly hostVersion: string | null;
  readonly licensed: boolean | null;
  readonly consoleVersion: string | null;
}

export interface GateVerdict {
  /** True: nothing may run with this host. */
  readonly shut: boolean;
  readonly problems: readonly ProblemReport[];
  /** Versions that could not be read: a warning in the log, no obstacle. */
  readonly unreadable: readonly string[];
}

export const OPEN_GATE: GateVerdict = { shut: false, problems: [], unreadable: [] };

/** Whether this host may run the worker (contract: session). */
export function judgeHost(host: HostDescription): GateVerdict {
  const problems: ProblemReport[] = [];
  const unreadable: string[] = [];
  if (isOlder(host.hostVersion, OLDEST_HOST, unreadable)) {
    problems.push({ code: "hostTooOld", orgId: null, detail: { version: host.hostVersion ?? "", oldest: OLDEST_HOST } });
  }
  if (host.licensed === false) problems.push({ code: "licenseInvalid", orgId: null, detail: {} });
  const shut = problems.length > 0;
  if (isOlder(host.consoleVersion, OLDEST_CONSOLE, unreadable)) {
    problems.push({ code: "consoleTooOld", orgId: null, detail: { version: host.consoleVersion ?? "", oldest: OLDEST_CONSOLE } });
  }
  return { shut, problems, unreadable };
}

function isOlder(version: string | null, oldest: string, unreadable: string[]): boolean {
  if (version === null) return false;
  const order = compareVersions(version, oldest);
  if (order === null) unreadable.push(version);
  return order !== null && order < 0;
}
