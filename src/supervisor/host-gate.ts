import { compareVersions, OLDEST_CONSOLE, OLDEST_HOST } from "./host-version.js";
import type { ProblemReport } from "./problem-list.js";

/** What `initialize` says of the host, as far as it said it. */
export interface HostDescription {
  readonly hostVersion: string | null;
  readonly licensed: boolean | null;
  readonly consoleVersion: string | null;
}

export interface HostCheck {
  /** True: nothing may run with this host. */
  readonly isRejected: boolean;
  readonly problems: readonly ProblemReport[];
  /** Versions that could not be read: a warning in the log, no obstacle. */
  readonly unreadableVersions: readonly string[];
}

export const UNKNOWN_HOST: HostCheck = { isRejected: false, problems: [], unreadableVersions: [] };

/** Whether this host may run the worker (contract: session). */
export function checkHost(host: HostDescription): HostCheck {
  const problems: ProblemReport[] = [];
  const unreadableVersions: string[] = [];
  if (isOlder(host.hostVersion, OLDEST_HOST, unreadableVersions)) {
    problems.push({
      code: "hostTooOld",
      orgId: null,
      detail: { version: host.hostVersion ?? "", oldest: OLDEST_HOST },
    });
  }
  if (host.licensed === false) problems.push({ code: "licenseInvalid", orgId: null, detail: {} });
  const isRejected = problems.length > 0;
  if (isOlder(host.consoleVersion, OLDEST_CONSOLE, unreadableVersions)) {
    problems.push({
      code: "consoleTooOld",
      orgId: null,
      detail: { version: host.consoleVersion ?? "", oldest: OLDEST_CONSOLE },
    });
  }
  return { isRejected, problems, unreadableVersions };
}

function isOlder(version: string | null, oldest: string, unreadableVersions: string[]): boolean {
  if (version === null) return false;
  const order = compareVersions(version, oldest);
  if (order === null) unreadableVersions.push(version);
  return order !== null && order < 0;
}
