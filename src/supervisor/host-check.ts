import { problemReport, type ProblemReport } from "../faults/problem-catalog.js";

export const OLDEST_HOST = "2021.Summer.3";
export const OLDEST_CONSOLE = "2021.Summer.2";

/**
 * UCX versions read `YYYY.Season.N`; Winter is the first season of its year (the product's manual).
 */
const SEASONS = ["winter", "spring", "summer", "autumn"];

/** What `initialize` says about the host; null where it says nothing. */
export interface HostDescription {
  readonly hostVersion: string | null;
  readonly licensed: boolean | null;
  readonly consoleVersion: string | null;
}

export interface HostCheck {
  /** Nothing may run with this host. */
  readonly isRejected: boolean;
  readonly problems: readonly ProblemReport[];
  /** Versions that cannot be parsed count as new enough; the log warns about them. */
  readonly unreadableVersions: readonly string[];
}

/** The check of a host that has not introduced itself: `initialize` is optional. */
export const UNKNOWN_HOST: HostCheck = { isRejected: false, problems: [], unreadableVersions: [] };

/** Whether this host may run the worker (contract: session). */
export function checkHost(host: HostDescription): HostCheck {
  const problems: ProblemReport[] = [];
  const unreadableVersions: string[] = [];
  const isOlder = (version: string | null, oldest: string): version is string => {
    if (version === null) return false;
    const order = compareVersions(version, oldest);
    if (order === null) unreadableVersions.push(version);
    return order !== null && order < 0;
  };
  if (isOlder(host.hostVersion, OLDEST_HOST)) {
    problems.push(
      problemReport("hostTooOld", null, { version: host.hostVersion, oldest: OLDEST_HOST }),
    );
  }
  if (host.licensed === false) problems.push(problemReport("licenseInvalid"));
  const isRejected = problems.length > 0;
  if (isOlder(host.consoleVersion, OLDEST_CONSOLE)) {
    problems.push(
      problemReport("consoleTooOld", null, {
        version: host.consoleVersion,
        oldest: OLDEST_CONSOLE,
      }),
    );
  }
  return { isRejected, problems, unreadableVersions };
}

/**
 * Negative, zero or positive as `a` is older than, the same as or newer than `b`; null if either
 * cannot be parsed.
 */
export function compareVersions(a: string, b: string): number | null {
  const left = parseVersion(a);
  const right = parseVersion(b);
  if (left === null || right === null) return null;
  return left.year - right.year || left.season - right.season || left.release - right.release;
}

function parseVersion(text: string): { year: number; season: number; release: number } | null {
  const match = /^\s*(\d{4})\.([a-z]+)\.(\d{1,6})(?:[.\-+ ].*)?$/i.exec(text);
  if (match === null) return null;
  const season = SEASONS.indexOf((match[2] ?? "").toLowerCase());
  if (season < 0) return null;
  return { year: Number(match[1]), season, release: Number(match[3]) };
}
