import { relative } from "node:path";

import { isRefusal } from "../faults/problem-catalog.js";
import { nodeProcess } from "../platform/node-process.js";
import { requestPoll } from "../platform/poll-request-file.js";
import type { Problem } from "../supervisor/status.js";
import {
  ok,
  skipped,
  warning,
  type Check,
  type Finding,
  type NamedFinding,
} from "./doctor-finding.js";
import type { Session } from "./session.js";
import { needsAttention } from "./status.js";
import {
  describeNotRunning,
  readStatusFile,
  workerFiles,
  type WorkerFiles,
  type StatusOfAnyVersion,
} from "./worker-files.js";

const { platform } = nodeProcess;
/** The checks that an organization passes whose people Webex lists. */
const ACCEPTED_BY = ["grant", "scopes", "role"];

/**
 * Whether a worker runs for the log folder, and whether it needs attention. If Webex accepts an
 * organization that this worker still reports as refused, asks it to try again.
 */
export function workerCheck(
  { settingsPath, account }: Pick<Session, "settingsPath" | "account">,
  logDir: string | undefined,
): Check {
  return {
    name: "worker",
    after: [...ACCEPTED_BY, "status sharing"],
    run: async (findings) => {
      const files = workerFiles(logDir);
      if (files === null)
        return skipped("not checked: this account has no home directory; pass --log-dir");
      const reading = await readStatusFile(files.status);
      if (!reading.running) {
        const text = describeNotRunning(files, reading, { account, platform });
        return reading.reason.kind === "unreadable"
          ? skipped(text.message)
          : warning("workerNotRunning", text);
      }
      const { status } = reading;
      // A worker with other settings may poll another address, with another keychain.
      if (settingsPath !== null && relative(status.settings.path, settingsPath) !== "")
        return otherSettings(status, settingsPath);
      const outdated = status.problems.filter((problem) => isOutdated(problem, findings));
      return outdated.length === 0 ? runningFinding(status) : askToRetry(files, status, outdated);
    },
  };
}

function runningFinding(status: StatusOfAnyVersion): Finding {
  const worker = `process ${status.pid}, version ${status.version}`;
  if (!needsAttention(status)) return ok(`${worker}: ${status.phase}`);
  const errors = status.problems.filter(({ severity }) => severity === "error");
  const codes = [...new Set(errors.map(({ code }) => code))].join(", ");
  return warning(errors[0]?.code ?? "workerBlocked", {
    message: `${worker}: ${status.phase}, and reports ${codes || "no error"}.`,
    hint: "See what to do: ucx-webex-presence status. The worker notices within a minute that a problem has ended.",
  });
}

function otherSettings(
  { pid, settings: { path } }: StatusOfAnyVersion,
  settingsPath: string,
): Finding {
  return warning("workerHasOtherSettings", {
    message: `The running worker (process ${pid}) uses another settings file: ${path}. This command has checked ${settingsPath}.`,
    hint: `Pass the worker's file to this command, or have the host launch the worker with the other one.`,
  });
}

function askToRetry(
  { folder }: WorkerFiles,
  { organizations }: StatusOfAnyVersion,
  outdated: readonly Problem[],
): Promise<Finding> {
  const orgIds = [...new Set(outdated.map(({ orgId }) => orgId))];
  const names = orgIds.map((id) => organizations.find(({ orgId }) => orgId === id)?.orgName ?? id);
  const codes = [...new Set(outdated.map(({ code }) => code))].join(", ");
  return askForPoll(
    folder,
    `Webex accepts ${names.join(", ")}, but the running worker still reports ${codes}.`,
  );
}

async function askForPoll(folder: string, event: string): Promise<Finding> {
  try {
    await requestPoll(folder);
    return ok(`${event} The running worker has been asked to try again.`);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    return warning("workerNotAsked", {
      message: `${event} It could not be asked to try again, because ${folder} cannot be written (${code}).`,
      hint: "Wait a minute, or one poll interval if that is longer: the worker tries again by itself.",
    });
  }
}

/** Whether the checks have found that Webex no longer refuses the organization. */
function isOutdated(problem: Problem, findings: readonly NamedFinding[]): boolean {
  if (!isRefusal(problem) || problem.orgId === null) return false;
  const names = [...ACCEPTED_BY];
  if (problem.code === "statusSharingOff") names.push("status sharing");
  return names.every((name) =>
    findings.some(
      (finding) =>
        finding.name === name &&
        finding.orgId === problem.orgId &&
        (finding.state === "ok" || finding.state === "warning"),
    ),
  );
}
