import { asFault, Fault } from "../faults/fault.js";
import { nodeProcess, productDirectory } from "../platform/node-process.js";
import { runWindowsTool } from "../platform/windows-tools.js";
import type { CommandContext, ExitCode } from "./command.js";
import {
  failed,
  findingLines,
  summaryText,
  type Check,
  type NamedFinding,
} from "./doctor-finding.js";
import { logFolderCheck } from "./doctor-folder-check.js";
import { localChecks, networkChecks } from "./doctor-system-checks.js";
import { webexChecks } from "./doctor-webex-checks.js";
import { workerCheck } from "./doctor-worker-check.js";
import { findPosixWritablePaths, windowsWritablePathsFinder } from "./folder-writers.js";
import { installationChecks } from "./installation-checks.js";
import { createSession } from "./session.js";
import { workerFiles } from "./worker-files.js";

/**
 * Runs all checks, or with `--installation` those of the product's folder, and prints each finding
 * at once. 1 if a check failed.
 */
export async function doctor({ console, options, signal }: CommandContext): Promise<ExitCode> {
  const findings: NamedFinding[] = [];
  const runAll = async (checks: readonly Check[]): Promise<void> => {
    for (const { name, run } of checks) {
      if (signal.aborted) throw cancelled();
      console.progress(`      ${name} …`);
      const result = await Promise.resolve()
        .then(run)
        .catch((error: unknown) => {
          if (signal.aborted) throw cancelled();
          return failed(asFault(error));
        });
      for (const finding of [result].flat()) {
        console.lines(findingLines(name, finding, console));
        findings.push({ name, ...finding });
      }
    }
  };
  if (options.installation === true) {
    const installation = {
      folder: productDirectory,
      node: process,
      account: nodeProcess.account,
      logFolder: workerFiles(options.logDir)?.folder ?? null,
      checkLogRights: logFolderCheck(nodeProcess.account, options.logDir).run,
      findWritablePaths:
        nodeProcess.platform === "windows"
          ? windowsWritablePathsFinder(runWindowsTool)
          : findPosixWritablePaths,
    };
    await runAll(installationChecks(installation, signal));
  } else {
    await checkPresence({ options, signal }, runAll, findings);
  }
  const failures = findings.filter(({ state }) => state === "failed").length;
  const warnings = findings.filter(({ state }) => state === "warning").length;
  console.lines(["", summaryText(failures, warnings, console.paint)]);
  return console.result({ ok: failures === 0, failed: failures, warnings, checks: findings });
}

async function checkPresence(
  { options, signal }: Pick<CommandContext, "options" | "signal">,
  runAll: (checks: readonly Check[]) => Promise<void>,
  findings: readonly NamedFinding[],
): Promise<void> {
  const session = await createSession(options);
  try {
    await runAll([...localChecks(session), logFolderCheck(session.account, options.logDir)]);
    // If the keychain does not work, the rest is still worth checking.
    await session.open();
    await runAll(await networkChecks(session, signal));
    await runAll(webexChecks(session, signal));
    await runAll([workerCheck(session, options.logDir, findings)]);
  } finally {
    await session.close();
  }
}

function cancelled(): Fault {
  return new Fault("cancelled", "Cancelled. The remaining checks were not run.");
}
