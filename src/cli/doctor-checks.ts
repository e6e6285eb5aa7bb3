import { quoteForShell } from "../platform/log-folder-check.js";
import { nodeProcess, productDirectory } from "../platform/node-process.js";
import { runWindowsTool } from "../platform/windows-tools.js";
import { runSideBySide, type CheckListener } from "./check-runner.js";
import type { CommandOptions } from "./command.js";
import { conclude, type Conclusion, type ConclusionContext } from "./doctor-conclusion.js";
import type { Check, NamedFinding } from "./doctor-finding.js";
import { logFolderCheck } from "./doctor-folder-check.js";
import { localChecks, networkChecks } from "./doctor-system-checks.js";
import { webexChecks } from "./doctor-webex-checks.js";
import { workerCheck } from "./doctor-worker-check.js";
import { findPosixWritablePaths, windowsWritablePathsFinder } from "./folder-writers.js";
import { installationChecks } from "./installation-checks.js";
import { limitRequests } from "./request-limit.js";
import { createSession, type Session } from "./session.js";
import { workerFiles } from "./worker-files.js";

export type DoctorOptions = Pick<
  CommandOptions,
  "settings" | "secretStore" | "logDir" | "installation"
>;

/** Each address that does not answer takes one for ten seconds. */
const MAX_REQUESTS_IN_FLIGHT = 8;

/** The object that `doctor --json` prints. */
export interface CheckReport {
  /** Whether no check failed. */
  readonly ok: boolean;
  readonly failed: number;
  readonly warnings: number;
  /** Not with `installation`, whose checks say nothing about presence. */
  readonly conclusion?: Conclusion;
  readonly checks: readonly NamedFinding[];
}

/**
 * Runs the checks of `doctor`, or with `installation` those of `doctor --installation`, without
 * printing anything. Fault `cancelled` if the signal fires; a check that fails is a finding.
 */
export async function runChecks(
  options: DoctorOptions,
  signal: AbortSignal,
  listener?: CheckListener,
): Promise<CheckReport> {
  if (options.installation === true)
    return reportOf(await runSideBySide(folderChecks(options, signal), signal, listener));
  const session = await createSession(options);
  try {
    const checks = await presenceChecks(session, options, signal);
    const findings = await runSideBySide(checks, signal, listener);
    return reportOf(findings, conclude(findings, conclusionContext(session, options)));
  } finally {
    await session.close();
  }
}

export function reportOf(checks: readonly NamedFinding[], conclusion?: Conclusion): CheckReport {
  const failed = checks.filter(({ state }) => state === "failed").length;
  const warnings = checks.filter(({ state }) => state === "warning").length;
  return {
    ...{ ok: failed === 0, failed, warnings },
    ...(conclusion !== undefined && { conclusion }),
    checks,
  };
}

/** The checks of everything that presence needs, in the order in which they are shown. */
export async function presenceChecks(
  session: Session,
  { logDir }: DoctorOptions,
  signal: AbortSignal,
): Promise<Check[]> {
  let opening: Promise<void> | null = null;
  const open = (): Promise<void> => (opening ??= session.open());
  // If the keychain does not work, the rest is still worth checking.
  const afterKeychain = (check: Check): Check => ({
    ...check,
    after: ["keychain"],
    run: async (earlier) => {
      await open();
      return check.run(earlier);
    },
  });
  if (!session.needsProxyPassword) session.openNetwork();
  const limited = { ...session, network: limitRequests(session.network, MAX_REQUESTS_IN_FLIGHT) };
  const network = await networkChecks(limited, signal);
  return [
    ...localChecks({ ...session, open }),
    logFolderCheck(session.account, logDir),
    ...(session.needsProxyPassword ? network.map(afterKeychain) : network),
    ...webexChecks(limited, signal).map(afterKeychain),
    workerCheck(session, logDir),
  ];
}

/** The checks of the product's folder. They need no session. */
function folderChecks({ logDir }: DoctorOptions, signal: AbortSignal): Check[] {
  const installation = {
    folder: productDirectory,
    node: process,
    account: nodeProcess.account,
    logFolder: workerFiles(logDir)?.folder ?? null,
    checkLogRights: logFolderCheck(nodeProcess.account, logDir).run,
    findWritablePaths:
      nodeProcess.platform === "windows"
        ? windowsWritablePathsFinder(runWindowsTool)
        : findPosixWritablePaths,
  };
  return installationChecks(installation, signal);
}

export function conclusionContext(
  { account, settingsPath }: Pick<Session, "account" | "settingsPath">,
  { settings }: DoctorOptions,
): ConclusionContext {
  const option = settings === undefined ? "" : ` --settings ${quote(settings)}`;
  return {
    account,
    platform: nodeProcess.platform,
    settingsPath,
    commandFor: (words) => `ucx-webex-presence ${words}${option}`,
  };
}

/** For the shell, where that is necessary. */
function quote(path: string): string {
  if (nodeProcess.platform === "windows") return /^[\w.\\/:-]+$/.test(path) ? path : `"${path}"`;
  return /^[\w./:-]+$/.test(path) ? path : quoteForShell(path);
}
